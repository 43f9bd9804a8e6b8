#include "layers/cell_rnn.h"

#include "kernels/activ.h"

UR_VECTOR_BODY void forward_tanh(float *restrict h, const float *restrict bias, size_t hidden)
{
    for (size_t k = 0; k < hidden; k++)
        h[k] = ur_tanh_one(h[k] + bias[k]);
}

/* The comparison fails for a NaN, which stays one. */
UR_VECTOR_BODY void forward_relu(float *restrict h, const float *restrict bias, size_t hidden)
{
    for (size_t k = 0; k < hidden; k++) {
        const float a = h[k] + bias[k];
        h[k] = a < 0.0f ? 0.0f : a;
    }
}

UR_VECTOR_BODY void forward_linear(float *restrict h, const float *restrict bias, size_t hidden)
{
    for (size_t k = 0; k < hidden; k++)
        h[k] += bias[k];
}

UR_VECTOR_BODY void forward_all(float *h, const float *bias, enum ur_activation activation,
                                size_t rows, size_t hidden)
{
    for (size_t row = 0; row < rows; row++, h += hidden)
        switch (activation) {
        case UR_ACTIVATION_TANH:
            forward_tanh(h, bias, hidden);
            break;
        case UR_ACTIVATION_RELU:
            forward_relu(h, bias, hidden);
            break;
        case UR_ACTIVATION_LINEAR:
            forward_linear(h, bias, hidden);
            break;
        }
}

UR_VECTOR_BODY void backward_all(float *restrict dgates, const float *restrict dh,
                                 const float *restrict h, enum ur_activation activation,
                                 size_t rows, size_t hidden)
{
    const size_t n = rows * hidden;
    switch (activation) {
    case UR_ACTIVATION_TANH:
        for (size_t k = 0; k < n; k++)
            dgates[k] = dh[k] * fmaf(-h[k], h[k], 1.0f);
        break;
    case UR_ACTIVATION_RELU:
        for (size_t k = 0; k < n; k++)
            dgates[k] = h[k] > 0.0f ? dh[k] : 0.0f;
        break;
    case UR_ACTIVATION_LINEAR:
        for (size_t k = 0; k < n; k++)
            dgates[k] = dh[k];
        break;
    }
}

UR_VECTOR_FUNCTION(ur_rnn_forward, forward_all,
                   (float *h, const float *bias, enum ur_activation activation, size_t rows,
                    size_t hidden),
                   (h, bias, activation, rows, hidden))
UR_VECTOR_FUNCTION(ur_rnn_backward, backward_all,
                   (float *dgates, const float *dh, const float *h,
                    enum ur_activation activation, size_t rows, size_t hidden),
                   (dgates, dh, h, activation, rows, hidden))
