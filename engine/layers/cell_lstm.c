#include "layers/cell_lstm.h"

#include "kernels/activ.h"

UR_VECTOR_BODY void forward_row(float *restrict gates, float *restrict c,
                                float *restrict tanh_c, float *restrict h,
                                const float *restrict bias, const float *restrict c_previous,
                                size_t hidden)
{
    for (size_t k = 0; k < hidden; k++) {
        const float i = ur_sigmoid_one(gates[k] + bias[k]);
        const float f = ur_sigmoid_one(gates[hidden + k] + bias[hidden + k]);
        const float g = ur_tanh_one(gates[2 * hidden + k] + bias[2 * hidden + k]);
        const float o = ur_sigmoid_one(gates[3 * hidden + k] + bias[3 * hidden + k]);
        gates[k] = i;
        gates[hidden + k] = f;
        gates[2 * hidden + k] = g;
        gates[3 * hidden + k] = o;
        c[k] = fmaf(f, c_previous[k], i * g);
    }
    /* A loop of its own: in one loop the chain of five activations is so long that a processor
     * has hardly two turns of it in flight, and a turn costs its latency. */
    for (size_t k = 0; k < hidden; k++) {
        tanh_c[k] = ur_tanh_one(c[k]);
        h[k] = gates[3 * hidden + k] * tanh_c[k];
    }
}

UR_VECTOR_BODY void forward_all(float *gates, float *c, float *tanh_c, float *h,
                                const float *bias, const float *c_previous, size_t rows,
                                size_t hidden)
{
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * hidden;
        forward_row(gates + UR_LSTM_GATES * at, c + at, tanh_c + at, h + at, bias,
                    c_previous + at, hidden);
    }
}

UR_VECTOR_BODY void backward_row(float *restrict dgates, float *restrict dc,
                                 const float *restrict dh, const float *restrict gates,
                                 const float *restrict tanh_c, const float *restrict c_previous,
                                 size_t hidden)
{
    for (size_t k = 0; k < hidden; k++) {
        const float i = gates[k];
        const float f = gates[hidden + k];
        const float g = gates[2 * hidden + k];
        const float o = gates[3 * hidden + k];
        const float dh_o = dh[k] * o;
        const float dc_all = fmaf(dh_o, fmaf(-tanh_c[k], tanh_c[k], 1.0f), dc[k]);
        const float dc_i = dc_all * i;
        const float dc_f = dc_all * f;
        dgates[k] = dc_i * g * (1.0f - i);
        dgates[hidden + k] = dc_f * c_previous[k] * (1.0f - f);
        dgates[2 * hidden + k] = dc_i * fmaf(-g, g, 1.0f);
        dgates[3 * hidden + k] = dh_o * tanh_c[k] * (1.0f - o);
        dc[k] = dc_f;
    }
}

enum { LINE_FLOATS = 16 };

/* Asks for n floats that will be read soon. */
UR_VECTOR_BODY void ask_for(const float *x, size_t n)
{
    for (size_t k = 0; k < n; k += LINE_FLOATS)
        __builtin_prefetch(x + k);
}

/*
 * What forward left comes from the third cache, where a row's six short streams are too short
 * for a processor to guess: each row asks for what the next one reads.
 */
UR_VECTOR_BODY void backward_all(float *dgates, float *dc, const float *dh, const float *gates,
                                 const float *tanh_c, const float *c_previous, size_t rows,
                                 size_t hidden)
{
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * hidden;
        if (row + 1 < rows) {
            ask_for(gates + UR_LSTM_GATES * (at + hidden), UR_LSTM_GATES * hidden);
            ask_for(tanh_c + at + hidden, hidden);
            ask_for(c_previous + at + hidden, hidden);
        }
        backward_row(dgates + UR_LSTM_GATES * at, dc + at, dh + at, gates + UR_LSTM_GATES * at,
                     tanh_c + at, c_previous + at, hidden);
    }
}

UR_VECTOR_FUNCTION(ur_lstm_forward, forward_all,
                   (float *gates, float *c, float *tanh_c, float *h, const float *bias,
                    const float *c_previous, size_t rows, size_t hidden),
                   (gates, c, tanh_c, h, bias, c_previous, rows, hidden))
UR_VECTOR_FUNCTION(ur_lstm_backward, backward_all,
                   (float *dgates, float *dc, const float *dh, const float *gates,
                    const float *tanh_c, const float *c_previous, size_t rows, size_t hidden),
                   (dgates, dc, dh, gates, tanh_c, c_previous, rows, hidden))
