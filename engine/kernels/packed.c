#include "kernels/packed.h"

#include <stdbool.h>
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/tile.h"

enum { PANEL = UR_TILE_PANEL };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t ur_packed_floats(int32_t inner, int32_t cols)
{
    return (size_t)inner * (((size_t)cols + PANEL - 1) / PANEL * PANEL);
}

/* The whole row is a copy of constant size, which is two instructions. */
static void fill_row(float *packed, const float *w, size_t width)
{
    if (width == PANEL) {
        memcpy(packed, w, PANEL * sizeof *packed);
        return;
    }
    memset(packed, 0, PANEL * sizeof *packed);
    memcpy(packed, w, width * sizeof *packed);
}

void ur_packed_fill(float *packed, const float *w, int32_t inner, int32_t cols)
{
    const size_t n = (size_t)cols;
    if (!ur_gemm_wide()) {
        memcpy(packed, w, (size_t)inner * n * sizeof *w);
        return;
    }
    for (size_t first = 0; first < n; first += PANEL) {
        const size_t width = smaller(n - first, PANEL);
        for (size_t k = 0; k < (size_t)inner; k++, packed += PANEL)
            fill_row(packed, w + k * n + first, width);
    }
}

void ur_packed_fill_transposed(float *packed, const float *w, int32_t inner, int32_t cols)
{
    const size_t n = (size_t)cols, m = (size_t)inner;
    const size_t panel = ur_gemm_wide() ? PANEL : n; /* one panel of all columns: no panels */
    for (size_t first = 0; first < n; first += panel) {
        const size_t width = smaller(n - first, panel);
        for (size_t k = 0; k < m; k++, packed += panel)
            for (size_t c = 0; c < panel; c++)
                packed[c] = c < width ? w[(first + c) * m + k] : 0.0f;
    }
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
