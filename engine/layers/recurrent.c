#include "layers/recurrent.h"

#include <string.h>

#include "kernels/outer.h"
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
    return shape.width / ur_steps_parts(shape);
}

const float *ur_recurrent_output(struct ur_recurrent_shape shape, struct ur_recurrent_kept kept)
{
    return kept.h + ur_steps_now(shape) * step_floats(shape);
}

/* As many as fill 256 rows, which is what an outer product takes at once (kernels/outer.h). */
int32_t ur_recurrent_block_steps(struct ur_recurrent_shape shape)
{
    const int32_t full = shape.rows < 256 ? 256 / shape.rows : 1;
    return shape.projection > 0 || shape.steps < full ? shape.steps : full;
}

/* Floats of the transpose of U, packed; those of W follow it, one for each part. */
static size_t packed_u(struct ur_recurrent_shape shape)
{
    return ur_packed_floats(columns(shape), shape.hidden);
}

static size_t packed_w(struct ur_recurrent_shape shape)
{
    return ur_packed_floats(columns(shape), part_width(shape));
}

size_t ur_recurrent_packed_floats(struct ur_recurrent_shape shape)
{
    const int32_t gates = columns(shape);
    if (shape.projection > 0)
        return ur_projection_packed_floats(shape);
    const size_t forward =
        ur_packed_floats(shape.width, gates) + ur_packed_floats(shape.hidden, gates);
    const size_t backward = packed_u(shape) + (size_t)ur_steps_parts(shape) * packed_w(shape);
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
    const size_t now = at + ur_steps_now(shape) * step,
                 before = at + ur_steps_before(shape) * step;
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
    for (int32_t n = 0; n < ur_recurrent_reads(shape); n++)
        step_forward(&pass, ur_steps_at(shape, n), n == 0);
}

/* Turns dh of step t into dgates, and dh into what reaches step t - 1 beside U. */
static void cell_backward(struct ur_recurrent_shape shape, struct ur_recurrent_kept kept,
                          struct ur_recurrent_scratch scratch, float *dgates, int32_t t)
{
    const size_t step = step_floats(shape), rows = (size_t)shape.rows;
    const size_t hidden = (size_t)shape.hidden, at = (size_t)t * step;
    const size_t now = at + ur_steps_now(shape) * step,
                 before = at + ur_steps_before(shape) * step;

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

/* What backward works with. */
struct way_back {
    struct ur_recurrent_shape shape;
    struct ur_recurrent_input input;
    struct ur_recurrent_kept kept;
    struct ur_output_gradient output;
    struct ur_recurrent_scratch scratch;
    struct ur_recurrent_gradients gradients;
};

/* Steps begin <= n < end in reading order, whose gradients are in memory together. */
struct block {
    int32_t begin, end;
};

/* Where a block begins in time. */
static int32_t first_time(const struct way_back *back, struct block block)
{
    return ur_steps_at(back->shape, back->shape.reversed ? block.end - 1 : block.begin);
}

/* The transposes that dh and dx are multiplied with. */
static void pack_transposed(const struct way_back *back, struct ur_recurrent_weights weights)
{
    const struct ur_recurrent_shape shape = back->shape;
    const int32_t width = part_width(shape), gates = columns(shape);
    float *packed = back->scratch.packed;

    ur_packed_fill_transposed(packed, weights.u, gates, shape.hidden);
    packed += packed_u(shape);
    for (int32_t part = 0; part < ur_steps_parts(shape); part++, packed += packed_w(shape))
        if (back->gradients.dx.parts[part] != NULL)
            ur_packed_fill_transposed(
                packed, weights.w + (size_t)part * (size_t)width * (size_t)gates, gates, width);
}

/* What is added to block by block begins at zero. */
static void clear_gradients(const struct way_back *back)
{
    const struct ur_recurrent_shape shape = back->shape;
    const size_t gates = (size_t)columns(shape), step = step_floats(shape);
    float *dw = back->gradients.dw, *du = back->gradients.du, *db = back->gradients.db;

    memset(dw, 0, (size_t)shape.width * gates * sizeof *dw);
    memset(du, 0, (size_t)shape.hidden * gates * sizeof *du);
    memset(db, 0, gates * sizeof *db);
    memset(back->scratch.dh, 0, step * sizeof *dw);
    memset(back->scratch.dc, 0, step * sizeof *dw);
    if (back->scratch.squares != NULL) /* of steps that are not read too */
        memset(back->scratch.squares, 0, (size_t)shape.steps * sizeof *back->scratch.squares);
}

/* Fills dgates of step n; dh is the gradient of its h, and then of that of step n - 1. */
static void step_backward(const struct way_back *back, int32_t n, float *dgates)
{
    const struct ur_recurrent_shape shape = back->shape;
    const struct ur_recurrent_scratch scratch = back->scratch;
    const size_t step = step_floats(shape);
    const int32_t t = ur_steps_at(shape, n), gates = columns(shape);

    ur_steps_add_output(shape, shape.hidden, back->output, scratch.dh, t);
    /* A cell turns gradients of zero into gradients of zero. */
    ur_steps_clear_padding(shape, shape.hidden, scratch.dh, t);
    if (shape.cell == UR_CELL_LSTM)
        ur_steps_clear_padding(shape, shape.hidden, scratch.dc, t);
    if (scratch.squares != NULL)
        ur_vec_squares(&scratch.squares[t], scratch.dh, step);
    cell_backward(shape, back->kept, scratch, dgates, t);
    if (n > 0 && ur_recurrent_cut(shape, n)) {
        memset(scratch.dh, 0, step * sizeof *scratch.dh);
        memset(scratch.dc, 0, step * sizeof *scratch.dc);
    } else if (n > 0 && shape.cell == UR_CELL_GRU)
        ur_packed_add(scratch.dh, dgates, scratch.packed, shape.rows, gates, shape.hidden);
    else if (n > 0)
        ur_packed_set(scratch.dh, dgates, scratch.packed, shape.rows, gates, shape.hidden);
}

/* From here on a GRU's dgates are those of x W + b: their last third was that of h U. */
static void turn_to_input(float *dgates, const float *dn, size_t rows, size_t hidden)
{
    for (size_t row = 0; row < rows; row++)
        memcpy(dgates + (UR_GRU_GATES * row + 2) * hidden, dn + row * hidden,
               hidden * sizeof *dn);
}

/* The gradients of W, one part of the input after the other. Gives how many they are. */
static int32_t input_products(const struct way_back *back, int32_t t,
                              struct ur_outer products[UR_MAX_DIRECTIONS])
{
    const struct ur_recurrent_shape shape = back->shape;
    const size_t width = (size_t)part_width(shape);
    const size_t at = (size_t)t * (size_t)shape.rows * width;

    for (int32_t part = 0; part < ur_steps_parts(shape); part++)
        products[part] = (struct ur_outer){.dw = back->gradients.dw +
                                                 (size_t)part * width * (size_t)columns(shape),
                                           .x = back->input.parts[part] + at,
                                           .inner = (int32_t)width};
    return ur_steps_parts(shape);
}

/* Adds a block to the gradients of W, U and b. The step that is read first multiplied U by
 * zeros. */
static void add_weights(const struct way_back *back, struct block block)
{
    const struct ur_recurrent_shape shape = back->shape;
    const size_t step = step_floats(shape);
    const int32_t t = first_time(back, block), steps = block.end - block.begin;
    const struct ur_outer_block dgates = {.dy = back->scratch.dgates,
                                          .rows = steps * shape.rows,
                                          .cols = columns(shape),
                                          .from_last = !shape.reversed};
    struct ur_outer products[UR_MAX_DIRECTIONS + 1];
    products[0] =
        (struct ur_outer){.dw = back->gradients.du,
                          .x = back->kept.h + ((size_t)t + ur_steps_before(shape)) * step,
                          .inner = shape.hidden,
                          .skipped = block.begin == 0 ? shape.rows : 0};
    const int32_t inputs = input_products(back, t, products + 1);

    if (shape.cell != UR_CELL_GRU) {
        ur_outer_add(dgates, products, 1 + inputs, back->gradients.db);
        return;
    }
    ur_outer_add(dgates, products, 1, back->gradients.db);
    turn_to_input(back->scratch.dgates, back->kept.q + (size_t)t * step, (size_t)dgates.rows,
                  (size_t)shape.hidden);
    ur_outer_add(dgates, products + 1, inputs, NULL);
}

/* What the layer below gets of a block. */
static void multiply_back(const struct way_back *back, struct block block)
{
    const struct ur_recurrent_shape shape = back->shape;
    const struct ur_recurrent_dx dx = back->gradients.dx;
    const int32_t width = part_width(shape), gates = columns(shape);
    const int32_t rows = (block.end - block.begin) * shape.rows;
    const size_t at = (size_t)first_time(back, block) * (size_t)shape.rows * (size_t)width;
    const float *packed = back->scratch.packed + packed_u(shape);

    for (int32_t part = 0; part < ur_steps_parts(shape); part++, packed += packed_w(shape))
        if (dx.parts[part] != NULL)
            (dx.add ? ur_packed_add : ur_packed_set)(dx.parts[part] + at, back->scratch.dgates,
                                                     packed, rows, gates, width);
}

/* Works from the end of a block to its beginning. */
static void block_backward(const struct way_back *back, struct block block)
{
    const struct ur_recurrent_shape shape = back->shape;
    const size_t gates = (size_t)shape.rows * (size_t)columns(shape);
    const int32_t first = first_time(back, block);

    for (int32_t n = block.end - 1; n >= block.begin; n--)
        step_backward(back, n,
                      back->scratch.dgates + (size_t)(ur_steps_at(shape, n) - first) * gates);
    add_weights(back, block);
    multiply_back(back, block);
}

/* A GRU's candidate has two biases: db has the sums of the recurrent one until here. */
static void part_biases(const struct way_back *back)
{
    const struct ur_recurrent_shape shape = back->shape;
    const size_t hidden = (size_t)shape.hidden;
    const struct block all = {0, ur_recurrent_reads(shape)};
    const float *dn = back->kept.q + (size_t)first_time(back, all) * step_floats(shape);
    float *db = back->gradients.db + 2 * hidden;

    memcpy(back->gradients.dbn, db, hidden * sizeof *db);
    ur_vec_column_sums(db, dn, (size_t)all.end * (size_t)shape.rows, hidden);
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
    const struct way_back back = {shape, input, kept, output, scratch, gradients};
    const int32_t most = ur_recurrent_block_steps(shape), reads = ur_recurrent_reads(shape);

    pack_transposed(&back, weights);
    clear_gradients(&back);
    for (int32_t begin = (reads - 1) / most * most; begin >= 0; begin -= most) {
        const int32_t end = begin + most;
        block_backward(&back, (struct block){begin, end < reads ? end : reads});
    }
    if (shape.cell == UR_CELL_GRU)
        part_biases(&back);
}
