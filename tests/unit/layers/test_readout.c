/* Both readouts: what they give, and that backward is forward's transpose. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
