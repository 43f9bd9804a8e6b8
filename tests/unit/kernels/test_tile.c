/*
 * Law: the two machines of a tile give the same bits, those of a chain of fmaf, for x as it
 * stands and transposed, for every count of rows, columns and k around a tile's size; and
 * nothing is written beside y.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/tile.h"
#include "kernels/vector.h"
#include "near.h"

enum {
    MOST = 37,
    ROOM = 3, /* of memory that belongs to nobody, behind each row and panel */
    STRIDE = MOST + ROOM,
    PANELS = (MOST + UR_TILE_PANEL - 1) / UR_TILE_PANEL,
};

static float x[MOST * MOST], w[PANELS * (MOST + ROOM) * UR_TILE_PANEL];

static float start_of(size_t at, bool add)
{
    return add ? (float)at * 0.01f : -7.0f;
}

static float chain(struct ur_tile_x from, struct ur_tile_w to, size_t row, size_t column,
                   float sum)
{
    const float *panel = to.panels + column / UR_TILE_PANEL * to.panel_rows * UR_TILE_PANEL;
    for (size_t k = 0; k < to.inner; k++)
        sum = fmaf(from.at[(ptrdiff_t)row * from.row + (ptrdiff_t)k * from.step],
                   panel[k * UR_TILE_PANEL + column % UR_TILE_PANEL], sum);
    return sum;
}

static void check(enum ur_tile_machine machine, struct ur_tile_x from, struct ur_tile_w to,
                  size_t rows, bool add)
{
    float y[MOST * STRIDE];
    for (size_t at = 0; at < sizeof y / sizeof *y; at++)
        y[at] = start_of(at, add);
    ur_tile_product(machine, y, STRIDE, from, to, rows, add);
    for (size_t at = 0; at < sizeof y / sizeof *y; at++) {
        const size_t row = at / STRIDE, column = at % STRIDE;
        const float before = start_of(at, add);
        const float want = row < rows && column < to.cols
                               ? chain(from, to, row, column, add ? before : 0.0f)
                               : before;
        assert_true(y[at] == want);
    }
}

static void check_shape(size_t rows, size_t inner, size_t cols)
{
    const struct ur_tile_x ways[] = {
        {.at = x, .row = (ptrdiff_t)inner, .step = 1},
        {.at = x, .row = 1, .step = (ptrdiff_t)rows},
        {.at = x + (inner - 1) * rows, .row = 1, .step = -(ptrdiff_t)rows},
    };
    const struct ur_tile_w to = {w, inner + ROOM, inner, cols};
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
        for (int add = 0; add < 2; add++) {
            if (UR_VECTOR_WIDE)
                check(UR_TILE_AVX2, ways[way], to, rows, add);
            if (UR_VECTOR_DEEP)
                check(UR_TILE_AVX512, ways[way], to, rows, add);
        }
}

static void test_every_tail(void **state)
{
    (void)state;
    ur_test_fill(x, sizeof x / sizeof *x, 1, -1.0f, 1.0f);
    ur_test_fill(w, sizeof w / sizeof *w, 2, -1.0f, 1.0f);
    for (size_t n = 1; n <= MOST; n++) {
        check_shape(n, 5, MOST);
        check_shape(7, n, 20);
        check_shape(9, 5, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
