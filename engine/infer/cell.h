/*
 * The element-wise half of an LSTM step for prediction: it keeps nothing for a backward pass,
 * so c and h are updated where they are.
 *
 *     c = sigmoid(f) c + sigmoid(i) tanh(g)        h = sigmoid(o) tanh(c)
 *
 * Shapes: gates [rows][4H] before activation, order i f g o, bias included; c, h [rows][H].
 * Cost: one pass, about 80 operations a unit. Errors: none. Threads: pure function.
 * Source: layers/cell_lstm.h, whose results it equals to within a rounding.
 */
#ifndef UNROLL_INFER_CELL_H
#define UNROLL_INFER_CELL_H

#include <stddef.h>

void ur_infer_lstm(const float *gates, float *c, float *h, size_t rows, size_t hidden);

#endif
