#include "train/environment.h"

#include <cblas.h>
#include <errno.h>
#include <sched.h>
#include <unistd.h>

/* Set before the second execution: whoever still finds the environment wrong then must not try
 * again. */
static const char MARKER[] = "UNROLL_PINNED";

/* A core type that OpenBLAS is told, and the names under which it then may report itself. */
struct profile {
    const char *name;
    const char *core_type; /* NULL: whatever it detects */
    const char *reported[2];
};

static const struct profile profiles[] = {
    {"avx2", "Haswell", {"Haswell", "Zen"}},
    {"portable", "Nehalem", {"Nehalem", NULL}},
    {"native", NULL, {NULL, NULL}},
};

/* Gives the profile of that name; an unknown one is native, which promises least. */
static const struct profile *find(const char *name)
{
    const struct profile *profile = profiles;
    while (profile->core_type != NULL && strcmp(profile->name, name) != 0)
        profile++;
    return profile;
}

int32_t ur_environment_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1; /* more than CPU_SETSIZE cores: --threads says how many */
    int count = CPU_COUNT(&set);
    return count > UR_MAX_THREADS ? UR_MAX_THREADS : (int32_t)count;
}

static bool cpu_has_avx2(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

enum ur_status ur_environment_choose(int32_t numerics, char profile[UR_PROFILE_BYTES],
                                     struct ur_error *error)
{
    const char *name = "native";
    if (numerics == UR_NUMERICS_AUTO)
        name = cpu_has_avx2() ? "avx2" : "portable";
    else if (numerics == UR_NUMERICS_AVX2)
        name = "avx2";
    else if (numerics == UR_NUMERICS_PORTABLE)
        name = "portable";
    if (strcmp(name, "avx2") == 0 && !cpu_has_avx2())
        return ur_fail(error, UR_INVALID_SPEC,
                       "/train/numerics: avx2 is asked for, but this CPU lacks AVX2 or FMA.");
    ur_copy(profile, UR_PROFILE_BYTES, name);
    return UR_OK;
}

/* One variable and the value it must have; NULL: it must not be set. */
struct variable {
    const char *name;
    const char *value;
};

static bool matches(const struct variable *variable)
{
    const char *found = getenv(variable->name);
    if (found == NULL || variable->value == NULL)
        return found == variable->value;
    return strcmp(found, variable->value) == 0;
}

static bool put(const struct variable *variable)
{
    if (variable->value == NULL)
        return unsetenv(variable->name) == 0;
    return setenv(variable->name, variable->value, 1) == 0;
}

enum ur_status ur_environment_pin(const char *profile, int32_t threads, char **argv,
                                  struct ur_error *error)
{
    char count[16];
    snprintf(count, sizeof count, "%d", (int)threads);
    /* Passive: a thread that waits at a barrier sleeps. Three barriers in ten milliseconds
     * cost nothing that could be measured, and with spinning a busy neighbour costs a
     * factor of 20. */
    const struct variable wanted[] = {
        {"OPENBLAS_CORETYPE", find(profile)->core_type},
        {"OPENBLAS_NUM_THREADS", "1"},
        {"OMP_NUM_THREADS", count},
        {"OMP_DYNAMIC", "false"},
        {"OMP_WAIT_POLICY", "passive"},
        {"OMP_PROC_BIND", "false"},
    };
    size_t n_wanted = sizeof wanted / sizeof wanted[0];
    bool all = true;
    for (size_t i = 0; i < n_wanted; i++)
        all = all && matches(&wanted[i]);
    if (all) {
        unsetenv(MARKER);
        return UR_OK;
    }
    if (getenv(MARKER) != NULL)
        return ur_fail(error, UR_INTERNAL, "The environment cannot be set for %s.", profile);
    bool set = setenv(MARKER, profile, 1) == 0;
    for (size_t i = 0; i < n_wanted; i++)
        set = set && put(&wanted[i]);
    if (!set)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the environment.");
    execv("/proc/self/exe", argv);
    return ur_fail_errno(error, errno, "The program cannot execute itself again");
}

static bool is_reported(const struct profile *profile, const char *core)
{
    if (profile->core_type == NULL)
        return true;
    for (size_t i = 0; i < sizeof profile->reported / sizeof profile->reported[0]; i++)
        if (profile->reported[i] != NULL && strcasecmp(profile->reported[i], core) == 0)
            return true;
    return false;
}

enum ur_status ur_environment_verify(const char *profile, char blas[UR_BLAS_BYTES],
                                     struct ur_error *error)
{
    const char *core = openblas_get_corename();
    openblas_set_num_threads(1); /* an OpenBLAS on OpenMP does not read the variable above */
    snprintf(blas, UR_BLAS_BYTES, "%s, core %s", openblas_get_config(), core);
    if (is_reported(find(profile), core))
        return UR_OK;
    return ur_fail(error, UR_INVALID_SPEC,
                   "/train/numerics: OpenBLAS runs as %s here, which is not the profile %s; "
                   "\"native\" accepts it.",
                   core, profile);
}
