#include "layers/recurrent.h"

#include <string.h>

#include "kernels/gemm.h"
#include "kernels/packed.h"
#include "kernels/vec.h"
#include "layers/cell_lstm.h"

/* Floats in one time step of an array that holds h. */
static size_t step_floats(struct ur_recurrent_shape shape)
{
    return (size_t)shape.rows * (size_t)shape.hidden;
}

size_t ur_recurrent_packed_floats(struct ur_recurrent_shape shape)
{
    const int32_t gates = UR_LSTM_GATES * shape.hidden;
    const size_t forward =
        ur_packed_floats(shape.width, gates) + ur_packed_floats(shape.hidden, gates);
    const size_t backward = ur_packed_floats(gates, shape.hidden);
    return forward > backward ? forward : backward;
}

void ur_recurrent_forward(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                          const float *x, struct ur_recurrent_kept kept,
                          struct ur_recurrent_scratch scratch)
{
    const size_t step = step_floats(shape);
    const size_t input = (size_t)shape.rows * (size_t)shape.width;
    const int32_t gates = UR_LSTM_GATES * shape.hidden;
    float *w = scratch.packed;
    float *u = scratch.packed + ur_packed_floats(shape.width, gates);

    ur_packed_fill(w, weights.w, shape.width, gates);
    ur_packed_fill(u, weights.u, shape.hidden, gates);
    memset(kept.h, 0, step * sizeof *kept.h);
    memset(kept.c, 0, step * sizeof *kept.c);
    for (int32_t t = 0; t < shape.steps; t++) {
        const size_t at = (size_t)t * step;
        float *now = kept.gates + UR_LSTM_GATES * at;
        ur_packed_set(now, x + (size_t)t * input, w, shape.rows, shape.width, gates);
        if (t > 0) /* h is zero before the first step */
            ur_packed_add(now, kept.h + at, u, shape.rows, shape.hidden, gates);
        ur_lstm_forward(now, kept.c + at + step, kept.tanh_c + at, kept.h + at + step,
                        weights.b, kept.c + at, (size_t)shape.rows, (size_t)shape.hidden);
    }
}

/* Fills scratch.dgates, from the last step to the first. */
static void backward_through_time(struct ur_recurrent_shape shape, const float *u,
                                  struct ur_recurrent_kept kept,
                                  struct ur_output_gradient output,
                                  struct ur_recurrent_scratch scratch)
{
    const size_t step = step_floats(shape);
    const int32_t gates = UR_LSTM_GATES * shape.hidden;

    ur_packed_fill_transposed(scratch.packed, u, gates, shape.hidden);
    memset(scratch.dh, 0, step * sizeof *scratch.dh);
    memset(scratch.dc, 0, step * sizeof *scratch.dc);
    for (int32_t t = shape.steps - 1; t >= 0; t--) {
        const size_t at = (size_t)t * step;
        float *dgates = scratch.dgates + UR_LSTM_GATES * at;
        if (t >= output.first)
            ur_vec_add(scratch.dh, output.blocks + (size_t)(t - output.first) * output.stride,
                       step);
        ur_lstm_backward(dgates, scratch.dc, scratch.dh, kept.gates + UR_LSTM_GATES * at,
                         kept.tanh_c + at, kept.c + at, (size_t)shape.rows,
                         (size_t)shape.hidden);
        if (t > 0)
            ur_packed_set(scratch.dh, dgates, scratch.packed, shape.rows, gates, shape.hidden);
    }
}

void ur_recurrent_backward(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                           const float *x, struct ur_recurrent_kept kept,
                           struct ur_output_gradient output,
                           struct ur_recurrent_scratch scratch,
                           struct ur_recurrent_gradients gradients)
{
    const int32_t all = shape.steps * shape.rows;
    const int32_t gates = UR_LSTM_GATES * shape.hidden;

    backward_through_time(shape, weights.u, kept, output, scratch);
    ur_gemm_outer_set(gradients.dw, x, scratch.dgates, all, shape.width, gates);
    ur_gemm_outer_set(gradients.du, kept.h, scratch.dgates, all, shape.hidden, gates);
    ur_vec_column_sums(gradients.db, scratch.dgates, (size_t)all, (size_t)gates);
}
