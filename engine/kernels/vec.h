/*
 * Element-wise operations on float arrays.
 *
 * Shapes: vectors of n, or x [rows][cols] row-major. Cost: one pass over memory. Threads: pure
 * functions. Same bits on every machine: sums run over rows in ascending order, one column
 * beside the other, so that vectors never change the order of an addition.
 */
#ifndef UNROLL_KERNELS_VEC_H
#define UNROLL_KERNELS_VEC_H

#include <stddef.h>
#include <stdint.h>

/* y += x */
void ur_vec_add(float *y, const float *x, size_t n);

/* y = a x; y may be x. */
void ur_vec_scale(float *y, const float *x, float a, size_t n);

/* Adds bias [cols] to every row of x. */
void ur_vec_add_bias(float *x, const float *bias, size_t rows, size_t cols);

/* *sum = the sum of squares, in double: eight lanes that are joined pairwise, so that the order
 * of the additions is fixed and vectors are possible. */
void ur_vec_squares(double *sum, const float *x, size_t n);

/* sums [cols] = the sum of x over its rows. */
void ur_vec_column_sums(float *sums, const float *x, size_t rows, size_t cols);

/* sums += the sum of x over its rows, one row after the other. */
void ur_vec_column_sums_add(float *sums, const float *x, size_t rows, size_t cols);

#endif
