/*
 * A tile of sums lives in vector registers while k runs. AVX2 has sixteen: up to 6 rows by one
 * panel are twelve sums, two more hold a row of the panel, one an element of x. AVX-512 has
 * twice as many of twice the length: up to 8 rows by two panels.
 *
 * Rows are cut evenly, 32 into 6+6+5+5+5+5 and never 6+6+6+6+6+2: it takes eight chains or more
 * to hide the latency of a fused multiply-add. Every sum is a chain over k whatever the tile,
 * so no cut reaches the bits.
 *
 * Refused: more than 8 rows for AVX-512. There is room for 14, but rows of x are often a power
 * of two apart, and the first cache keeps only 8 lines of such an address. Refused: blocking
 * over k. A panel of 16 columns and 512 k is 32 KiB and stays in the first or second cache
 * while all rows of a shard pass, for every size that a CPU job has. Refused: plain C for the
 * tile. Both compilers can make these very instructions of it, but only at -O3, and gcc only as
 * long as the sums are a flat array; a debug build was a hundred times slower.
 */
#include "kernels/tile.h"

#include <assert.h>
#include <string.h>

#include "kernels/vector.h"

enum { PANEL = UR_TILE_PANEL };

enum ur_tile_machine ur_tile_best(void)
{
    return UR_VECTOR_DEEP ? UR_TILE_AVX512 : UR_TILE_AVX2;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2      __attribute__((target("avx2,fma")))
#define AVX512    __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")))
#define INTO_LOOP static inline __attribute__((always_inline))

enum { LANES = 8, WIDE_ROWS = 6, DEEP_ROWS = 8 };

/*
 * y [rows][16]. rows is a constant wherever this is inlined, and so is one of x's distances.
 * The sums become registers only if both compilers unroll the loops over r, and clang does that
 * only for the very number of turns that the pragma names: hence the fixed end and the
 * condition.
 */
AVX2 INTO_LOOP void wide_tile(float *y, size_t y_stride, struct ur_tile_x x, const float *panel,
                              size_t rows, size_t inner, bool add)
{
    __m256 left[WIDE_ROWS], right[WIDE_ROWS];
#pragma GCC unroll 6
    for (size_t r = 0; r < WIDE_ROWS; r++) {
        const bool read = add && r < rows;
        left[r] = read ? _mm256_loadu_ps(y + r * y_stride) : _mm256_setzero_ps();
        right[r] = read ? _mm256_loadu_ps(y + r * y_stride + LANES) : _mm256_setzero_ps();
    }
    for (size_t k = 0; k < inner; k++, panel += PANEL) {
        const __m256 w_left = _mm256_loadu_ps(panel);
        const __m256 w_right = _mm256_loadu_ps(panel + LANES);
        const float *from = x.at + (ptrdiff_t)k * x.step;
#pragma GCC unroll 6
        for (size_t r = 0; r < WIDE_ROWS; r++) {
            if (r < rows) {
                const __m256 value = _mm256_broadcast_ss(from + (ptrdiff_t)r * x.row);
                left[r] = _mm256_fmadd_ps(value, w_left, left[r]);
                right[r] = _mm256_fmadd_ps(value, w_right, right[r]);
            }
        }
    }
#pragma GCC unroll 6
    for (size_t r = 0; r < WIDE_ROWS; r++) {
        if (r < rows) {
            _mm256_storeu_ps(y + r * y_stride, left[r]);
            _mm256_storeu_ps(y + r * y_stride + LANES, right[r]);
        }
    }
}

/* The switch turns the height into a constant. */
AVX2 INTO_LOOP void wide_tile_of_rows(float *y, size_t y_stride, struct ur_tile_x x,
                                      const float *panel, size_t rows, size_t inner, bool add)
{
    switch (rows) {
    case 1:
        wide_tile(y, y_stride, x, panel, 1, inner, add);
        break;
    case 2:
        wide_tile(y, y_stride, x, panel, 2, inner, add);
        break;
    case 3:
        wide_tile(y, y_stride, x, panel, 3, inner, add);
        break;
    case 4:
        wide_tile(y, y_stride, x, panel, 4, inner, add);
        break;
    case 5:
        wide_tile(y, y_stride, x, panel, 5, inner, add);
        break;
    default:
        assert(rows == WIDE_ROWS);
        wide_tile(y, y_stride, x, panel, WIDE_ROWS, inner, add);
    }
}

/* And this one the distance. A pointer, because a struct that was just changed costs a stall
 * when it is copied to the stack. */
AVX2 static void wide_tile_of(float *y, size_t y_stride, const struct ur_tile_x *from,
                              const float *panel, size_t rows, size_t inner, bool add)
{
    struct ur_tile_x x = *from;
    if (x.step == 1) {
        x.step = 1;
        wide_tile_of_rows(y, y_stride, x, panel, rows, inner, add);
    } else {
        assert(x.row == 1);
        x.row = 1;
        wide_tile_of_rows(y, y_stride, x, panel, rows, inner, add);
    }
}

/* A tile whose panel has fewer columns than 16: it works on a copy, where there is room. */
AVX2 static void narrow_tile(float *y, size_t y_stride, size_t width, const struct ur_tile_x *x,
                             const float *panel, size_t rows, size_t inner, bool add)
{
    float room[WIDE_ROWS * PANEL] = {0};
    for (size_t r = 0; r < rows; r++)
        memcpy(room + r * PANEL, y + r * y_stride, width * sizeof *y);
    wide_tile_of(room, PANEL, x, panel, rows, inner, add);
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * y_stride, room + r * PANEL, width * sizeof *y);
}

AVX2 static void wide_product(float *y, size_t y_stride, struct ur_tile_x x, struct ur_tile_w w,
                              size_t rows, bool add)
{
    const size_t tiles = (rows + WIDE_ROWS - 1) / WIDE_ROWS;
    const size_t low = rows / tiles, higher = rows % tiles;
    for (size_t first = 0; first < w.cols; first += PANEL) {
        const size_t width = w.cols - first < PANEL ? w.cols - first : PANEL;
        const float *panel = w.panels + first * w.panel_rows;
        struct ur_tile_x from = x;
        float *to = y + first;
        for (size_t k = 0; k < tiles; k++) {
            const size_t height = low + (k < higher);
            if (width == PANEL)
                wide_tile_of(to, y_stride, &from, panel, height, w.inner, add);
            else
                narrow_tile(to, y_stride, width, &from, panel, height, w.inner, add);
            to += height * y_stride;
            from.at += (ptrdiff_t)height * x.row;
        }
    }
}

/* What a deep tile reads and writes besides x. */
struct deep {
    float *y;
    size_t y_stride;
    const float *panel, *next;
    size_t inner;
    __mmask16 mask; /* the columns that the last panel has */
    bool add;
};

/* y [rows][16 or 32]; rows, panels and one of x's distances are constants. */
AVX512 INTO_LOOP void deep_tile(struct deep to, struct ur_tile_x x, size_t rows, size_t panels)
{
    const __mmask16 every = 0xffff, first = panels > 1 ? every : to.mask;
    __m512 left[DEEP_ROWS], right[DEEP_ROWS];
#pragma GCC unroll 8
    for (size_t r = 0; r < DEEP_ROWS; r++) {
        const float *y = to.y + r * to.y_stride;
        const bool read = to.add && r < rows;
        left[r] = read ? _mm512_maskz_loadu_ps(first, y) : _mm512_setzero_ps();
        right[r] = read && panels > 1 ? _mm512_maskz_loadu_ps(to.mask, y + PANEL)
                                      : _mm512_setzero_ps();
    }
    for (size_t k = 0; k < to.inner; k++) {
        const __m512 w_left = _mm512_loadu_ps(to.panel + k * PANEL);
        const __m512 w_right = panels > 1 ? _mm512_loadu_ps(to.next + k * PANEL) : w_left;
        const float *from = x.at + (ptrdiff_t)k * x.step;
#pragma GCC unroll 8
        for (size_t r = 0; r < DEEP_ROWS; r++) {
            if (r < rows) {
                const __m512 value = _mm512_set1_ps(from[(ptrdiff_t)r * x.row]);
                left[r] = _mm512_fmadd_ps(value, w_left, left[r]);
                if (panels > 1)
                    right[r] = _mm512_fmadd_ps(value, w_right, right[r]);
            }
        }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < DEEP_ROWS; r++) {
        if (r < rows) {
            _mm512_mask_storeu_ps(to.y + r * to.y_stride, first, left[r]);
            if (panels > 1)
                _mm512_mask_storeu_ps(to.y + r * to.y_stride + PANEL, to.mask, right[r]);
        }
    }
}

AVX512 INTO_LOOP void deep_tile_of_rows(struct deep to, struct ur_tile_x x, size_t rows,
                                        size_t panels)
{
    switch (rows) {
    case 1:
        deep_tile(to, x, 1, panels);
        break;
    case 2:
        deep_tile(to, x, 2, panels);
        break;
    case 3:
        deep_tile(to, x, 3, panels);
        break;
    case 4:
        deep_tile(to, x, 4, panels);
        break;
    case 5:
        deep_tile(to, x, 5, panels);
        break;
    case 6:
        deep_tile(to, x, 6, panels);
        break;
    case 7:
        deep_tile(to, x, 7, panels);
        break;
    default:
        assert(rows == DEEP_ROWS);
        deep_tile(to, x, DEEP_ROWS, panels);
    }
}

AVX512 static void deep_tile_of(const struct deep *at, const struct ur_tile_x *from,
                                size_t rows, size_t panels)
{
    const struct deep to = *at;
    struct ur_tile_x x = *from;
    if (x.step == 1) {
        x.step = 1;
        if (panels > 1)
            deep_tile_of_rows(to, x, rows, 2);
        else
            deep_tile_of_rows(to, x, rows, 1);
    } else {
        assert(x.row == 1);
        x.row = 1;
        if (panels > 1)
            deep_tile_of_rows(to, x, rows, 2);
        else
            deep_tile_of_rows(to, x, rows, 1);
    }
}

AVX512 static void deep_product(float *y, size_t y_stride, struct ur_tile_x x,
                                struct ur_tile_w w, size_t rows, bool add)
{
    const size_t tiles = (rows + DEEP_ROWS - 1) / DEEP_ROWS;
    const size_t low = rows / tiles, higher = rows % tiles;
    struct deep to = {.y_stride = y_stride, .inner = w.inner, .add = add};
    for (size_t first = 0; first < w.cols; first += 2 * PANEL) {
        const size_t left = w.cols - first, count = left > PANEL ? 2 : 1;
        const size_t last = left < 2 * PANEL ? left - (count - 1) * PANEL : PANEL;
        struct ur_tile_x from = x;
        to.mask = (__mmask16)((1U << last) - 1);
        to.y = y + first;
        to.panel = w.panels + first * w.panel_rows;
        to.next = to.panel + w.panel_rows * PANEL;
        for (size_t k = 0; k < tiles; k++) {
            const size_t height = low + (k < higher);
            deep_tile_of(&to, &from, height, count);
            to.y += height * y_stride;
            from.at += (ptrdiff_t)height * x.row;
        }
    }
}

void ur_tile_product(enum ur_tile_machine machine, float *y, size_t y_stride,
                     struct ur_tile_x x, struct ur_tile_w w, size_t rows, bool add)
{
    if (machine == UR_TILE_AVX512)
        deep_product(y, y_stride, x, w, rows, add);
    else
        wide_product(y, y_stride, x, w, rows, add);
}

#else

/* Never reached: ur_gemm_wide is false on other machines. */
void ur_tile_product(enum ur_tile_machine machine, float *y, size_t y_stride,
                     struct ur_tile_x x, struct ur_tile_w w, size_t rows, bool add)
{
    (void)machine, (void)y, (void)y_stride, (void)x, (void)w, (void)rows, (void)add;
    assert(false);
}

#endif
