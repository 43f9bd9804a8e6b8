/* exp, sigmoid and tanh against float64 twins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "kernels/activ.h"
#include "near.h"

typedef void kernel(float *y, const float *x, size_t n);
typedef double twin(double x);

static double sigmoid_twin(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* The largest error over floats low..high and -high..-low, every stride-th bit pattern. */
static double worst_ulps(kernel *of, twin *truth, float high, uint32_t stride)
{
    enum { BLOCK = 1024 };
    static float x[BLOCK], y[BLOCK];
    double worst = 0;
    uint32_t last;
    memcpy(&last, &high, sizeof last);
    for (uint32_t bits = 0; bits <= last;) {
        for (size_t k = 0; k < BLOCK; k += 2, bits += stride) {
            const uint32_t at = bits <= last ? bits : last;
            memcpy(&x[k], &at, sizeof at);
            x[k + 1] = -x[k];
        }
        of(y, x, BLOCK);
        for (size_t k = 0; k < BLOCK; k++) {
            const double ulps = ur_test_ulps(y[k], truth((double)x[k]));
            if (!(ulps <= worst))
                worst = ulps;
        }
    }
    return worst;
}

static void test_stated_errors(void **state)
{
    (void)state;
    enum { STRIDE = 1009 };
    assert_true(worst_ulps(ur_exp, exp, 87.3f, STRIDE) <= 1.05);
    assert_true(worst_ulps(ur_sigmoid, sigmoid_twin, 87.3f, STRIDE) <= 2.5);
    assert_true(worst_ulps(ur_tanh, tanh, 100.0f, STRIDE) <= 2.52);
}

static void test_far_out(void **state)
{
    (void)state;
    const float x[] = {-INFINITY, -1e30f, -88.0f, 0.0f, 88.0f, 1e30f, INFINITY};
    enum { N = sizeof x / sizeof *x };
    float y[N];

    ur_sigmoid(y, x, N);
    for (size_t k = 0; k < 3; k++)
        assert_true(y[k] >= 0.0f && y[k] < 1e-37f);
    assert_true(y[3] == 0.5f);
    for (size_t k = 4; k < N; k++)
        assert_true(y[k] == 1.0f);

    ur_tanh(y, x, N);
    for (size_t k = 0; k < 3; k++)
        assert_true(y[k] == -1.0f);
    assert_true(y[3] == 0.0f);
    for (size_t k = 4; k < N; k++)
        assert_true(y[k] == 1.0f);

    ur_exp(y, x, N);
    assert_true(y[0] > 0.0f && y[0] < 1.25e-38f);
    assert_true(y[3] == 1.0f);
    assert_true(isfinite(y[N - 1]) && y[N - 1] > 2e38f);
}

static void test_nan_stays(void **state)
{
    (void)state;
    enum { N = 19 }; /* both the vectors and what is left over */
    float x[N], y[N];
    kernel *const kernels[] = {ur_exp, ur_sigmoid, ur_tanh};
    for (size_t which = 0; which < sizeof kernels / sizeof *kernels; which++)
        for (size_t bad = 0; bad < N; bad++) {
            for (size_t k = 0; k < N; k++)
                x[k] = k == bad ? NAN : 0.25f;
            kernels[which](y, x, N);
            for (size_t k = 0; k < N; k++)
                assert_true(isnan(y[k]) == (k == bad));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stated_errors),
        cmocka_unit_test(test_far_out),
        cmocka_unit_test(test_nan_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
