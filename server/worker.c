#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "unroll/log.h"
#include "unroll/text.h"

/* Descriptors that a child inherits are first moved here, out of the way of 0 to 3. */
enum { FIRST_HIGH_FD = 16, CHILD_FDS = 5, MAX_ARGUMENTS = 24 };

/* pidfd_open and pidfd_send_signal have no wrappers before glibc 2.36, and P_PIDFD none at all
 * in some headers that know pidfds. */
static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

struct ur_worker ur_worker_none(void)
{
    return (struct ur_worker){
        .pidfd = -1, .commands_fd = -1, .records_fd = -1, .log_fd = -1, .log.fd = -1};
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Makes a pipe with the child's end moved up and ours non-blocking; child_end: 0 reads. */
static enum ur_status make_pipe(int *ours, int *child, int child_end, struct ur_error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return ur_fail_errno(error, errno, "A pipe to a worker cannot be made");
    *ours = ends[!child_end];
    *child = fcntl(ends[child_end], F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
    const int cause = errno;
    close(ends[child_end]);
    if (*child < 0 || fcntl(*ours, F_SETFL, O_NONBLOCK) != 0)
        return ur_fail_errno(error, *child < 0 ? cause : errno,
                             "A pipe to a worker cannot be made");
    return UR_OK;
}

/* child[n] becomes the child's fd n. */
static enum ur_status open_pipes(struct ur_worker *worker,
                                 const struct ur_worker_request *request, int child[CHILD_FDS],
                                 struct ur_error *error)
{
    enum ur_status status = UR_OK;
    if (request->socket >= 0) {
        child[0] = fcntl(request->socket, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
        if (child[0] < 0)
            status = ur_fail_errno(error, errno, "A socket of a worker cannot be copied");
    } else {
        status = make_pipe(&worker->commands_fd, &child[0], 0, error);
    }
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    child[1] = null < 0 ? -1 : fcntl(null, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
    if (child[1] < 0 && status == UR_OK)
        status = ur_fail_errno(error, errno, "/dev/null cannot be opened");
    if (null >= 0)
        close(null);
    if (status == UR_OK)
        status = make_pipe(&worker->log_fd, &child[2], 1, error);
    if (status == UR_OK && request->socket < 0)
        status = make_pipe(&worker->records_fd, &child[3], 1, error);
    if (status == UR_OK && request->held >= 0) {
        child[4] = fcntl(request->held, F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
        if (child[4] < 0)
            status = ur_fail_errno(error, errno, "A descriptor of a worker cannot be copied");
    }
    return status;
}

static int add_actions(posix_spawn_file_actions_t *actions, const int child[CHILD_FDS])
{
    int result = 0, highest = 0;
    for (int fd = 0; fd < CHILD_FDS && result == 0; fd++) {
        if (child[fd] < 0)
            continue;
        result = posix_spawn_file_actions_adddup2(actions, child[fd], fd);
        highest = fd;
    }
    if (result == 0)
        result = posix_spawn_file_actions_addclosefrom_np(actions, highest + 1);
    return result;
}

/* A worker starts with no signal blocked or ignored, whatever the daemon does with its own. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    int result = posix_spawnattr_setsigmask(attributes, &none);
    if (result == 0)
        result = posix_spawnattr_setsigdefault(attributes, &all);
    if (result == 0)
        result = posix_spawnattr_setpgroup(attributes, 0);
    if (result == 0)
        result = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    return result;
}

/* posix_spawn wants pointers without const and writes through none of them. */
static char *writable(const char *text)
{
    union {
        const char *read_only;
        char *any;
    } pointer = {text};
    return pointer.any;
}

static int spawn(struct ur_worker *worker, const struct ur_worker_request *request,
                 const int child[CHILD_FDS])
{
    char *arguments[MAX_ARGUMENTS + 2] = {writable(request->program)};
    for (int i = 0; request->arguments[i] && i < MAX_ARGUMENTS; i++)
        arguments[i + 1] = writable(request->arguments[i]);
    char datasets[4096 + 32], path[4096 + 8];
    const char *search = getenv("PATH");
    snprintf(datasets, sizeof datasets, "UNROLL_DATASETS=%s",
             request->datasets ? request->datasets : "");
    snprintf(path, sizeof path, "PATH=%s", search ? search : "/usr/bin:/bin");
    char language[] = "LANG=C.UTF-8";
    char *environment[] = {path, language, datasets, NULL};

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int result = add_actions(&actions, child);
    if (result == 0)
        result = set_attributes(&attributes);
    if (result == 0)
        result = posix_spawn(&worker->pid, request->program, &actions, &attributes, arguments,
                             environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (result != 0)
        worker->pid = 0;
    return result;
}

enum ur_status ur_worker_spawn(struct ur_worker *worker,
                               const struct ur_worker_request *request, struct ur_error *error)
{
    int child[CHILD_FDS];
    for (int fd = 0; fd < CHILD_FDS; fd++)
        child[fd] = -1;
    *worker = ur_worker_none();
    ur_frame_reader_init(&worker->reader, UR_RECORD_MAX_BYTES);
    enum ur_status status = open_pipes(worker, request, child, error);
    if (status == UR_OK) {
        const int result = spawn(worker, request, child);
        /* Paths are for who runs the server: clients read the error. */
        if (result != 0) {
            ur_log(UR_LOG_ERROR, "%s cannot be started: %s", request->program,
                   strerrordesc_np(result));
            status = ur_fail_errno(error, result, "A worker's program cannot be started");
        }
    }
    for (int fd = 0; fd < CHILD_FDS; fd++)
        close_fd(&child[fd]);
    if (status == UR_OK) {
        worker->pidfd = open_pidfd(worker->pid);
        if (worker->pidfd < 0)
            status = ur_fail_errno(error, errno, "A worker cannot be watched");
    }
    if (status != UR_OK)
        ur_worker_release(worker);
    return status;
}

enum ur_status ur_worker_next(struct ur_worker *worker, struct ur_frame *frame, bool *have,
                              bool *eof, struct ur_error *error)
{
    *eof = worker->records_fd < 0;
    for (;;) {
        enum ur_status status = ur_frame_next(&worker->reader, frame, have, error);
        if (status != UR_OK || *have || *eof)
            return status;
        const size_t before = worker->reader.end - worker->reader.begin;
        status = ur_frame_fill(&worker->reader, worker->records_fd, eof, error);
        if (status != UR_OK)
            return status;
        if (!*eof && worker->reader.end - worker->reader.begin == before)
            return UR_OK;
    }
}

void ur_worker_command(struct ur_worker *worker, enum ur_command command)
{
    unsigned char frame[UR_FRAME_HEADER_BYTES];
    if (worker->commands_fd < 0)
        return;
    ur_frame_header(frame, (uint16_t)command, 0);
    /* Eight bytes into a pipe go whole or not at all; SIGPIPE is ignored. */
    ssize_t written;
    do
        written = write(worker->commands_fd, frame, sizeof frame);
    while (written < 0 && errno == EINTR);
}

void ur_worker_signal(struct ur_worker *worker, int signal)
{
    if (worker->pid <= 0)
        return;
    /* Neither can hit a stranger: until it is reaped, pid and group stay ours. */
    if (worker->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, worker->pidfd, signal, NULL, 0);
    kill(-worker->pid, signal);
}

void ur_worker_reap(struct ur_worker *worker, struct ur_worker_exit *how)
{
    siginfo_t info = {0};
    *how = (struct ur_worker_exit){.code = -1};
    if (worker->pid <= 0)
        return;
    /* First wait without collecting: while it is a zombie, its group cannot be anybody
     * else's. */
    while (waitid(P_PID, (id_t)worker->pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
        ;
    kill(-worker->pid, SIGKILL);
    while (waitid(P_PID, (id_t)worker->pid, &info, WEXITED) != 0 && errno == EINTR)
        ;
    worker->pid = 0;
    if (info.si_code == CLD_EXITED) {
        how->code = info.si_status;
        snprintf(how->words, sizeof how->words, "exit code %d", how->code);
        return;
    }
    how->signal = info.si_status;
    const char *name = sigdescr_np(how->signal);
    snprintf(how->words, sizeof how->words, "signal %d (%s)", how->signal, name ? name : "?");
}

void ur_worker_release(struct ur_worker *worker)
{
    struct ur_worker_exit how;
    if (worker->pid > 0) {
        ur_worker_signal(worker, SIGKILL);
        ur_worker_reap(worker, &how);
    }
    close_fd(&worker->pidfd);
    close_fd(&worker->commands_fd);
    close_fd(&worker->records_fd);
    close_fd(&worker->log_fd);
    ur_frame_reader_release(&worker->reader);
    ur_linebuf_close(&worker->log);
    *worker = ur_worker_none();
}
