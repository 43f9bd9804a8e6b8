/*
 * Law: an element-wise result depends on the numbers, not on the machine. The kernels' sources
 * are compiled here once more, for every machine (base bodies, wide and deep functions), and
 * compared with the library's, which runs the deepest that this machine has.
 */
#define ur_exp                 here_exp
#define ur_sigmoid             here_sigmoid
#define ur_tanh                here_tanh
#define ur_vec_add             here_vec_add
#define ur_vec_scale           here_vec_scale
#define ur_vec_add_bias        here_vec_add_bias
#define ur_vec_column_sums     here_vec_column_sums
#define ur_vec_squares         here_vec_squares
#define ur_vec_column_sums_add here_vec_column_sums_add
#include "kernels/activ.c"
#include "kernels/vec.c"
#undef ur_exp
#undef ur_sigmoid
#undef ur_tanh
#undef ur_vec_column_sums
#undef ur_vec_squares

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

void ur_exp(float *y, const float *x, size_t n);
void ur_sigmoid(float *y, const float *x, size_t n);
void ur_tanh(float *y, const float *x, size_t n);
void ur_vec_column_sums(float *sums, const float *x, size_t rows, size_t cols);
void ur_vec_squares(double *sum, const float *x, size_t n);

typedef void kernel(float *y, const float *x, size_t n);

static void base_exp(float *y, const float *x, size_t n)
{
    exp_all(y, x, n);
}

static void base_sigmoid(float *y, const float *x, size_t n)
{
    sigmoid_all(y, x, n);
}

static void base_tanh(float *y, const float *x, size_t n)
{
    tanh_all(y, x, n);
}

/* The library's, then the base machine's, then the wider ones that this machine has. */
struct versions {
    kernel *functions[4];
};

#if defined(__x86_64__) && !defined(UR_NO_VECTOR)
#define WIDE(name) ur_##name##_wide
#define DEEP(name) ur_##name##_deep
#else
#define WIDE(name) here_##name
#define DEEP(name) here_##name
#endif

static int n_versions(void)
{
    return UR_VECTOR_DEEP ? 4 : UR_VECTOR_WIDE ? 3 : 2;
}

static void test_activations(void **state)
{
    (void)state;
    static const struct versions all[] = {
        {{ur_exp, base_exp, WIDE(exp), DEEP(exp)}},
        {{ur_sigmoid, base_sigmoid, WIDE(sigmoid), DEEP(sigmoid)}},
        {{ur_tanh, base_tanh, WIDE(tanh), DEEP(tanh)}},
    };
    enum { N = 100003 };
    static float x[N], y[4][N];
    ur_test_fill(x, N, 1, -20.0f, 20.0f);
    ur_test_fill(x, N / 4, 2, -1e-3f, 1e-3f);
    ur_test_fill(x, 1000, 3, -500.0f, 500.0f);
    for (size_t which = 0; which < sizeof all / sizeof *all; which++)
        for (int version = 0; version < n_versions(); version++) {
            all[which].functions[version](y[version], x, N);
            assert_memory_equal(y[0], y[version], sizeof y[0]);
        }
}

static void test_column_sums(void **state)
{
    (void)state;
    enum { ROWS = 61, COLS = 83 };
    static float x[ROWS * COLS];
    float library[COLS], base[COLS], wide[COLS];
    ur_test_fill(x, ROWS * COLS, 4, -1.0f, 1.0f);
    ur_vec_column_sums(library, x, ROWS, COLS);
    column_sums(base, x, ROWS, COLS);
    assert_memory_equal(library, base, sizeof base);
    if (n_versions() > 2) {
        WIDE(vec_column_sums)(wide, x, ROWS, COLS);
        assert_memory_equal(library, wide, sizeof wide);
    }
    if (n_versions() > 3) {
        DEEP(vec_column_sums)(wide, x, ROWS, COLS);
        assert_memory_equal(library, wide, sizeof wide);
    }
}

static void test_squares(void **state)
{
    (void)state;
    enum { N = 1003 };
    static float x[N];
    double library, base, wide, expected = 0;
    ur_test_fill(x, N, 5, -1.0f, 1.0f);
    for (size_t n = 0; n < N; n++) {
        ur_vec_squares(&library, x, n);
        squares(&base, x, n);
        assert_memory_equal(&library, &base, sizeof base);
        assert_true(library >= expected * (1 - 1e-12) && library <= expected * (1 + 1e-12));
        if (n_versions() > 2) {
            WIDE(vec_squares)(&wide, x, n);
            assert_memory_equal(&library, &wide, sizeof wide);
        }
        if (n_versions() > 3) {
            DEEP(vec_squares)(&wide, x, n);
            assert_memory_equal(&library, &wide, sizeof wide);
        }
        expected += (double)x[n] * (double)x[n];
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_column_sums),
        cmocka_unit_test(test_squares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
