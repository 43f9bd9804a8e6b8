#include "train/memory.h"

#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

/* What the machine can give without swapping, as the kernel sees it. */
static size_t machine_available(void)
{
    static const char key[] = "MemAvailable:"; /* then blanks, a number, " kB" */
    FILE *file = fopen("/proc/meminfo", "re");
    if (file == NULL)
        return SIZE_MAX;
    size_t available = SIZE_MAX;
    char line[128];
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, sizeof key - 1) == 0)
            available = strtoul(line + sizeof key - 1, NULL, 10) * 1024;
    fclose(file);
    return available;
}

/* The address space in use: the first number of statm, in pages. */
static size_t address_space(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof line, file) == NULL)
        line[0] = '\0';
    fclose(file);
    return strtoul(line, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* What RLIMIT_AS leaves above the address space already in use. */
static size_t limit_left(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    size_t used = address_space();
    return limit.rlim_cur > used ? (size_t)limit.rlim_cur - used : 0;
}

size_t ur_memory_available(void)
{
    size_t machine = machine_available();
    size_t left = limit_left();
    return machine < left ? machine : left;
}

enum ur_status ur_memory_check(size_t bytes, size_t held, struct ur_error *error)
{
    size_t available = ur_memory_available();
    available = available > SIZE_MAX - held ? SIZE_MAX : available + held;
    if (bytes <= available)
        return UR_OK;
    return ur_fail(error, UR_JOB_TOO_BIG,
                   "The job needs %zu bytes of memory, and %zu bytes are available.", bytes,
                   available);
}
