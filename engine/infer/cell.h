/*
 * The element-wise half of one step of each cell for prediction: it keeps nothing for a
 * backward pass, so c is updated where it is.
 *
 *     LSTM   c = sigmoid(f) c + sigmoid(i) tanh(g)        h = sigmoid(o) tanh(c)
 *     GRU    n = tanh(a_n + sigmoid(r) (b_n + h' U_n))    h = (1 - s(z)) n + s(z) h'
 *
 *     RNN    h = tanh(a), max(a, 0) or a, where h holds a = x W + h' U + b before
 *
 * Shapes: gates [rows][4H] before activation, order i f g o, bias included; c, h [rows][H].
 * GRU: gates [rows][3H] = x W + b, recurrent [rows][3H] = h' U, bias_q [H], h' and h [rows][H].
 * Cost: one pass, about 80 operations a unit. Errors: none. Threads: pure functions. Source:
 * layers/cell_lstm.h and cell_gru.h, whose results these equal to within a rounding.
 */
#ifndef UNROLL_INFER_CELL_H
#define UNROLL_INFER_CELL_H

#include <stddef.h>

#include "unroll/spec.h"

void ur_infer_lstm(const float *gates, float *c, float *h, size_t rows, size_t hidden);

void ur_infer_gru(const float *gates, const float *recurrent, const float *bias_q,
                  const float *h_previous, float *h, size_t rows, size_t hidden);

void ur_infer_rnn(float *h, enum ur_activation activation, size_t n);

/* y = the larger of y and x, for a read-out of the largest. */
void ur_infer_larger(float *y, const float *x, size_t n);

#endif
