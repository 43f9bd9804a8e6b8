/*
 * A tile of rows x columns is held in registers while k runs: every sum is a chain of fmaf over
 * k in ascending order, whatever the tile, so neither the tile's size nor a row's neighbours
 * reach the result. Vectors lie across columns, where no sum is.
 *
 * Two tiles: 1 x 64 for a single row (eight chains of vectors hide the latency of a fused
 * multiply-add), 4 x 16 for several (the same eight, and w is read once for four rows).
 */
#include "kernels/rows.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "kernels/vector.h"

enum { LONE_COLS = 64, TILE_ROWS = 4, TILE_COLS = 16 };

/* One tile of a constant size; the compiler unrolls the inner loops and keeps sum in
 * registers. */
UR_VECTOR_BODY void tile(float *restrict y, const float *restrict x, const float *restrict w,
                         size_t inner, size_t cols, size_t tile_rows, size_t tile_cols)
{
    float sum[LONE_COLS];
    for (size_t r = 0; r < tile_rows; r++)
        for (size_t n = 0; n < tile_cols; n++)
            sum[r * tile_cols + n] = y[r * cols + n];
    for (size_t k = 0; k < inner; k++)
        for (size_t r = 0; r < tile_rows; r++)
            for (size_t n = 0; n < tile_cols; n++)
                sum[r * tile_cols + n] =
                    fmaf(x[r * inner + k], w[k * cols + n], sum[r * tile_cols + n]);
    for (size_t r = 0; r < tile_rows; r++)
        for (size_t n = 0; n < tile_cols; n++)
            y[r * cols + n] = sum[r * tile_cols + n];
}

UR_VECTOR_BODY void lone_row(float *y, const float *x, const float *w, size_t inner,
                             size_t cols)
{
    size_t n = 0;
    for (; n + LONE_COLS <= cols; n += LONE_COLS)
        tile(y + n, x, w + n, inner, cols, 1, LONE_COLS);
    for (; n + TILE_COLS <= cols; n += TILE_COLS)
        tile(y + n, x, w + n, inner, cols, 1, TILE_COLS);
    for (; n < cols; n++)
        tile(y + n, x, w + n, inner, cols, 1, 1);
}

UR_VECTOR_BODY void add(float *y, const float *x, const float *w, size_t rows, size_t inner,
                        size_t cols)
{
    size_t row = 0;
    for (; row + TILE_ROWS <= rows; row += TILE_ROWS) {
        size_t n = 0;
        for (; n + TILE_COLS <= cols; n += TILE_COLS)
            tile(y + row * cols + n, x + row * inner, w + n, inner, cols, TILE_ROWS, TILE_COLS);
        for (; n < cols; n++)
            tile(y + row * cols + n, x + row * inner, w + n, inner, cols, TILE_ROWS, 1);
    }
    for (; row < rows; row++)
        lone_row(y + row * cols, x + row * inner, w, inner, cols);
}

UR_VECTOR_BODY void set(float *y, const float *bias, const float *x, const float *w,
                        size_t rows, size_t inner, size_t cols)
{
    for (size_t row = 0; row < rows; row++)
        memcpy(y + row * cols, bias, cols * sizeof *y);
    add(y, x, w, rows, inner, cols);
}

UR_VECTOR_FUNCTION(ur_rows_add, add,
                   (float *y, const float *x, const float *w, size_t rows, size_t inner,
                    size_t cols),
                   (y, x, w, rows, inner, cols))
UR_VECTOR_FUNCTION(ur_rows_set, set,
                   (float *y, const float *bias, const float *x, const float *w, size_t rows,
                    size_t inner, size_t cols),
                   (y, bias, x, w, rows, inner, cols))
