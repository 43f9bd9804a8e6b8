#include "model/params.h"

#include <assert.h>
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

/* W, U and b of one layer in one direction, and a GRU's second bias of n. */
static void append_layer(struct ur_params *params, int32_t layer, const char *direction,
                         int32_t inputs, const struct ur_spec *spec, enum ur_tensor_init init)
{
    const enum ur_cell cell = (enum ur_cell)spec->model.cell;
    const int32_t hidden = spec->model.hidden;
    const int32_t gates = ur_recurrent_gates(cell) * hidden;
    char name[UR_TENSOR_NAME_BYTES];

    snprintf(name, sizeof name, "layer%d.%s.W", (int)layer, direction);
    append_matrix(params, name, inputs, gates, hidden, init);
    snprintf(name, sizeof name, "layer%d.%s.U", (int)layer, direction);
    append_matrix(params, name, hidden, gates, hidden, init);
    snprintf(name, sizeof name, "layer%d.%s.b", (int)layer, direction);
    struct ur_tensor *bias = append(params, name, gates, 0);
    if (cell == UR_CELL_LSTM) {
        bias->init = UR_TENSOR_LSTM_BIAS;
        bias->constant = (float)spec->model.forget_bias;
    }
    if (cell == UR_CELL_GRU) {
        snprintf(name, sizeof name, "layer%d.%s.bn", (int)layer, direction);
        append(params, name, hidden, 0);
    }
}

static void append_layers(struct ur_params *params, const struct ur_spec *spec, int32_t width,
                          enum ur_tensor_init init)
{
    const int32_t directions = 1 + spec->model.bidirectional;
    for (int32_t layer = 0; layer < spec->model.layers; layer++) {
        const int32_t inputs = layer == 0 ? width : directions * spec->model.hidden;
        append_layer(params, layer, "forward", inputs, spec, init);
        if (directions > 1)
            append_layer(params, layer, "backward", inputs, spec, init);
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

    const enum ur_tensor_init init =
        spec->model.init == UR_INIT_NORMAL ? UR_TENSOR_NORMAL : UR_TENSOR_GLOROT;
    append_layers(params, spec, shape->width, init);
    append_matrix(params, "dense.W", (1 + spec->model.bidirectional) * spec->model.hidden,
                  shape->classes, shape->classes, init);
    append(params, "dense.b", shape->classes, 0);
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
