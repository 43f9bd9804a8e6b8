#include "kernels/packed.h"

#include <stdbool.h>
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/tile.h"
#include "kernels/vector.h"

enum { PANEL = UR_TILE_PANEL };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t ur_packed_floats(int32_t inner, int32_t cols)
{
    return (size_t)inner * (((size_t)cols + PANEL - 1) / PANEL * PANEL);
}

/* A whole row is a copy of constant size, which is an instruction or two. */
UR_VECTOR_BODY void fill_panel(float *restrict packed, const float *restrict w, size_t inner,
                               size_t cols, size_t width)
{
    if (width == PANEL) {
        for (size_t k = 0; k < inner; k++)
            memcpy(packed + k * PANEL, w + k * cols, PANEL * sizeof *packed);
        return;
    }
    memset(packed, 0, inner * PANEL * sizeof *packed);
    for (size_t k = 0; k < inner; k++)
        memcpy(packed + k * PANEL, w + k * cols, width * sizeof *packed);
}

UR_VECTOR_BODY void fill_panels(float *packed, const float *w, size_t inner, size_t cols)
{
    for (size_t first = 0; first < cols; first += PANEL, packed += inner * PANEL)
        fill_panel(packed, w + first, inner, cols, smaller(cols - first, PANEL));
}

static void fill(float *packed, const float *w, size_t inner, size_t cols);
UR_VECTOR_FUNCTION(fill, fill_panels,
                   (float *packed, const float *w, size_t inner, size_t cols),
                   (packed, w, inner, cols))

void ur_packed_fill(float *packed, const float *w, int32_t inner, int32_t cols)
{
    if (ur_gemm_wide())
        fill(packed, w, (size_t)inner, (size_t)cols);
    else
        memcpy(packed, w, (size_t)inner * (size_t)cols * sizeof *w);
}

/* Sixteen rows of w become a panel; a square of them at a time is read along its rows. */
UR_VECTOR_BODY void fill_transposed(float *restrict packed, const float *restrict w,
                                    size_t inner, size_t width)
{
    size_t k = 0;
    if (width < PANEL)
        memset(packed, 0, inner * PANEL * sizeof *packed);
    for (; width == PANEL && k + PANEL <= inner; k += PANEL, packed += PANEL * PANEL)
        for (size_t c = 0; c < PANEL; c++)
            for (size_t r = 0; r < PANEL; r++)
                packed[r * PANEL + c] = w[c * inner + k + r];
    for (; k < inner; k++, packed += PANEL)
        for (size_t c = 0; c < width; c++)
            packed[c] = w[c * inner + k];
}

UR_VECTOR_BODY void fill_panels_transposed(float *packed, const float *w, size_t inner,
                                           size_t cols)
{
    for (size_t first = 0; first < cols; first += PANEL, packed += inner * PANEL)
        fill_transposed(packed, w + first * inner, inner, smaller(cols - first, PANEL));
}

static void transpose(float *packed, const float *w, size_t inner, size_t cols);
UR_VECTOR_FUNCTION(transpose, fill_panels_transposed,
                   (float *packed, const float *w, size_t inner, size_t cols),
                   (packed, w, inner, cols))

/* Without panels, it is one of all columns. */
void ur_packed_fill_transposed(float *packed, const float *w, int32_t inner, int32_t cols)
{
    const size_t m = (size_t)inner, n = (size_t)cols;
    if (ur_gemm_wide()) {
        transpose(packed, w, m, n);
        return;
    }
    for (size_t k = 0; k < m; k++)
        for (size_t c = 0; c < n; c++)
            packed[k * n + c] = w[c * m + k];
}

/* Rows of x stand one behind the other. */
static void product(float *y, const float *x, const float *packed, int32_t rows, int32_t inner,
                    int32_t cols, bool add)
{
    const struct ur_tile_x from = {.at = x, .row = inner, .step = 1};
    const struct ur_tile_w w = {packed, (size_t)inner, (size_t)inner, (size_t)cols};
    ur_tile_product(ur_tile_best(), y, (size_t)cols, from, w, (size_t)rows, add);
}

void ur_packed_set(float *y, const float *x, const float *packed, int32_t rows, int32_t inner,
                   int32_t cols)
{
    if (ur_gemm_wide())
        product(y, x, packed, rows, inner, cols, false);
    else
        ur_gemm_set(y, x, packed, rows, inner, cols);
}

void ur_packed_add(float *y, const float *x, const float *packed, int32_t rows, int32_t inner,
                   int32_t cols)
{
    if (ur_gemm_wide())
        product(y, x, packed, rows, inner, cols, true);
    else
        ur_gemm_add(y, x, packed, rows, inner, cols);
}
