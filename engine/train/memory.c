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

/* A number in a file of its own; "max", or no such file, is no limit. */
static size_t number_in(const char *folder, const char *name)
{
    char path[4096], line[64] = "";
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return SIZE_MAX;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return SIZE_MAX;
    if (fgets(line, sizeof line, file) == NULL)
        line[0] = '\0';
    fclose(file);
    return line[0] >= '0' && line[0] <= '9' ? strtoul(line, NULL, 10) : SIZE_MAX;
}

/* What a group's page cache holds: a daemon that has run for long has filled its limit with
 * it, and it is given back on demand. */
static size_t cache_of(const char *folder)
{
    static const char *const keys[] = {"active_file ", "inactive_file "};
    char path[4096], line[128];
    size_t bytes = 0;
    if (snprintf(path, sizeof path, "%s/memory.stat", folder) >= (int)sizeof path)
        return 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            if (strncmp(line, keys[i], strlen(keys[i])) == 0)
                bytes += strtoul(line + strlen(keys[i]), NULL, 10);
    fclose(file);
    return bytes;
}

/* What the limit of one group leaves. An old kernel writes "no limit" as a number beyond any
 * machine, which is then never the smallest. */
static size_t group_left(const char *folder, const char *limit_name, const char *use_name)
{
    size_t limit = number_in(folder, limit_name), use = number_in(folder, use_name);
    if (limit == SIZE_MAX || use == SIZE_MAX)
        return limit;
    size_t cache = cache_of(folder);
    use = use > cache ? use - cache : 0;
    return limit > use ? limit - use : 0;
}

/* The smallest of what a group and those above it leave: each of them limits. */
static size_t groups_left(const char *mount, const char *group, const char *limit_name,
                          const char *use_name)
{
    char folder[4096];
    size_t least = SIZE_MAX, shortest = strlen(mount);
    if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= (int)sizeof folder)
        return SIZE_MAX;
    for (;;) {
        size_t left = group_left(folder, limit_name, use_name);
        least = left < least ? left : least;
        char *slash = strrchr(folder, '/');
        if (slash == NULL || (size_t)(slash - folder) < shortest || strlen(folder) <= shortest)
            return least;
        *slash = '\0';
    }
}

/* A line of the list is "number:controllers:group": version 2 is the one without
 * controllers. */
size_t ur_memory_groups_left(const char *list, const char *mount)
{
    char line[4096], memory[4096];
    size_t least = SIZE_MAX;
    FILE *file = fopen(list, "re");
    if (file == NULL ||
        snprintf(memory, sizeof memory, "%s/memory", mount) >= (int)sizeof memory)
        mount = NULL;
    while (mount != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL)
            continue;
        *group++ = '\0';
        size_t left = SIZE_MAX;
        if (controllers[1] == '\0')
            left = groups_left(mount, group, "memory.max", "memory.current");
        else if (strcmp(controllers + 1, "memory") == 0)
            left = groups_left(memory, group, "memory.limit_in_bytes", "memory.usage_in_bytes");
        least = left < least ? left : least;
    }
    if (file != NULL)
        fclose(file);
    return least;
}

size_t ur_memory_available(void)
{
    const size_t each[] = {machine_available(), limit_left(),
                           ur_memory_groups_left("/proc/self/cgroup", "/sys/fs/cgroup")};
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
        least = each[i] < least ? each[i] : least;
    return least;
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
