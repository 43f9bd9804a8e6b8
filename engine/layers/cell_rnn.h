/*
 * The element-wise half of a plain recurrent cell, for one time step of one shard.
 *
 *     h = f(a)    a = x W + h U + b    f = tanh, max(a, 0) or a itself
 *
 * Shapes: h, dgates, dh [B][H]; h holds x W + h U before and the activation after; bias [H].
 * Cost: one pass over the shard; nothing but h is kept, because f' is a function of f.
 * Errors: none; NaN and infinities spread. Threads: pure functions.
 * Source: J. Elman, "Finding structure in time", 1990.
 */
#ifndef UNROLL_LAYERS_CELL_RNN_H
#define UNROLL_LAYERS_CELL_RNN_H

#include <stddef.h>

#include "unroll/spec.h"

/* Turns pre-activations into h, in place. */
void ur_rnn_forward(float *h, const float *bias, enum ur_activation activation, size_t rows,
                    size_t hidden);

/* Turns dh, the whole gradient with respect to h, into that of the pre-activations. */
void ur_rnn_backward(float *dgates, const float *dh, const float *h,
                     enum ur_activation activation, size_t rows, size_t hidden);

#endif
