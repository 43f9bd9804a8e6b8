/*
 * Products with a matrix that is used many times: it is laid out once so that the product reads
 * it in a straight line. A recurrent layer multiplies by the same U at every time step, where a
 * BLAS would lay it out anew at each, for no more than 32 rows.
 *
 *     y[n] = y0[n] + x[0] w[0][n] + x[1] w[1][n] + ...      in this order, each step one fmaf
 *
 * Shapes: row-major, dense: x [rows][inner], w [inner][cols], y [rows][cols]. Format of the
 * packed matrix: panels of 16 columns, [cols / 16, rounded up][inner][16], filled up with
 * zeros. It is private to this file. Cost: 2 * rows * inner * cols operations; packing is one
 * pass over w. Measured: 99 to 101 % of the machine's sgemm rate at 32 rows, H = 128, where
 * OpenBLAS reaches 80 to 86 % (docs/decisions/0003-packed-products.md). Errors: none; NaN and
 * infinities spread. Ownership: the caller's memory, ur_packed_floats of it.
 * Threads: pure functions. y overlaps nothing.
 *
 * What would surprise: where OpenBLAS does not run its AVX2 kernels (ur_gemm_wide), packing is
 * a plain copy and the products are OpenBLAS's, because without the instruction an fmaf is a
 * hundred times slower; so this file has the same numerics profiles as OpenBLAS.
 */
#ifndef UNROLL_KERNELS_PACKED_H
#define UNROLL_KERNELS_PACKED_H

#include <stddef.h>
#include <stdint.h>

/* Gives the floats that a packed w [inner][cols] takes. */
size_t ur_packed_floats(int32_t inner, int32_t cols);

/* Packs w [inner][cols]. */
void ur_packed_fill(float *packed, const float *w, int32_t inner, int32_t cols);

/* Packs the transpose of w [cols][inner], for products with wᵀ. */
void ur_packed_fill_transposed(float *packed, const float *w, int32_t inner, int32_t cols);

/* y = x w */
void ur_packed_set(float *y, const float *x, const float *packed, int32_t rows, int32_t inner,
                   int32_t cols);

/* y += x w */
void ur_packed_add(float *y, const float *x, const float *packed, int32_t rows, int32_t inner,
                   int32_t cols);

#endif
