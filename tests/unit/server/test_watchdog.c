/* The watchdog: who is cut and when, by a clock that the test turns, and the lingering end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unroll/clock.h"
#include "watchdog.h"

enum { SECOND = 1000000 };

/* A TCP connection within this process: ends[0] is the server's. */
static void connect_pair(int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(ends[1], (struct sockaddr *)&address, size), 0);
    ends[0] = accept(listener, NULL, NULL);
    assert_true(ends[0] >= 0);
    close(listener);
}

/* True where the client sees the end of the connection. */
static bool is_cut(int client)
{
    char byte;
    return recv(client, &byte, 1, MSG_DONTWAIT) == 0;
}

struct fixture {
    struct ur_watchdog *watchdog;
    struct ur_peer *peer;
    int ends[2];
    int64_t start_us;
};

static void set_up(struct fixture *fixture)
{
    connect_pair(fixture->ends);
    assert_int_equal(ur_watchdog_create(&fixture->watchdog, NULL), UR_OK);
    fixture->peer = ur_watchdog_join(fixture->watchdog, fixture->ends[0]);
    fixture->start_us = ur_clock_us();
}

static void tear_down(struct fixture *fixture)
{
    ur_watchdog_leave(fixture->watchdog, fixture->peer);
    ur_watchdog_destroy(fixture->watchdog);
    close(fixture->ends[0]);
    close(fixture->ends[1]);
}

/* The seconds below stay two or more away from the deadlines: the peer's own clock started a
 * little before the test's. */
static int tick(struct fixture *fixture, double seconds)
{
    return ur_watchdog_tick(fixture->watchdog, fixture->start_us + (int64_t)(seconds * SECOND));
}

static void slow_head(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    assert_int_equal(tick(&fixture, 8), 0);
    assert_false(is_cut(fixture.ends[1]));
    assert_int_equal(tick(&fixture, 13), 1);
    assert_true(is_cut(fixture.ends[1]));
    assert_int_equal(tick(&fixture, 14), 0); /* once */
    tear_down(&fixture);
}

static void idle_is_longer(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    ur_peer_enter(fixture.peer, UR_PEER_IDLE);
    assert_int_equal(tick(&fixture, 72), 0);
    assert_int_equal(tick(&fixture, 78), 1);
    tear_down(&fixture);
}

static void slow_body(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    ur_peer_enter(fixture.peer, UR_PEER_BODY);
    assert_int_equal(tick(&fixture, 8), 0); /* not a byte, but there is time */
    ur_peer_received(fixture.peer, 20 * 1024);
    assert_int_equal(tick(&fixture, 17), 0);
    assert_int_equal(tick(&fixture, 24), 1);
    assert_true(is_cut(fixture.ends[1]));
    tear_down(&fixture);
}

static void an_answer_takes_its_time(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    ur_peer_enter(fixture.peer, UR_PEER_ANSWER);
    assert_int_equal(tick(&fixture, 3600), 0);
    tear_down(&fixture);
}

/* Fills the connection until nothing more goes in. */
static void fill(int fd)
{
    static const char bytes[65536];
    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
}

static void stalled_write(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    ur_peer_enter(fixture.peer, UR_PEER_WRITE);
    assert_int_equal(tick(&fixture, 0), 0);
    assert_int_equal(tick(&fixture, 100), 0); /* nothing is waiting: nothing stalls */
    fill(fixture.ends[0]);
    usleep(20000); /* what fits the other side's buffer is acknowledged */
    assert_int_equal(tick(&fixture, 101), 0);
    assert_int_equal(tick(&fixture, 130.5), 0);
    char bytes[1 << 20];
    for (ssize_t got = 0; got < (ssize_t)sizeof bytes;) {
        ssize_t more = recv(fixture.ends[1], bytes, sizeof bytes, 0);
        assert_true(more > 0);
        got += more;
    }
    usleep(20000);
    fill(fixture.ends[0]);
    usleep(20000);
    assert_int_equal(tick(&fixture, 131.5), 0); /* the client read: the time starts again */
    assert_int_equal(tick(&fixture, 161), 0);
    assert_int_equal(tick(&fixture, 162), 1);
    tear_down(&fixture);
}

/* A client that is refused in the middle of its body reads why, instead of a reset. */
static void lingering(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    static const char body[100000], answer[] = "no";
    assert_int_equal(send(fixture.ends[1], body, sizeof body, 0), sizeof body);
    assert_int_equal(send(fixture.ends[0], answer, 2, 0), 2);
    ur_peer_linger(fixture.peer);
    ur_watchdog_leave(fixture.watchdog, fixture.peer);
    fixture.peer = NULL;
    close(fixture.ends[0]);
    for (int i = 0; i < 20; i++) { /* what still comes is thrown away */
        assert_int_equal(send(fixture.ends[1], body, sizeof body, MSG_NOSIGNAL), sizeof body);
        ur_watchdog_wait(fixture.watchdog, 50);
    }
    char bytes[16];
    assert_int_equal(recv(fixture.ends[1], bytes, sizeof bytes, 0), 2);
    assert_true(is_cut(fixture.ends[1]));
    close(fixture.ends[1]);
    ur_watchdog_destroy(fixture.watchdog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_head),     cmocka_unit_test(idle_is_longer),
        cmocka_unit_test(slow_body),     cmocka_unit_test(an_answer_takes_its_time),
        cmocka_unit_test(stalled_write), cmocka_unit_test(lingering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
