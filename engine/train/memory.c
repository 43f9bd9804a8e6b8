#include "train/memory.h"

#include <inttypes.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

/* What the machine can give without swapping, as the kernel sees it. */
static size_t machine_available(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    if (file == NULL)
        return SIZE_MAX;
    size_t available = SIZE_MAX;
    char line[128];
    while (fgets(line, sizeof line, file) != NULL) {
        uint64_t kilobytes;
        if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kilobytes) == 1)
            available = (size_t)kilobytes * 1024;
    }
    fclose(file);
    return available;
}

/* What RLIMIT_AS leaves above the address space already in use. */
static size_t limit_left(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%" SCNu64, &pages) != 1)
            pages = 0;
        fclose(file);
    }
    size_t used = (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
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
