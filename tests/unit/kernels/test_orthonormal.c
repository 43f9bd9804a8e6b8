/* Orthonormal rows: of length one, at right angles, and of the same bits on every machine. */
#define UR_VECTOR_TARGET      "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"
#define ur_orthonormal_append here_orthonormal_append
#include "kernels/orthonormal.c"
#undef ur_orthonormal_append

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"
#include "unroll/rng.h"

enum { MOST = 70, STRIDE = MOST + 3 };

void ur_orthonormal_append(float *rows, size_t n_rows, size_t stride, size_t n, double *v);

static float rows[MOST * STRIDE], other[MOST * STRIDE];

/* Some directions are almost the first row, so that little of them remains. */
static void fill(double v[MOST], size_t row, size_t n)
{
    const struct ur_rng_key key = {.seed = 1, .purpose = UR_RNG_TEST};
    for (size_t k = 0; k < n; k++) {
        uint32_t words[4];
        ur_rng_words(key, (uint32_t)row, 0, (uint32_t)k, words);
        const double number = (double)ur_rng_normal(words[0], words[1]);
        v[k] = row % 5 == 4 ? (double)rows[k] + 1e-3 * number : number;
    }
}

static void build(size_t n_rows, size_t n)
{
    ur_test_fill(rows, MOST * STRIDE, 99, 2.0f, 3.0f);
    for (size_t row = 0; row < n_rows; row++) {
        double v[MOST];
        fill(v, row, n);
        ur_orthonormal_append(rows, row, STRIDE, n, v);
    }
}

static void check(size_t n_rows, size_t n)
{
    build(n_rows, n);
    for (size_t a = 0; a < n_rows; a++)
        for (size_t b = 0; b <= a; b++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++)
                sum += (double)rows[a * STRIDE + k] * (double)rows[b * STRIDE + k];
            assert_near(sum, a == b ? 1.0 : 0.0, 1e-6);
        }
    assert_true(rows[n] >= 2.0f); /* what lies between the rows is somebody else's */
}

static void test_rows_are_orthonormal(void **state)
{
    (void)state;
    check(1, 1);
    check(3, 3);
    check(8, 8);
    check(5, 33);
    check(MOST, MOST);
}

static void test_nothing_gives_a_row_of_zeros(void **state)
{
    (void)state;
    double v[MOST] = {0};
    ur_orthonormal_append(rows, 0, STRIDE, MOST, v);
    for (size_t k = 0; k < MOST; k++)
        assert_true(rows[k] == 0.0f);
}

static void test_same_bits_on_every_machine(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 7, 16, 33, MOST};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const size_t n = sizes[s];
        build(n, n);
        memcpy(other, rows, sizeof rows);
        for (size_t row = 0; row < n; row++) {
            double v[MOST];
            fill(v, row, n);
            append(other, row, STRIDE, n, v);
        }
        assert_memory_equal(other, rows, sizeof rows);
#if defined(__x86_64__) && !defined(UR_NO_VECTOR)
        if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") ||
            !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512bw"))
            continue;
        for (size_t row = 0; row < n; row++) {
            double v[MOST];
            fill(v, row, n);
            ur_orthonormal_append_wide(other, row, STRIDE, n, v);
        }
        assert_memory_equal(other, rows, sizeof rows);
#endif
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_orthonormal),
        cmocka_unit_test(test_nothing_gives_a_row_of_zeros),
        cmocka_unit_test(test_same_bits_on_every_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
