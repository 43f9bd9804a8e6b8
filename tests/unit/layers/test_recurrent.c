/*
 * The recurrent layer against a plain float64 LSTM that is written from the equations, one row,
 * one unit, one step at a time; its gradients against central differences of that twin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/recurrent.h"
#include "near.h"

enum { T = 4, B = 3, W = 5, H = 11, G = 4 * H, N_WEIGHTS = W * G + H * G + G };

/* W, U and b one after the other, so that a difference can be taken in any of them. */
struct twin {
    double weights[N_WEIGHTS];
    float x[T * B * W];
    float dy[T * B * H]; /* the loss is the sum of dy * h */
    double h[T * B * H];
};

static double sigmoid(double a)
{
    return 1.0 / (1.0 + exp(-a));
}

static double pre_activation(const struct twin *twin, const double *h, size_t t, size_t row,
                             size_t column)
{
    const double *u = twin->weights + W * G;
    double sum = u[H * G + column];
    for (size_t k = 0; k < W; k++)
        sum += (double)twin->x[(t * B + row) * W + k] * twin->weights[k * G + column];
    for (size_t k = 0; k < H; k++)
        sum += h[k] * u[k * G + column];
    return sum;
}

/* Runs the twin over all rows and gives the loss. */
static double run_twin(struct twin *twin)
{
    double loss = 0.0;
    for (size_t row = 0; row < B; row++) {
        double h[H] = {0}, c[H] = {0};
        for (size_t t = 0; t < T; t++) {
            double next[H];
            for (size_t k = 0; k < H; k++) {
                const double i = sigmoid(pre_activation(twin, h, t, row, k));
                const double f = sigmoid(pre_activation(twin, h, t, row, H + k));
                const double g = tanh(pre_activation(twin, h, t, row, 2 * H + k));
                const double o = sigmoid(pre_activation(twin, h, t, row, 3 * H + k));
                c[k] = f * c[k] + i * g;
                next[k] = o * tanh(c[k]);
            }
            memcpy(h, next, sizeof h);
            for (size_t k = 0; k < H; k++) {
                const size_t at = (t * B + row) * H + k;
                twin->h[at] = h[k];
                loss += (double)twin->dy[at] * h[k];
            }
        }
    }
    return loss;
}

static struct twin twin;
static float weights[N_WEIGHTS], gradients[N_WEIGHTS];
static float gates[T * B * G], h[(T + 1) * B * H], c[(T + 1) * B * H], tanh_c[T * B * H];
static float dgates[T * B * G], dh[B * H], dc[B * H], packed[8 * H * G];

static const struct ur_recurrent_shape shape = {.steps = T, .rows = B, .width = W, .hidden = H};
static const struct ur_recurrent_weights layer = {
    .w = weights, .u = weights + W * G, .b = weights + W * G + H * G};
static const struct ur_recurrent_kept kept = {gates, h, c, tanh_c, NULL};
static const struct ur_recurrent_input input = {{twin.x, NULL}};
static const struct ur_recurrent_scratch scratch = {
    .packed = packed, .dgates = dgates, .dh = dh, .dc = dc};

static void set_up(void)
{
    assert_true(ur_recurrent_packed_floats(shape) <= sizeof packed / sizeof *packed);
    ur_test_fill(weights, N_WEIGHTS, 1, -0.6f, 0.6f);
    ur_test_fill(twin.x, T * B * W, 2, -1.0f, 1.0f);
    ur_test_fill(twin.dy, T * B * H, 3, -1.0f, 1.0f);
    for (size_t k = 0; k < N_WEIGHTS; k++)
        twin.weights[k] = (double)weights[k];
    /* What an earlier shard left behind must not matter. */
    for (size_t k = 0; k < (T + 1) * B * H; k++)
        h[k] = c[k] = NAN;
    for (size_t k = 0; k < N_WEIGHTS; k++)
        gradients[k] = NAN;
}

static void check_forward(void)
{
    run_twin(&twin);
    ur_recurrent_forward(shape, layer, input, kept, scratch);
    for (size_t k = 0; k < B * H; k++)
        assert_true(h[k] == 0.0f && c[k] == 0.0f);
    for (size_t k = 0; k < T * B * H; k++)
        assert_near(h[B * H + k], twin.h[k], 1e-6);
}

static void check_backward(struct ur_output_gradient output)
{
    ur_recurrent_backward(shape, layer, input, kept, output, scratch,
                          (struct ur_recurrent_gradients){.dw = gradients,
                                                          .du = gradients + W * G,
                                                          .db = gradients + W * G + H * G});
    const double step = 1e-5;
    for (size_t k = 0; k < N_WEIGHTS; k++) {
        const double weight = twin.weights[k];
        twin.weights[k] = weight + step;
        const double above = run_twin(&twin);
        twin.weights[k] = weight - step;
        const double below = run_twin(&twin);
        twin.weights[k] = weight;
        assert_near(gradients[k], (above - below) / (2.0 * step), 3e-6);
    }
}

static void test_every_step_has_a_gradient(void **state)
{
    (void)state;
    set_up();
    check_forward();
    check_backward((struct ur_output_gradient){twin.dy, B * H, 0, T, false});
}

static void test_late_steps_have_a_gradient(void **state)
{
    (void)state;
    enum { FIRST = 2 };
    set_up();
    memset(twin.dy, 0, FIRST * B * H * sizeof *twin.dy);
    check_forward();
    check_backward(
        (struct ur_output_gradient){twin.dy + FIRST * B * H, B * H, FIRST, T, false});
}

static void test_one_block_serves_every_step(void **state)
{
    (void)state;
    set_up();
    for (size_t t = 1; t < T; t++)
        memcpy(twin.dy + t * B * H, twin.dy, B * H * sizeof *twin.dy);
    check_forward();
    check_backward((struct ur_output_gradient){twin.dy, 0, 0, T, false});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step_has_a_gradient),
        cmocka_unit_test(test_late_steps_have_a_gradient),
        cmocka_unit_test(test_one_block_serves_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
