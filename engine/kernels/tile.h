/*
 * The one product that all of ours are made of: x, whose elements may lie at any distance from
 * each other, times a matrix in panels of 16 columns (packed.h has the format).
 *
 *     y[r][n] = y0[r][n] + x(r, 0) w[0][n] + x(r, 1) w[1][n] + ...   in this order, by fmaf
 *
 * with x(r, k) at x + r * x_row + k * x_step. One of the two distances must be 1: they are the
 * two ways in which a matrix is read, as it stands and transposed, and a constant distance
 * keeps addresses out of the loop.
 *
 * Shapes: y [rows][cols], its rows y_stride floats apart; w [inner][cols] in panels. Cost: 2 *
 * rows * inner * cols operations; AVX2 reaches 99 to 101 % of OpenBLAS's rate for AVX2
 * (docs/decisions/0003-packed-products.md, and 0006 for the step as a whole). Errors: none; NaN
 * and infinities spread. Ownership: borrows. Threads: pure functions. y overlaps nothing.
 *
 * What would surprise: both machines give the same bits, since each sum is the same chain. So
 * the choice between them follows the CPU and no numerics profile. Neither may be called where
 * ur_gemm_wide is false.
 */
#ifndef UNROLL_KERNELS_TILE_H
#define UNROLL_KERNELS_TILE_H

#include <stdbool.h>
#include <stddef.h>

enum { UR_TILE_PANEL = 16 }; /* columns */

enum ur_tile_machine {
    UR_TILE_AVX2,
    UR_TILE_AVX512,
};

struct ur_tile_x {
    const float *at;
    ptrdiff_t row, step; /* floats from a row to the next, from a k to the next */
};

/* Gives the fastest that this CPU has. */
enum ur_tile_machine ur_tile_best(void);

struct ur_tile_w {
    const float *panels;
    size_t panel_rows; /* from a panel to the next; at least inner */
    size_t inner, cols;
};

/* y = x w, or y += x w */
void ur_tile_product(enum ur_tile_machine machine, float *y, size_t y_stride,
                     struct ur_tile_x x, struct ur_tile_w w, size_t rows, bool add);

#endif
