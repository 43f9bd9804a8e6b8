/* Element-wise operations, and the one order in which columns are summed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/vec.h"
#include "near.h"

enum { ROWS = 19, COLS = 77, N = ROWS * COLS };

static float x[N], y[N], z[N];

static void test_add_and_scale(void **state)
{
    (void)state;
    ur_test_fill(x, N, 1, -1.0f, 1.0f);
    ur_test_fill(y, N, 2, -1.0f, 1.0f);
    memcpy(z, y, sizeof y);
    ur_vec_add(y, x, N - 1);
    for (size_t k = 0; k + 1 < N; k++)
        assert_true(y[k] == z[k] + x[k]);
    assert_true(y[N - 1] == z[N - 1]);

    ur_vec_scale(y, x, 3.0f, N - 1);
    for (size_t k = 0; k + 1 < N; k++)
        assert_true(y[k] == 3.0f * x[k]);
    assert_true(y[N - 1] == z[N - 1]);
    ur_vec_scale(x, x, 3.0f, N - 1); /* in place */
    assert_memory_equal(x, y, (N - 1) * sizeof *x);
}

static void test_add_bias(void **state)
{
    (void)state;
    float bias[COLS];
    ur_test_fill(x, N, 3, -1.0f, 1.0f);
    ur_test_fill(bias, COLS, 4, -1.0f, 1.0f);
    memcpy(z, x, sizeof x);
    ur_vec_add_bias(x, bias, ROWS, COLS);
    for (size_t k = 0; k < N; k++)
        assert_true(x[k] == z[k] + bias[k % COLS]);
}

/* Exactly, not nearly: the order of the additions is part of the numerics. */
static void test_column_sums_go_down_the_rows(void **state)
{
    (void)state;
    float sums[COLS];
    ur_test_fill(x, N, 5, -1e3f, 1e3f);
    ur_vec_column_sums(sums, x, ROWS, COLS);
    for (size_t c = 0; c < COLS; c++) {
        float sum = 0.0f;
        for (size_t r = 0; r < ROWS; r++)
            sum += x[r * COLS + c];
        assert_true(sums[c] == sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_scale),
        cmocka_unit_test(test_add_bias),
        cmocka_unit_test(test_column_sums_go_down_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
