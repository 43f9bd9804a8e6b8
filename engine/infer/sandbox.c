#include "infer/sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sanitizers reserve terabytes of address space and ask the system for more than a predictor
 * does; under them the limit on memory is left out and their calls are allowed. */
#if defined(__SANITIZE_ADDRESS__)
#define UR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                     \
    __has_feature(memory_sanitizer)
#define UR_SANITIZED 1
#endif
#endif
#ifndef UR_SANITIZED
#define UR_SANITIZED 0
#endif

static enum ur_status limit(int resource, rlim_t value, struct ur_error *error)
{
    const struct rlimit both = {.rlim_cur = value, .rlim_max = value};
    if (setrlimit((__rlimit_resource_t)resource, &both) == 0)
        return UR_OK;
    return ur_fail(error, UR_INTERNAL, "A resource limit cannot be set.");
}

/* A limit on file sizes would also stop a log that goes to a file. */
static bool logs_to_file(void)
{
    struct stat log = {0};
    return fstat(STDERR_FILENO, &log) == 0 && S_ISREG(log.st_mode);
}

/* A parent that died before the request was made is noticed by its end of the socket. */
static enum ur_status set_limits(bool writes_files, struct ur_error *error)
{
    enum ur_status status = UR_OK;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        status = ur_fail(error, UR_INTERNAL, "The parent's death cannot be watched.");
    if (status == UR_OK)
        status = limit(RLIMIT_CORE, 0, error);
    if (status == UR_OK && !writes_files && !logs_to_file())
        status = limit(RLIMIT_FSIZE, 0, error);
    if (status == UR_OK && !UR_SANITIZED)
        status = limit(RLIMIT_AS, (rlim_t)UR_SANDBOX_MEMORY_MB << 20, error);
    return status;
}

/* Debian 12's header stops at landlock's second version; a kernel takes a longer struct than it
 * knows only where the rest is zero, and knows more rights with each version. */
struct ruleset {
    uint64_t files;   /* 13 rights; REFER with version 2, TRUNCATE with 3, IOCTL_DEV with 5 */
    uint64_t network; /* version 4: bind and connect */
    uint64_t scopes;  /* version 6: abstract sockets and signals */
};

static struct ruleset everything(long version)
{
    const int rights = version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13;
    return (struct ruleset){.files = ((uint64_t)1 << rights) - 1,
                            .network = version >= 4 ? 3 : 0,
                            .scopes = version >= 6 ? 3 : 0};
}

bool ur_sandbox_deny_files(void)
{
    const long version =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return false;
    const struct ruleset rules = everything(version);
    const int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    if (ruleset < 0)
        return false;
    const bool taken = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return taken;
}

/* What computing, answering and ending take. */
static const int allowed[] = {
    SCMP_SYS(read),         SCMP_SYS(write),          SCMP_SYS(readv),
    SCMP_SYS(writev),       SCMP_SYS(recvfrom),       SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),       SCMP_SYS(sendmsg),        SCMP_SYS(poll),
    SCMP_SYS(ppoll),        SCMP_SYS(close),          SCMP_SYS(brk),
    SCMP_SYS(munmap),       SCMP_SYS(mremap),         SCMP_SYS(madvise),
    SCMP_SYS(futex),        SCMP_SYS(clock_gettime),  SCMP_SYS(setitimer),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),         SCMP_SYS(exit_group),
#if UR_SANITIZED
    SCMP_SYS(getpid),       SCMP_SYS(gettid),         SCMP_SYS(sched_yield),
    SCMP_SYS(sigaltstack),  SCMP_SYS(rt_sigaction),
#endif
};

/* Memory may be had, but never to be run. */
static int allow_memory(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp not_executable =
        SCMP_A2(SCMP_CMP_MASKED_EQ, (scmp_datum_t)PROT_EXEC, 0);
    int failed =
        seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &not_executable);
    failed |=
        seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &not_executable);
    return failed;
}

static bool filter_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return false;
    int failed = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    failed |= allow_memory(filter);
    for (size_t k = 0; k < sizeof allowed / sizeof allowed[0]; k++)
        failed |= seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[k], 0, NULL);
    const bool taken = failed == 0 && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return taken;
}

enum ur_status ur_sandbox_enter(struct ur_sandbox *sandbox, bool writes_files,
                                struct ur_error *error)
{
    *sandbox = (struct ur_sandbox){0};
    enum ur_status status = set_limits(writes_files, error);
    if (status != UR_OK)
        return status;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return ur_fail(error, UR_INTERNAL, "New privileges cannot be given up.");
    sandbox->landlock = ur_sandbox_deny_files();
    /* Last of the limits, because landlock's ruleset was a descriptor. */
    status = limit(RLIMIT_NOFILE, 3, error);
    if (status == UR_OK)
        sandbox->seccomp = filter_calls();
    return status;
}
