/*
 * A tile of up to 6 rows by 16 columns lives in twelve of the sixteen vector registers while k
 * runs; two more hold a row of the panel, one an element of x. Rows are cut evenly,
 * 32 into 6+6+5+5+5+5 and never 6+6+6+6+6+2: it takes eight chains or more to hide the latency
 * of a fused multiply-add. Every sum is a chain over k whatever the tile, so no cut reaches the
 * bits.
 *
 * Refused: blocking over k. A panel of 16 columns and 512 k is 32 KiB and stays in the first or
 * second cache while all rows of a shard pass, for every size that a CPU job has. Refused:
 * plain C for the tile. Both compilers can make these very instructions of it, but only at -O3,
 * and gcc only as long as the sums are a flat array; a debug build was a hundred times slower.
 */
#include "kernels/packed.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/vector.h"

enum { LANES = 8, PANEL = 2 * LANES, TILE_ROWS = 6 };

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

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE __attribute__((target("avx2,fma")))

/*
 * y [rows][16], its rows y_stride floats apart. rows is a constant wherever this is inlined.
 * The sums become registers only if both compilers unroll the loops over r, and clang does that
 * only for the very number of turns that the pragma names: hence the fixed end and the
 * condition.
 */
WIDE static inline __attribute__((always_inline)) void tile(float *y, size_t y_stride,
                                                            const float *x, const float *panel,
                                                            size_t rows, size_t inner, bool add)
{
    __m256 left[TILE_ROWS], right[TILE_ROWS];
#pragma GCC unroll 6
    for (size_t r = 0; r < TILE_ROWS; r++) {
        const bool read = add && r < rows;
        left[r] = read ? _mm256_loadu_ps(y + r * y_stride) : _mm256_setzero_ps();
        right[r] = read ? _mm256_loadu_ps(y + r * y_stride + LANES) : _mm256_setzero_ps();
    }
    for (size_t k = 0; k < inner; k++) {
        const __m256 w_left = _mm256_loadu_ps(panel + k * PANEL);
        const __m256 w_right = _mm256_loadu_ps(panel + k * PANEL + LANES);
#pragma GCC unroll 6
        for (size_t r = 0; r < TILE_ROWS; r++) {
            if (r < rows) {
                const __m256 value = _mm256_broadcast_ss(x + r * inner + k);
                left[r] = _mm256_fmadd_ps(value, w_left, left[r]);
                right[r] = _mm256_fmadd_ps(value, w_right, right[r]);
            }
        }
    }
#pragma GCC unroll 6
    for (size_t r = 0; r < TILE_ROWS; r++) {
        if (r < rows) {
            _mm256_storeu_ps(y + r * y_stride, left[r]);
            _mm256_storeu_ps(y + r * y_stride + LANES, right[r]);
        }
    }
}

/* The switch turns the height into a constant. */
WIDE static void tile_of_rows(float *y, size_t y_stride, const float *x, const float *panel,
                              size_t rows, size_t inner, bool add)
{
    switch (rows) {
    case 1:
        tile(y, y_stride, x, panel, 1, inner, add);
        break;
    case 2:
        tile(y, y_stride, x, panel, 2, inner, add);
        break;
    case 3:
        tile(y, y_stride, x, panel, 3, inner, add);
        break;
    case 4:
        tile(y, y_stride, x, panel, 4, inner, add);
        break;
    case 5:
        tile(y, y_stride, x, panel, 5, inner, add);
        break;
    default:
        assert(rows == TILE_ROWS);
        tile(y, y_stride, x, panel, TILE_ROWS, inner, add);
    }
}

/* A tile whose panel has fewer columns than 16: it works on a copy, where there is room. */
WIDE static void narrow_tile(float *y, size_t y_stride, size_t width, const float *x,
                             const float *panel, size_t rows, size_t inner, bool add)
{
    float room[TILE_ROWS * PANEL] = {0};
    for (size_t r = 0; r < rows; r++)
        memcpy(room + r * PANEL, y + r * y_stride, width * sizeof *y);
    tile_of_rows(room, PANEL, x, panel, rows, inner, add);
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * y_stride, room + r * PANEL, width * sizeof *y);
}

WIDE static void product(float *y, const float *x, const float *packed, size_t rows,
                         size_t inner, size_t cols, bool add)
{
    const size_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t first = 0; first < cols; first += PANEL, packed += inner * PANEL) {
        const size_t width = smaller(cols - first, PANEL);
        size_t row = 0;
        for (size_t k = 0; k < tiles; k++) {
            const size_t height = rows / tiles + (k < rows % tiles);
            float *at = y + row * cols + first;
            const float *from = x + row * inner;
            if (width == PANEL)
                tile_of_rows(at, cols, from, packed, height, inner, add);
            else
                narrow_tile(at, cols, width, from, packed, height, inner, add);
            row += height;
        }
    }
}

#else

/* Never reached: ur_gemm_wide is false on other machines. */
static void product(float *y, const float *x, const float *packed, size_t rows, size_t inner,
                    size_t cols, bool add)
{
    (void)y, (void)x, (void)packed, (void)rows, (void)inner, (void)cols, (void)add;
    assert(false);
}

#endif

void ur_packed_set(float *y, const float *x, const float *packed, int32_t rows, int32_t inner,
                   int32_t cols)
{
    if (ur_gemm_wide())
        product(y, x, packed, (size_t)rows, (size_t)inner, (size_t)cols, false);
    else
        ur_gemm_set(y, x, packed, rows, inner, cols);
}

void ur_packed_add(float *y, const float *x, const float *packed, int32_t rows, int32_t inner,
                   int32_t cols)
{
    if (ur_gemm_wide())
        product(y, x, packed, (size_t)rows, (size_t)inner, (size_t)cols, true);
    else
        ur_gemm_add(y, x, packed, rows, inner, cols);
}
