/*
 * The pinned environment. The test executes itself: as a child it pins a profile, says what it
 * found, and so shows both that the second execution happens and that there is no third.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "train/environment.h"

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value == NULL ? "-" : value;
}

/* The child: prints the environment after pinning, and what OpenBLAS makes of it. */
static int child(char **argv)
{
    char blas[UR_BLAS_BYTES];
    struct ur_error error = {0};
    enum ur_status status = ur_environment_pin(argv[2], 3, argv, &error);
    if (status == UR_OK)
        status = ur_environment_verify(argv[2], blas, &error);
    printf("%s|%s|%s|%s|%s\n", ur_status_code(status), variable("OPENBLAS_CORETYPE"),
           variable("OPENBLAS_NUM_THREADS"), variable("OMP_NUM_THREADS"),
           variable("UNROLL_PINNED"));
    return 0;
}

static void ask(const char *profile, const char *before, char *answer, size_t size)
{
    char command[4200], self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    snprintf(command, sizeof command, "%s '%s' --child %s", before, self, profile);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(answer, (int)size, pipe));
    assert_int_equal(pclose(pipe), 0);
    answer[strcspn(answer, "\n")] = '\0';
}

static void test_the_environment_is_pinned(void **state)
{
    (void)state;
    char answer[256], profile[UR_PROFILE_BYTES];
    ask("portable", "", answer, sizeof answer);
    assert_string_equal(answer, "ok|Nehalem|1|3|-");
    ask("native", "OPENBLAS_CORETYPE=Nehalem", answer, sizeof answer);
    assert_string_equal(answer, "ok|-|1|3|-");
    assert_int_equal(ur_environment_choose(UR_NUMERICS_AUTO, profile, NULL), UR_OK);
    if (strcmp(profile, "avx2") == 0) {
        ask("avx2", "OPENBLAS_NUM_THREADS=7", answer, sizeof answer);
        assert_string_equal(answer, "ok|Haswell|1|3|-");
    }
}

/* Somebody who sets the marker without the rest gets an error and no endless loop. */
static void test_it_never_executes_itself_twice(void **state)
{
    (void)state;
    char answer[256];
    ask("portable", "UNROLL_PINNED=1", answer, sizeof answer);
    assert_memory_equal(answer, "internal|", strlen("internal|"));
}

static void test_profiles_by_name(void **state)
{
    (void)state;
    char profile[UR_PROFILE_BYTES];
    assert_int_equal(ur_environment_choose(UR_NUMERICS_PORTABLE, profile, NULL), UR_OK);
    assert_string_equal(profile, "portable");
    assert_int_equal(ur_environment_choose(UR_NUMERICS_NATIVE, profile, NULL), UR_OK);
    assert_string_equal(profile, "native");
    struct ur_error error = {0};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return;
    assert_int_equal(ur_environment_choose(UR_NUMERICS_AVX2, profile, &error), UR_INVALID_SPEC);
    assert_non_null(strstr(error.detail, "/train/numerics"));
}

static void test_there_is_a_core(void **state)
{
    (void)state;
    assert_in_range(ur_environment_cores(), 1, UR_MAX_THREADS);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_environment_is_pinned),
        cmocka_unit_test(test_it_never_executes_itself_twice),
        cmocka_unit_test(test_profiles_by_name),
        cmocka_unit_test(test_there_is_a_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
