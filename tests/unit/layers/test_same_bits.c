/*
 * Law: a cell's results depend on the numbers, not on the machine. Its source is compiled here
 * once more, for every machine (base bodies, wide and deep functions), and compared with the
 * library's, which runs the deepest that this machine has.
 */
#define ur_lstm_forward  here_lstm_forward
#define ur_lstm_backward here_lstm_backward
#include "layers/cell_lstm.c"
#undef ur_lstm_forward
#undef ur_lstm_backward

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

typedef void forward_function(float *gates, float *c, float *tanh_c, float *h,
                              const float *bias, const float *c_previous, size_t rows,
                              size_t hidden);
typedef void backward_function(float *dgates, float *dc, const float *dh, const float *gates,
                               const float *tanh_c, const float *c_previous, size_t rows,
                               size_t hidden);

forward_function ur_lstm_forward;
backward_function ur_lstm_backward;

enum { ROWS = 5, HIDDEN = 37, STATE = ROWS * HIDDEN };

/* Everything that a step forward and a step back write. */
struct cell {
    float gates[4 * STATE], c[STATE], tanh_c[STATE], h[STATE], dgates[4 * STATE], dc[STATE];
};

static void run_cell(struct cell *cell, forward_function *forward, backward_function *backward)
{
    float bias[4 * HIDDEN], c_previous[STATE], dh[STATE];
    memset(cell, 0, sizeof *cell);
    ur_test_fill(cell->gates, 4 * STATE, 5, -8.0f, 8.0f);
    ur_test_fill(cell->dc, STATE, 6, -1.0f, 1.0f);
    ur_test_fill(bias, 4 * HIDDEN, 7, -1.0f, 1.0f);
    ur_test_fill(c_previous, STATE, 8, -3.0f, 3.0f);
    ur_test_fill(dh, STATE, 9, -1.0f, 1.0f);
    forward(cell->gates, cell->c, cell->tanh_c, cell->h, bias, c_previous, ROWS, HIDDEN);
    backward(cell->dgates, cell->dc, dh, cell->gates, cell->tanh_c, c_previous, ROWS, HIDDEN);
}

static void base_forward(float *gates, float *c, float *tanh_c, float *h, const float *bias,
                         const float *c_previous, size_t rows, size_t hidden)
{
    forward_all(gates, c, tanh_c, h, bias, c_previous, rows, hidden);
}

static void base_backward(float *dgates, float *dc, const float *dh, const float *gates,
                          const float *tanh_c, const float *c_previous, size_t rows,
                          size_t hidden)
{
    backward_all(dgates, dc, dh, gates, tanh_c, c_previous, rows, hidden);
}

static void test_lstm_cell(void **state)
{
    (void)state;
    static struct cell library, base;
    run_cell(&library, ur_lstm_forward, ur_lstm_backward);
    run_cell(&base, base_forward, base_backward);
    assert_memory_equal(&library, &base, sizeof base);
#if defined(__x86_64__) && !defined(UR_NO_VECTOR)
    static struct cell wide, deep;
    if (UR_VECTOR_WIDE) {
        run_cell(&wide, ur_lstm_forward_wide, ur_lstm_backward_wide);
        assert_memory_equal(&library, &wide, sizeof wide);
    }
    if (UR_VECTOR_DEEP) {
        run_cell(&deep, ur_lstm_forward_deep, ur_lstm_backward_deep);
        assert_memory_equal(&library, &deep, sizeof deep);
    }
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lstm_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
