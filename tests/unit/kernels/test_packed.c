/*
 * Products with a packed matrix: to the bit the chain of fmaf that the header promises, where
 * the AVX2 kernels run; otherwise what the BLAS gives. Every count of rows and columns around
 * the tile's size, and nothing written beside y.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/gemm.h"
#include "kernels/packed.h"
#include "near.h"

enum { MOST = 40, INNER = 37 };

static float x[MOST * INNER], w[INNER * MOST], transposed[MOST * INNER], y[MOST * MOST + 1];

static float chain(float start, size_t row, size_t column, size_t inner, size_t cols)
{
    float sum = start;
    for (size_t k = 0; k < inner; k++)
        sum = fmaf(x[row * inner + k], w[k * cols + column], sum);
    return sum;
}

static void check_product(const float *packed, int32_t rows, int32_t inner, int32_t cols,
                          int add)
{
    const size_t n = (size_t)(rows * cols);
    for (size_t k = 0; k < n; k++)
        y[k] = add ? (float)k * 0.01f : NAN;
    y[n] = -7.0f;
    (add ? ur_packed_add : ur_packed_set)(y, x, packed, rows, inner, cols);
    for (size_t k = 0; k < n; k++) {
        const float start = add ? (float)k * 0.01f : 0.0f;
        const float want =
            chain(start, k / (size_t)cols, k % (size_t)cols, (size_t)inner, (size_t)cols);
        if (ur_gemm_wide())
            assert_true(y[k] == want);
        else
            assert_near(y[k], want, 1e-5);
    }
    assert_true(y[n] == -7.0f);
}

static void check_shape(int32_t rows, int32_t inner, int32_t cols)
{
    ur_test_fill(x, (size_t)(rows * inner), (uint32_t)rows, -1.0f, 1.0f);
    ur_test_fill(w, (size_t)(inner * cols), (uint32_t)cols, -1.0f, 1.0f);
    for (int32_t k = 0; k < inner; k++)
        for (int32_t c = 0; c < cols; c++)
            transposed[c * inner + k] = w[k * cols + c];

    const size_t floats = ur_packed_floats(inner, cols);
    float *packed = malloc((floats + 1) * sizeof *packed);
    assert_non_null(packed);
    for (int which = 0; which < 2; which++) {
        packed[floats] = -7.0f;
        if (which == 0)
            ur_packed_fill(packed, w, inner, cols);
        else
            ur_packed_fill_transposed(packed, transposed, inner, cols);
        assert_true(packed[floats] == -7.0f);
        check_product(packed, rows, inner, cols, 0);
        check_product(packed, rows, inner, cols, 1);
    }
    free(packed);
}

static void test_every_tail(void **state)
{
    (void)state;
    for (int32_t rows = 1; rows <= MOST; rows++)
        check_shape(rows, INNER, 32);
    for (int32_t cols = 1; cols <= MOST; cols++)
        check_shape(7, INNER, cols);
    for (int32_t inner = 1; inner <= INNER; inner++)
        check_shape(11, inner, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
