#include "infer/cell.h"

#include "kernels/activ.h"

UR_VECTOR_BODY void lstm_row(const float *restrict gates, float *restrict c, float *restrict h,
                             size_t hidden)
{
    for (size_t k = 0; k < hidden; k++) {
        const float i = ur_sigmoid_one(gates[k]);
        const float f = ur_sigmoid_one(gates[hidden + k]);
        const float g = ur_tanh_one(gates[2 * hidden + k]);
        const float o = ur_sigmoid_one(gates[3 * hidden + k]);
        c[k] = fmaf(f, c[k], i * g);
        h[k] = o * ur_tanh_one(c[k]);
    }
}

UR_VECTOR_BODY void lstm_all(const float *gates, float *c, float *h, size_t rows, size_t hidden)
{
    for (size_t row = 0; row < rows; row++)
        lstm_row(gates + 4 * row * hidden, c + row * hidden, h + row * hidden, hidden);
}

UR_VECTOR_FUNCTION(ur_infer_lstm, lstm_all,
                   (const float *gates, float *c, float *h, size_t rows, size_t hidden),
                   (gates, c, h, rows, hidden))
