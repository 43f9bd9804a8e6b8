/*
 * The element-wise half of an LSTM cell, for one time step of one shard: what is left once the
 * products x W and h U are in `gates`.
 *
 *     i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)    g = tanh(a_g)    a = x W + h U + b
 *     c = f c_previous + i g                                h = o tanh(c)
 *
 * Shapes: gates [B][4H] in the order i f g o, before (a without b) and after activation in
 * place; bias [4H]; c, h, tanh_c [B][H]. Cost: one pass over the shard, about 80 operations and
 * 4H + 4H floats of traffic a unit; the bias is added here because gates are in registers here.
 * Errors: none; NaN and infinities spread. Threads: pure functions.
 * Source: docs/derivations/lstm-bptt.md; F. Gers et al., "Learning to forget", 2000.
 */
#ifndef UNROLL_LAYERS_CELL_LSTM_H
#define UNROLL_LAYERS_CELL_LSTM_H

#include <stddef.h>

enum { UR_LSTM_GATES = 4 };

/* Turns pre-activations into gates, in place, and writes c, tanh_c and h. */
void ur_lstm_forward(float *gates, float *c, float *tanh_c, float *h, const float *bias,
                     const float *c_previous, size_t rows, size_t hidden);

/*
 * Turns dh, the whole gradient of the loss with respect to h, and dc, what step t + 1 hands
 * back through c, into the gradient of the pre-activations, dgates [B][4H]; overwrites dc with
 * what step t - 1 gets.
 */
void ur_lstm_backward(float *dgates, float *dc, const float *dh, const float *gates,
                      const float *tanh_c, const float *c_previous, size_t rows, size_t hidden);

#endif
