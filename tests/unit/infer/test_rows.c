/* Products whose rows know nothing of each other: right, and the same bits in any company. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/rows.h"
#include "near.h"

enum { MAX_ROWS = 11, MAX_INNER = 130, MAX_COLS = 200 };

static float x[MAX_ROWS * MAX_INNER], w[MAX_INNER * MAX_COLS], bias[MAX_COLS];
static float y[MAX_ROWS * MAX_COLS], alone[MAX_COLS];

static void check_against_twin(size_t rows, size_t inner, size_t cols)
{
    ur_rows_set(y, bias, x, w, rows, inner, cols);
    for (size_t r = 0; r < rows; r++)
        for (size_t n = 0; n < cols; n++) {
            double sum = (double)bias[n];
            for (size_t k = 0; k < inner; k++)
                sum += (double)x[r * inner + k] * (double)w[k * cols + n];
            assert_near(y[r * cols + n], sum, 2e-5);
        }
}

static void test_against_a_twin_in_double(void **state)
{
    (void)state;
    for (size_t cols = 1; cols <= 70; cols++)
        check_against_twin(1 + cols % MAX_ROWS, 1 + cols % 40, cols);
    check_against_twin(MAX_ROWS, MAX_INNER, MAX_COLS);
    check_against_twin(1, MAX_INNER, MAX_COLS);
}

/* Every row of every batch has the bits that it has alone: 1 x 64 and 4 x 16 tiles, and
 * tails. */
static void test_rows_do_not_meet(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 10, 16, 63, 64, 65, 80, 100, 128, 200};
    for (size_t k = 0; k < sizeof widths / sizeof widths[0]; k++)
        for (size_t rows = 1; rows <= MAX_ROWS; rows++) {
            const size_t cols = widths[k];
            ur_rows_set(y, bias, x, w, rows, MAX_INNER, cols);
            for (size_t r = 0; r < rows; r++) {
                ur_rows_set(alone, bias, x + r * MAX_INNER, w, 1, MAX_INNER, cols);
                assert_memory_equal(alone, y + r * cols, cols * sizeof(float));
            }
        }
}

static void test_add_goes_on_from_what_is_there(void **state)
{
    (void)state;
    ur_rows_set(y, bias, x, w, 3, 20, 50);
    for (size_t n = 0; n < 50; n++)
        alone[n] = bias[n];
    ur_rows_add(alone, x, w, 1, 20, 50);
    assert_memory_equal(alone, y, 50 * sizeof(float));
}

int main(void)
{
    ur_test_fill(x, MAX_ROWS * MAX_INNER, 1, -1.0f, 1.0f);
    ur_test_fill(w, MAX_INNER * MAX_COLS, 2, -1.0f, 1.0f);
    ur_test_fill(bias, MAX_COLS, 3, -1.0f, 1.0f);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_twin_in_double),
        cmocka_unit_test(test_rows_do_not_meet),
        cmocka_unit_test(test_add_goes_on_from_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
