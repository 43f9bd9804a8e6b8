/*
 * Two panels of 16 columns are copied into straight lines (which adds up their columns on the
 * way) and stay in the first cache while every product's x passes, eight columns of it at a
 * time. The chains are those of tile.h with x transposed.
 */
#include "kernels/outer.h"

#include <stddef.h>
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/tile.h"
#include "kernels/vec.h"
#include "kernels/vector.h"

enum {
    PANEL = UR_TILE_PANEL,
    BLOCK_ROWS = 256, /* two panels of them are 32 KiB */
};

/* A copy of constant size is an instruction or two. */
UR_VECTOR_BODY void copy_row(float *restrict panel, const float *restrict from, size_t width)
{
    if (width == PANEL) {
        memcpy(panel, from, PANEL * sizeof *panel);
        return;
    }
    memset(panel, 0, PANEL * sizeof *panel);
    memcpy(panel, from, width * sizeof *panel);
}

UR_VECTOR_BODY void copy_panel(float *restrict panel, float *restrict sums,
                               const float *restrict dy, ptrdiff_t step, size_t rows,
                               size_t width)
{
    float strip[PANEL] = {0};
    memcpy(strip, sums, width * sizeof *sums);
    for (size_t k = 0; k < rows; k++, dy += step, panel += PANEL) {
        copy_row(panel, dy, width);
        for (size_t c = 0; c < PANEL; c++)
            strip[c] += panel[c];
    }
    memcpy(sums, strip, width * sizeof *sums);
}

static void fill_panel(float *panel, float *sums, const float *dy, ptrdiff_t step, size_t rows,
                       size_t width);
UR_VECTOR_FUNCTION(fill_panel, copy_panel,
                   (float *panel, float *sums, const float *dy, ptrdiff_t step, size_t rows,
                    size_t width),
                   (panel, sums, dy, step, rows, width))

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The rows of a block that a panel holds. */
struct part {
    ptrdiff_t first; /* in the block's memory */
    ptrdiff_t step;  /* 1 or -1 */
    size_t done;     /* rows before it, in order */
    size_t rows;
};

static struct part part_of(struct ur_outer_block block, size_t done)
{
    const size_t rows = (size_t)block.rows;
    return (struct part){.first = (ptrdiff_t)(block.from_last ? rows - 1 - done : done),
                         .step = block.from_last ? -1 : 1,
                         .done = done,
                         .rows = smaller(rows - done, BLOCK_ROWS)};
}

static void multiply(const struct ur_outer *product, struct ur_outer_block block,
                     struct part part, const float *panels, size_t column, size_t width)
{
    const size_t end = (size_t)(block.rows - product->skipped);
    const size_t rows = end > part.done ? smaller(end - part.done, part.rows) : 0;
    const struct ur_tile_x x = {.at = product->x + part.first * product->inner,
                                .row = 1,
                                .step = part.step * product->inner};
    const struct ur_tile_w w = {panels, part.rows, rows, width};
    if (rows > 0)
        ur_tile_product(ur_tile_best(), product->dw + column, (size_t)block.cols, x, w,
                        (size_t)product->inner, true);
}

static void add_part(struct ur_outer_block block, struct part part,
                     const struct ur_outer *products, int32_t count, float *sums)
{
    _Alignas(64) float panels[2 * BLOCK_ROWS * PANEL];
    const size_t cols = (size_t)block.cols;
    float ignored[PANEL] = {0};

    for (size_t column = 0; column < cols; column += 2 * PANEL) {
        const size_t width = smaller(cols - column, 2 * PANEL);
        for (size_t at = 0; at < width; at += PANEL)
            fill_panel(panels + at * part.rows, sums == NULL ? ignored : sums + column + at,
                       block.dy + part.first * block.cols + column + at, part.step * block.cols,
                       part.rows, smaller(width - at, PANEL));
        for (int32_t k = 0; k < count; k++)
            multiply(&products[k], block, part, panels, column, width);
    }
}

/* Rows that are skipped stand at the end of the order: first in memory if it runs backwards. */
static void add_blas(struct ur_outer_block block, const struct ur_outer *products,
                     int32_t count, float *sums)
{
    for (int32_t k = 0; k < count; k++) {
        const struct ur_outer product = products[k];
        const int32_t first = block.from_last ? product.skipped : 0;
        if (product.skipped < block.rows)
            ur_gemm_outer_add(product.dw, product.x + (ptrdiff_t)first * product.inner,
                              block.dy + (ptrdiff_t)first * block.cols,
                              block.rows - product.skipped, product.inner, block.cols);
    }
    if (sums != NULL)
        ur_vec_column_sums_add(sums, block.dy, (size_t)block.rows, (size_t)block.cols);
}

void ur_outer_add(struct ur_outer_block block, const struct ur_outer *products, int32_t count,
                  float *sums)
{
    if (!ur_gemm_wide()) {
        add_blas(block, products, count, sums);
        return;
    }
    for (size_t done = 0; done < (size_t)block.rows; done += BLOCK_ROWS)
        add_part(block, part_of(block, done), products, count, sums);
}
