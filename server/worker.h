/*
 * A worker process: how it is started, spoken to, read from and ended.
 *
 *     1. ur_worker_spawn                        one thread for all, which lives as long as they
 *     2. watch pidfd, records_fd and log_fd     epoll; all non-blocking
 *     3. ur_worker_next, ur_worker_command      until the pidfd is readable
 *     4. ur_worker_reap                         sweeps its process group, then collects it
 *     5. ur_worker_release
 *
 * Records come on the worker's fd 3, its log on fd 2, commands go to its fd 0; when the daemon
 * dies, fd 0 ends and the worker goes. The environment is made here: PATH, LANG and the search
 * folders of data sets, nothing else. Resource limits, niceness and the parent-death signal are
 * the worker's own first acts.
 *
 * Errors: UR_IO where it cannot be started, UR_PROTOCOL for a broken stream. Ownership: the
 * struct owns the descriptors. Threads: one per struct.
 */
#ifndef UNROLL_SERVER_WORKER_H
#define UNROLL_SERVER_WORKER_H

#include <sys/types.h>

#include "linebuf.h"
#include "unroll/frame.h"
#include "unroll/record.h"

struct ur_worker_request {
    const char *program;
    const char *const *arguments; /* argv[1] and on, NULL-terminated */
    const char *datasets;         /* UNROLL_DATASETS */
    int socket;                   /* becomes fd 0 instead of a command pipe; -1: none */
    int held;                     /* becomes fd 4, which the worker keeps open as long as it
                                     lives; -1: none */
};

struct ur_worker {
    pid_t pid; /* 0: not running */
    int pidfd;
    int commands_fd, records_fd, log_fd; /* -1: closed */
    struct ur_frame_reader reader;
    struct ur_linebuf log;
};

/* A worker that is not there: releasing it does nothing. */
struct ur_worker ur_worker_none(void);
/* Starts the program in a process group of its own. */
enum ur_status ur_worker_spawn(struct ur_worker *worker,
                               const struct ur_worker_request *request, struct ur_error *error);
/* Gives the next whole record. *have = false: none now; *eof: and none will come. */
enum ur_status ur_worker_next(struct ur_worker *worker, struct ur_frame *frame, bool *have,
                              bool *eof, struct ur_error *error);
/* Sends a command; a worker that is gone or does not read is not waited for. */
void ur_worker_command(struct ur_worker *worker, enum ur_command command);
/* Sends a signal to the worker and its process group. */
void ur_worker_signal(struct ur_worker *worker, int signal);

/* How a process ended, in words: "exit code 3", "signal 9 (Killed)". */
struct ur_worker_exit {
    int code; /* exit code; -1: a signal */
    int signal;
    char words[64];
};
/* Kills what is left of the process group, collects the worker, and forgets its pid. Waits if
 * it still runs. */
void ur_worker_reap(struct ur_worker *worker, struct ur_worker_exit *how);
/* Kills and collects a worker that still runs, and closes everything. Accepts a zeroed struct
 * only if no descriptor of it is 0: use ur_worker_none. */
void ur_worker_release(struct ur_worker *worker);

#endif
