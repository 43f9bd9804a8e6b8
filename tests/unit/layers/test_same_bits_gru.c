/*
 * Law: as test_same_bits.c, for the gated recurrent unit. A file of its own, because the cells'
 * sources name their loops alike.
 */
#define ur_gru_forward  here_gru_forward
#define ur_gru_backward here_gru_backward
#include "layers/cell_gru.c"
#undef ur_gru_forward
#undef ur_gru_backward

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

typedef void forward_function(float *gates, float *q, float *h, const float *recurrent,
                              const float *bias, const float *bias_q, const float *h_previous,
                              size_t rows, size_t hidden);
typedef void backward_function(float *dgates, float *q, float *dh, const float *gates,
                               const float *h_previous, size_t rows, size_t hidden);

forward_function ur_gru_forward;
backward_function ur_gru_backward;

enum { ROWS = 5, HIDDEN = 37, STATE = ROWS * HIDDEN };

/* Everything that a step forward and a step back write. */
struct cell {
    float gates[3 * STATE], q[STATE], kept_q[STATE], h[STATE], dgates[3 * STATE], dh[STATE];
};

static void run_cell(struct cell *cell, forward_function *forward, backward_function *backward)
{
    float bias[3 * HIDDEN], bias_q[HIDDEN], h_previous[STATE], recurrent[3 * STATE];
    memset(cell, 0, sizeof *cell);
    ur_test_fill(cell->gates, 3 * STATE, 5, -8.0f, 8.0f);
    ur_test_fill(recurrent, 3 * STATE, 6, -4.0f, 4.0f);
    ur_test_fill(bias, 3 * HIDDEN, 7, -1.0f, 1.0f);
    ur_test_fill(bias_q, HIDDEN, 8, -1.0f, 1.0f);
    ur_test_fill(h_previous, STATE, 9, -1.0f, 1.0f);
    ur_test_fill(cell->dh, STATE, 10, -1.0f, 1.0f);
    forward(cell->gates, cell->q, cell->h, recurrent, bias, bias_q, h_previous, ROWS, HIDDEN);
    memcpy(cell->kept_q, cell->q, sizeof cell->q);
    backward(cell->dgates, cell->q, cell->dh, cell->gates, h_previous, ROWS, HIDDEN);
}

static void base_forward(float *gates, float *q, float *h, const float *recurrent,
                         const float *bias, const float *bias_q, const float *h_previous,
                         size_t rows, size_t hidden)
{
    forward_all(gates, q, h, recurrent, bias, bias_q, h_previous, rows, hidden);
}

static void base_backward(float *dgates, float *q, float *dh, const float *gates,
                          const float *h_previous, size_t rows, size_t hidden)
{
    backward_all(dgates, q, dh, gates, h_previous, rows, hidden);
}

static void test_gru_cell(void **state)
{
    (void)state;
    static struct cell library, base;
    run_cell(&library, ur_gru_forward, ur_gru_backward);
    run_cell(&base, base_forward, base_backward);
    assert_memory_equal(&library, &base, sizeof base);
#if defined(__x86_64__) && !defined(UR_NO_VECTOR)
    static struct cell wide, deep;
    if (UR_VECTOR_WIDE) {
        run_cell(&wide, ur_gru_forward_wide, ur_gru_backward_wide);
        assert_memory_equal(&library, &wide, sizeof wide);
    }
    if (UR_VECTOR_DEEP) {
        run_cell(&deep, ur_gru_forward_deep, ur_gru_backward_deep);
        assert_memory_equal(&library, &deep, sizeof deep);
    }
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gru_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
