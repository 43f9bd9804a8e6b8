/* The running mean of the weights against its formula in double, and in a team. */
#include "tiny.h"

#include <math.h>

#include "train/ema.h"

static void test_the_formula(void **state)
{
    (void)state;
    enum { COUNT = 19 };
    const double settings[] = {0.05, 0.5, 0.99, 0.9999};
    for (size_t k = 0; k < 4; k++) {
        float weights[COUNT], mean[COUNT] = {0};
        double truth[COUNT] = {0};
        for (int32_t t = 1; t <= 200; t++) {
            const double d = fmin(settings[k], (1.0 + t) / (10.0 + t));
            const struct ur_ema ema = ur_ema_prepare(settings[k], t);
            for (size_t i = 0; i < COUNT; i++) {
                weights[i] = (float)sin(t * 0.1 + (double)i);
                truth[i] = d * truth[i] + (1 - d) * (double)weights[i];
            }
            ur_ema_apply(&ema, weights, mean, COUNT);
            for (size_t i = 0; i < COUNT; i++)
                assert_true(fabs((double)mean[i] - truth[i]) <= 2e-6);
        }
    }
}

/* Where the weights stand still, so does the mean, as good as floats can. */
static void test_a_mean_of_one_number(void **state)
{
    (void)state;
    const float weight = 3.25F;
    float mean = 0;
    for (int32_t t = 1; t <= 5000; t++) {
        const struct ur_ema ema = ur_ema_prepare(0.99, t);
        ur_ema_apply(&ema, &weight, &mean, 1);
    }
    assert_true(fabsf(mean - weight) < 1e-4F);
}

static void test_a_step_takes_its_weights_in(void **state)
{
    (void)state;
    struct ur_spec spec;
    tiny_spec(&spec);
    struct tiny *without = tiny_open(&spec, 2);
    assert_null(without->team.mean);
    assert_ptr_equal(ur_team_result(&without->team), without->team.weights);
    tiny_close(without);
    spec.train.ema = 0.6;
    float *first = NULL;
    for (int32_t threads = 1; threads <= 3; threads++) {
        struct tiny *tiny = tiny_open(&spec, threads);
        const size_t count = tiny->model.params.n_floats, bytes = count * sizeof(float);
        float *mean = calloc(count, sizeof *mean);
        assert_ptr_equal(ur_team_result(&tiny->team), tiny->team.mean);
        for (int32_t step = 0; step < 12; step++) {
            const struct ur_ema ema = ur_ema_prepare(0.6, step + 1);
            assert_true(ur_step_run(&tiny->team, step).applied);
            ur_ema_apply(&ema, tiny->team.weights, mean, count);
            assert_memory_equal(tiny->team.mean, mean, bytes);
        }
        if (first == NULL)
            first = mean;
        assert_memory_equal(first, mean, bytes);
        if (first != mean)
            free(mean);
        tiny_close(tiny);
    }
    free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_formula),
        cmocka_unit_test(test_a_mean_of_one_number),
        cmocka_unit_test(test_a_step_takes_its_weights_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
