#include "layers/projection.h"

#include <string.h>

#include "kernels/gemm.h"
#include "kernels/packed.h"
#include "kernels/vec.h"
#include "layers/cell_lstm.h"
#include "layers/steps.h"

static int32_t columns(struct ur_recurrent_shape shape)
{
    return UR_LSTM_GATES * shape.hidden;
}

/* Floats of one step of the cell, and of its output. */
static size_t cell_floats(struct ur_recurrent_shape shape)
{
    return (size_t)shape.rows * (size_t)shape.hidden;
}

static size_t output_floats(struct ur_recurrent_shape shape)
{
    return (size_t)shape.rows * (size_t)shape.projection;
}

size_t ur_projection_packed_floats(struct ur_recurrent_shape shape)
{
    const int32_t gates = columns(shape), units = shape.projection;
    const size_t forward = ur_packed_floats(shape.width, gates) +
                           ur_packed_floats(units, gates) +
                           ur_packed_floats(shape.hidden, units);
    const size_t backward =
        ur_packed_floats(gates, units) + ur_packed_floats(units, shape.hidden);
    return forward > backward ? forward : backward;
}

/* The weights as the products of forward read them. */
struct packed {
    float *w[UR_MAX_DIRECTIONS]; /* the rows that each part of the input meets */
    float *u, *p;
};

static struct packed pack(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                          float *memory)
{
    const int32_t gates = columns(shape), width = shape.width / ur_steps_parts(shape);
    struct packed packed = {{NULL}, NULL, NULL};

    for (int32_t part = 0; part < ur_steps_parts(shape); part++) {
        packed.w[part] = memory;
        ur_packed_fill(memory, weights.w + (size_t)part * (size_t)width * (size_t)gates, width,
                       gates);
        memory += ur_packed_floats(width, gates);
    }
    packed.u = memory;
    ur_packed_fill(packed.u, weights.u, shape.projection, gates);
    packed.p = memory + ur_packed_floats(shape.projection, gates);
    ur_packed_fill(packed.p, weights.p, shape.hidden, shape.projection);
    return packed;
}

/* gates = x W for step t. */
static void multiply_input(struct ur_recurrent_shape shape, float *gates,
                           struct ur_recurrent_input input, const struct packed *packed,
                           int32_t t)
{
    const int32_t width = shape.width / ur_steps_parts(shape);
    const size_t at = (size_t)t * (size_t)shape.rows * (size_t)width;
    ur_packed_set(gates, input.parts[0] + at, packed->w[0], shape.rows, width, columns(shape));
    if (shape.parts > 1)
        ur_packed_add(gates, input.parts[1] + at, packed->w[1], shape.rows, width,
                      columns(shape));
}

void ur_projection_forward(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                           struct ur_recurrent_input input, struct ur_recurrent_kept kept,
                           struct ur_recurrent_scratch scratch)
{
    const int32_t rows = shape.rows, hidden = shape.hidden, units = shape.projection;
    const size_t cell = cell_floats(shape), output = output_floats(shape);
    const size_t start = (size_t)ur_steps_at(shape, 0) + ur_steps_before(shape);
    const struct packed packed = pack(shape, weights, scratch.packed);

    memset(kept.h + start * output, 0, output * sizeof *kept.h);
    memset(kept.c + start * cell, 0, cell * sizeof *kept.c);
    for (int32_t n = 0; n < shape.steps; n++) {
        const int32_t t = ur_steps_at(shape, n);
        const size_t at = (size_t)t * cell, now = (size_t)t + ur_steps_now(shape);
        const size_t before = (size_t)t + ur_steps_before(shape);
        float *gates = kept.gates + UR_LSTM_GATES * at;
        multiply_input(shape, gates, input, &packed, t);
        if (n > 0) /* h is zero before the first step */
            ur_packed_add(gates, kept.h + before * output, packed.u, rows, units,
                          columns(shape));
        ur_lstm_forward(gates, kept.c + now * cell, kept.tanh_c + at, kept.q + at, weights.b,
                        kept.c + before * cell, (size_t)rows, (size_t)hidden);
        ur_packed_set(kept.h + now * output, kept.q + at, packed.p, rows, hidden, units);
        ur_steps_clear_padding(shape, units, kept.h + now * output, t);
        ur_steps_clear_padding(shape, hidden, kept.c + now * cell, t);
    }
}

/* Fills scratch.dgates and scratch.dh, from the step that was read last to the first. */
static void backward_through_time(struct ur_recurrent_shape shape,
                                  struct ur_recurrent_weights weights,
                                  struct ur_recurrent_kept kept, struct ur_output_gradient from,
                                  struct ur_recurrent_scratch scratch)
{
    const int32_t rows = shape.rows, hidden = shape.hidden, units = shape.projection;
    const size_t cell = cell_floats(shape), output = output_floats(shape);
    float *u = scratch.packed, *p = scratch.packed + ur_packed_floats(columns(shape), units);

    ur_packed_fill_transposed(u, weights.u, columns(shape), units);
    ur_packed_fill_transposed(p, weights.p, units, hidden);
    memset(scratch.dc, 0, cell * sizeof *scratch.dc);
    memset(scratch.dh, 0, (size_t)shape.steps * output * sizeof *scratch.dh);
    for (int32_t n = shape.steps - 1; n >= 0; n--) {
        const int32_t t = ur_steps_at(shape, n);
        const size_t at = (size_t)t * cell;
        float *dh = scratch.dh + (size_t)t * output;
        float *dgates = scratch.dgates + UR_LSTM_GATES * at;
        ur_steps_add_output(shape, units, from, dh, t);
        /* A cell turns gradients of zero into gradients of zero. */
        ur_steps_clear_padding(shape, units, dh, t);
        ur_steps_clear_padding(shape, hidden, scratch.dc, t);
        if (scratch.squares != NULL)
            ur_vec_squares(&scratch.squares[t], dh, output);
        ur_packed_set(scratch.dm, dh, p, rows, units, hidden);
        ur_lstm_backward(dgates, scratch.dc, scratch.dm, kept.gates + UR_LSTM_GATES * at,
                         kept.tanh_c + at, kept.c + ((size_t)t + ur_steps_before(shape)) * cell,
                         (size_t)rows, (size_t)hidden);
        if (n > 0 && ur_recurrent_cut(shape, n))
            memset(scratch.dc, 0, cell * sizeof *scratch.dc);
        else if (n > 0)
            ur_packed_set(scratch.dh + (size_t)ur_steps_at(shape, n - 1) * output, dgates, u,
                          rows, columns(shape), units);
    }
}

/* dW, and what the layer below gets, one part of the input after the other. */
static void backward_input(struct ur_recurrent_shape shape, const float *w,
                           struct ur_recurrent_input input, const float *dgates,
                           struct ur_recurrent_gradients gradients)
{
    const int32_t all = shape.steps * shape.rows, n = columns(shape);
    const int32_t width = shape.width / ur_steps_parts(shape);

    for (int32_t part = 0; part < ur_steps_parts(shape); part++) {
        const size_t at = (size_t)part * (size_t)width * (size_t)n;
        float *dx = gradients.dx.parts[part];
        ur_gemm_outer_set(gradients.dw + at, input.parts[part], dgates, all, width, n);
        if (dx != NULL && gradients.dx.add)
            ur_gemm_transposed_add(dx, dgates, w + at, all, width, n);
        else if (dx != NULL)
            ur_gemm_transposed_set(dx, dgates, w + at, all, width, n);
    }
}

void ur_projection_backward(struct ur_recurrent_shape shape,
                            struct ur_recurrent_weights weights,
                            struct ur_recurrent_input input, struct ur_recurrent_kept kept,
                            struct ur_output_gradient output,
                            struct ur_recurrent_scratch scratch,
                            struct ur_recurrent_gradients gradients)
{
    const int32_t all = shape.steps * shape.rows;

    backward_through_time(shape, weights, kept, output, scratch);
    ur_gemm_outer_set(gradients.dp, kept.q, scratch.dh, all, shape.hidden, shape.projection);
    ur_gemm_outer_set(gradients.du, kept.h + ur_steps_before(shape) * output_floats(shape),
                      scratch.dgates, all, shape.projection, columns(shape));
    ur_vec_column_sums(gradients.db, scratch.dgates, (size_t)all, (size_t)columns(shape));
    backward_input(shape, weights.w, input, scratch.dgates, gradients);
}
