/* Fresh images: every row of every step is its own epoch's, wherever a run begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/fresh.h"
#include "unroll/record.h"

enum { IMAGE = UR_DIGITS_SIDE * UR_DIGITS_SIDE, COUNT = 70, VALIDATION = 10, BATCH = 32 };
enum { STEPS = 12 }; /* 384 rows: six epochs of 60 and a part of a seventh */

struct set {
    struct ur_spec spec;
    struct ur_dataset dataset;
    struct ur_order order;
    struct ur_fresh fresh;
};

static enum ur_status open_set(struct set *set, const char *name, int32_t batch)
{
    const struct ur_dataset_request request = {.name = name, .count = COUNT, .seed = 9};
    *set = (struct set){.dataset = {.name = ""}};
    ur_spec_defaults(&set->spec);
    set->spec.data.seed = 9;
    set->spec.data.count = COUNT;
    set->spec.data.fresh = 1;
    set->spec.train.batch = batch;
    set->spec.train.validation = VALIDATION;
    assert_int_equal(ur_dataset_open(&set->dataset, &request, NULL), UR_OK);
    assert_int_equal(ur_order_init(&set->order, &set->spec, &set->dataset.shape, NULL), UR_OK);
    return ur_fresh_init(&set->fresh, &set->spec, STEPS, &set->order, &set->dataset, NULL);
}

static void close_set(struct set *set)
{
    ur_fresh_release(&set->fresh);
    ur_order_release(&set->order);
    ur_dataset_close(&set->dataset);
}

static void check_row(const float *x, int32_t row, const uint8_t *image)
{
    for (int32_t t = 0; t < UR_DIGITS_SIDE; t++)
        for (int32_t i = 0; i < UR_DIGITS_SIDE; i++)
            assert_true(x[(t * BATCH + row) * UR_DIGITS_SIDE + i] ==
                        (float)image[t * UR_DIGITS_SIDE + i] / 255.0f);
}

/* Each row against the image that is drawn for its epoch and sample alone. */
static void check_step(const struct set *set, int32_t step)
{
    static float x[UR_DIGITS_SIDE * BATCH * UR_DIGITS_SIDE], weights[BATCH];
    int32_t labels[BATCH], lengths[BATCH];
    uint32_t epochs[BATCH], samples[BATCH];
    uint8_t image[IMAGE];
    ur_batch_fill(&set->order, &set->dataset, step, 0, BATCH, x, labels, weights, lengths);
    ur_batch_places(&set->order, step, 0, BATCH, epochs, samples);
    for (int32_t row = 0; row < BATCH; row++) {
        const struct ur_digits_job job = {
            .seed = 9, .split = UR_DIGITS_TRAIN, .epoch = epochs[row]};
        ur_digits_draw(&job, samples[row], image);
        check_row(x, row, image);
        assert_int_equal(labels[row], samples[row] % 10);
    }
}

static void check_validation(const struct set *set)
{
    uint8_t image[IMAGE];
    const struct ur_digits_job job = {.seed = 9, .split = UR_DIGITS_TRAIN};
    for (int32_t i = 0; i < VALIDATION; i++) {
        const uint32_t sample = set->order.split[set->order.n_train + i];
        ur_digits_draw(&job, sample, image);
        assert_memory_equal(set->dataset.train_x + (size_t)sample * IMAGE, image, IMAGE);
        assert_memory_equal(set->dataset.odd_x + (size_t)sample * IMAGE, image, IMAGE);
    }
}

static void test_every_row_is_of_its_epoch(void **state)
{
    (void)state;
    const struct ur_fresh_watcher watcher = {NULL, NULL};
    for (int32_t first = 0; first < STEPS;
         first++) { /* a run from the start, and resumed ones */
        struct set set;
        assert_int_equal(open_set(&set, "digits", BATCH), UR_OK);
        for (int32_t step = first; step < STEPS; step++) {
            assert_int_equal(ur_fresh_before(&set.fresh, step, &watcher), UR_OK);
            check_step(&set, step);
        }
        check_validation(&set);
        close_set(&set);
    }
}

static enum ur_status cancel(void *context, float done)
{
    (void)done;
    ++*(int32_t *)context;
    return UR_CANCELLED;
}

/* Who waits for images is asked whether it still wants them. */
static void test_waiting_can_be_ended(void **state)
{
    (void)state;
    struct set set;
    int32_t calls = 0;
    const struct ur_fresh_watcher watcher = {cancel, &calls};
    const struct ur_dataset_request request = {.name = "digits", .count = 1500, .seed = 9};
    assert_int_equal(open_set(&set, "digits", BATCH), UR_OK);
    close_set(&set);
    set.spec.data.count = 1500;
    assert_int_equal(ur_dataset_open(&set.dataset, &request, NULL), UR_OK);
    assert_int_equal(ur_order_init(&set.order, &set.spec, &set.dataset.shape, NULL), UR_OK);
    assert_int_equal(ur_fresh_init(&set.fresh, &set.spec, 4000, &set.order, &set.dataset, NULL),
                     UR_OK);
    assert_int_equal(ur_fresh_before(&set.fresh, 2000, &watcher), UR_CANCELLED);
    assert_true(calls > 0);
    close_set(&set);
}

/* A minibatch longer than an epoch would need three sets at once. */
static void test_limits(void **state)
{
    (void)state;
    struct set set;
    assert_int_equal(open_set(&set, "digits", COUNT - VALIDATION + 1), UR_INVALID_SPEC);
    close_set(&set);
    assert_int_equal(open_set(&set, "digits", COUNT - VALIDATION), UR_OK);
    close_set(&set);
    assert_int_equal(open_set(&set, "digits", BATCH), UR_OK);
    ur_copy(set.dataset.kind, sizeof set.dataset.kind, "idx");
    ur_fresh_release(&set.fresh);
    assert_int_equal(
        ur_fresh_init(&set.fresh, &set.spec, STEPS, &set.order, &set.dataset, NULL),
        UR_INVALID_SPEC);
    close_set(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_of_its_epoch),
        cmocka_unit_test(test_waiting_can_be_ended),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
