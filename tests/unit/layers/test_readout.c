/* Every readout: what they give, and that backward is forward's transpose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/readout.h"
#include "near.h"

enum { STEPS = 5, BLOCK = 33 };

static float y[STEPS * BLOCK], out[BLOCK], dout[BLOCK];

static void test_last(void **state)
{
    (void)state;
    ur_test_fill(y, STEPS * BLOCK, 1, -1.0f, 1.0f);
    ur_readout_last_forward(out, y, STEPS, BLOCK);
    assert_memory_equal(out, y + (STEPS - 1) * BLOCK, sizeof out);

    const struct ur_output_gradient dy = ur_readout_last_backward(dout, STEPS);
    assert_ptr_equal(dy.blocks, dout);
    assert_int_equal(dy.first, STEPS - 1);
}

static void test_mean(void **state)
{
    (void)state;
    ur_test_fill(y, STEPS * BLOCK, 2, -1.0f, 1.0f);
    ur_readout_mean_forward(out, y, STEPS, BLOCK);
    for (size_t k = 0; k < BLOCK; k++) {
        double sum = 0.0;
        for (size_t t = 0; t < STEPS; t++)
            sum += (double)y[t * BLOCK + k];
        assert_near(out[k], sum / STEPS, 2e-7);
    }

    ur_test_fill(dout, BLOCK, 3, -1.0f, 1.0f);
    memcpy(out, dout, sizeof dout);
    const struct ur_output_gradient dy = ur_readout_mean_backward(dout, STEPS, BLOCK);
    assert_int_equal(dy.first, 0);
    assert_int_equal(dy.stride, 0);
    for (size_t k = 0; k < BLOCK; k++)
        assert_near(dy.blocks[k], (double)out[k] / STEPS, 1e-7);
}

static void test_first(void **state)
{
    (void)state;
    ur_test_fill(y, STEPS * BLOCK, 4, -1.0f, 1.0f);
    ur_readout_first_forward(out, y, BLOCK);
    assert_memory_equal(out, y, sizeof out);
    const struct ur_output_gradient dy = ur_readout_first_backward(dout);
    assert_ptr_equal(dy.blocks, dout);
    assert_int_equal(dy.first, 0);
    assert_int_equal(dy.end, 1);
}

/* Of equal steps the first gets all. */
static void test_max(void **state)
{
    (void)state;
    static float dy[STEPS * BLOCK], given[BLOCK];
    ur_test_fill(y, STEPS * BLOCK, 5, -1.0f, 1.0f);
    for (size_t t = 1; t < STEPS; t++)
        y[t * BLOCK] = y[0];
    y[3 * BLOCK + 1] = y[4 * BLOCK + 1] = 2.0f;
    ur_readout_max_forward(out, y, STEPS, BLOCK);
    ur_test_fill(dout, BLOCK, 6, -1.0f, 1.0f);
    memcpy(given, dout, sizeof given);
    const struct ur_output_gradient got =
        ur_readout_max_backward(dy, dout, out, y, STEPS, BLOCK);
    assert_int_equal(got.stride, BLOCK);
    assert_int_equal(got.first, 0);
    assert_int_equal(got.end, STEPS);
    for (size_t k = 0; k < BLOCK; k++) {
        size_t best = 0;
        for (size_t t = 1; t < STEPS; t++)
            if (y[t * BLOCK + k] > y[best * BLOCK + k])
                best = t;
        assert_true(out[k] == y[best * BLOCK + k]);
        for (size_t t = 0; t < STEPS; t++)
            assert_true(got.blocks[t * BLOCK + k] == (t == best ? given[k] : 0.0f));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
