/*
 * The matrix products of a layer, over OpenBLAS. This is the only file that knows BLAS.
 *
 * Shapes: row-major, dense, no gaps: x [rows][inner], w [inner][cols], y [rows][cols].
 * Cost: 2 * rows * inner * cols operations. Threads: any, each call on the caller's thread,
 * provided that OpenBLAS runs with one thread (OPENBLAS_NUM_THREADS=1).
 *
 * What would surprise: a row's bits depend on how many rows the call has. The same call gives
 * the same bits at any thread count of ours, because a shard's shapes never change; whoever
 * wants an answer that does not depend on its neighbours takes rows.h instead.
 */
#ifndef UNROLL_KERNELS_GEMM_H
#define UNROLL_KERNELS_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* True where OpenBLAS runs its kernels for AVX2 or more, and this CPU has AVX2 and FMA: what
 * the profile of the process was pinned to, not what the CPU could do. */
bool ur_gemm_wide(void);

/* y = x w */
void ur_gemm_set(float *y, const float *x, const float *w, int32_t rows, int32_t inner,
                 int32_t cols);

/* y += x w */
void ur_gemm_add(float *y, const float *x, const float *w, int32_t rows, int32_t inner,
                 int32_t cols);

/* dx = dy wᵀ, with w [inner][cols] as in the forward product and dx [rows][inner]. */
void ur_gemm_transposed_set(float *dx, const float *dy, const float *w, int32_t rows,
                            int32_t inner, int32_t cols);

/* dx += dy wᵀ */
void ur_gemm_transposed_add(float *dx, const float *dy, const float *w, int32_t rows,
                            int32_t inner, int32_t cols);

/* dw = xᵀ dy: the gradient of w, summed over all rows. */
void ur_gemm_outer_set(float *dw, const float *x, const float *dy, int32_t rows, int32_t inner,
                       int32_t cols);

/* dw += xᵀ dy */
void ur_gemm_outer_add(float *dw, const float *x, const float *dy, int32_t rows, int32_t inner,
                       int32_t cols);

#endif
