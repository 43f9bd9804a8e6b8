/* The dense layer against float64 loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/dense.h"
#include "near.h"

enum { ROWS = 6, IN = 13, OUT = 10 };

static const struct ur_dense_shape shape = {ROWS, IN, OUT};
static float x[ROWS * IN], w[IN * OUT], b[OUT], y[ROWS * OUT], dy[ROWS * OUT];
static float dx[ROWS * IN], dw[IN * OUT], db[OUT];

static void test_forward(void **state)
{
    (void)state;
    ur_test_fill(x, ROWS * IN, 1, -1.0f, 1.0f);
    ur_test_fill(w, IN * OUT, 2, -1.0f, 1.0f);
    ur_test_fill(b, OUT, 3, -1.0f, 1.0f);
    ur_dense_forward(shape, y, x, w, b);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t o = 0; o < OUT; o++) {
            double sum = (double)b[o];
            for (size_t k = 0; k < IN; k++)
                sum += (double)x[r * IN + k] * (double)w[k * OUT + o];
            assert_near(y[r * OUT + o], sum, 3e-6);
        }
}

static void test_backward(void **state)
{
    (void)state;
    ur_test_fill(x, ROWS * IN, 4, -1.0f, 1.0f);
    ur_test_fill(w, IN * OUT, 5, -1.0f, 1.0f);
    ur_test_fill(dy, ROWS * OUT, 6, -1.0f, 1.0f);
    ur_dense_backward(shape, dx, dw, db, dy, x, w);
    for (size_t k = 0; k < IN; k++)
        for (size_t o = 0; o < OUT; o++) {
            double sum = 0.0;
            for (size_t r = 0; r < ROWS; r++)
                sum += (double)x[r * IN + k] * (double)dy[r * OUT + o];
            assert_near(dw[k * OUT + o], sum, 3e-6);
        }
    for (size_t o = 0; o < OUT; o++) {
        double sum = 0.0;
        for (size_t r = 0; r < ROWS; r++)
            sum += (double)dy[r * OUT + o];
        assert_near(db[o], sum, 3e-6);
    }
    for (size_t r = 0; r < ROWS; r++)
        for (size_t k = 0; k < IN; k++) {
            double sum = 0.0;
            for (size_t o = 0; o < OUT; o++)
                sum += (double)dy[r * OUT + o] * (double)w[k * OUT + o];
            assert_near(dx[r * IN + k], sum, 3e-6);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_backward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
