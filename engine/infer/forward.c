#include "infer/forward.h"

#include <assert.h>

#include "infer/cell.h"
#include "io/checkpoint.h"
#include "kernels/rows.h"
#include "kernels/softmax.h"
#include "kernels/vec.h"
#include "model/params.h"

enum { GATES = 4 };

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
    if (status == UR_OK && (spec->model.layers != 1 || spec->model.bidirectional != 0 ||
                            spec->model.cell != UR_CELL_LSTM))
        status = ur_fail(&cause, UR_BAD_MODEL,
                         "This version runs one LSTM layer in one direction only.");
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

/* Gives the weights' array; every pointer is NULL over a planner. */
static float *carve(struct ur_forward *forward, const struct ur_params *params,
                    struct ur_arena *arena)
{
    const size_t rows = (size_t)forward->capacity, hidden = (size_t)forward->hidden;
    float *weights = ur_arena_floats(arena, params->n_floats);
    forward->w = tensor_at(params, weights, "layer0.forward.W");
    forward->u = tensor_at(params, weights, "layer0.forward.U");
    forward->b = tensor_at(params, weights, "layer0.forward.b");
    forward->dense_w = tensor_at(params, weights, "dense.W");
    forward->dense_b = tensor_at(params, weights, "dense.b");
    forward->x = ur_arena_floats(arena, rows * (size_t)forward->width);
    forward->gates = ur_arena_floats(arena, rows * GATES * hidden);
    forward->c = ur_arena_floats(arena, rows * hidden);
    forward->h = ur_arena_floats(arena, rows * hidden);
    forward->read = ur_arena_floats(arena, rows * hidden);
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
    status = ur_checkpoint_unpack(file, params, file->weights, weights, &cause);
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
    forward->steps = file.info.shape.steps;
    forward->width = file.info.shape.width;
    forward->classes = file.info.shape.classes;
    forward->hidden = spec.model.hidden;
    forward->readout = (enum ur_readout)spec.model.readout;
    memcpy(forward->weights_sha256, file.info.weights_sha256, sizeof forward->weights_sha256);
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

/* Writes time step t of n pictures as x [n][I]. */
static void read_row(const struct ur_forward *forward, const uint8_t *pictures, size_t n,
                     size_t t)
{
    const size_t width = (size_t)forward->width;
    const size_t picture = (size_t)forward->steps * width;
    for (size_t row = 0; row < n; row++)
        for (size_t k = 0; k < width; k++)
            forward->x[row * width + k] =
                (float)pictures[row * picture + t * width + k] / 255.0f;
}

void ur_forward_logits(struct ur_forward *forward, const uint8_t *pictures, int32_t n,
                       float *logits)
{
    assert(n >= 1 && n <= forward->capacity);
    const size_t rows = (size_t)n, hidden = (size_t)forward->hidden;
    const size_t width = (size_t)forward->width, classes = (size_t)forward->classes;
    memset(forward->c, 0, rows * hidden * sizeof(float));
    memset(forward->h, 0, rows * hidden * sizeof(float));
    memset(forward->read, 0, rows * hidden * sizeof(float));

    for (size_t t = 0; t < (size_t)forward->steps; t++) {
        read_row(forward, pictures, rows, t);
        ur_rows_set(forward->gates, forward->b, forward->x, forward->w, rows, width,
                    GATES * hidden);
        ur_rows_add(forward->gates, forward->h, forward->u, rows, hidden, GATES * hidden);
        ur_infer_lstm(forward->gates, forward->c, forward->h, rows, hidden);
        if (forward->readout == UR_READOUT_MEAN)
            ur_vec_add(forward->read, forward->h, rows * hidden);
    }
    if (forward->readout == UR_READOUT_MEAN)
        ur_vec_scale(forward->read, forward->read, 1.0f / (float)forward->steps, rows * hidden);
    else
        memcpy(forward->read, forward->h, rows * hidden * sizeof(float));
    ur_rows_set(logits, forward->dense_b, forward->read, forward->dense_w, rows, hidden,
                classes);
}

void ur_forward_run(struct ur_forward *forward, const uint8_t *pictures, int32_t n,
                    float *probabilities)
{
    ur_forward_logits(forward, pictures, n, probabilities);
    const size_t classes = (size_t)forward->classes;
    for (size_t row = 0; row < (size_t)n; row++)
        ur_softmax(probabilities + row * classes, probabilities + row * classes, classes);
}
