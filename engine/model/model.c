#include "model/model.h"

#include <assert.h>
#include <string.h>

#include "layers/bidir.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/readout.h"
#include "layers/recurrent.h"
#include "model/loss.h"
#include "model/workspace.h"

/* Where a tensor stands among those of its layer and direction; the dense layer's are last. */
enum { LAYER_W, LAYER_U, LAYER_B, LAYER_BN, LAYER_P = LAYER_BN }; /* GRUs have no P */

enum ur_status ur_model_init(struct ur_model *model, const struct ur_spec *spec,
                             const struct ur_data_shape *data, struct ur_error *error)
{
    const struct ur_data_shape seen = ur_shape_scanned(data, spec->model.scan), *shape = &seen;
    memset(model, 0, sizeof *model);
    if (shape->steps < 1 || shape->steps > UR_MAX_STEPS_PER_ROW || spec->train.shard_rows < 1 ||
        spec->train.shard_rows > UR_MAX_SHARD_ROWS)
        return ur_fail(
            error, UR_JOB_TOO_BIG,
            "Sequences of %d steps in shards of %d rows are outside 1..%d and 1..%d.",
            (int)shape->steps, (int)spec->train.shard_rows, UR_MAX_STEPS_PER_ROW,
            UR_MAX_SHARD_ROWS);
    const enum ur_status status = ur_params_build(&model->params, spec, data, error);
    if (status != UR_OK)
        return status;

    model->steps = shape->steps;
    model->width = shape->width;
    model->classes = shape->classes;
    model->series = shape->series != 0;
    model->hidden = spec->model.hidden;
    model->shard_rows = spec->train.shard_rows;
    model->layers = spec->model.layers;
    model->directions = 1 + spec->model.bidirectional;
    model->cell = (enum ur_cell)spec->model.cell;
    model->activation = (enum ur_activation)spec->model.activation;
    model->readout = (enum ur_readout)spec->model.readout;
    model->projection = spec->model.projection;
    model->output = model->projection > 0 ? model->projection : model->hidden;
    model->truncate = spec->train.truncate_bptt;
    model->dropout = spec->model.dropout;
    model->seed = (uint64_t)spec->train.seed;
    return UR_OK;
}

/* Where the tensors of a layer's direction begin in the table. */
static int32_t first_tensor(const struct ur_model *model, int32_t layer, int32_t direction)
{
    const bool four = model->cell == UR_CELL_GRU || model->projection > 0;
    const int32_t each = four ? LAYER_P + 1 : LAYER_B + 1;
    return (layer * model->directions + direction) * each;
}

static int32_t dense_w(const struct ur_model *model)
{
    return model->params.count - 2;
}

static int32_t dense_b(const struct ur_model *model)
{
    return model->params.count - 1;
}

static const float *tensor_in(const struct ur_model *model, const float *array, int32_t index)
{
    return array + model->params.items[index].offset;
}

static struct ur_bidir layer_of(const struct ur_model *model, const float *weights,
                                const struct ur_workspace *workspace, int32_t layer)
{
    struct ur_bidir bidir = {.shape = ur_model_layer_shape(model, layer),
                             .directions = model->directions};
    bidir.shape.lengths = workspace->lengths;
    for (int32_t d = 0; d < model->directions; d++) {
        const int32_t first = first_tensor(model, layer, d);
        struct ur_recurrent_weights *w = &bidir.weights[d];
        w->w = tensor_in(model, weights, first + LAYER_W);
        w->u = tensor_in(model, weights, first + LAYER_U);
        w->b = tensor_in(model, weights, first + LAYER_B);
        if (model->cell == UR_CELL_GRU)
            w->bn = tensor_in(model, weights, first + LAYER_BN);
        if (model->projection > 0)
            w->p = tensor_in(model, weights, first + LAYER_P);
        bidir.kept[d] = workspace->ws_layers[layer][d];
    }
    return bidir;
}

static struct ur_recurrent_gradients
gradients_of(const struct ur_model *model, float *gradients, int32_t layer, int32_t direction)
{
    const struct ur_tensor *first = model->params.items + first_tensor(model, layer, direction);
    return (struct ur_recurrent_gradients){
        .dw = gradients + first[LAYER_W].offset,
        .du = gradients + first[LAYER_U].offset,
        .db = gradients + first[LAYER_B].offset,
        .dbn = model->cell == UR_CELL_GRU ? gradients + first[LAYER_BN].offset : NULL,
        .dp = model->projection > 0 ? gradients + first[LAYER_P].offset : NULL};
}

static struct ur_recurrent_scratch layer_scratch(const struct ur_workspace *workspace)
{
    return (struct ur_recurrent_scratch){.packed = workspace->scratch_packed,
                                         .dgates = workspace->scratch_dgates,
                                         .dh = workspace->scratch_dh,
                                         .dc = workspace->scratch_dc,
                                         .dm = workspace->scratch_dm};
}

/* What a layer reads: x, or what the layer below hands on. */
static struct ur_recurrent_input input_of(const struct ur_model *model, const float *weights,
                                          const float *x, const struct ur_workspace *workspace,
                                          int32_t layer)
{
    if (layer == 0)
        return (struct ur_recurrent_input){{x, NULL}};
    const struct ur_bidir below = layer_of(model, weights, workspace, layer - 1);
    if (!workspace->dropping)
        return ur_bidir_output(&below);
    const struct ur_dropped *dropped = workspace->ws_dropped[layer - 1];
    return (struct ur_recurrent_input){{dropped[0].y, dropped[1].y}};
}

/* Fills what one direction of a layer hands on while training, from its output or, at the top,
 * from the readout. */
static void drop_forward(const struct ur_model *model, const struct ur_workspace *workspace,
                         int32_t layer, int32_t direction, const float *y)
{
    const struct ur_dropped *dropped = &workspace->ws_dropped[layer][direction];
    const struct ur_dropout dropout = {
        .seed = model->seed,
        .rate = model->dropout,
        .site = (uint32_t)(layer * UR_MAX_DIRECTIONS + direction),
        .epochs = workspace->epochs,
        .samples = workspace->samples,
    };
    const struct ur_dropout_shape shape = {layer + 1 < model->layers ? model->steps : 1,
                                           model->shard_rows, model->output};
    ur_dropout_draw(&dropout, shape, dropped->kept);
    ur_dropout_apply(dropped->y, y, dropped->kept, model->dropout,
                     ur_model_dropped_floats(model, layer));
}

/* Turns the gradient of what was handed on into that of the output, in place. */
static void drop_backward(const struct ur_model *model, const struct ur_workspace *workspace,
                          int32_t layer, int32_t direction, float *dy)
{
    if (workspace->dropping)
        ur_dropout_apply(dy, dy, workspace->ws_dropped[layer][direction].kept, model->dropout,
                         ur_model_dropped_floats(model, layer));
}

/* Each direction is a part of the dense layer's input. */
static struct ur_dense_shape dense_shape(const struct ur_model *model)
{
    return (struct ur_dense_shape){
        .rows = model->shard_rows, .inputs = model->output, .outputs = model->classes};
}

/* Floats of one step's h. */
static size_t block_floats(const struct ur_model *model)
{
    return (size_t)model->shard_rows * (size_t)model->output;
}

/* Floats of the rows of dense.W that one direction meets. */
static size_t dense_part(const struct ur_model *model)
{
    return (size_t)model->output * (size_t)model->classes;
}

/* A direction ends at the last step, or, reading backwards, at the first. */
static bool reads_first(const struct ur_model *model, int32_t direction)
{
    return model->readout == UR_READOUT_FINAL && direction == 1;
}

static struct ur_readout_rows readout_rows(const struct ur_model *model,
                                           const struct ur_workspace *workspace)
{
    return (struct ur_readout_rows){.lengths = workspace->lengths,
                                    .steps = model->steps,
                                    .rows = (size_t)model->shard_rows,
                                    .hidden = (size_t)model->output};
}

static void readout_forward(const struct ur_model *model, float *out, const float *y,
                            int32_t direction)
{
    const size_t block = block_floats(model);

    switch (model->readout) {
    case UR_READOUT_LAST:
    case UR_READOUT_FINAL:
        if (reads_first(model, direction))
            ur_readout_first_forward(out, y, block);
        else
            ur_readout_last_forward(out, y, model->steps, block);
        break;
    case UR_READOUT_MEAN:
        ur_readout_mean_forward(out, y, model->steps, block);
        break;
    case UR_READOUT_MAX:
        ur_readout_max_forward(out, y, model->steps, block);
        break;
    }
}

/* The same where rows end at steps of their own; all of them begin at step 0. */
static void readout_forward_rows(const struct ur_model *model, float *out, const float *y,
                                 int32_t direction, struct ur_readout_rows of)
{
    if (reads_first(model, direction))
        ur_readout_first_forward(out, y, block_floats(model));
    else if (model->readout == UR_READOUT_MEAN)
        ur_readout_mean_forward_rows(out, y, of);
    else if (model->readout == UR_READOUT_MAX)
        ur_readout_max_forward_rows(out, y, of);
    else
        ur_readout_last_forward_rows(out, y, of);
}

/* Gives the gradient of the top layer's output y in one direction. */
static struct ur_output_gradient readout_backward(const struct ur_model *model,
                                                  const struct ur_workspace *workspace,
                                                  const float *y, int32_t direction)
{
    float *dout = workspace->scratch_dreadout[direction];
    const size_t block = block_floats(model);

    if (model->readout == UR_READOUT_MEAN && workspace->lengths != NULL)
        return ur_readout_mean_backward_rows(dout, readout_rows(model, workspace));
    if (model->readout == UR_READOUT_MEAN)
        return ur_readout_mean_backward(dout, model->steps, block);
    if (model->readout == UR_READOUT_MAX)
        return ur_readout_max_backward(workspace->scratch_dy[0][direction], dout,
                                       workspace->ws_readout[direction], y, model->steps,
                                       block);
    if (reads_first(model, direction))
        return ur_readout_first_backward(dout);
    if (workspace->lengths != NULL)
        return ur_readout_last_backward_rows(dout, model->steps);
    return ur_readout_last_backward(dout, model->steps);
}

/* What the dense layer reads of one direction. */
static const float *read_of(const struct ur_model *model, const struct ur_workspace *workspace,
                            int32_t direction)
{
    return workspace->dropping ? workspace->ws_dropped[model->layers - 1][direction].y
                               : workspace->ws_readout[direction];
}

static void dense_forward(const struct ur_model *model, const float *weights,
                          const struct ur_workspace *workspace)
{
    const float *w = tensor_in(model, weights, dense_w(model));
    ur_dense_forward(dense_shape(model), workspace->logits, read_of(model, workspace, 0), w,
                     tensor_in(model, weights, dense_b(model)));
    if (model->directions > 1)
        ur_dense_forward_more(dense_shape(model), workspace->logits,
                              read_of(model, workspace, 1), w + dense_part(model));
}

static void dense_backward(const struct ur_model *model, const float *weights,
                           const struct ur_workspace *workspace, float *gradients)
{
    const float *w = tensor_in(model, weights, dense_w(model));
    float *dw = gradients + model->params.items[dense_w(model)].offset;
    ur_dense_backward(dense_shape(model), workspace->scratch_dreadout[0], dw,
                      gradients + model->params.items[dense_b(model)].offset,
                      workspace->dlogits, read_of(model, workspace, 0), w);
    if (model->directions > 1)
        ur_dense_backward_more(dense_shape(model), workspace->scratch_dreadout[1],
                               dw + dense_part(model), workspace->dlogits,
                               read_of(model, workspace, 1), w + dense_part(model));
}

static void forward(const struct ur_model *model, const float *weights, const float *x,
                    struct ur_workspace *workspace)
{
    const int32_t top = model->layers - 1;
    struct ur_recurrent_input y = {{x, NULL}};

    for (int32_t k = 0; k < model->layers; k++) {
        const struct ur_bidir layer = layer_of(model, weights, workspace, k);
        ur_bidir_forward(&layer, input_of(model, weights, x, workspace, k),
                         layer_scratch(workspace));
        y = ur_bidir_output(&layer);
        for (int32_t d = 0; workspace->dropping && k < top && d < model->directions; d++)
            drop_forward(model, workspace, k, d, y.parts[d]);
    }
    for (int32_t d = 0; d < model->directions; d++) {
        if (workspace->lengths != NULL)
            readout_forward_rows(model, workspace->ws_readout[d], y.parts[d], d,
                                 readout_rows(model, workspace));
        else
            readout_forward(model, workspace->ws_readout[d], y.parts[d], d);
        if (workspace->dropping)
            drop_forward(model, workspace, top, d, workspace->ws_readout[d]);
    }
    dense_forward(model, weights, workspace);
}

void ur_model_forward(const struct ur_model *model, const float *weights, const float *x,
                      struct ur_workspace *workspace)
{
    workspace->dropping = false;
    forward(model, weights, x, workspace);
}

void ur_model_forward_training(const struct ur_model *model, const float *weights,
                               const float *x, struct ur_workspace *workspace)
{
    workspace->dropping = model->dropout > 0.0;
    forward(model, weights, x, workspace);
}

struct ur_shard_sums ur_model_smoothed_loss(const struct ur_model *model, const int32_t *labels,
                                            const float *row_weights, float scale,
                                            float smoothing, struct ur_workspace *workspace)
{
    return ur_loss_cross_entropy(workspace->dlogits, workspace->logits, labels, row_weights,
                                 scale, smoothing, model->shard_rows, model->classes);
}

struct ur_shard_sums ur_model_loss(const struct ur_model *model, const int32_t *labels,
                                   const float *row_weights, float scale,
                                   struct ur_workspace *workspace)
{
    return ur_model_smoothed_loss(model, labels, row_weights, scale, 0.0f, workspace);
}

static void clear_padding(const struct ur_params *params, float *gradients)
{
    for (int32_t k = 0; k < params->count; k++) {
        const struct ur_tensor *tensor = &params->items[k];
        const size_t end = k + 1 < params->count ? tensor[1].offset : params->n_floats;
        memset(gradients + tensor->offset + tensor->count, 0,
               (end - tensor->offset - tensor->count) * sizeof *gradients);
    }
}

/* Turns the gradients of a layer's output into those of its weights, and outputs into what the
 * layer below gets: turn says which of the two dy is free. */
static void layer_backward(const struct ur_model *model, const float *weights, const float *x,
                           const struct ur_workspace *workspace, float *gradients,
                           int32_t layer, int32_t turn,
                           struct ur_output_gradient outputs[UR_MAX_DIRECTIONS])
{
    const struct ur_bidir bidir = layer_of(model, weights, workspace, layer);
    struct ur_recurrent_gradients to[UR_MAX_DIRECTIONS] = {{0}};
    struct ur_recurrent_dx dx = {{NULL}, false};

    for (int32_t d = 0; d < model->directions; d++) {
        to[d] = gradients_of(model, gradients, layer, d);
        if (layer > 0)
            dx.parts[d] = workspace->scratch_dy[turn][d];
    }
    struct ur_recurrent_scratch scratch = layer_scratch(workspace);
    if (workspace->squares != NULL)
        scratch.squares = workspace->squares + layer * model->directions * model->steps;
    ur_bidir_backward(&bidir, input_of(model, weights, x, workspace, layer), outputs, scratch,
                      to, dx);
    for (int32_t d = 0; d < model->directions; d++) {
        if (layer > 0)
            drop_backward(model, workspace, layer - 1, d, dx.parts[d]);
        outputs[d] = (struct ur_output_gradient){
            .blocks = dx.parts[d], .stride = block_floats(model), .end = model->steps};
    }
}

void ur_model_backward(const struct ur_model *model, const float *weights, const float *x,
                       struct ur_workspace *workspace, float *gradients)
{
    const struct ur_bidir top = layer_of(model, weights, workspace, model->layers - 1);
    const struct ur_recurrent_input y = ur_bidir_output(&top);
    struct ur_output_gradient outputs[UR_MAX_DIRECTIONS] = {{0}};
    int32_t turn = model->readout == UR_READOUT_MAX;

    clear_padding(&model->params, gradients);
    dense_backward(model, weights, workspace, gradients);
    for (int32_t d = 0; d < model->directions; d++) {
        drop_backward(model, workspace, model->layers - 1, d, workspace->scratch_dreadout[d]);
        outputs[d] = readout_backward(model, workspace, y.parts[d], d);
    }
    for (int32_t layer = model->layers - 1; layer >= 0; layer--, turn = 1 - turn)
        layer_backward(model, weights, x, workspace, gradients, layer, turn, outputs);
}
