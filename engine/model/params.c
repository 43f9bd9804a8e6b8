#include "model/params.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/recurrent.h"
#include "unroll/digest.h"
#include "unroll/text.h"

/* Appends a tensor; dims[1] = 0 makes it a vector. */
static struct ur_tensor *append(struct ur_params *params, const char *name, int32_t rows,
                                int32_t columns)
{
    assert(params->count < UR_MAX_TENSORS);
    struct ur_tensor *tensor = &params->items[params->count++];
    *tensor = (struct ur_tensor){
        .rank = columns > 0 ? 2 : 1,
        .dims = {rows, columns},
        .offset = params->n_floats,
        .count = (size_t)rows * (columns > 0 ? (size_t)columns : 1),
    };
    ur_copy(tensor->name, sizeof tensor->name, name);
    const size_t align = UR_TENSOR_ALIGN_FLOATS;
    params->n_floats += (tensor->count + align - 1) / align * align;
    params->n_parameters += tensor->count;
    return tensor;
}

static void append_matrix(struct ur_params *params, const char *name, int32_t rows,
                          int32_t columns, int32_t fan_out, enum ur_tensor_init init)
{
    struct ur_tensor *tensor = append(params, name, rows, columns);
    tensor->fan_in = rows;
    tensor->fan_out = fan_out;
    tensor->init = init;
}

/* Units of a layer's output in one direction. */
static int32_t output_units(const struct ur_spec *spec)
{
    return spec->model.projection > 0 ? spec->model.projection : spec->model.hidden;
}

/* The biases of a layer's direction: b, and a GRU's recurrent one of n. */
static void append_biases(struct ur_params *params, const char *prefix,
                          const struct ur_spec *spec)
{
    const enum ur_cell cell = (enum ur_cell)spec->model.cell;
    const int32_t hidden = spec->model.hidden;
    char name[UR_TENSOR_NAME_BYTES];

    snprintf(name, sizeof name, "%s.b", prefix);
    struct ur_tensor *bias = append(params, name, ur_recurrent_gates(cell) * hidden, 0);
    if (cell == UR_CELL_LSTM) {
        bias->init = UR_TENSOR_LSTM_BIAS;
        bias->constant = (float)spec->model.forget_bias;
    }
    if (cell == UR_CELL_GRU) {
        snprintf(name, sizeof name, "%s.bn", prefix);
        append(params, name, hidden, 0);
    }
}

/* W, U and b of one layer in one direction, and a GRU's second bias of n or an LSTM's
 * projection. */
static void append_layer(struct ur_params *params, int32_t layer, const char *direction,
                         int32_t inputs, const struct ur_spec *spec, enum ur_tensor_init init)
{
    const int32_t hidden = spec->model.hidden, units = output_units(spec);
    const int32_t gates = ur_recurrent_gates((enum ur_cell)spec->model.cell) * hidden;
    const bool orthogonal = spec->model.init == UR_INIT_ORTHOGONAL;
    char prefix[UR_TENSOR_NAME_BYTES - 3], name[UR_TENSOR_NAME_BYTES];

    snprintf(prefix, sizeof prefix, "layer%d.%s", (int)layer, direction);
    snprintf(name, sizeof name, "%s.W", prefix);
    append_matrix(params, name, inputs, gates, hidden, init);
    snprintf(name, sizeof name, "%s.U", prefix);
    append_matrix(params, name, units, gates, hidden, orthogonal ? UR_TENSOR_ORTHOGONAL : init);
    append_biases(params, prefix, spec);
    if (spec->model.projection > 0) {
        snprintf(name, sizeof name, "%s.P", prefix);
        append_matrix(params, name, hidden, units, units, init);
    }
}

static void append_layers(struct ur_params *params, const struct ur_spec *spec, int32_t width,
                          enum ur_tensor_init init)
{
    const int32_t directions = 1 + spec->model.bidirectional;
    for (int32_t layer = 0; layer < spec->model.layers; layer++) {
        const int32_t inputs = layer == 0 ? width : directions * output_units(spec);
        append_layer(params, layer, "forward", inputs, spec, init);
        if (directions > 1)
            append_layer(params, layer, "backward", inputs, spec, init);
    }
}

/*
 * PyTorch draws everything evenly: a recurrent layer's tensors below 1 / sqrt(H), the dense
 * layer's below 1 / sqrt(inputs). Where it has two biases that do nothing but add up, ours is
 * the sum of two draws; those of a GRU's n are two here as well.
 */
static void draw_as_pytorch(struct ur_params *params, const struct ur_spec *spec)
{
    const int32_t n_recurrent = params->count - 2;
    const float limit = 1.0f / sqrtf((float)spec->model.hidden);
    for (int32_t k = 0; k < params->count; k++) {
        struct ur_tensor *tensor = &params->items[k];
        const bool dense = k >= n_recurrent;
        const float inputs = (float)params->items[n_recurrent].fan_in;
        const bool b = strcmp(strrchr(tensor->name, '.'), ".b") == 0;
        tensor->init = UR_TENSOR_UNIFORM;
        tensor->constant = dense ? 1.0f / sqrtf(inputs) : limit;
        if (b && !dense)
            tensor->twice = spec->model.cell == UR_CELL_GRU ? 2 * (size_t)spec->model.hidden
                                                            : tensor->count;
    }
}

enum ur_status ur_params_build(struct ur_params *params, const struct ur_spec *spec,
                               const struct ur_data_shape *data, struct ur_error *error)
{
    const struct ur_data_shape seen = ur_shape_scanned(data, spec->model.scan), *shape = &seen;
    memset(params, 0, sizeof *params);
    if (spec->model.hidden < 1 || spec->model.hidden > UR_MAX_HIDDEN || shape->width < 1 ||
        shape->width > UR_MAX_WIDTH || shape->classes < 1 || shape->classes > UR_MAX_CLASSES)
        return ur_fail(
            error, UR_JOB_TOO_BIG,
            "A model of %d hidden units on %d values a step and %d classes is outside "
            "1..%d, 1..%d and 1..%d.",
            (int)spec->model.hidden, (int)shape->width, (int)shape->classes, UR_MAX_HIDDEN,
            UR_MAX_WIDTH, UR_MAX_CLASSES);
    if (spec->model.layers < 1 || spec->model.layers > UR_MAX_LAYERS)
        return ur_fail(error, UR_JOB_TOO_BIG, "A model of %d layers is outside 1..%d.",
                       (int)spec->model.layers, UR_MAX_LAYERS);
    const int32_t projection = spec->model.projection;
    if (projection != 0 && (spec->model.cell != UR_CELL_LSTM || projection < 0 ||
                            projection >= spec->model.hidden))
        return ur_fail(error, UR_JOB_TOO_BIG,
                       "A projection to %d units needs an lstm of more of them, not %d.",
                       (int)projection, (int)spec->model.hidden);

    const enum ur_tensor_init init =
        spec->model.init == UR_INIT_NORMAL ? UR_TENSOR_NORMAL : UR_TENSOR_GLOROT;
    append_layers(params, spec, shape->width, init);
    append_matrix(params, "dense.W", (1 + spec->model.bidirectional) * output_units(spec),
                  shape->classes, shape->classes, init);
    append(params, "dense.b", shape->classes, 0);
    if (spec->model.init == UR_INIT_PYTORCH)
        draw_as_pytorch(params, spec);
    return UR_OK;
}

const struct ur_tensor *ur_params_find(const struct ur_params *params, const char *name)
{
    for (int32_t k = 0; k < params->count; k++)
        if (strcmp(params->items[k].name, name) == 0)
            return &params->items[k];
    return NULL;
}

void ur_params_digest(const struct ur_params *params, const float *weights,
                      char out[UR_SHA256_HEX_BYTES])
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
                   "the digest takes floats as they lie in memory");
    struct ur_digest digest;
    unsigned char bytes[UR_SHA256_BYTES];

    ur_digest_init(&digest);
    for (int32_t k = 0; k < params->count; k++)
        ur_digest_update(&digest, weights + params->items[k].offset,
                         params->items[k].count * sizeof *weights);
    ur_digest_final(&digest, bytes);
    ur_hex(bytes, sizeof bytes, out);
}
