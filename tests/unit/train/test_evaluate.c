/* Evaluation: every sequence once, the same numbers at any thread count, and an end when
 * asked. */
#include "tiny.h"

#include <math.h>

#include "train/evaluate.h"

static struct ur_evaluation evaluate(const struct tiny *tiny, enum ur_split split,
                                     uint32_t counts[TINY_CLASSES * TINY_CLASSES])
{
    struct ur_evaluation evaluation = {.split = split, .counts = counts, .n_first = 10};
    struct ur_error error = {0};
    assert_int_equal(ur_evaluate(&tiny->team, NULL, &evaluation, &error), UR_OK);
    return evaluation;
}

static void test_counts_and_score_agree(void **state)
{
    (void)state;
    struct ur_spec spec;
    tiny_spec(&spec);
    struct tiny *tiny = tiny_open(&spec, 2);
    for (int32_t step = 0; step < 6; step++) /* enough to be right sometimes, not always */
        ur_step_run(&tiny->team, step);
    const enum ur_split splits[] = {UR_SPLIT_TRAIN, UR_SPLIT_VALIDATION, UR_SPLIT_TEST};
    const int32_t images[] = {TINY_TRAIN - 20, 20, TINY_TEST};
    for (size_t k = 0; k < 3; k++) {
        uint32_t counts[TINY_CLASSES * TINY_CLASSES], total = 0, right = 0;
        const struct ur_evaluation evaluation = evaluate(tiny, splits[k], counts);
        for (size_t i = 0; i < TINY_CLASSES * TINY_CLASSES; i++)
            total += counts[i];
        for (size_t i = 0; i < TINY_CLASSES; i++)
            right += counts[i * TINY_CLASSES + i];
        assert_int_equal(evaluation.score.images, images[k]);
        assert_int_equal(total, images[k]);
        assert_true(evaluation.score.accuracy == (double)right / images[k]);
        assert_true(isfinite(evaluation.score.loss) && evaluation.score.loss > 0);
        assert_in_range(evaluation.first_correct, 0, 10);
    }
    tiny_close(tiny);
}

/* The same weights score the same whether their training drops or not. */
static void test_nothing_is_dropped(void **state)
{
    (void)state;
    struct ur_spec spec;
    uint32_t counts[TINY_CLASSES * TINY_CLASSES], again[TINY_CLASSES * TINY_CLASSES];
    tiny_spec(&spec);
    spec.model.dropout = 0.5;
    spec.model.layers = 2;
    struct tiny *tiny = tiny_open(&spec, 2);
    for (int32_t step = 0; step < 6; step++)
        ur_step_run(&tiny->team, step);
    const struct ur_evaluation first = evaluate(tiny, UR_SPLIT_TEST, counts);
    tiny->model.dropout = 0.0;
    const struct ur_evaluation second = evaluate(tiny, UR_SPLIT_TEST, again);
    assert_true(first.score.loss == second.score.loss);
    assert_memory_equal(counts, again, sizeof counts);
    tiny_close(tiny);
}

/* The test labels run 0 1 2 0 1 2 ...: the rows of the matrix have their counts, whatever a
 * network that has learnt nothing makes of them. */
static void test_rows_are_the_true_classes(void **state)
{
    (void)state;
    struct ur_spec spec;
    uint32_t counts[TINY_CLASSES * TINY_CLASSES];
    tiny_spec(&spec);
    struct tiny *tiny = tiny_open(&spec, 2);
    const struct ur_tensor *bias = ur_params_find(&tiny->model.params, "dense.b");
    tiny->team.weights[bias->offset + 1] = 100; /* everything is called 1 */
    evaluate(tiny, UR_SPLIT_TEST, counts);
    const uint32_t expected[] = {0, 13, 0, 0, 12, 0, 0, 12, 0};
    assert_memory_equal(counts, expected, sizeof expected);
    tiny_close(tiny);
}

static void test_threads_never_change_a_bit(void **state)
{
    (void)state;
    struct ur_spec spec;
    struct ur_evaluation expected = {0};
    tiny_spec(&spec);
    for (int32_t threads = 1; threads <= 8; threads++) {
        uint32_t counts[TINY_CLASSES * TINY_CLASSES];
        struct tiny *tiny = tiny_open(&spec, threads);
        for (int32_t step = 0; step < 6; step++)
            ur_step_run(&tiny->team, step);
        const struct ur_evaluation evaluation = evaluate(tiny, UR_SPLIT_TEST, counts);
        if (threads == 1)
            expected = evaluation;
        assert_true(evaluation.score.loss == expected.score.loss);
        assert_true(evaluation.score.accuracy == expected.score.accuracy);
        assert_int_equal(evaluation.first_correct, expected.first_correct);
        tiny_close(tiny);
    }
}

static void test_an_empty_split_has_no_score(void **state)
{
    (void)state;
    struct ur_spec spec;
    uint32_t counts[TINY_CLASSES * TINY_CLASSES];
    tiny_spec(&spec);
    spec.train.validation = 0;
    struct tiny *tiny = tiny_open(&spec, 2);
    const struct ur_evaluation evaluation = evaluate(tiny, UR_SPLIT_VALIDATION, counts);
    assert_int_equal(evaluation.score.images, 0);
    assert_true(isnan(evaluation.score.loss) && isnan(evaluation.score.accuracy));
    tiny_close(tiny);
}

static enum ur_status give_up(void *context, float done)
{
    int *calls = context;
    assert_true(done > 0 && done <= 1);
    return ++*calls == 1 ? UR_OK : UR_INTERRUPTED;
}

static void test_a_watcher_can_end_it(void **state)
{
    (void)state;
    struct ur_spec spec;
    int calls = 0;
    uint32_t counts[TINY_CLASSES * TINY_CLASSES];
    tiny_spec(&spec);
    struct tiny *tiny = tiny_open(&spec, 1);
    tiny->order.n_train = TINY_TRAIN - 20; /* nine shards of eight: two blocks */
    const struct ur_watcher watcher = {.watch = give_up, .context = &calls};
    struct ur_evaluation evaluation = {.split = UR_SPLIT_TRAIN, .counts = counts};
    assert_int_equal(ur_evaluate(&tiny->team, &watcher, &evaluation, NULL), UR_INTERRUPTED);
    assert_int_equal(calls, 2);
    tiny_close(tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_and_score_agree),
        cmocka_unit_test(test_nothing_is_dropped),
        cmocka_unit_test(test_rows_are_the_true_classes),
        cmocka_unit_test(test_threads_never_change_a_bit),
        cmocka_unit_test(test_an_empty_split_has_no_score),
        cmocka_unit_test(test_a_watcher_can_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
