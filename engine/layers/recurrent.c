#include "layers/recurrent.h"

#include <string.h>

#include "kernels/gemm.h"
#include "kernels/packed.h"
#include "kernels/vec.h"
#include "layers/cell_gru.h"
#include "layers/cell_lstm.h"
#include "layers/cell_rnn.h"
#include "layers/projection.h"
#include "layers/steps.h"

/* Columns of W and U. */
static int32_t columns(struct ur_recurrent_shape shape)
{
    return ur_recurrent_gates(shape.cell) * shape.hidden;
}

/* Floats in one time step of an array that holds h. */
static size_t step_floats(struct ur_recurrent_shape shape)
{
    return (size_t)shape.rows * (size_t)ur_recurrent_units(shape);
}

static int32_t part_width(struct ur_recurrent_shape shape)
{
    return shape.parts > 1 ? shape.width / shape.parts : shape.width;
}

/* The step that is read as number n. */
static int32_t step_at(struct ur_recurrent_shape shape, int32_t n)
{
    return shape.reversed ? shape.steps - 1 - n : n;
}

/* Slots of h and c: what step 0 writes, and what it reads. */
static size_t now_slot(struct ur_recurrent_shape shape)
{
    return shape.reversed ? 0 : 1;
}

static size_t before_slot(struct ur_recurrent_shape shape)
{
    return shape.reversed ? 1 : 0;
}

const float *ur_recurrent_output(struct ur_recurrent_shape shape, struct ur_recurrent_kept kept)
{
    return kept.h + now_slot(shape) * step_floats(shape);
}

size_t ur_recurrent_packed_floats(struct ur_recurrent_shape shape)
{
    const int32_t gates = columns(shape);
    if (shape.projection > 0)
        return ur_projection_packed_floats(shape);
    const size_t forward =
        ur_packed_floats(shape.width, gates) + ur_packed_floats(shape.hidden, gates);
    const size_t backward = ur_packed_floats(gates, shape.hidden);
    return forward > backward ? forward : backward;
}

/* Packs the rows of W that each part of the input meets. */
static void pack_input(struct ur_recurrent_shape shape, float *packed, const float *w)
{
    const int32_t width = part_width(shape), gates = columns(shape);
    ur_packed_fill(packed, w, width, gates);
    if (shape.parts > 1)
        ur_packed_fill(packed + ur_packed_floats(width, gates),
                       w + (size_t)width * (size_t)gates, width, gates);
}

/* now = x W for step t. */
static void multiply_input(struct ur_recurrent_shape shape, float *now,
                           struct ur_recurrent_input input, const float *packed, int32_t t)
{
    const int32_t width = part_width(shape), gates = columns(shape);
    const size_t at = (size_t)t * (size_t)shape.rows * (size_t)width;
    ur_packed_set(now, input.parts[0] + at, packed, shape.rows, width, gates);
    if (shape.parts > 1)
        ur_packed_add(now, input.parts[1] + at, packed + ur_packed_floats(width, gates),
                      shape.rows, width, gates);
}

/* The zero that the first step in reading order finds. */
static void clear_start(struct ur_recurrent_shape shape, struct ur_recurrent_kept kept)
{
    const size_t step = step_floats(shape);
    const size_t at = shape.reversed ? (size_t)shape.steps * step : 0;
    memset(kept.h + at, 0, step * sizeof *kept.h);
    if (shape.cell == UR_CELL_LSTM)
        memset(kept.c + at, 0, step * sizeof *kept.c);
}

/* What a step forward works with. */
struct pass {
    struct ur_recurrent_shape shape;
    struct ur_recurrent_weights weights;
    struct ur_recurrent_input input;
    struct ur_recurrent_kept kept;
    const float *w, *u; /* packed */
    float *recurrent;   /* GRU: h U of one step */
};

/* h is zero before the first step, whose product with U is left out. */
static void step_forward(const struct pass *pass, int32_t t, bool start)
{
    const struct ur_recurrent_shape shape = pass->shape;
    const struct ur_recurrent_kept kept = pass->kept;
    const size_t step = step_floats(shape), rows = (size_t)shape.rows;
    const size_t hidden = (size_t)shape.hidden, at = (size_t)t * step;
    const size_t now = at + now_slot(shape) * step, before = at + before_slot(shape) * step;
    const int32_t gates = columns(shape);
    float *sums = shape.cell == UR_CELL_RNN
                      ? kept.h + now
                      : kept.gates + (size_t)ur_recurrent_gates(shape.cell) * at;

    multiply_input(shape, sums, pass->input, pass->w, t);
    switch (shape.cell) {
    case UR_CELL_LSTM:
        if (!start)
            ur_packed_add(sums, kept.h + before, pass->u, shape.rows, shape.hidden, gates);
        ur_lstm_forward(sums, kept.c + now, kept.tanh_c + at, kept.h + now, pass->weights.b,
                        kept.c + before, rows, hidden);
        break;
    case UR_CELL_RNN:
        if (!start)
            ur_packed_add(sums, kept.h + before, pass->u, shape.rows, shape.hidden, gates);
        ur_rnn_forward(sums, pass->weights.b, shape.activation, rows, hidden);
        break;
    case UR_CELL_GRU:
        if (start)
            memset(pass->recurrent, 0, UR_GRU_GATES * step * sizeof *pass->recurrent);
        else
            ur_packed_set(pass->recurrent, kept.h + before, pass->u, shape.rows, shape.hidden,
                          gates);
        ur_gru_forward(sums, kept.q + at, kept.h + now, pass->recurrent, pass->weights.b,
                       pass->weights.bn, kept.h + before, rows, hidden);
        break;
    }
    ur_steps_clear_padding(shape, shape.hidden, kept.h + now, t);
    if (shape.cell == UR_CELL_LSTM)
        ur_steps_clear_padding(shape, shape.hidden, kept.c + now, t);
}

void ur_recurrent_forward(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                          struct ur_recurrent_input input, struct ur_recurrent_kept kept,
                          struct ur_recurrent_scratch scratch)
{
    if (shape.projection > 0) {
        ur_projection_forward(shape, weights, input, kept, scratch);
        return;
    }
    float *w = scratch.packed;
    float *u = scratch.packed + ur_packed_floats(shape.width, columns(shape));
    const struct pass pass = {shape, weights, input, kept, w, u, scratch.dgates};

    pack_input(shape, w, weights.w);
    ur_packed_fill(u, weights.u, shape.hidden, columns(shape));
    clear_start(shape, kept);
    for (int32_t n = 0; n < shape.steps; n++)
        step_forward(&pass, step_at(shape, n), n == 0);
}

/* Turns dh of step t into dgates, and dh into what reaches step t - 1 beside U. */
static void cell_backward(struct ur_recurrent_shape shape, struct ur_recurrent_kept kept,
                          struct ur_recurrent_scratch scratch, float *dgates, int32_t t)
{
    const size_t step = step_floats(shape), rows = (size_t)shape.rows;
    const size_t hidden = (size_t)shape.hidden, at = (size_t)t * step;
    const size_t now = at + now_slot(shape) * step, before = at + before_slot(shape) * step;

    switch (shape.cell) {
    case UR_CELL_LSTM:
        ur_lstm_backward(dgates, scratch.dc, scratch.dh, kept.gates + UR_LSTM_GATES * at,
                         kept.tanh_c + at, kept.c + before, rows, hidden);
        break;
    case UR_CELL_RNN:
        ur_rnn_backward(dgates, scratch.dh, kept.h + now, shape.activation, rows, hidden);
        break;
    case UR_CELL_GRU:
        ur_gru_backward(dgates, kept.q + at, scratch.dh, kept.gates + UR_GRU_GATES * at,
                        kept.h + before, rows, hidden);
        break;
    }
}

/* Fills scratch.dgates, from the step that was read last to the one that was read first. */
static void backward_through_time(struct ur_recurrent_shape shape, const float *u,
                                  struct ur_recurrent_kept kept,
                                  struct ur_output_gradient output,
                                  struct ur_recurrent_scratch scratch)
{
    const size_t step = step_floats(shape);
    const int32_t gates = columns(shape);

    ur_packed_fill_transposed(scratch.packed, u, gates, shape.hidden);
    memset(scratch.dh, 0, step * sizeof *scratch.dh);
    memset(scratch.dc, 0, step * sizeof *scratch.dc);
    for (int32_t n = shape.steps - 1; n >= 0; n--) {
        const int32_t t = step_at(shape, n);
        float *dgates =
            scratch.dgates + (size_t)ur_recurrent_gates(shape.cell) * (size_t)t * step;
        ur_steps_add_output(shape, shape.hidden, output, scratch.dh, t);
        /* A cell turns gradients of zero into gradients of zero. */
        ur_steps_clear_padding(shape, shape.hidden, scratch.dh, t);
        if (shape.cell == UR_CELL_LSTM)
            ur_steps_clear_padding(shape, shape.hidden, scratch.dc, t);
        if (scratch.squares != NULL)
            ur_vec_squares(&scratch.squares[t], scratch.dh, step);
        cell_backward(shape, kept, scratch, dgates, t);
        if (n > 0 && ur_recurrent_cut(shape, n)) {
            memset(scratch.dh, 0, step * sizeof *scratch.dh);
            memset(scratch.dc, 0, step * sizeof *scratch.dc);
        } else if (n > 0 && shape.cell == UR_CELL_GRU)
            ur_packed_add(scratch.dh, dgates, scratch.packed, shape.rows, gates, shape.hidden);
        else if (n > 0)
            ur_packed_set(scratch.dh, dgates, scratch.packed, shape.rows, gates, shape.hidden);
    }
}

/* From here on a GRU's dgates are those of x W + b: its last third was that of h U. */
static void turn_to_input(struct ur_recurrent_shape shape, float *dgates, const float *dn,
                          struct ur_recurrent_gradients gradients)
{
    const size_t hidden = (size_t)shape.hidden;
    const size_t all = (size_t)shape.steps * (size_t)shape.rows;

    memcpy(gradients.dbn, gradients.db + 2 * hidden, hidden * sizeof *dn);
    ur_vec_column_sums(gradients.db + 2 * hidden, dn, all, hidden);
    for (size_t row = 0; row < all; row++)
        memcpy(dgates + (UR_GRU_GATES * row + 2) * hidden, dn + row * hidden,
               hidden * sizeof *dn);
}

/* dW, and what the layer below gets, one part of the input after the other. */
static void backward_input(struct ur_recurrent_shape shape, const float *w,
                           struct ur_recurrent_input input, const float *dgates,
                           struct ur_recurrent_gradients gradients)
{
    const int32_t all = shape.steps * shape.rows;
    const int32_t width = part_width(shape), gates = columns(shape);

    for (int32_t part = 0; part < (shape.parts > 1 ? shape.parts : 1); part++) {
        const size_t at = (size_t)part * (size_t)width * (size_t)gates;
        float *dx = gradients.dx.parts[part];
        ur_gemm_outer_set(gradients.dw + at, input.parts[part], dgates, all, width, gates);
        if (dx != NULL && gradients.dx.add)
            ur_gemm_transposed_add(dx, dgates, w + at, all, width, gates);
        else if (dx != NULL)
            ur_gemm_transposed_set(dx, dgates, w + at, all, width, gates);
    }
}

void ur_recurrent_backward(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                           struct ur_recurrent_input input, struct ur_recurrent_kept kept,
                           struct ur_output_gradient output,
                           struct ur_recurrent_scratch scratch,
                           struct ur_recurrent_gradients gradients)
{
    if (shape.projection > 0) {
        ur_projection_backward(shape, weights, input, kept, output, scratch, gradients);
        return;
    }
    const int32_t all = shape.steps * shape.rows;
    const int32_t gates = columns(shape);

    backward_through_time(shape, weights.u, kept, output, scratch);
    ur_gemm_outer_set(gradients.du, kept.h + before_slot(shape) * step_floats(shape),
                      scratch.dgates, all, shape.hidden, gates);
    ur_vec_column_sums(gradients.db, scratch.dgates, (size_t)all, (size_t)gates);
    if (shape.cell == UR_CELL_GRU)
        turn_to_input(shape, scratch.dgates, kept.q, gradients);
    backward_input(shape, weights.w, input, scratch.dgates, gradients);
}
