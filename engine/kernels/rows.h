/*
 * Products whose rows know nothing of each other: a row's bits are the same alone and among
 * any others, which a BLAS does not promise. For answering requests, where strangers share a
 * batch.
 *
 *     y[n] = y0[n] + x[0] W[0][n] + x[1] W[1][n] + ...      in this order, each step one fmaf
 *
 * Shapes: row-major, dense: x [rows][inner], w [inner][cols], y [rows][cols], bias [cols].
 * Cost: rows * inner * cols fused multiply-adds; w is read once for every four rows, which is
 * what bounds a single row (a hidden state of 128 reads 256 KB of U a step, out of the second
 * cache). Errors: none; NaN and infinities spread. Threads: pure functions. y overlaps nothing.
 */
#ifndef UNROLL_KERNELS_ROWS_H
#define UNROLL_KERNELS_ROWS_H

#include <stddef.h>

/* y = bias + x w */
void ur_rows_set(float *y, const float *bias, const float *x, const float *w, size_t rows,
                 size_t inner, size_t cols);

/* y += x w */
void ur_rows_add(float *y, const float *x, const float *w, size_t rows, size_t inner,
                 size_t cols);

#endif
