/*
 * The element-wise half of one step of each cell for prediction: it keeps nothing for a backward
 * pass, so c is updated where it is.
 *
 *     LSTM   c = sigmoid(f) c + sigmoid(i) tanh(g)        h = sigmoid(o) tanh(c)
 *     GRU    n = tanh(a_n + sigmoid(r) (b_n + h' U_n))    h = (1 - sigmoid(z)) n + sigmoid(z) h'
 *
 * An RNN's half is layers/cell_rnn.h's, which keeps nothing either.
 *
 * Shapes: gates [rows][4H] before activation, order i f g o, bias included; c, h [rows][H]. GRU:
 * gates [rows][3H] = x W + b, recurrent [rows][3H] = h' U, bias_q [H], h' and h [rows][H].
 * Cost: one pass, about 80 operations a unit. Errors: none. Threads: pure functions.
 * Source: layers/cell_lstm.h and cell_gru.h, whose results these equal to within a rounding.
 */
#ifndef UNROLL_INFER_CELL_H
#define UNROLL_INFER_CELL_H

#include <stddef.h>

void ur_infer_lstm(const float *gates, float *c, float *h, size_t rows, size_t hidden);

void ur_infer_gru(const float *gates, const float *recurrent, const float *bias_q,
                  const float *h_previous, float *h, size_t rows, size_t hidden);

#endif
