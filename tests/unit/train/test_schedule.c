/* The functions of one number against the C library's, and learning rates at the edges of what
 * a spec may say; tests/golden/test_optim.c compares them with PyTorch's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "train/scalar.h"
#include "train/schedule.h"

/* The comparison is written so that a NaN fails. */
static void assert_within(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.17g is not %.17g within %g", got, want, tolerance);
}

static void test_scalars(void **state)
{
    (void)state;
    for (int k = -1600; k <= 1600; k++) {
        const double x = k / 100.0;
        assert_within(ur_scalar_exp(x), exp(x), 1e-14 * exp(x));
    }
    for (int k = 0; k <= 1000; k++)
        assert_within(ur_scalar_cos_half_turns(k / 1000.0), cos(k / 1000.0 * 3.141592653589793),
                      4e-16);
    assert_true(ur_scalar_exp(0) == 1);
    for (double x = 1e-6; x <= 1; x *= 1.01)
        assert_within(ur_scalar_log(x), log(x), 1e-14 * fmax(1, -log(x)));
    assert_true(ur_scalar_log(1) == 0);
    assert_true(ur_scalar_cos_half_turns(0) == 1 && ur_scalar_cos_half_turns(1) == -1);
    assert_true(ur_scalar_power(3, 0) == 1 && ur_scalar_power(3, 13) == 1594323);
    assert_true(ur_scalar_power(0, 5) == 0 && ur_scalar_power(0.5, INT32_MAX) == 0);
}

static struct ur_spec spec_of(enum ur_schedule schedule)
{
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.train.schedule = (int32_t)schedule;
    spec.train.learning_rate = 0.25;
    return spec;
}

static void test_exponential_is_smooth_between_its_steps(void **state)
{
    (void)state;
    struct ur_spec spec = spec_of(UR_SCHEDULE_EXPONENTIAL);
    spec.train.step_size = 50;
    const double gammas[] = {1e-6, 0.1, 0.999, 1};
    for (size_t g = 0; g < 4; g++) {
        spec.train.gamma = gammas[g];
        for (int32_t t = 1; t <= 200; t++) {
            const double want = 0.25 * pow(gammas[g], (t - 1) / 50.0);
            assert_within(ur_schedule_rate(&spec, 200, t), want, 1e-13 * want);
        }
    }
}

/* Every schedule at every step of short runs and around the ends of long ones: a rate is never
 * below zero, and only rounding may lift it above the learning rate. */
static void assert_rates_in_bounds(const struct ur_spec *spec, int32_t steps)
{
    for (int64_t t = 1; t <= steps; t += t == 50 && steps > 100 ? steps - 100 : 1) {
        const double rate = ur_schedule_rate(spec, steps, (int32_t)t);
        if (!(rate >= 0 && rate <= spec->train.learning_rate * (1 + 1e-15)))
            fail_msg("schedule %d, step %d of %d: %.17g", (int)spec->train.schedule, (int)t,
                     (int)steps, rate);
    }
}

static void test_rates_stay_in_bounds(void **state)
{
    (void)state;
    const int32_t steps[] = {1, 2, 3, 10, 97, 10000000, INT32_MAX};
    const int32_t warmups[] = {0, 1, 2, 9, 10, 11, 10000000};
    const double shares[] = {0, 1e-300, 0.1, 0.3, 0.5, 0.999999, 1};
    for (size_t k = 0; k < 5 * 7 * 7 * 7; k++) {
        struct ur_spec spec = spec_of((enum ur_schedule)(k % 5));
        const double share = shares[k / 5 % 7];
        spec.train.pct_start = share;
        spec.train.min_factor = share;
        spec.train.gamma = fmax(share, 1e-6);
        spec.train.step_size = share > 0.2 ? 1 : 10000000;
        spec.train.div_factor = share < 0.5 ? 1 : 1e9;
        spec.train.warmup_steps = warmups[k / 35 % 7];
        assert_rates_in_bounds(&spec, steps[k / 245]);
    }
}

static void test_warmup_rises_to_where_the_schedule_begins(void **state)
{
    (void)state;
    for (int32_t schedule = 0; schedule < 5; schedule++) {
        struct ur_spec spec = spec_of((enum ur_schedule)schedule);
        const double first = schedule == UR_SCHEDULE_ONECYCLE ? 0.01 : 0.25;
        spec.train.warmup_steps = 8;
        for (int32_t t = 1; t <= 8; t++)
            assert_within(ur_schedule_rate(&spec, 100, t), first * t / 8, 1e-16);
        assert_within(ur_schedule_rate(&spec, 100, 9), first, 1e-16);
        assert_within(ur_schedule_rate(&spec, 4, 4), first / 2, 1e-16); /* never gets there */
    }
}

static void test_ends_of_cosine_and_onecycle(void **state)
{
    (void)state;
    struct ur_spec spec = spec_of(UR_SCHEDULE_COSINE);
    assert_true(ur_schedule_rate(&spec, 100, 1) == 0.25);
    assert_within(ur_schedule_rate(&spec, 100, 51), 0.125, 1e-16);
    assert_true(ur_schedule_rate(&spec, 100, 100) < 1e-3 * 0.25);
    spec.train.schedule = UR_SCHEDULE_ONECYCLE;
    assert_within(ur_schedule_rate(&spec, 100, 30), 0.25, 1e-16);
    assert_within(ur_schedule_rate(&spec, 100, 100), 0.25 / 25 / 1e4, 1e-16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_exponential_is_smooth_between_its_steps),
        cmocka_unit_test(test_rates_stay_in_bounds),
        cmocka_unit_test(test_warmup_rises_to_where_the_schedule_begins),
        cmocka_unit_test(test_ends_of_cosine_and_onecycle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
