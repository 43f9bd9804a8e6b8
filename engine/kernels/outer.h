/*
 * The gradients of all that one block of dy is multiplied with: each row of x and dy adds its
 * outer product to dw, and dy alone to the sums of its columns.
 *
 *     dw[m][n] += x[k][m] dy[k][n]     sums[n] += dy[k][n]     over k, one row after the other
 *
 * Called for a few time steps at once while their dy is still in the cache. Where the AVX2
 * kernels run (ur_gemm_wide) every element is one chain of fmaf over the rows of all calls, so
 * bits depend neither on how rows are spread over calls nor on the width of vectors, and rows
 * whose dy is zero change nothing; elsewhere OpenBLAS computes it.
 *
 * Shapes: row-major, dense: x [rows][inner], dy [rows][cols], dw [inner][cols], sums [cols].
 * Cost: 2 * rows * inner * cols operations for each product; dy is read once for all of them,
 * dw read and written once for every 256 rows. Errors: none; NaN and infinities spread.
 * Ownership: borrows. Threads: pure functions. What is written overlaps nothing.
 */
#ifndef UNROLL_KERNELS_OUTER_H
#define UNROLL_KERNELS_OUTER_H

#include <stdbool.h>
#include <stdint.h>

struct ur_outer {
    float *dw;
    const float *x;
    int32_t inner;
    int32_t skipped; /* rows of x that come last and are known to be zero */
};

/* The rows of dy, and the order in which they are added. */
struct ur_outer_block {
    const float *dy;
    int32_t rows, cols;
    bool from_last; /* the last row first */
};

/* Adds to dw of each product and, where sums is not NULL, to sums. */
void ur_outer_add(struct ur_outer_block block, const struct ur_outer *products, int32_t count,
                  float *sums);

#endif
