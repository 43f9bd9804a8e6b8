/*
 * One more row of an orthonormal set, by modified Gram and Schmidt, twice: the second pass
 * takes away what rounding left of the earlier rows when little of the new one remained.
 *
 * Shapes: rows [n_rows + 1][n] float32, row k at rows + k * stride, n_rows < n; v [n] float64.
 * Cost: 8 n n_rows operations. Rows are orthonormal to about 1e-7, float32's own grain. Errors:
 * a v of zeros gives a row of zeros. Threads: pure functions. Same bits on every machine: sums
 * are float64, in eight lanes whose order the source fixes. Source: L. Giraud et al., "Rounding
 * error analysis of the classical Gram-Schmidt orthogonalization process", 2005: twice is
 * enough.
 */
#ifndef UNROLL_KERNELS_ORTHONORMAL_H
#define UNROLL_KERNELS_ORTHONORMAL_H

#include <stddef.h>

/* Writes row n_rows, in the direction of what v has beside the rows before it. Overwrites v. */
void ur_orthonormal_append(float *rows, size_t n_rows, size_t stride, size_t n, double *v);

#endif
