/*
 * Softmax of one row, and the logarithm that its cross-entropy needs.
 *
 * The exponentials are float (activ.h); sums and the logarithm are double, in the order of the
 * columns, with our own logarithm, because the C library's differs from CPU to CPU.
 *
 * Errors: none; a NaN or +infinity among the logits makes the whole row NaN, which is how
 * divergence is noticed. Threads: pure functions.
 */
#ifndef UNROLL_KERNELS_SOFTMAX_H
#define UNROLL_KERNELS_SOFTMAX_H

#include <stddef.h>

/* Natural logarithm of a number of at least 1, to 4e-16 of the larger of one and
 * its value; NaN for NaN. */
double ur_log_above_one(double x);

/* Writes probabilities p [n] of logits x [n] (p may be x), n >= 1; gives ln(sum of exp(x)), so
 * that the cross-entropy of class k is that number less x[k]. */
double ur_softmax(float *p, const float *x, size_t n);

#endif
