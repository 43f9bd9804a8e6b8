/* What a process may do once it has locked itself in: compute, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "infer/deadline.h"
#include "infer/sandbox.h"

enum { LIVED = 7, REFUSED = 8, LOCK_IN_FAILED = 9 };

static int pipe_ends[2];

/* Each gives true where the deed was done. */

static bool open_a_file(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool open_by_path(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR) >= 0;
}

static bool make_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool execute(void)
{
    static char shell[] = "/bin/sh";
    char *const arguments[] = {shell, NULL};
    execve(shell, arguments, NULL);
    return false;
}

static bool make_a_process(void)
{
    return fork() >= 0;
}

static bool kill_the_parent(void)
{
    return kill(getppid(), 0) == 0;
}

static bool trace_the_parent(void)
{
    return ptrace(PTRACE_ATTACH, 1, NULL, NULL) == 0;
}

static bool raise_a_limit(void)
{
    const struct rlimit limit = {64, 64};
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static bool make_memory_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED;
}

static bool turn_memory_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool become_another_user(void)
{
    return setuid(65534) == 0;
}

static bool remove_a_file(void)
{
    return unlink("/nowhere/at/all") == 0;
}

static const struct {
    const char *name;
    bool (*deed)(void);
} forbidden[] = {
    {"open", open_a_file},
    {"openat", open_by_path},
    {"socket", make_a_socket},
    {"execve", execute},
    {"fork", make_a_process},
    {"kill", kill_the_parent},
    {"ptrace", trace_the_parent},
    {"setrlimit", raise_a_limit},
    {"mmap for execution", make_memory_executable},
    {"mprotect for execution", turn_memory_executable},
    {"setuid", become_another_user},
    {"unlink", remove_a_file},
};

/* Runs a deed in a child that has locked itself in; gives what waitpid says. */
static int run_locked_in(bool (*deed)(void), bool *seccomp)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct ur_sandbox sandbox;
        if (ur_deadline_setup(NULL) != UR_OK ||
            ur_sandbox_enter(&sandbox, false, NULL) != UR_OK)
            _exit(LOCK_IN_FAILED);
        const uint8_t holds = sandbox.seccomp;
        if (write(pipe_ends[1], &holds, 1) != 1)
            _exit(LOCK_IN_FAILED);
        _exit(deed() ? LIVED : REFUSED);
    }
    uint8_t holds = 0;
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(read(pipe_ends[0], &holds, 1), 1);
    *seccomp = holds;
    return status;
}

static void test_forbidden_deeds(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof forbidden / sizeof forbidden[0]; k++) {
        bool seccomp = false;
        const int status = run_locked_in(forbidden[k].deed, &seccomp);
        if (!seccomp)
            skip(); /* the kernel takes no filter: there is nothing to show here */
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("%s: wait status %x, not killed by SIGSYS", forbidden[k].name,
                     (unsigned)status);
    }
}

/* What decoding and answering need goes on. */
static bool compute(void)
{
    for (size_t size = 1000; size < 100000000; size *= 10) {
        unsigned char *block = malloc(size);
        if (block == NULL)
            return false;
        memset(block, 1, size);
        block = realloc(block, size * 2);
        if (block == NULL)
            return false;
        free(block);
    }
    ur_deadline_start();
    const bool passed = ur_deadline_passed();
    ur_deadline_stop();
    return !passed;
}

static void test_computing_goes_on(void **state)
{
    (void)state;
    bool seccomp = false;
    const int status = run_locked_in(compute, &seccomp);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), LIVED);
}

/* A gigabyte and no more: what a picture may take is bounded even where a decoder forgets. */
static bool take_two_gigabytes(void)
{
    void *volatile block = malloc((size_t)2 << 30);
    return block != NULL;
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* a sanitizer needs the address space for itself */
#endif
    bool seccomp = false;
    const int status = run_locked_in(take_two_gigabytes, &seccomp);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), REFUSED);
}

/* A loop that never looks at the clock is ended by the timer behind. */
static bool loop_for_ever(void)
{
    ur_deadline_start();
    for (volatile uint64_t k = 0;; k++)
        if (k == UINT64_MAX)
            return true;
}

static void test_an_endless_loop_is_ended(void **state)
{
    (void)state;
    bool seccomp = false;
    const int status = run_locked_in(loop_for_ever, &seccomp);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ur_status_exit(UR_TIMEOUT));
}

/* Without the filter, landlock alone keeps files shut: each wall stands by itself. */
static void test_landlock_by_itself(void **state)
{
    (void)state;
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const int held = open("/dev/null", O_RDONLY);
        if (held < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
            _exit(LOCK_IN_FAILED);
        if (!ur_sandbox_deny_files())
            _exit(LIVED);
        _exit(open("/etc/passwd", O_RDONLY) < 0 && read(held, &(char){0}, 1) == 0
                  ? REFUSED
                  : LOCK_IN_FAILED);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == LIVED)
        skip(); /* the kernel has no landlock */
    assert_int_equal(WEXITSTATUS(status), REFUSED);
}

int main(void)
{
    if (pipe(pipe_ends) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forbidden_deeds),
        cmocka_unit_test(test_computing_goes_on),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_an_endless_loop_is_ended),
        cmocka_unit_test(test_landlock_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
