/*
 * Gradients of weights: near their float64 twin everywhere; where the AVX2 kernels run, to the
 * bit the chain of fmaf that the header promises, so that neither the cut into calls nor rows
 * of zeros change anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/gemm.h"
#include "kernels/outer.h"
#include "near.h"

enum { ROWS = 531, WIDTH = 11, HIDDEN = 9, MOST_COLS = 67 };

static float x[ROWS * WIDTH], h[ROWS * HIDDEN], dy[ROWS * MOST_COLS];

struct gradients {
    float dw[WIDTH * MOST_COLS], du[HIDDEN * MOST_COLS], sums[MOST_COLS];
};

/* Adds rows first .. first + rows; the last `skipped` of them, in order, are not in du. */
static void add(struct gradients *to, int32_t first, int32_t rows, int32_t cols, bool from_last,
                int32_t skipped)
{
    const struct ur_outer products[] = {
        {.dw = to->dw, .x = x + first * WIDTH, .inner = WIDTH},
        {.dw = to->du, .x = h + first * HIDDEN, .inner = HIDDEN, .skipped = skipped},
    };
    ur_outer_add((struct ur_outer_block){dy + first * cols, rows, cols, from_last}, products, 2,
                 to->sums);
}

static void check_dw(const float *dw, const float *left, int32_t inner, int32_t cols,
                     bool from_last)
{
    for (int32_t at = 0; at < inner * cols; at++) {
        double twin = 0.0;
        float chain = 0.0f;
        for (int32_t n = 0; n < ROWS; n++) {
            const int32_t k = from_last ? ROWS - 1 - n : n;
            const float a = left[k * inner + at / cols], b = dy[k * cols + at % cols];
            twin += (double)a * (double)b;
            chain = fmaf(a, b, chain);
        }
        assert_near(dw[at], twin, 1e-4);
        if (ur_gemm_wide())
            assert_true(dw[at] == chain);
    }
}

static void check_sums(const float *sums, int32_t cols, bool from_last)
{
    for (int32_t c = 0; c < cols; c++) {
        double twin = 0.0;
        float chain = 0.0f;
        for (int32_t n = 0; n < ROWS; n++) {
            const int32_t k = from_last ? ROWS - 1 - n : n;
            twin += (double)dy[k * cols + c];
            chain += dy[k * cols + c];
        }
        assert_near(sums[c], twin, 1e-4);
        if (ur_gemm_wide())
            assert_true(sums[c] == chain);
    }
}

static void fill(int32_t cols)
{
    ur_test_fill(x, ROWS * WIDTH, 1, -1.0f, 1.0f);
    ur_test_fill(h, ROWS * HIDDEN, 2, -1.0f, 1.0f);
    ur_test_fill(dy, (size_t)(ROWS * cols), 3, -1.0f, 1.0f);
}

static void test_chains(void **state)
{
    (void)state;
    for (int32_t cols = 1; cols <= MOST_COLS; cols += 6)
        for (int from_last = 0; from_last < 2; from_last++) {
            struct gradients all = {.du = {0}};
            fill(cols);
            add(&all, 0, ROWS, cols, from_last, 0);
            check_dw(all.dw, x, WIDTH, cols, from_last);
            check_dw(all.du, h, HIDDEN, cols, from_last);
            check_sums(all.sums, cols, from_last);
        }
}

static void test_cut_into_calls(void **state)
{
    (void)state;
    struct gradients all = {.du = {0}}, cut = {.du = {0}};
    fill(MOST_COLS);
    add(&all, 0, ROWS, MOST_COLS, true, 0);
    add(&cut, 300, ROWS - 300, MOST_COLS, true, 0);
    add(&cut, 299, 1, MOST_COLS, true, 0);
    add(&cut, 0, 299, MOST_COLS, true, 0);
    if (ur_gemm_wide())
        assert_memory_equal(&all, &cut, sizeof all);
}

/* Whether a row of zeros is skipped, multiplied, or not there at all. */
static void test_rows_of_zeros(void **state)
{
    (void)state;
    enum { ZEROS = 32 };
    for (int from_last = 0; from_last < 2; from_last++) {
        struct gradients with = {.du = {0}}, without = {.du = {0}}, skipped = {.du = {0}};
        const int32_t zeros = from_last ? 0 : ROWS - ZEROS;
        fill(MOST_COLS);
        memset(h + zeros * HIDDEN, 0, ZEROS * HIDDEN * sizeof *h);
        add(&with, 0, ROWS, MOST_COLS, from_last, 0);
        add(&skipped, 0, ROWS, MOST_COLS, from_last, ZEROS);
        if (ur_gemm_wide())
            assert_memory_equal(&with, &skipped, sizeof with);
        check_dw(skipped.du, h, HIDDEN, MOST_COLS, from_last);

        memset(&with, 0, sizeof with);
        memset(dy + zeros * MOST_COLS, 0, ZEROS * MOST_COLS * sizeof *dy);
        add(&with, 0, ROWS, MOST_COLS, from_last, 0);
        add(&without, from_last ? ZEROS : 0, ROWS - ZEROS, MOST_COLS, from_last, 0);
        if (ur_gemm_wide())
            assert_memory_equal(&with, &without, sizeof with);
    }
}

/* Nothing but zeros: the gradient stays what it was. */
static void test_all_skipped(void **state)
{
    (void)state;
    struct gradients none = {.du = {0}};
    fill(MOST_COLS);
    add(&none, 0, 5, MOST_COLS, true, 5);
    for (int32_t k = 0; k < HIDDEN * MOST_COLS; k++)
        assert_true(none.du[k] == 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_cut_into_calls),
        cmocka_unit_test(test_rows_of_zeros),
        cmocka_unit_test(test_all_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
