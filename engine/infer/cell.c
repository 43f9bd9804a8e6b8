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

UR_VECTOR_BODY void gru_row(const float *restrict gates, const float *restrict recurrent,
                            const float *restrict bias_q, const float *restrict h_previous,
                            float *restrict h, size_t hidden)
{
    for (size_t k = 0; k < hidden; k++) {
        const float r = ur_sigmoid_one(gates[k] + recurrent[k]);
        const float z = ur_sigmoid_one(gates[hidden + k] + recurrent[hidden + k]);
        const float q = recurrent[2 * hidden + k] + bias_q[k];
        const float n = ur_tanh_one(fmaf(r, q, gates[2 * hidden + k]));
        h[k] = fmaf(z, h_previous[k] - n, n);
    }
}

UR_VECTOR_BODY void gru_all(const float *gates, const float *recurrent, const float *bias_q,
                            const float *h_previous, float *h, size_t rows, size_t hidden)
{
    for (size_t row = 0; row < rows; row++)
        gru_row(gates + 3 * row * hidden, recurrent + 3 * row * hidden, bias_q,
                h_previous + row * hidden, h + row * hidden, hidden);
}

UR_VECTOR_FUNCTION(ur_infer_gru, gru_all,
                   (const float *gates, const float *recurrent, const float *bias_q,
                    const float *h_previous, float *h, size_t rows, size_t hidden),
                   (gates, recurrent, bias_q, h_previous, h, rows, hidden))
UR_VECTOR_FUNCTION(ur_infer_lstm, lstm_all,
                   (const float *gates, float *c, float *h, size_t rows, size_t hidden),
                   (gates, c, h, rows, hidden))

void ur_infer_rnn(float *h, enum ur_activation activation, size_t n)
{
    if (activation == UR_ACTIVATION_TANH)
        ur_tanh(h, h, n);
    if (activation == UR_ACTIVATION_RELU)
        for (size_t k = 0; k < n; k++)
            h[k] = h[k] < 0.0f ? 0.0f : h[k];
}

void ur_infer_larger(float *y, const float *x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        y[k] = x[k] > y[k] ? x[k] : y[k];
}
