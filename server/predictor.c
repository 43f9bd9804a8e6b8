#include "predictor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "predictor_inside.h"
#include "unroll/clock.h"
#include "unroll/log.h"

/* A predictor that dies before it said hello is started again after this, doubling. */
enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 5000 };

/* The keeper's own view of one life of the process. */
struct life {
    struct ur_worker worker;
    struct ur_frame_reader reader;
    int socket;
    bool greeted;
    int64_t started_us;
};

void ur_predictor_wake(struct ur_predictor *predictor)
{
    const uint64_t one = 1;
    const ssize_t written = write(predictor->wake_fd, &one, sizeof one);
    (void)written; /* full means that it wakes already */
}

static void log_line(void *context, const char *text)
{
    (void)context;
    ur_log(UR_LOG_INFO, "predictor: %s", text);
}

static enum ur_status start(struct ur_predictor *predictor, struct life *life,
                            struct ur_error *error)
{
    static const char *const arguments[] = {NULL};
    int ends[2];
    *life = (struct life){.worker = ur_worker_none(), .socket = -1};
    ur_frame_reader_init(&life->reader, UR_PREDICT_FRAME_BYTES);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return ur_fail_errno(error, errno, "A socket to the predictor cannot be made");
    const enum ur_status status =
        ur_worker_spawn(&life->worker,
                        &(struct ur_worker_request){.program = predictor->config->predictor,
                                                    .arguments = arguments,
                                                    .socket = ends[1],
                                                    .held = -1},
                        error);
    close(ends[1]);
    if (status != UR_OK) {
        close(ends[0]);
        return status;
    }
    life->socket = ends[0];
    life->worker.log.line = log_line;
    life->started_us = ur_clock_us();
    fcntl(life->socket, F_SETFL, O_NONBLOCK);
    pthread_mutex_lock(&predictor->send_mutex);
    predictor->socket = life->socket;
    pthread_mutex_unlock(&predictor->send_mutex);
    return UR_OK;
}

static enum ur_status greet(struct ur_predictor *predictor, const struct ur_frame *frame,
                            struct ur_error *error)
{
    struct ur_predict_hello hello;
    const enum ur_status status = ur_predict_hello_read(frame, &hello, error);
    if (status != UR_OK)
        return status;
    pthread_mutex_lock(&predictor->mutex);
    predictor->ready = true;
    predictor->counts.seccomp = hello.seccomp != 0;
    predictor->counts.landlock = hello.landlock != 0;
    pthread_cond_broadcast(&predictor->changed);
    pthread_cond_broadcast(&predictor->wanted);
    pthread_mutex_unlock(&predictor->mutex);
    return UR_OK;
}

static enum ur_status take_frame(struct ur_predictor *predictor, struct life *life,
                                 const struct ur_frame *frame, struct ur_error *error)
{
    if (!life->greeted) {
        if (frame->type != UR_PREDICT_HELLO)
            return ur_fail(error, UR_PROTOCOL, "The predictor did not say hello first.");
        life->greeted = true;
        return greet(predictor, frame, error);
    }
    if (frame->type != UR_PREDICT_ANSWER)
        return ur_fail(error, UR_PROTOCOL, "The predictor sent a frame of type %d.",
                       (int)frame->type);
    pthread_mutex_lock(&predictor->mutex);
    const enum ur_status status = ur_predictor_answered(predictor, frame, error);
    pthread_mutex_unlock(&predictor->mutex);
    return status;
}

/* Takes what has come. Anything but UR_OK ends this life: UR_INTERRUPTED that it ended
 * itself. */
static enum ur_status take_frames(struct ur_predictor *predictor, struct life *life,
                                  struct ur_error *error)
{
    bool eof = false, have = true;
    enum ur_status status = ur_frame_fill(&life->reader, life->socket, &eof, error);
    while (status == UR_OK && have) {
        struct ur_frame frame;
        status = ur_frame_next(&life->reader, &frame, &have, error);
        if (status == UR_OK && have)
            status = take_frame(predictor, life, &frame, error);
    }
    if (status == UR_OK && eof)
        status = ur_fail(error, UR_INTERRUPTED, "it closed its socket");
    return status;
}

static enum ur_status check_orders(struct ur_predictor *predictor, const struct life *life,
                                   struct ur_error *error)
{
    pthread_mutex_lock(&predictor->mutex);
    const bool kill = predictor->kill_wanted, ending = predictor->ending;
    predictor->kill_wanted = false;
    pthread_mutex_unlock(&predictor->mutex);
    if (ending)
        return ur_fail(error, UR_CANCELLED, "the server stops");
    if (kill)
        return ur_fail(error, UR_TIMEOUT, "it did not answer in time");
    if (!life->greeted && ur_clock_us() - life->started_us > UR_PREDICT_DEADLINE_US)
        return ur_fail(error, UR_TIMEOUT, "it did not say hello in time");
    return UR_OK;
}

/* Serves one life of the process until it ends; the reason is in *error. */
static void serve(struct ur_predictor *predictor, struct life *life, struct ur_error *error)
{
    for (enum ur_status status = UR_OK; status == UR_OK;) {
        struct pollfd fds[] = {
            {.fd = life->socket, .events = POLLIN},
            {.fd = predictor->wake_fd, .events = POLLIN},
            {.fd = life->worker.log_fd, .events = POLLIN},
            {.fd = life->worker.pidfd, .events = POLLIN},
        };
        poll(fds, 4, life->greeted ? -1 : 1000);
        uint64_t count;
        bool eof = false;
        if (fds[1].revents && read(predictor->wake_fd, &count, sizeof count) < 0)
            continue;
        if (fds[2].revents)
            ur_linebuf_fill(&life->worker.log, life->worker.log_fd, &eof);
        if (eof) {
            close(life->worker.log_fd);
            life->worker.log_fd = -1;
        }
        status = check_orders(predictor, life, error);
        if (status == UR_OK && fds[0].revents)
            status = take_frames(predictor, life, error);
        if (status == UR_OK && fds[3].revents)
            status = ur_fail(error, UR_INTERRUPTED, "it ended");
    }
}

/* The order matters: a sender that is stuck holds the send mutex until the process is dead. */
static void end(struct ur_predictor *predictor, struct life *life, struct ur_error *error)
{
    struct ur_worker_exit how;
    bool eof;
    if (error->status == UR_CANCELLED) { /* it goes by itself when its socket ends */
        shutdown(life->socket, SHUT_RDWR);
        struct pollfd fd = {.fd = life->worker.pidfd, .events = POLLIN};
        poll(&fd, 1, 1000);
    }
    ur_worker_signal(&life->worker, SIGKILL);
    ur_worker_reap(&life->worker, &how);
    pthread_mutex_lock(&predictor->send_mutex);
    predictor->socket = -1;
    pthread_mutex_lock(&predictor->mutex);
    ur_predictor_lost(predictor);
    if (error->status != UR_CANCELLED)
        predictor->counts.restarts_total++;
    pthread_mutex_unlock(&predictor->mutex);
    pthread_mutex_unlock(&predictor->send_mutex);
    if (life->worker.log_fd >= 0)
        ur_linebuf_fill(&life->worker.log, life->worker.log_fd, &eof);
    if (error->status != UR_CANCELLED)
        ur_log(UR_LOG_WARNING, "the predictor is started again: %s (%s)", error->detail,
               how.words);
    close(life->socket);
    ur_frame_reader_release(&life->reader);
    ur_worker_release(&life->worker);
}

/* Waits unless the daemon stops; true if it does. */
static bool pause_or_end(struct ur_predictor *predictor, int pause_ms)
{
    struct pollfd fd = {.fd = predictor->wake_fd, .events = POLLIN};
    const int64_t until = ur_clock_us() + (int64_t)pause_ms * 1000;
    for (;;) {
        uint64_t count;
        pthread_mutex_lock(&predictor->mutex);
        const bool ending = predictor->ending;
        pthread_mutex_unlock(&predictor->mutex);
        const int64_t left = until - ur_clock_us();
        if (ending || left <= 0)
            return ending;
        if (poll(&fd, 1, (int)(left / 1000) + 1) > 0 &&
            read(predictor->wake_fd, &count, sizeof count) < 0)
            continue;
    }
}

void *ur_predictor_keeper_main(void *argument)
{
    struct ur_predictor *predictor = argument;
    int pause_ms = 0;
    while (!pause_or_end(predictor, pause_ms)) {
        struct ur_error error = {0};
        struct life life;
        bool greeted = false;
        if (start(predictor, &life, &error) == UR_OK) {
            serve(predictor, &life, &error);
            greeted = life.greeted;
            end(predictor, &life, &error);
        } else {
            ur_log(UR_LOG_ERROR, "the predictor cannot be started: %s", error.detail);
        }
        if (greeted)
            pause_ms = 0;
        else if (pause_ms == 0)
            pause_ms = FIRST_PAUSE_MS;
        else
            pause_ms = pause_ms * 2 < LONGEST_PAUSE_MS ? pause_ms * 2 : LONGEST_PAUSE_MS;
    }
    return NULL;
}

static enum ur_status open_folder(struct ur_predictor *predictor, struct ur_error *error)
{
    char path[UR_PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/models", ur_store_folder(predictor->store));
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return ur_fail_errno(error, errno, "The folder of models cannot be made");
    predictor->models_folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (predictor->models_folder < 0)
        return ur_fail_errno(error, errno, "The folder of models cannot be opened");
    predictor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (predictor->wake_fd < 0)
        return ur_fail_errno(error, errno, "An eventfd cannot be made");
    return UR_OK;
}

static enum ur_status start_threads(struct ur_predictor *predictor, struct ur_error *error)
{
    predictor->keeper_started =
        pthread_create(&predictor->keeper, NULL, ur_predictor_keeper_main, predictor) == 0;
    predictor->loader_started =
        pthread_create(&predictor->loader, NULL, ur_predictor_loader_main, predictor) == 0;
    if (!predictor->keeper_started || !predictor->loader_started)
        return ur_fail(error, UR_NO_MEMORY, "The predictor's threads cannot be started.");
    return UR_OK;
}

enum ur_status ur_predictor_create(struct ur_predictor **out, const struct ur_config *config,
                                   struct ur_store *store, struct ur_error *error)
{
    *out = NULL;
    struct ur_predictor *predictor = calloc(1, sizeof *predictor);
    if (!predictor)
        return ur_no_memory(error);
    predictor->config = config;
    predictor->store = store;
    predictor->deadline_us = UR_PREDICT_DEADLINE_US;
    predictor->models_folder = predictor->wake_fd = predictor->socket = -1;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&predictor->mutex, NULL);
    pthread_mutex_init(&predictor->send_mutex, NULL);
    pthread_cond_init(&predictor->changed, &monotonic);
    pthread_cond_init(&predictor->wanted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum ur_status status = open_folder(predictor, error);
    if (status == UR_OK)
        status = ur_models_restore(predictor, error);
    if (status == UR_OK)
        status = start_threads(predictor, error);
    if (status == UR_OK)
        *out = predictor;
    else
        ur_predictor_destroy(predictor);
    return status;
}

void ur_predictor_destroy(struct ur_predictor *predictor)
{
    if (!predictor)
        return;
    pthread_mutex_lock(&predictor->mutex);
    predictor->ending = true;
    pthread_cond_broadcast(&predictor->wanted);
    pthread_cond_broadcast(&predictor->changed);
    pthread_mutex_unlock(&predictor->mutex);
    if (predictor->wake_fd >= 0)
        ur_predictor_wake(predictor);
    if (predictor->keeper_started)
        pthread_join(predictor->keeper, NULL);
    if (predictor->loader_started)
        pthread_join(predictor->loader, NULL);
    ur_models_free(predictor);
    if (predictor->models_folder >= 0)
        close(predictor->models_folder);
    if (predictor->wake_fd >= 0)
        close(predictor->wake_fd);
    pthread_mutex_destroy(&predictor->mutex);
    pthread_mutex_destroy(&predictor->send_mutex);
    pthread_cond_destroy(&predictor->changed);
    pthread_cond_destroy(&predictor->wanted);
    free(predictor);
}

void ur_predictor_counts(struct ur_predictor *predictor, struct ur_predictor_counts *counts)
{
    pthread_mutex_lock(&predictor->mutex);
    *counts = predictor->counts;
    counts->ready = predictor->ready;
    counts->models = predictor->n_models;
    pthread_mutex_unlock(&predictor->mutex);
}
