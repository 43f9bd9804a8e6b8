/*
 * Running a program of ours from a test: with its standard output, or with a worker's pipes.
 */
#ifndef UNROLL_TESTS_CHILD_H
#define UNROLL_TESTS_CHILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
    pid_t pid;
    int out;      /* its standard output, read side; -1 in a worker */
    int commands; /* a worker's descriptor 0, write side; else -1 */
    int records;  /* a worker's descriptor 3, read side; else -1 */
};

/* Gives the path of a program that was built beside the tests. */
static inline const char *child_program(const char *name)
{
    static char path[4096];
    const char *folder = getenv("UR_BIN_DIR");
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : UR_BIN_DIR, name);
    return path;
}

static inline void child_pipe(int fds[2])
{
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
}

/* What the child does between fork and exec: only calls that are safe there. Its standard error
 * stays quiet: what a test wants to know, it asks for. */
static inline void child_exec(const char *program, char *const argv[], int in, int out,
                              int records)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDERR_FILENO);
    dup2(in >= 0 ? in : null, STDIN_FILENO);
    dup2(out >= 0 ? out : null, STDOUT_FILENO);
    if (records == 3)
        fcntl(3, F_SETFD, 0);
    else if (records >= 0)
        dup2(records, 3);
    execv(program, argv);
    _exit(127);
}

static inline struct child child_start(char *const argv[])
{
    int out[2];
    const char *program = child_program(argv[0]);
    child_pipe(out);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child_exec(program, argv, -1, out[1], -1);
    close(out[1]);
    return (struct child){.pid = pid, .out = out[0], .commands = -1, .records = -1};
}

static inline struct child child_start_worker(char *const argv[])
{
    int commands[2], records[2];
    const char *program = child_program(argv[0]);
    child_pipe(commands);
    child_pipe(records);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child_exec(program, argv, commands[0], -1, records[1]);
    close(commands[0]);
    close(records[1]);
    return (struct child){
        .pid = pid, .out = -1, .commands = commands[1], .records = records[0]};
}

/* Waits for the end; gives the exit code, or 128 and the signal. */
static inline int child_wait(struct child *child)
{
    int status = 0;
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    const int fds[] = {child->out, child->commands, child->records};
    for (size_t i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Reads standard output to its end into text[size]. */
static inline void child_read(const struct child *child, char *text, size_t size)
{
    size_t used = 0;
    ssize_t got;
    while (used + 1 < size && (got = read(child->out, text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    text[used] = '\0';
}

#endif
