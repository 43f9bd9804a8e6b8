/* The matrix products against float64 loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/gemm.h"
#include "near.h"

enum { LARGEST = 130 };

static float x[LARGEST * LARGEST], w[LARGEST * LARGEST], y[LARGEST * LARGEST];

/* Rounding errors of a sum of inner products of numbers up to 1. */
static double tolerance(int32_t inner)
{
    return 2e-7 * (double)inner;
}

static void check_set_and_add(int32_t rows, int32_t inner, int32_t cols)
{
    ur_test_fill(x, (size_t)(rows * inner), 1, -1.0f, 1.0f);
    ur_test_fill(w, (size_t)(inner * cols), 2, -1.0f, 1.0f);
    for (int add = 0; add < 2; add++) {
        for (int32_t k = 0; k < rows * cols; k++)
            y[k] = add ? 0.5f : NAN; /* a product that is set reads nothing of y */
        (add ? ur_gemm_add : ur_gemm_set)(y, x, w, rows, inner, cols);
        for (int32_t r = 0; r < rows; r++)
            for (int32_t c = 0; c < cols; c++) {
                double sum = add ? 0.5 : 0.0;
                for (int32_t k = 0; k < inner; k++)
                    sum += (double)x[r * inner + k] * (double)w[k * cols + c];
                assert_near(y[r * cols + c], sum, tolerance(inner));
            }
    }
}

static void check_transposed(int32_t rows, int32_t inner, int32_t cols)
{
    ur_test_fill(x, (size_t)(rows * cols), 3, -1.0f, 1.0f);
    ur_test_fill(w, (size_t)(inner * cols), 4, -1.0f, 1.0f);
    for (int32_t k = 0; k < rows * inner; k++)
        y[k] = NAN;
    ur_gemm_transposed_set(y, x, w, rows, inner, cols);
    for (int32_t r = 0; r < rows; r++)
        for (int32_t k = 0; k < inner; k++) {
            double sum = 0.0;
            for (int32_t c = 0; c < cols; c++)
                sum += (double)x[r * cols + c] * (double)w[k * cols + c];
            assert_near(y[r * inner + k], sum, tolerance(cols));
        }
}

static void check_outer(int32_t rows, int32_t inner, int32_t cols)
{
    ur_test_fill(x, (size_t)(rows * inner), 5, -1.0f, 1.0f);
    ur_test_fill(w, (size_t)(rows * cols), 6, -1.0f, 1.0f);
    for (int32_t k = 0; k < inner * cols; k++)
        y[k] = NAN;
    ur_gemm_outer_set(y, x, w, rows, inner, cols);
    for (int32_t k = 0; k < inner; k++)
        for (int32_t c = 0; c < cols; c++) {
            double sum = 0.0;
            for (int32_t r = 0; r < rows; r++)
                sum += (double)x[r * inner + k] * (double)w[r * cols + c];
            assert_near(y[k * cols + c], sum, tolerance(rows));
        }
}

static const int32_t shapes[][3] = {
    {1, 1, 1}, {1, 5, 7}, {32, 28, 64}, {3, 128, 10}, {33, 17, 129}, {130, 2, 1}, {7, 130, 33},
};

static void test_set_and_add(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        check_set_and_add(shapes[k][0], shapes[k][1], shapes[k][2]);
}

static void test_transposed(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        check_transposed(shapes[k][0], shapes[k][1], shapes[k][2]);
}

static void test_outer(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        check_outer(shapes[k][0], shapes[k][1], shapes[k][2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_add),
        cmocka_unit_test(test_transposed),
        cmocka_unit_test(test_outer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
