/*
 * The element-wise half of a gated recurrent unit in PyTorch's form, for one time step of one
 * shard: what is left once x W is in `gates` and h U in `recurrent`.
 *
 *     r, z = sigmoid(x W + h U + b)        q = h U_n + b_q
 *     n = tanh(x W_n + b_n + r q)          h = (1 - z) n + z h_previous
 *
 * The candidate's two halves meet only after r has scaled one of them, so it alone has two
 * biases that do not add up to one.
 *
 * Shapes: gates, dgates, recurrent [B][3H] in the order r z n; bias [3H] = b_r b_z b_n; bias_q
 * [H]; q, h, dh, h_previous [B][H]. Cost: one pass over the shard. Errors: none; NaN and
 * infinities spread. Threads: pure functions. Source: K. Cho et al., 2014, in the form of
 * PyTorch's nn.GRU.
 */
#ifndef UNROLL_LAYERS_CELL_GRU_H
#define UNROLL_LAYERS_CELL_GRU_H

#include <stddef.h>

enum { UR_GRU_GATES = 3 };

/* Turns x W into gates, in place, and writes q and h. */
void ur_gru_forward(float *gates, float *q, float *h, const float *recurrent, const float *bias,
                    const float *bias_q, const float *h_previous, size_t rows, size_t hidden);

/*
 * Turns dh, the whole gradient with respect to h, into dgates: that of h U + biases, whose last
 * third is dq. Overwrites q with the gradient of x W_n + b_n, and dh with the part of what
 * step t - 1 gets that does not pass through U.
 */
void ur_gru_backward(float *dgates, float *q, float *dh, const float *gates,
                     const float *h_previous, size_t rows, size_t hidden);

#endif
