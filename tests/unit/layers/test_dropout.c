/* Dropout's laws: its share, its mean, and that a mask belongs to a sample in an epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/dropout.h"
#include "near.h"

enum { T = 9, B = 12, H = 30, ALL = T * B * H };

static uint32_t epochs[B], samples[B];
static unsigned char kept[ALL], other[ALL];

static int set_up(void **state)
{
    (void)state;
    for (uint32_t row = 0; row < B; row++) {
        epochs[row] = 3 + row / 5;
        samples[row] = 7 * row + 1;
    }
    return 0;
}

static struct ur_dropout dropout_of(double rate)
{
    return (struct ur_dropout){
        .seed = 5, .rate = rate, .site = 2, .epochs = epochs, .samples = samples};
}

static void draw(struct ur_dropout dropout, unsigned char *mask)
{
    memset(mask, 0x7f, ALL);
    ur_dropout_draw(&dropout, (struct ur_dropout_shape){T, B, H}, mask);
}

static void test_share_and_mean(void **state)
{
    (void)state;
    static const double rates[] = {1e-9, 0.1, 0.5, 0.9};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        static float y[ALL], out[ALL];
        const double rate = rates[r], scale = 1.0 / (1.0 - rate);
        double n_kept = 0, sum = 0, sum_out = 0;
        ur_test_fill(y, ALL, 1, 0.5f, 1.5f);
        draw(dropout_of(rate), kept);
        ur_dropout_apply(out, y, kept, rate, ALL);
        for (size_t k = 0; k < ALL; k++) {
            assert_true(kept[k] <= 1);
            assert_near(out[k], kept[k] * scale * (double)y[k], 1e-6 * scale);
            n_kept += kept[k];
            sum += (double)y[k];
            sum_out += (double)out[k];
        }
        /* Five standard errors. */
        assert_near(n_kept / ALL, 1.0 - rate, 5.0 * sqrt(rate * (1.0 - rate) / ALL));
        assert_near(sum_out / ALL, sum / ALL, 5.0 * 1.1 * sqrt(rate * scale / ALL) + 1e-6);
        ur_dropout_apply(y, y, kept, rate, ALL);
        assert_memory_equal(y, out, sizeof y);
    }
}

/* The row's masks in another company, at another place, among fewer rows. */
static void test_a_mask_belongs_to_its_sample(void **state)
{
    (void)state;
    draw(dropout_of(0.4), kept);
    for (size_t row = 0; row < B; row++) {
        const uint32_t epoch[] = {9, epochs[row]}, sample[] = {0, samples[row]};
        struct ur_dropout dropout = dropout_of(0.4);
        dropout.epochs = epoch;
        dropout.samples = sample;
        ur_dropout_draw(&dropout, (struct ur_dropout_shape){T, 2, H}, other);
        for (size_t t = 0; t < T; t++)
            assert_memory_equal(other + (2 * t + 1) * H, kept + (B * t + row) * H, H);
    }
}

static bool row_equals(size_t t, size_t row)
{
    return memcmp(other + (B * t + row) * H, kept + (B * t + row) * H, H) == 0;
}

static void test_everything_in_the_key_counts(void **state)
{
    (void)state;
    draw(dropout_of(0.5), kept);
    struct ur_dropout changed = dropout_of(0.5);
    changed.seed++;
    draw(changed, other);
    assert_false(row_equals(1, 1));
    changed = dropout_of(0.5);
    changed.site++;
    draw(changed, other);
    assert_false(row_equals(1, 1));
    epochs[1]++;
    samples[2]++;
    draw(dropout_of(0.5), other);
    assert_true(row_equals(1, 0));
    assert_false(row_equals(1, 1));
    assert_false(row_equals(1, 2));
    for (size_t t = 1; t < T; t++)
        assert_memory_not_equal(kept + B * t * H, kept, H);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_share_and_mean, set_up),
        cmocka_unit_test_setup(test_a_mask_belongs_to_its_sample, set_up),
        cmocka_unit_test_setup(test_everything_in_the_key_counts, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
