/* Law: the backward direction is the forward one on a sequence that is turned round, to the
 * bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/bidir.h"
#include "near.h"

enum { T = 5, B = 3, W = 4, H = 6, R = 4, G = 4 * H, BLOCK = B * H };

/* One direction with all its memory. */
struct one {
    float x[T * B * W], dy[T * BLOCK], dx[T * B * W];
    float gates[T * B * G], h[(T + 1) * BLOCK], c[(T + 1) * BLOCK], tanh_c[T * BLOCK];
    float q[T * BLOCK], dgates[T * B * G], dh[T * BLOCK], dc[BLOCK], dm[BLOCK];
    float dw[W * G], du[H * G], db[G], dbn[H], dp[H * R];
};

static float w[W * G], u[H * G], b[G], bn[H], p[H * R];
static struct one ahead, back;

/* to is from with its steps in the other order. */
static void turn_round(float *to, const float *from, size_t step)
{
    for (size_t t = 0; t < T; t++)
        memcpy(to + t * step, from + (T - 1 - t) * step, step * sizeof *to);
}

static void run(struct one *one, struct ur_recurrent_shape shape)
{
    _Alignas(64) static float packed[16 * G * (W + H)];
    const struct ur_recurrent_weights weights = {.w = w, .u = u, .b = b, .bn = bn, .p = p};
    const struct ur_recurrent_kept kept = {one->gates, one->h, one->c, one->tanh_c, one->q};
    const struct ur_recurrent_scratch scratch = {
        .packed = packed, .dgates = one->dgates, .dh = one->dh, .dc = one->dc, .dm = one->dm};
    const struct ur_recurrent_input input = {{one->x, NULL}};
    const struct ur_recurrent_gradients gradients = {.dw = one->dw,
                                                     .du = one->du,
                                                     .db = one->db,
                                                     .dbn = one->dbn,
                                                     .dx = {{one->dx, NULL}, false},
                                                     .dp = one->dp};
    const size_t block = (size_t)B * (size_t)ur_recurrent_units(shape);
    assert_true(ur_recurrent_packed_floats(shape) <= sizeof packed / sizeof *packed);
    ur_recurrent_forward(shape, weights, input, kept, scratch);
    ur_recurrent_backward(shape, weights, input, kept,
                          (struct ur_output_gradient){one->dy, block, 0, T, false}, scratch,
                          gradients);
}

static void check_shape(struct ur_recurrent_shape shape)
{
    const struct ur_recurrent_shape other = ur_bidir_shape(shape, 1);
    const size_t units = (size_t)ur_recurrent_units(shape), block = B * units;
    const size_t gates = (size_t)ur_recurrent_gates(shape.cell);
    assert_false(ur_bidir_shape(shape, 0).reversed);
    assert_true(other.reversed);
    ur_test_fill(ahead.x, T * B * W, 1, -1.0f, 1.0f);
    ur_test_fill(ahead.dy, T * block, 2, -1.0f, 1.0f);
    turn_round(back.x, ahead.x, (size_t)B * W);
    turn_round(back.dy, ahead.dy, block);
    run(&ahead, shape);
    run(&back, other);

    static float turned[T * BLOCK];
    const struct ur_recurrent_kept kept = {.h = back.h};
    turn_round(turned, ur_recurrent_output(other, kept), block);
    assert_memory_equal(turned, ahead.h + block, T * block * sizeof(float));
    assert_memory_not_equal(ahead.h + block, ahead.h + 2 * block, block * sizeof(float));
    turn_round(turned, back.dx, (size_t)B * W);
    for (size_t k = 0; k < (size_t)T * B * W; k++)
        assert_near(turned[k], ahead.dx[k], 1e-6);
    /* Sums over time run in the other order, so these are equal but for rounding. */
    for (size_t k = 0; k < W * H * gates; k++)
        assert_near(back.dw[k], ahead.dw[k], 1e-5);
    for (size_t k = 0; k < units * H * gates; k++)
        assert_near(back.du[k], ahead.du[k], 1e-5);
    for (size_t k = 0; shape.projection > 0 && k < H * units; k++)
        assert_near(back.dp[k], ahead.dp[k], 1e-5);
}

static void check_cell(enum ur_cell cell, enum ur_activation activation)
{
    struct ur_recurrent_shape shape = {
        .steps = T, .rows = B, .width = W, .hidden = H, .cell = cell, .activation = activation};
    check_shape(shape);
    shape.projection = cell == UR_CELL_LSTM ? R : 0;
    check_shape(shape);
    shape.truncate = 2;
    check_shape(shape);
}

/* Gradients that may travel as far as there are steps are the whole ones; fewer steps are
 * others, from the same forward pass. */
static void test_truncation_begins_where_it_cuts(void **state)
{
    (void)state;
    static struct one whole;
    for (int32_t k = 0; k < 4; k++) {
        struct ur_recurrent_shape shape = {
            .steps = T, .rows = B, .width = W, .hidden = H, .cell = (enum ur_cell)(k % 3)};
        shape.projection = k == 3 ? R : 0;
        shape.reversed = k == 1;
        run(&ahead, shape);
        whole = ahead;
        for (shape.truncate = T + 1; shape.truncate > 0; shape.truncate--) {
            run(&ahead, shape);
            assert_memory_equal(ahead.h, whole.h, sizeof whole.h);
            if (shape.truncate >= T)
                assert_memory_equal(ahead.dw, whole.dw, sizeof whole.dw);
            else
                assert_memory_not_equal(ahead.dw, whole.dw, sizeof whole.dw);
        }
    }
}

static void test_reversed_input_equals_the_other_direction(void **state)
{
    (void)state;
    ur_test_fill(w, W * G, 3, -0.6f, 0.6f);
    ur_test_fill(u, H * G, 4, -0.6f, 0.6f);
    ur_test_fill(b, G, 5, -0.6f, 0.6f);
    ur_test_fill(bn, H, 6, -0.6f, 0.6f);
    ur_test_fill(p, H * R, 7, -0.6f, 0.6f);
    check_cell(UR_CELL_LSTM, UR_ACTIVATION_TANH);
    check_cell(UR_CELL_GRU, UR_ACTIVATION_TANH);
    check_cell(UR_CELL_RNN, UR_ACTIVATION_TANH);
    check_cell(UR_CELL_RNN, UR_ACTIVATION_RELU);
    check_cell(UR_CELL_RNN, UR_ACTIVATION_LINEAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reversed_input_equals_the_other_direction),
        cmocka_unit_test(test_truncation_begins_where_it_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
