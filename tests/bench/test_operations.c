/* The counts behind `gflops`, against sums made by hand for T = 3 steps, B = 2 rows, I = 5
 * values, H = 4 units and C = 3 classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "operations.h"

static const struct bench_shape SMALL = {.cell = UR_CELL_LSTM,
                                         .readout = UR_READOUT_LAST,
                                         .layers = 1,
                                         .hidden = 4,
                                         .batch = 2,
                                         .steps = 3,
                                         .width = 5,
                                         .classes = 3};

/* The counts are whole numbers far below 2^53. */
static int64_t step_of(struct bench_shape shape)
{
    return (int64_t)bench_step_operations(&shape);
}

static int64_t forward_of(struct bench_shape shape)
{
    return (int64_t)bench_forward_operations(&shape);
}

/* With W 2*3*2*5*GH, with U 2*3*2*4*GH; the dense layer 2*2*4*3 = 48. */
static void each_cell_counts_its_gates(void **state)
{
    (void)state;
    struct bench_shape shape = SMALL;
    assert_int_equal(step_of(shape), 2 * 960 + 3 * 768 + 3 * 48);
    assert_int_equal(forward_of(shape), 960 + 768 + 48);
    shape.cell = UR_CELL_GRU;
    assert_int_equal(step_of(shape), 2 * 720 + 3 * 576 + 3 * 48);
    assert_int_equal(forward_of(shape), 720 + 576 + 48);
    shape.cell = UR_CELL_RNN;
    assert_int_equal(step_of(shape), 2 * 240 + 3 * 192 + 3 * 48);
    assert_int_equal(forward_of(shape), 240 + 192 + 48);
}

static void both_directions_count_where_both_are_read_whole(void **state)
{
    (void)state;
    struct bench_shape shape = SMALL;
    shape.bidirectional = true;
    static const int32_t whole[] = {UR_READOUT_FINAL, UR_READOUT_MEAN, UR_READOUT_MAX};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        shape.readout = whole[i];
        assert_int_equal(step_of(shape), 2 * (2 * 960 + 3 * 768) + 3 * 96);
        assert_int_equal(forward_of(shape), 2 * (960 + 768) + 96);
    }
}

/* One row of two sequences through W: 2*2*5*16 = 320. */
static void the_last_row_asks_one_row_of_the_backward_direction(void **state)
{
    (void)state;
    struct bench_shape shape = SMALL;
    shape.bidirectional = true;
    assert_int_equal(step_of(shape), 2 * 960 + 3 * 768 + 2 * 320 + 3 * 96);
    assert_int_equal(forward_of(shape), 960 + 768 + 320 + 96);
}

/* Above the first layer I is 4, so that W takes 768, and dx takes it once more. */
static void a_layer_above_gives_the_one_below_its_gradient(void **state)
{
    (void)state;
    struct bench_shape shape = SMALL;
    shape.layers = 2;
    assert_int_equal(step_of(shape), 2 * 960 + 3 * 768 + 3 * 768 + 3 * 768 + 3 * 48);
    assert_int_equal(forward_of(shape), 960 + 768 + 768 + 768 + 48);
    shape.layers = 4;
    assert_int_equal(step_of(shape), 2 * 960 + 3 * 768 + 3 * (6 * 768) + 3 * 48);
}

/* Two directions below: I is 8, W 1536, and one row of it 2*2*8*16 = 512. Layer 0 is read whole
 * by the layer above, only the top one is cut. */
static void only_the_top_layer_is_cut_by_the_readout(void **state)
{
    (void)state;
    struct bench_shape shape = SMALL;
    shape.layers = 2;
    shape.bidirectional = true;
    const int64_t below = 2 * (2 * 960 + 3 * 768), whole = 3 * 1536 + 3 * 768;
    assert_int_equal(step_of(shape), below + whole + 3 * 512 + 3 * 96);
    assert_int_equal(forward_of(shape), 2 * (960 + 768) + 1536 + 768 + 512 + 96);
    shape.readout = UR_READOUT_FINAL;
    assert_int_equal(step_of(shape), below + 2 * whole + 3 * 96);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cell_counts_its_gates),
        cmocka_unit_test(both_directions_count_where_both_are_read_whole),
        cmocka_unit_test(the_last_row_asks_one_row_of_the_backward_direction),
        cmocka_unit_test(a_layer_above_gives_the_one_below_its_gradient),
        cmocka_unit_test(only_the_top_layer_is_cut_by_the_readout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
