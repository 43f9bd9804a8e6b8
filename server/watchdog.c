#include "watchdog.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unroll/clock.h"

enum {
    HEAD_US = 10 * 1000000,
    IDLE_US = 75 * 1000000,
    BODY_GRACE_US = 10 * 1000000,
    BODY_BYTES_PER_S = 1024,
    WRITE_US = 30 * 1000000,
    LINGER_US = 2 * 1000000,
    LINGER_BYTES = 8 << 20,
    MAX_LINGERING = 64, /* past this the oldest is closed at once */
    STREAM_SLICES = 8,  /* streams are looked at every eighth tick: there may be 10,000 */
};

struct ur_peer {
    struct ur_peer *next, **link;
    int fd;
    _Atomic int phase;
    _Atomic int64_t since_us;
    _Atomic uint64_t received; /* of the body */
    atomic_bool linger;
    /* The rest belongs to the ticker. */
    int64_t progress_us;
    uint64_t acknowledged;
};

struct lingering {
    int fd;
    int64_t until_us;
    size_t left;
};

struct ur_watchdog {
    pthread_mutex_t mutex;
    struct ur_peer *peers;
    struct lingering lingering[MAX_LINGERING];
    size_t n_lingering;
    int wake;
    unsigned ticks;
};

enum ur_status ur_watchdog_create(struct ur_watchdog **out, struct ur_error *error)
{
    struct ur_watchdog *watchdog = calloc(1, sizeof *watchdog);
    if (watchdog == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the watchdog.");
    watchdog->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watchdog->wake < 0) {
        int failure = errno;
        free(watchdog);
        return ur_fail_errno(error, failure, "Making an event descriptor failed");
    }
    pthread_mutex_init(&watchdog->mutex, NULL);
    *out = watchdog;
    return UR_OK;
}

void ur_watchdog_destroy(struct ur_watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    assert(watchdog->peers == NULL);
    for (size_t at = 0; at < watchdog->n_lingering; at++)
        close(watchdog->lingering[at].fd);
    close(watchdog->wake);
    pthread_mutex_destroy(&watchdog->mutex);
    free(watchdog);
}

struct ur_peer *ur_watchdog_join(struct ur_watchdog *watchdog, int fd)
{
    struct ur_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return NULL;
    peer->fd = fd;
    ur_peer_enter(peer, UR_PEER_HEAD);
    pthread_mutex_lock(&watchdog->mutex);
    peer->next = watchdog->peers;
    peer->link = &watchdog->peers;
    if (peer->next != NULL)
        peer->next->link = &peer->next;
    watchdog->peers = peer;
    pthread_mutex_unlock(&watchdog->mutex);
    return peer;
}

static void drop_lingering(struct ur_watchdog *watchdog, size_t at)
{
    close(watchdog->lingering[at].fd);
    watchdog->n_lingering--;
    memmove(&watchdog->lingering[at], &watchdog->lingering[at + 1],
            (watchdog->n_lingering - at) * sizeof *watchdog->lingering);
}

/* The library has sent FIN and closes its descriptor; ours keeps the connection from a reset.
 */
static void keep_lingering(struct ur_watchdog *watchdog, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return;
    shutdown(copy, SHUT_WR);
    if (watchdog->n_lingering == MAX_LINGERING)
        drop_lingering(watchdog, 0);
    watchdog->lingering[watchdog->n_lingering++] = (struct lingering){
        .fd = copy, .until_us = ur_clock_us() + LINGER_US, .left = LINGER_BYTES};
}

void ur_watchdog_leave(struct ur_watchdog *watchdog, struct ur_peer *peer)
{
    if (peer == NULL)
        return;
    bool linger = atomic_load(&peer->linger);
    pthread_mutex_lock(&watchdog->mutex);
    *peer->link = peer->next;
    if (peer->next != NULL)
        peer->next->link = peer->link;
    if (linger)
        keep_lingering(watchdog, peer->fd);
    pthread_mutex_unlock(&watchdog->mutex);
    free(peer);
    if (linger)
        ur_watchdog_wake(watchdog);
}

/* The time is stored before the phase, and read after it: a new phase is never judged by the
 * time of the old one. */
void ur_peer_enter(struct ur_peer *peer, enum ur_peer_phase phase)
{
    if (peer == NULL)
        return;
    atomic_store(&peer->received, 0);
    atomic_store(&peer->since_us, ur_clock_us());
    atomic_store(&peer->phase, (int)phase);
}

void ur_peer_received(struct ur_peer *peer, size_t bytes)
{
    if (peer != NULL)
        atomic_fetch_add(&peer->received, bytes);
}

void ur_peer_linger(struct ur_peer *peer)
{
    if (peer != NULL)
        atomic_store(&peer->linger, true);
}

void ur_watchdog_wake(struct ur_watchdog *watchdog)
{
    ssize_t written = write(watchdog->wake, &(uint64_t){1}, sizeof(uint64_t));
    (void)written; /* full: the ticker is awake anyway */
}

/* Reads what one lingering connection sent; false when its time is over. */
static bool drain(struct lingering *lingering)
{
    char bytes[16384];
    while (lingering->left > 0) {
        ssize_t got = recv(lingering->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0)
            return false;
        lingering->left -= (size_t)got < lingering->left ? (size_t)got : lingering->left;
    }
    return false;
}

static void drain_all(struct ur_watchdog *watchdog)
{
    int64_t now = ur_clock_us();
    pthread_mutex_lock(&watchdog->mutex);
    for (size_t at = watchdog->n_lingering; at-- > 0;)
        if (!drain(&watchdog->lingering[at]) || now > watchdog->lingering[at].until_us)
            drop_lingering(watchdog, at);
    pthread_mutex_unlock(&watchdog->mutex);
}

void ur_watchdog_wait(struct ur_watchdog *watchdog, int timeout_ms)
{
    struct pollfd polled[MAX_LINGERING + 1] = {{.fd = watchdog->wake, .events = POLLIN}};
    pthread_mutex_lock(&watchdog->mutex);
    size_t count = watchdog->n_lingering;
    for (size_t at = 0; at < count; at++)
        polled[at + 1] = (struct pollfd){.fd = watchdog->lingering[at].fd, .events = POLLIN};
    pthread_mutex_unlock(&watchdog->mutex);

    if (poll(polled, count + 1, timeout_ms) < 0)
        return;
    uint64_t wakes;
    ssize_t got = read(watchdog->wake, &wakes, sizeof wakes);
    (void)got; /* nothing there: it was a descriptor or the time */
    drain_all(watchdog);
}

/* True where bytes have waited for an acknowledgement for too long. */
static bool write_stalls(struct ur_peer *peer, int64_t now_us)
{
    int waiting = 0;
    if (ioctl(peer->fd, SIOCOUTQ, &waiting) != 0 || waiting == 0) {
        peer->progress_us = now_us;
        return false;
    }
    struct tcp_info info;
    memset(&info, 0, sizeof info);
    socklen_t size = sizeof info;
    if (getsockopt(peer->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return false;
    if (info.tcpi_bytes_acked != peer->acknowledged || peer->progress_us == 0) {
        peer->acknowledged = info.tcpi_bytes_acked;
        peer->progress_us = now_us;
    }
    return now_us - peer->progress_us > WRITE_US;
}

static bool too_slow(struct ur_peer *peer, int64_t now_us, unsigned tick)
{
    enum ur_peer_phase phase = (enum ur_peer_phase)atomic_load(&peer->phase);
    int64_t spent = now_us - atomic_load(&peer->since_us);
    if (phase != UR_PEER_WRITE && phase != UR_PEER_STREAM)
        peer->progress_us = now_us;
    switch (phase) {
    case UR_PEER_HEAD:
        return spent > HEAD_US;
    case UR_PEER_IDLE:
        return spent > IDLE_US;
    case UR_PEER_BODY:
        return spent > BODY_GRACE_US &&
               atomic_load(&peer->received) < (uint64_t)(spent / 1000000) * BODY_BYTES_PER_S;
    case UR_PEER_WRITE:
        return write_stalls(peer, now_us);
    case UR_PEER_STREAM:
        return (tick + (unsigned)peer->fd) % STREAM_SLICES == 0 && write_stalls(peer, now_us);
    case UR_PEER_ANSWER:
        return false;
    }
    return false;
}

int ur_watchdog_tick(struct ur_watchdog *watchdog, int64_t now_us)
{
    int cut = 0;
    pthread_mutex_lock(&watchdog->mutex);
    watchdog->ticks++;
    for (struct ur_peer *peer = watchdog->peers; peer != NULL; peer = peer->next)
        if (too_slow(peer, now_us, watchdog->ticks)) {
            shutdown(peer->fd, SHUT_RDWR);
            ur_peer_enter(peer, UR_PEER_ANSWER); /* once is enough */
            cut++;
        }
    pthread_mutex_unlock(&watchdog->mutex);
    return cut;
}
