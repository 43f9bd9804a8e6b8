/* Softmax and its logarithm against float64 twins, and how NaN and infinities come through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/softmax.h"
#include "near.h"

static void test_logarithm(void **state)
{
    (void)state;
    for (double x = 1.0; x < 1e300; x *= 1.0037)
        assert_near(ur_log_above_one(x), log(x), 4e-16 * fmax(1.0, log(x)));
    /* Sums just above one are what a sure network gives. */
    for (double small = 1e-15; small < 0.5; small *= 1.7)
        assert_near(ur_log_above_one(1.0 + small), log1p(small), 2e-16 + 4e-16 * small);
    assert_true(ur_log_above_one(1.0) == 0.0);
    assert_true(isnan(ur_log_above_one((double)NAN)));
    assert_true(ur_log_above_one((double)INFINITY) == (double)INFINITY);
}

static void check_row(const float *x, size_t n)
{
    float p[16];
    double largest = (double)x[0], sum = 0.0;
    for (size_t k = 1; k < n; k++)
        largest = fmax(largest, (double)x[k]);
    for (size_t k = 0; k < n; k++)
        sum += exp((double)x[k] - largest);

    const double log_sum = ur_softmax(p, x, n);
    assert_near(log_sum, largest + log(sum), 2e-7);
    for (size_t k = 0; k < n; k++)
        assert_near(p[k], exp((double)x[k] - largest) / sum, 2e-7);
}

static void test_probabilities(void **state)
{
    (void)state;
    float x[16];
    for (uint32_t seed = 0; seed < 200; seed++) {
        const float range = 0.1f + 0.5f * (float)seed;
        const size_t n = 1 + seed % 16;
        ur_test_fill(x, n, seed, -range, range);
        check_row(x, n);
    }
}

static void test_in_place(void **state)
{
    (void)state;
    float x[10], p[10];
    ur_test_fill(x, 10, 1, -3.0f, 3.0f);
    ur_softmax(p, x, 10);
    ur_softmax(x, x, 10);
    assert_memory_equal(p, x, sizeof p);
}

static void test_large_logits_do_not_overflow(void **state)
{
    (void)state;
    const float x[3] = {3e38f, 0.0f, -3e38f};
    float p[3];
    assert_near(ur_softmax(p, x, 3), 3e38f, 0.0);
    assert_true(p[0] == 1.0f);
    assert_true(p[1] < 1e-37f && p[2] < 1e-37f);
}

static void test_nan_and_infinity_spoil_the_row(void **state)
{
    (void)state;
    for (size_t bad = 0; bad < 4; bad++)
        for (int which = 0; which < 2; which++) {
            float x[4] = {0.5f, -0.5f, 1.5f, 0.0f}, p[4];
            x[bad] = which ? INFINITY : NAN;
            assert_true(isnan(ur_softmax(p, x, 4)));
            for (size_t k = 0; k < 4; k++)
                assert_true(isnan(p[k]));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logarithm),
        cmocka_unit_test(test_probabilities),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_large_logits_do_not_overflow),
        cmocka_unit_test(test_nan_and_infinity_spoil_the_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
