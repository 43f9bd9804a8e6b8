#include "infer/forward.h"

#include <assert.h>
#include <stdio.h>

#include "infer/cell.h"
#include "io/checkpoint.h"
#include "kernels/rows.h"
#include "kernels/softmax.h"
#include "kernels/vec.h"
#include "model/params.h"
#include "unroll/digest.h"

/* Multiples of H in a row of W. */
static int32_t gates_of(enum ur_cell cell)
{
    return cell == UR_CELL_RNN ? 1 : cell == UR_CELL_GRU ? 3 : 4;
}

/* Says the same in the words of whoever posted a model: to them it is no checkpoint. */
static enum ur_status bad_model(struct ur_error *error, enum ur_status status,
                                const struct ur_error *cause)
{
    return ur_fail(error, status == UR_NO_MEMORY ? UR_NO_MEMORY : UR_BAD_MODEL, "%s",
                   cause->detail);
}

/* Reads the bytes as a file; the parser wants a copy that it may keep. */
static enum ur_status parse_file(struct ur_checkpoint_file *file, const void *bytes,
                                 size_t n_bytes, struct ur_error *error)
{
    struct ur_error cause = {0};
    unsigned char *copy = malloc(n_bytes > 0 ? n_bytes : 1);
    if (copy == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a model of %zu bytes.",
                       n_bytes);
    if (n_bytes > 0)
        memcpy(copy, bytes, n_bytes);
    const enum ur_status status = ur_checkpoint_parse(file, copy, n_bytes, &cause);
    if (status == UR_OK)
        return UR_OK;
    free(copy);
    return bad_model(error, status, &cause);
}

/* Builds the table of the network that the file claims to be. */
static enum ur_status describe(const struct ur_checkpoint_file *file, struct ur_spec *spec,
                               struct ur_params *params, struct ur_error *error)
{
    const struct ur_data_shape *shape = &file->info.shape;
    struct ur_error cause = {0};
    if (shape->steps < 1 || shape->steps > UR_MAX_STEPS_PER_ROW)
        return ur_fail(error, UR_BAD_MODEL, "A model of %d time steps is outside 1..%d.",
                       (int)shape->steps, UR_MAX_STEPS_PER_ROW);
    enum ur_status status =
        ur_spec_parse(spec, file->spec_json, file->spec_bytes, NULL, &cause);
    if (status == UR_OK)
        status = ur_params_build(params, spec, shape, &cause);
    return status == UR_OK ? UR_OK : bad_model(error, status, &cause);
}

static const float *tensor_at(const struct ur_params *params, const float *weights,
                              const char *name)
{
    const struct ur_tensor *tensor = ur_params_find(params, name);
    assert(tensor != NULL);
    return weights == NULL ? NULL : weights + tensor->offset;
}

/* Finds "layer0.forward.W" and its kin. */
static const float *layer_tensor(const struct ur_params *params, const float *weights,
                                 int32_t layer, int32_t direction, const char *what)
{
    char name[UR_TENSOR_NAME_BYTES];
    snprintf(name, sizeof name, "layer%d.%s.%s", (int)layer,
             direction == 0 ? "forward" : "backward", what);
    return tensor_at(params, weights, name);
}

static void find_tensors(struct ur_forward *forward, const struct ur_params *params,
                         const float *weights)
{
    for (int32_t layer = 0; layer < forward->layers; layer++)
        for (int32_t d = 0; d < forward->directions; d++) {
            struct ur_forward_layer *one = &forward->stack[layer][d];
            one->w = layer_tensor(params, weights, layer, d, "W");
            one->u = layer_tensor(params, weights, layer, d, "U");
            one->b = layer_tensor(params, weights, layer, d, "b");
            if (forward->cell == UR_CELL_GRU)
                one->bn = layer_tensor(params, weights, layer, d, "bn");
            if (forward->projection > 0)
                one->p = layer_tensor(params, weights, layer, d, "P");
        }
    forward->dense_w = tensor_at(params, weights, "dense.W");
    forward->dense_b = tensor_at(params, weights, "dense.b");
}

/* Gives the weights' array; every pointer is NULL over a planner. */
static float *carve(struct ur_forward *forward, const struct ur_params *params,
                    struct ur_arena *arena)
{
    const size_t rows = (size_t)forward->capacity, hidden = (size_t)forward->hidden;
    const size_t columns = (size_t)forward->gates * hidden;
    const size_t directions = (size_t)forward->directions, output = (size_t)forward->output;
    float *weights = ur_arena_floats(arena, params->n_floats);
    find_tensors(forward, params, weights);
    forward->x = ur_arena_floats(arena, rows * (size_t)forward->width);
    forward->sums = ur_arena_floats(arena, rows * columns);
    forward->recurrent = ur_arena_floats(arena, rows * columns);
    forward->c = ur_arena_floats(arena, rows * hidden);
    forward->m = ur_arena_floats(arena, forward->projection > 0 ? rows * hidden : 0);
    forward->zero = ur_arena_floats(arena, rows * hidden);
    for (int32_t turn = 0; turn < 2; turn++)
        for (int32_t d = 0; d < forward->directions; d++)
            forward->y[turn][d] =
                ur_arena_floats(arena, (size_t)forward->steps * rows * output);
    forward->read = ur_arena_floats(arena, rows * directions * output);
    return weights;
}

static enum ur_status fill(struct ur_forward *forward, const struct ur_checkpoint_file *file,
                           const struct ur_params *params, struct ur_error *error)
{
    struct ur_arena planner = ur_arena_planner();
    carve(forward, params, &planner);
    enum ur_status status = ur_arena_init(&forward->arena, planner.used, error);
    if (status != UR_OK)
        return status;
    float *weights = carve(forward, params, &forward->arena);
    struct ur_error cause = {0};
    status = ur_checkpoint_unpack(file, params, ur_checkpoint_result(file), weights, &cause);
    return status == UR_OK ? UR_OK : bad_model(error, status, &cause);
}

enum ur_status ur_forward_load(struct ur_forward *forward, const void *bytes, size_t n_bytes,
                               int32_t capacity, struct ur_error *error)
{
    assert(capacity >= 1);
    struct ur_checkpoint_file file = {0};
    struct ur_spec spec;
    struct ur_params params;
    *forward = (struct ur_forward){.capacity = capacity};

    enum ur_status status = parse_file(&file, bytes, n_bytes, error);
    if (status != UR_OK)
        return status;
    status = describe(&file, &spec, &params, error);
    if (status != UR_OK)
        goto out;
    const struct ur_data_shape seen = ur_shape_scanned(&file.info.shape, spec.model.scan);
    forward->picture_height = file.info.shape.steps;
    forward->picture_width = file.info.shape.width;
    forward->by_columns = spec.model.scan == UR_SCAN_COLUMNS;
    forward->steps = seen.steps;
    forward->width = seen.width;
    forward->classes = file.info.shape.classes;
    forward->series = file.info.shape.series != 0;
    forward->hidden = spec.model.hidden;
    forward->projection = spec.model.projection;
    forward->output = forward->projection > 0 ? forward->projection : forward->hidden;
    forward->layers = spec.model.layers;
    forward->directions = 1 + spec.model.bidirectional;
    forward->cell = (enum ur_cell)spec.model.cell;
    forward->gates = gates_of(forward->cell);
    forward->activation = (enum ur_activation)spec.model.activation;
    forward->readout = (enum ur_readout)spec.model.readout;
    ur_digest_hex(ur_checkpoint_result(&file), params.n_parameters * sizeof(float),
                  forward->weights_sha256);
    status = fill(forward, &file, &params, error);
out:
    ur_checkpoint_close(&file);
    if (status != UR_OK)
        ur_forward_release(forward);
    return status;
}

void ur_forward_release(struct ur_forward *forward)
{
    if (forward == NULL)
        return;
    ur_arena_release(&forward->arena);
    *forward = (struct ur_forward){0};
}

enum ur_status ur_forward_check_pictures(const struct ur_forward *forward,
                                         struct ur_error *error)
{
    if (!forward->series)
        return UR_OK;
    return ur_fail(error, UR_WRONG_INPUT,
                   "The model was trained on series of up to %d values; a picture says nothing "
                   "to it.",
                   (int)forward->steps);
}

/* Writes time step t of n pictures as x [n][I]. */
static void read_row(const struct ur_forward *forward, const uint8_t *pictures, size_t n,
                     size_t t)
{
    const size_t width = (size_t)forward->width;
    const size_t picture = (size_t)forward->steps * width;
    const size_t first = forward->by_columns ? t : t * width;
    const size_t next = forward->by_columns ? (size_t)forward->picture_width : 1;
    for (size_t row = 0; row < n; row++)
        for (size_t k = 0; k < width; k++)
            forward->x[row * width + k] =
                (float)pictures[row * picture + first + k * next] / 255.0f;
}

/* One direction of one layer on n rows of pictures. */
struct direction {
    struct ur_forward *forward;
    const uint8_t *pictures;
    size_t rows;
    int32_t layer, index;
};

/* sums = b + x W of time step t; x is the pictures' row, or what the layer below wrote. */
static void read_input(const struct direction *of, size_t t)
{
    struct ur_forward *forward = of->forward;
    const struct ur_forward_layer *layer = &forward->stack[of->layer][of->index];
    const size_t output = (size_t)forward->output;
    const size_t columns = (size_t)forward->gates * (size_t)forward->hidden;

    if (of->layer == 0) {
        read_row(forward, of->pictures, of->rows, t);
        ur_rows_set(forward->sums, layer->b, forward->x, layer->w, of->rows,
                    (size_t)forward->width, columns);
        return;
    }
    float *const *below = forward->y[(of->layer - 1) % 2];
    const size_t at = t * of->rows * output;
    ur_rows_set(forward->sums, layer->b, below[0] + at, layer->w, of->rows, output, columns);
    if (forward->directions > 1)
        ur_rows_add(forward->sums, below[1] + at, layer->w + output * columns, of->rows, output,
                    columns);
}

/* h = the cell of sums and what the step before left. */
static void run_cell(const struct direction *of, const float *before, float *h)
{
    struct ur_forward *forward = of->forward;
    const struct ur_forward_layer *layer = &forward->stack[of->layer][of->index];
    const size_t rows = of->rows, hidden = (size_t)forward->hidden;
    const size_t output = (size_t)forward->output;
    const size_t columns = (size_t)forward->gates * hidden;

    switch (forward->cell) {
    case UR_CELL_LSTM:
        ur_rows_add(forward->sums, before, layer->u, rows, output, columns);
        ur_infer_lstm(forward->sums, forward->c, forward->projection > 0 ? forward->m : h, rows,
                      hidden);
        if (forward->projection > 0)
            ur_rows_set(h, forward->zero, forward->m, layer->p, rows, hidden, output);
        break;
    case UR_CELL_RNN:
        ur_rows_add(forward->sums, before, layer->u, rows, hidden, columns);
        memcpy(h, forward->sums, rows * hidden * sizeof *h);
        ur_infer_rnn(h, forward->activation, rows * hidden);
        break;
    case UR_CELL_GRU:
        memset(forward->recurrent, 0, rows * columns * sizeof *forward->recurrent);
        ur_rows_add(forward->recurrent, before, layer->u, rows, hidden, columns);
        ur_infer_gru(forward->sums, forward->recurrent, layer->bn, before, h, rows, hidden);
        break;
    }
}

static void run_direction(const struct direction *of)
{
    struct ur_forward *forward = of->forward;
    const size_t steps = (size_t)forward->steps;
    const size_t block = of->rows * (size_t)forward->output;
    float *y = forward->y[of->layer % 2][of->index];
    const float *before = forward->zero;

    memset(forward->c, 0, of->rows * (size_t)forward->hidden * sizeof *forward->c);
    for (size_t n = 0; n < steps; n++) {
        const size_t t = of->index == 1 ? steps - 1 - n : n;
        read_input(of, t);
        run_cell(of, before, y + t * block);
        before = y + t * block;
    }
}

/* out [rows][R] = what the dense layer sees of y [T][rows][R]. */
static void read_out(const struct ur_forward *forward, float *out, const float *y, size_t block,
                     int32_t direction)
{
    const size_t steps = (size_t)forward->steps;
    const enum ur_readout readout = forward->readout;
    const bool all = readout == UR_READOUT_MEAN || readout == UR_READOUT_MAX;
    const bool first = all || (readout == UR_READOUT_FINAL && direction == 1);

    memcpy(out, first ? y : y + (steps - 1) * block, block * sizeof *out);
    for (size_t t = 1; all && t < steps; t++)
        if (readout == UR_READOUT_MEAN)
            ur_vec_add(out, y + t * block, block);
        else
            ur_infer_larger(out, y + t * block, block);
    if (readout == UR_READOUT_MEAN)
        ur_vec_scale(out, out, 1.0f / (float)steps, block);
}

void ur_forward_logits(struct ur_forward *forward, const uint8_t *pictures, int32_t n,
                       float *logits)
{
    assert(n >= 1 && n <= forward->capacity);
    const size_t rows = (size_t)n, output = (size_t)forward->output;
    const size_t classes = (size_t)forward->classes, block = rows * output;

    for (int32_t layer = 0; layer < forward->layers; layer++)
        for (int32_t d = 0; d < forward->directions; d++)
            run_direction(&(struct direction){forward, pictures, rows, layer, d});

    float *const *y = forward->y[(forward->layers - 1) % 2];
    for (int32_t d = 0; d < forward->directions; d++)
        read_out(forward, forward->read + (size_t)d * block, y[d], block, d);
    ur_rows_set(logits, forward->dense_b, forward->read, forward->dense_w, rows, output,
                classes);
    if (forward->directions > 1)
        ur_rows_add(logits, forward->read + block, forward->dense_w + output * classes, rows,
                    output, classes);
}

void ur_forward_run(struct ur_forward *forward, const uint8_t *pictures, int32_t n,
                    float *probabilities)
{
    ur_forward_logits(forward, pictures, n, probabilities);
    const size_t classes = (size_t)forward->classes;
    for (size_t row = 0; row < (size_t)n; row++)
        ur_softmax(probabilities + row * classes, probabilities + row * classes, classes);
}
