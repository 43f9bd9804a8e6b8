/* Cross-entropy of a shard: numbers, padding, ties, and what is not finite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/loss.h"
#include "near.h"

enum { ROWS = 4, CLASSES = 5 };

static float logits[ROWS * CLASSES], dlogits[ROWS * CLASSES];
static const int32_t labels[ROWS] = {0, 4, 2, 2};
static const float weights[ROWS] = {1.0f, 1.0f, 1.0f, 0.0f};

static float smoothing;

static struct ur_shard_sums compute(void)
{
    for (size_t k = 0; k < ROWS * CLASSES; k++)
        dlogits[k] = NAN;
    return ur_loss_cross_entropy(dlogits, logits, labels, weights, 0.125f, smoothing, ROWS,
                                 CLASSES);
}

static void test_against_float64(void **state)
{
    (void)state;
    ur_test_fill(logits, ROWS * CLASSES, 1, -3.0f, 3.0f);
    const struct ur_shard_sums sums = compute();
    double loss = 0.0;
    for (size_t row = 0; row < ROWS; row++) {
        const float *x = logits + row * CLASSES;
        double total = 0.0;
        for (size_t k = 0; k < CLASSES; k++)
            total += exp((double)x[k]);
        loss += (double)weights[row] * (log(total) - (double)x[labels[row]]);
        for (size_t k = 0; k < CLASSES; k++) {
            const double truth = exp((double)x[k]) / total - (k == (size_t)labels[row]);
            assert_near(dlogits[row * CLASSES + k], truth * (double)weights[row] / 8.0, 1e-7);
        }
    }
    assert_near(sums.loss, loss, 1e-6);
    assert_near(sums.weight, 3.0, 0.0);
}

/* The loss is the mean of the plain losses of all labels, weighted by the target. */
static void test_smoothing_spreads_the_target(void **state)
{
    (void)state;
    ur_test_fill(logits, ROWS * CLASSES, 3, -3.0f, 3.0f);
    const struct ur_shard_sums plain = compute();
    float of_plain[ROWS * CLASSES];
    memcpy(of_plain, dlogits, sizeof dlogits);
    smoothing = 0.25f;
    const struct ur_shard_sums sums = compute();
    smoothing = 0.0f;

    double loss = 0.75 * plain.loss;
    for (size_t row = 0; row < 3; row++) {
        double total = 0.0;
        for (size_t k = 0; k < CLASSES; k++)
            total += exp((double)logits[row * CLASSES + k]);
        for (size_t k = 0; k < CLASSES; k++) {
            const size_t at = row * CLASSES + k;
            loss += 0.25 / CLASSES * (log(total) - (double)logits[at]);
            const double moved = 0.25 * (k == (size_t)labels[row]) - 0.25 / CLASSES;
            assert_near(dlogits[at], (double)of_plain[at] + 0.125 * moved, 1e-7);
        }
    }
    assert_near(sums.loss, loss, 1e-6);
    assert_int_equal(sums.correct, plain.correct);
    for (size_t k = 3 * CLASSES; k < ROWS * CLASSES; k++)
        assert_true(dlogits[k] == 0.0f);
}

static void test_padding_contributes_nothing(void **state)
{
    (void)state;
    ur_test_fill(logits, ROWS * CLASSES, 2, -3.0f, 3.0f);
    const struct ur_shard_sums clean = compute();
    for (size_t k = 0; k < CLASSES; k++)
        logits[3 * CLASSES + k] = NAN;
    const struct ur_shard_sums dirty = compute();
    assert_true(clean.loss == dirty.loss);
    assert_int_equal(clean.correct, dirty.correct);
    for (size_t k = 0; k < CLASSES; k++)
        assert_true(dlogits[3 * CLASSES + k] == 0.0f);
}

static void test_lower_index_wins_a_tie(void **state)
{
    (void)state;
    memset(logits, 0, sizeof logits);
    int32_t correct = compute().correct;
    assert_int_equal(correct, 1); /* all equal: class 0 is the answer */
    logits[1 * CLASSES + 4] = 1.0f;
    logits[2 * CLASSES + 2] = logits[2 * CLASSES + 3] = 2.0f;
    logits[3 * CLASSES + 2] = 1.0f; /* padding is never correct */
    correct = compute().correct;
    assert_int_equal(correct, 3);
}

static void test_what_is_not_finite_shows_in_the_loss(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < 3; k++) {
        memset(logits, 0, sizeof logits);
        logits[0] = bad[k];
        const bool finite = isfinite(compute().loss);
        assert_false(finite);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_float64),
        cmocka_unit_test(test_smoothing_spreads_the_target),
        cmocka_unit_test(test_padding_contributes_nothing),
        cmocka_unit_test(test_lower_index_wins_a_tie),
        cmocka_unit_test(test_what_is_not_finite_shows_in_the_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
