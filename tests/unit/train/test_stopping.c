/* When a run is ended early, epoch by epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "train/stopping.h"

static struct ur_spec spec_of(int32_t patience, double min_delta)
{
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.train.early_stopping.on = 1;
    spec.train.early_stopping.patience = patience;
    spec.train.early_stopping.min_delta = min_delta;
    return spec;
}

/* Gives the number of the epoch, from 1, after which it is over; 0: none. */
static int32_t over_after(const struct ur_spec *spec, const double *accuracies, int32_t count)
{
    struct ur_stopping stopping = ur_stopping_start();
    assert_false(ur_stopping_is_over(&stopping, spec));
    for (int32_t epoch = 0; epoch < count; epoch++) {
        ur_stopping_advance(&stopping, spec, accuracies[epoch]);
        assert_true(ur_stopping_possible(&stopping));
        if (ur_stopping_is_over(&stopping, spec))
            return epoch + 1;
    }
    return 0;
}

static void test_patience_is_what_is_let_pass(void **state)
{
    (void)state;
    const double accuracies[] = {0.5, 0.6, 0.6, 0.59, 0.61, 0.5, 0.61, 0.6, 0.4, 0.9};
    struct ur_spec spec = spec_of(1, 0);
    assert_int_equal(over_after(&spec, accuracies, 10), 4);
    spec = spec_of(2, 0);
    assert_int_equal(over_after(&spec, accuracies, 10), 8);
    spec = spec_of(3, 0);
    assert_int_equal(over_after(&spec, accuracies, 10), 9);
    spec = spec_of(4, 0);
    assert_int_equal(over_after(&spec, accuracies, 10), 0);
    spec.train.early_stopping.on = 0;
    spec.train.early_stopping.patience = 0;
    assert_int_equal(over_after(&spec, accuracies, 10), 0);
}

/* Small steps add up: what is to be passed is the last one that counted. */
static void test_how_much_better_is_better(void **state)
{
    (void)state;
    const double accuracies[] = {0.5, 0.55, 0.59, 0.65, 0.7, 0.74, 0.76, 0.7};
    struct ur_spec spec = spec_of(2, 0.1);
    assert_int_equal(over_after(&spec, accuracies, 8), 0);
    spec = spec_of(1, 0.1);
    assert_int_equal(over_after(&spec, accuracies, 8), 3);
}

static void test_the_first_counts_and_no_number_does_not(void **state)
{
    (void)state;
    const double accuracies[] = {0, 0, (double)NAN, 0};
    struct ur_spec spec = spec_of(2, 0);
    assert_int_equal(over_after(&spec, accuracies, 4), 4);
    spec = spec_of(2, 1);
    assert_int_equal(over_after(&spec, accuracies, 4), 4);
}

static void test_time(void **state)
{
    (void)state;
    struct ur_spec spec = spec_of(1, 0);
    assert_false(ur_stopping_is_late(&spec, 1e9));
    spec.train.time_budget_s = 60;
    assert_false(ur_stopping_is_late(&spec, 59.999));
    assert_true(ur_stopping_is_late(&spec, 60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patience_is_what_is_let_pass),
        cmocka_unit_test(test_how_much_better_is_better),
        cmocka_unit_test(test_the_first_counts_and_no_number_does_not),
        cmocka_unit_test(test_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
