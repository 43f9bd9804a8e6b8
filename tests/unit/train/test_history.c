/* The HISTORY section: what goes in comes out, and nothing else is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "train/history.h"
#include "unroll/wire.h"

static const struct ur_history sample = {
    .sums = {.loss = 12.25, .correct = 5000000000, .steps = 3},
    .last = {.loss = 0.125, .correct = 17, .steps = 430},
    .epoch = 2,
    .seconds = 100.5,
    .step_seconds = 90.25,
    .epoch_seconds = 60,
    .plateau = {.factor = 0.25, .best = 0.5, .waited = 2},
    .stopping = {.best = 0.75, .waited = 3},
};

static void test_round_trip(void **state)
{
    (void)state;
    unsigned char bytes[UR_HISTORY_BYTES];
    struct ur_history read;
    ur_history_encode(&sample, bytes);
    assert_int_equal(ur_history_decode(&read, bytes, sizeof bytes, NULL), UR_OK);
    assert_true(read.sums.loss == sample.sums.loss && read.sums.steps == sample.sums.steps);
    assert_true(read.sums.correct == sample.sums.correct);
    assert_true(read.last.loss == sample.last.loss && read.last.steps == sample.last.steps);
    assert_true(read.last.correct == sample.last.correct && read.epoch == sample.epoch);
    assert_true(read.seconds == sample.seconds && read.step_seconds == sample.step_seconds);
    assert_true(read.epoch_seconds == sample.epoch_seconds);
    assert_true(read.plateau.factor == 0.25 && read.plateau.best == 0.5);
    assert_true(read.stopping.best == 0.75);
    assert_int_equal(read.plateau.waited, 2);
    assert_int_equal(read.stopping.waited, 3);
}

/* Before the first epoch there is no best loss, and that too comes back. */
static void test_the_first_history_round_trips(void **state)
{
    (void)state;
    unsigned char bytes[UR_HISTORY_BYTES];
    struct ur_history read;
    const struct ur_history first = ur_history_start();
    ur_history_encode(&first, bytes);
    assert_int_equal(ur_history_decode(&read, bytes, sizeof bytes, NULL), UR_OK);
    assert_true(isinf(read.plateau.best) && read.plateau.factor == 1);
    assert_true(read.stopping.best < 0);
}

static void test_every_other_length_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[UR_HISTORY_BYTES + 8] = {0};
    struct ur_history read;
    ur_history_encode(&sample, bytes);
    for (size_t n = 0; n <= sizeof bytes; n++)
        if (n != UR_HISTORY_BYTES)
            assert_int_equal(ur_history_decode(&read, bytes, n, NULL), UR_BAD_CHECKPOINT);
}

static void test_impossible_numbers_are_refused(void **state)
{
    (void)state;
    struct ur_history wrong[14];
    const size_t count = sizeof wrong / sizeof wrong[0];
    for (size_t i = 0; i < count; i++)
        wrong[i] = sample;
    wrong[0].sums.loss = (double)NAN;
    wrong[1].sums.steps = -1;
    wrong[2].last.correct = -1;
    wrong[3].epoch = -1;
    wrong[4].seconds = -1;
    wrong[5].step_seconds = (double)INFINITY;
    wrong[6].plateau.factor = 1.5;
    wrong[7].plateau.factor = -0.5;
    wrong[8].plateau.factor = (double)NAN;
    wrong[9].plateau.best = (double)NAN;
    wrong[10].plateau.waited = -1;
    wrong[11].stopping.best = 1.5;
    wrong[12].stopping.best = (double)NAN;
    wrong[13].stopping.waited = -1;
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[UR_HISTORY_BYTES];
        struct ur_history read;
        ur_history_encode(&wrong[i], bytes);
        assert_int_equal(ur_history_decode(&read, bytes, sizeof bytes, NULL),
                         UR_BAD_CHECKPOINT);
    }
}

static void test_another_version_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[UR_HISTORY_BYTES];
    struct ur_history read;
    ur_history_encode(&sample, bytes);
    bytes[0]++;
    assert_int_equal(ur_history_decode(&read, bytes, sizeof bytes, NULL), UR_BAD_CHECKPOINT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_the_first_history_round_trips),
        cmocka_unit_test(test_every_other_length_is_refused),
        cmocka_unit_test(test_impossible_numbers_are_refused),
        cmocka_unit_test(test_another_version_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
