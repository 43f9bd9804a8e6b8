#include "layers/cell_gru.h"

#include "kernels/activ.h"

UR_VECTOR_BODY void forward_row(float *restrict gates, float *restrict q, float *restrict h,
                                const float *restrict recurrent, const float *restrict bias,
                                const float *restrict bias_q, const float *restrict h_previous,
                                size_t hidden)
{
    for (size_t k = 0; k < hidden; k++) {
        const float r = ur_sigmoid_one(gates[k] + recurrent[k] + bias[k]);
        q[k] = recurrent[2 * hidden + k] + bias_q[k];
        const float n =
            ur_tanh_one(fmaf(r, q[k], gates[2 * hidden + k] + bias[2 * hidden + k]));
        gates[k] = r;
        gates[2 * hidden + k] = n;
    }
    /* A loop of its own, so that the chains of activations stay short. */
    for (size_t k = 0; k < hidden; k++) {
        const float z =
            ur_sigmoid_one(gates[hidden + k] + recurrent[hidden + k] + bias[hidden + k]);
        const float n = gates[2 * hidden + k];
        gates[hidden + k] = z;
        h[k] = fmaf(z, h_previous[k] - n, n);
    }
}

UR_VECTOR_BODY void forward_all(float *gates, float *q, float *h, const float *recurrent,
                                const float *bias, const float *bias_q, const float *h_previous,
                                size_t rows, size_t hidden)
{
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * hidden;
        forward_row(gates + UR_GRU_GATES * at, q + at, h + at, recurrent + UR_GRU_GATES * at,
                    bias, bias_q, h_previous + at, hidden);
    }
}

UR_VECTOR_BODY void backward_row(float *restrict dgates, float *restrict q, float *restrict dh,
                                 const float *restrict gates, const float *restrict h_previous,
                                 size_t hidden)
{
    for (size_t k = 0; k < hidden; k++) {
        const float r = gates[k];
        const float z = gates[hidden + k];
        const float n = gates[2 * hidden + k];
        const float dh_z = dh[k] * z;
        const float dn = dh[k] * (1.0f - z) * fmaf(-n, n, 1.0f);
        const float dq = dn * r;
        dgates[k] = dq * q[k] * (1.0f - r);
        dgates[hidden + k] = dh_z * (h_previous[k] - n) * (1.0f - z);
        dgates[2 * hidden + k] = dq;
        q[k] = dn;
        dh[k] = dh_z;
    }
}

UR_VECTOR_BODY void backward_all(float *dgates, float *q, float *dh, const float *gates,
                                 const float *h_previous, size_t rows, size_t hidden)
{
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * hidden;
        backward_row(dgates + UR_GRU_GATES * at, q + at, dh + at, gates + UR_GRU_GATES * at,
                     h_previous + at, hidden);
    }
}

UR_VECTOR_FUNCTION(ur_gru_forward, forward_all,
                   (float *gates, float *q, float *h, const float *recurrent, const float *bias,
                    const float *bias_q, const float *h_previous, size_t rows, size_t hidden),
                   (gates, q, h, recurrent, bias, bias_q, h_previous, rows, hidden))
UR_VECTOR_FUNCTION(ur_gru_backward, backward_all,
                   (float *dgates, float *q, float *dh, const float *gates,
                    const float *h_previous, size_t rows, size_t hidden),
                   (dgates, q, dh, gates, h_previous, rows, hidden))
