/*
 * The thread that owns the workers. It waits in poll() for records, logs, exits and orders, and
 * never longer than to the next deadline; a few dozen descriptors need no epoll.
 */
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "supervisor_inside.h"
#include "unroll/clock.h"
#include "unroll/log.h"

enum { FDS_PER_RUN = 3, MAX_RUNS = 64, MAX_FDS = 4 + FDS_PER_RUN * MAX_RUNS };

/* Describing a data set: 2 GiB of gzip on a slow disk. */
#define DESCRIBE_US INT64_C(600000000)

static void close_eof(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void start_jobs(struct ur_supervisor *supervisor)
{
    while (supervisor->n_runs < MAX_RUNS) {
        pthread_mutex_lock(&supervisor->mutex);
        struct ur_job *job = ur_queue_next(supervisor, ur_clock_us());
        pthread_mutex_unlock(&supervisor->mutex);
        if (!job)
            return;
        ur_run_start(supervisor, job);
    }
}

static void start_describing(struct ur_supervisor *supervisor)
{
    struct ur_error error = {0};
    if (supervisor->describer.pid > 0 || supervisor->stop_at_us != 0 ||
        !ur_catalogue_take_new(supervisor->catalogue, supervisor->describing))
        return;
    const char *const arguments[] = {"--worker",   "--describe",         supervisor->describing,
                                     "--data-dir", supervisor->data_dir, NULL};
    const enum ur_status status =
        ur_worker_spawn(&supervisor->describer,
                        &(struct ur_worker_request){.program = supervisor->config->worker,
                                                    .arguments = arguments,
                                                    .datasets = supervisor->config->datasets,
                                                    .socket = -1,
                                                    .held = -1},
                        &error);
    supervisor->has_described = supervisor->has_refused = false;
    ur_copy(supervisor->describe_error, sizeof supervisor->describe_error, "");
    supervisor->describe_started_us = ur_clock_us();
    if (status == UR_OK)
        return;
    ur_log(UR_LOG_ERROR, "data set %s cannot be looked at: %s", supervisor->describing,
           error.detail);
    ur_catalogue_put_off(supervisor->catalogue, supervisor->describing,
                         supervisor->patience.describe_us);
}

/* Takes what the describer said: the facts, or an END that says why not. */
static void read_describer(struct ur_supervisor *supervisor)
{
    struct ur_error error = {0};
    struct ur_frame frame;
    bool have = true, eof = false;
    while (have) {
        enum ur_status status =
            ur_worker_next(&supervisor->describer, &frame, &have, &eof, &error);
        struct ur_record_end end;
        if (status == UR_OK && have && frame.type == UR_RECORD_DATASET) {
            status = ur_record_dataset_read(&frame, &supervisor->described, &error);
            supervisor->has_described = status == UR_OK;
        } else if (status == UR_OK && have && frame.type == UR_RECORD_END) {
            status = ur_record_end_read(&frame, &end, &error);
            supervisor->has_refused = status == UR_OK;
            if (status == UR_OK)
                ur_copy_printable(supervisor->describe_error, sizeof supervisor->describe_error,
                                  end.detail[0]
                                      ? end.detail
                                      : ur_status_sentence((enum ur_status)end.status));
        }
        if (status != UR_OK) {
            supervisor->has_described = supervisor->has_refused = false;
            ur_worker_signal(&supervisor->describer, SIGKILL);
            return;
        }
    }
}

/* Only what the worker said is held against a data set: it may have been killed for want of
 * memory, or because the daemon stops. */
static void finish_describing(struct ur_supervisor *supervisor)
{
    struct ur_worker_exit how;
    read_describer(supervisor);
    ur_worker_reap(&supervisor->describer, &how);
    ur_worker_release(&supervisor->describer);
    if (supervisor->has_described || supervisor->has_refused) {
        ur_catalogue_described(supervisor->catalogue, supervisor->describing,
                               supervisor->has_described ? &supervisor->described : NULL,
                               supervisor->describe_error);
        return;
    }
    if (supervisor->stop_at_us == 0)
        ur_log(UR_LOG_WARNING, "the look at data set %s ended with %s and is repeated",
               supervisor->describing, how.words);
    ur_catalogue_put_off(supervisor->catalogue, supervisor->describing,
                         supervisor->patience.describe_us);
}

static void tend_describer(struct ur_supervisor *supervisor, const struct pollfd *fds,
                           int64_t now_us)
{
    bool eof = false;
    struct ur_worker *worker = &supervisor->describer;
    if (worker->pid <= 0)
        return;
    if (fds[0].revents)
        read_describer(supervisor);
    if (fds[0].revents & POLLHUP)
        close_eof(&worker->records_fd);
    if (fds[1].revents)
        ur_linebuf_fill(&worker->log, worker->log_fd, &eof);
    if (eof)
        close_eof(&worker->log_fd);
    if (now_us - supervisor->describe_started_us > DESCRIBE_US)
        ur_worker_signal(&supervisor->describer, SIGKILL);
    if (fds[2].revents)
        finish_describing(supervisor);
}

static void set_fds(struct pollfd fds[FDS_PER_RUN], const struct ur_worker *worker)
{
    fds[0] = (struct pollfd){.fd = worker->records_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = worker->log_fd, .events = POLLIN};
    fds[2] = (struct pollfd){.fd = worker->pidfd, .events = POLLIN};
}

/* Gives how long poll may wait, in milliseconds. */
static int patience_ms(struct ur_supervisor *supervisor)
{
    const int64_t now_us = ur_clock_us();
    int64_t deadline = INT64_MAX;
    pthread_mutex_lock(&supervisor->mutex);
    deadline = ur_queue_retry_at(supervisor);
    pthread_mutex_unlock(&supervisor->mutex);
    for (const struct ur_run *run = supervisor->runs; run; run = run->next) {
        const int64_t at = ur_run_deadline(supervisor, run);
        deadline = at < deadline ? at : deadline;
    }
    if (supervisor->stop_at_us && supervisor->stop_at_us < deadline)
        deadline = supervisor->stop_at_us;
    if (supervisor->describer.pid <= 0 && supervisor->stop_at_us == 0) {
        const int64_t at = ur_catalogue_retry_at(supervisor->catalogue);
        deadline = at < deadline ? at : deadline;
    }
    if (deadline == INT64_MAX)
        return supervisor->describer.pid > 0 ? 10000 : -1;
    const int64_t left = deadline > now_us ? deadline - now_us : 0;
    return left < 10000000 ? (int)(left / 1000) + 1 : 10000;
}

/* Takes what came from one worker; true if it is gone and its run freed. A worker that closed
 * its records or its log and lives on is no longer polled there. */
static bool tend_run(struct ur_supervisor *supervisor, struct ur_run *run,
                     const struct pollfd fds[FDS_PER_RUN], bool *more)
{
    bool others = false, eof = false;
    if (fds[2].revents) {
        ur_run_finish(supervisor, run);
        return true;
    }
    if (fds[0].revents) {
        ur_run_read(supervisor, run, &others);
        if ((fds[0].revents & POLLHUP) && !others)
            close_eof(&run->worker.records_fd);
    }
    if (fds[1].revents)
        ur_linebuf_fill(&run->worker.log, run->worker.log_fd, &eof);
    if (eof)
        close_eof(&run->worker.log_fd);
    ur_run_tend(supervisor, run, ur_clock_us());
    *more = *more || others;
    return false;
}

/* Sees to it that the daemon's own stop is not held up; true when all workers are gone. */
static bool tend_stop(struct ur_supervisor *supervisor)
{
    pthread_mutex_lock(&supervisor->mutex);
    const bool stopping = supervisor->stopping;
    pthread_mutex_unlock(&supervisor->mutex);
    if (!stopping)
        return false;
    const int64_t now_us = ur_clock_us();
    if (supervisor->stop_at_us == 0)
        supervisor->stop_at_us = now_us + supervisor->patience.suspend_us;
    if (supervisor->describer.pid > 0) /* it writes nothing: its end wakes the thread */
        ur_worker_signal(&supervisor->describer, SIGKILL);
    if (now_us >= supervisor->stop_at_us) {
        supervisor->stop_at_us = INT64_MAX;
        for (struct ur_run *run = supervisor->runs; run; run = run->next)
            ur_run_next_stage(supervisor, run, UR_ENDING_KILL, now_us);
    }
    return supervisor->n_runs == 0 && supervisor->describer.pid <= 0;
}

void *ur_supervisor_main(void *argument)
{
    struct ur_supervisor *supervisor = argument;
    struct pollfd fds[MAX_FDS];
    bool more = false;
    for (;;) {
        start_jobs(supervisor);
        start_describing(supervisor);
        for (struct ur_run *run = supervisor->runs, *next; run; run = next) {
            next = run->next;
            ur_run_tend(supervisor, run, ur_clock_us());
        }
        if (tend_stop(supervisor))
            return NULL;

        struct ur_run *polled[MAX_RUNS];
        int n_polled = 0;
        fds[0] = (struct pollfd){.fd = supervisor->wake_fd, .events = POLLIN};
        set_fds(fds + 1, &supervisor->describer);
        for (struct ur_run *run = supervisor->runs; run; run = run->next) {
            set_fds(fds + 4 + FDS_PER_RUN * n_polled, &run->worker);
            polled[n_polled++] = run;
        }
        const nfds_t n_fds = 4 + FDS_PER_RUN * (nfds_t)n_polled;
        poll(fds, n_fds, more ? 0 : patience_ms(supervisor));
        more = false;
        uint64_t count;
        if (fds[0].revents && read(supervisor->wake_fd, &count, sizeof count) < 0)
            ur_log(UR_LOG_DEBUG, "woken for nothing");
        tend_describer(supervisor, fds + 1, ur_clock_us());
        for (int i = 0; i < n_polled; i++)
            tend_run(supervisor, polled[i], fds + 4 + FDS_PER_RUN * i, &more);
    }
}
