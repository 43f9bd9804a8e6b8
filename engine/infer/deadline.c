#include "infer/deadline.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t end_us = INT64_MAX;

static int64_t processor_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Only calls that a signal handler may make. */
static void end_process(int signal_number)
{
    (void)signal_number;
    static const char message[] = "unroll-predict: a picture took too long; ending\n";
    const ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
    (void)written;
    _exit(ur_status_exit(UR_TIMEOUT));
}

enum ur_status ur_deadline_setup(struct ur_error *error)
{
    struct sigaction action = {.sa_handler = end_process};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGPROF, &action, NULL) != 0)
        return ur_fail_errno(error, errno, "The timer's signal cannot be set up");
    return UR_OK;
}

static void set_timer(int milliseconds)
{
    const struct itimerval timer = {
        .it_value = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000}};
    setitimer(ITIMER_PROF, &timer, NULL);
}

void ur_deadline_start(void)
{
    end_us = processor_us() + (int64_t)UR_DECODE_CPU_MS * 1000;
    set_timer(UR_DECODE_KILL_MS);
}

void ur_deadline_stop(void)
{
    end_us = INT64_MAX;
    set_timer(0);
}

bool ur_deadline_passed(void)
{
    return end_us != INT64_MAX && processor_us() > end_us;
}

enum ur_status ur_deadline_check(struct ur_error *error)
{
    if (!ur_deadline_passed())
        return UR_OK;
    return ur_fail(error, UR_BAD_IMAGE, "Decoding the picture takes more than %d ms.",
                   UR_DECODE_CPU_MS);
}
