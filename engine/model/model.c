#include "model/model.h"

#include <assert.h>
#include <string.h>

#include "layers/dense.h"
#include "layers/readout.h"
#include "layers/recurrent.h"
#include "model/loss.h"
#include "model/workspace.h"

/* Where each tensor of the one-layer LSTM stands in the table. */
enum { LAYER_W, LAYER_U, LAYER_B, DENSE_W, DENSE_B, N_TENSORS };

enum ur_status ur_model_init(struct ur_model *model, const struct ur_spec *spec,
                             const struct ur_data_shape *shape, struct ur_error *error)
{
    memset(model, 0, sizeof *model);
    if (shape->steps < 1 || shape->steps > UR_MAX_STEPS_PER_ROW || spec->train.shard_rows < 1 ||
        spec->train.shard_rows > UR_MAX_SHARD_ROWS)
        return ur_fail(
            error, UR_JOB_TOO_BIG,
            "Sequences of %d steps in shards of %d rows are outside 1..%d and 1..%d.",
            (int)shape->steps, (int)spec->train.shard_rows, UR_MAX_STEPS_PER_ROW,
            UR_MAX_SHARD_ROWS);
    const enum ur_status status = ur_params_build(&model->params, spec, shape, error);
    if (status != UR_OK)
        return status;
    assert(model->params.count == N_TENSORS);

    model->steps = shape->steps;
    model->width = shape->width;
    model->classes = shape->classes;
    model->hidden = spec->model.hidden;
    model->shard_rows = spec->train.shard_rows;
    model->cell = (enum ur_cell)spec->model.cell;
    model->readout = (enum ur_readout)spec->model.readout;
    return UR_OK;
}

static const float *tensor_in(const struct ur_model *model, const float *array, int32_t index)
{
    return array + model->params.items[index].offset;
}

static struct ur_recurrent_shape layer_shape(const struct ur_model *model)
{
    return (struct ur_recurrent_shape){.steps = model->steps,
                                       .rows = model->shard_rows,
                                       .width = model->width,
                                       .hidden = model->hidden};
}

static struct ur_recurrent_weights layer_weights(const struct ur_model *model,
                                                 const float *weights)
{
    return (struct ur_recurrent_weights){.w = tensor_in(model, weights, LAYER_W),
                                         .u = tensor_in(model, weights, LAYER_U),
                                         .b = tensor_in(model, weights, LAYER_B)};
}

static struct ur_recurrent_kept layer_kept(const struct ur_workspace *workspace)
{
    return (struct ur_recurrent_kept){.gates = workspace->ws_gates,
                                      .h = workspace->ws_h,
                                      .c = workspace->ws_c,
                                      .tanh_c = workspace->ws_tanh_c};
}

static struct ur_recurrent_scratch layer_scratch(const struct ur_workspace *workspace)
{
    return (struct ur_recurrent_scratch){.packed = workspace->scratch_packed,
                                         .dgates = workspace->scratch_dgates,
                                         .dh = workspace->scratch_dh,
                                         .dc = workspace->scratch_dc};
}

static struct ur_dense_shape dense_shape(const struct ur_model *model)
{
    return (struct ur_dense_shape){
        .rows = model->shard_rows, .inputs = model->hidden, .outputs = model->classes};
}

/* Floats of one step's h. */
static size_t block_floats(const struct ur_model *model)
{
    return (size_t)model->shard_rows * (size_t)model->hidden;
}

static void readout_forward(const struct ur_model *model, struct ur_workspace *workspace)
{
    const size_t block = block_floats(model);
    const float *y = workspace->ws_h + block; /* slot 0 is the start */

    switch (model->readout) {
    case UR_READOUT_LAST:
        ur_readout_last_forward(workspace->ws_readout, y, model->steps, block);
        break;
    case UR_READOUT_MEAN:
        ur_readout_mean_forward(workspace->ws_readout, y, model->steps, block);
        break;
    }
}

static struct ur_output_gradient readout_backward(const struct ur_model *model,
                                                  struct ur_workspace *workspace)
{
    if (model->readout == UR_READOUT_MEAN)
        return ur_readout_mean_backward(workspace->scratch_dreadout, model->steps,
                                        block_floats(model));
    return ur_readout_last_backward(workspace->scratch_dreadout, model->steps);
}

void ur_model_forward(const struct ur_model *model, const float *weights, const float *x,
                      struct ur_workspace *workspace)
{
    ur_recurrent_forward(layer_shape(model), layer_weights(model, weights), x,
                         layer_kept(workspace), layer_scratch(workspace));
    readout_forward(model, workspace);
    ur_dense_forward(dense_shape(model), workspace->logits, workspace->ws_readout,
                     tensor_in(model, weights, DENSE_W), tensor_in(model, weights, DENSE_B));
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

void ur_model_backward(const struct ur_model *model, const float *weights, const float *x,
                       struct ur_workspace *workspace, float *gradients)
{
    float *at[N_TENSORS];
    for (int32_t k = 0; k < N_TENSORS; k++) {
        const struct ur_tensor *tensor = &model->params.items[k];
        at[k] = gradients + tensor->offset;
        const size_t end = k + 1 < N_TENSORS ? tensor[1].offset : model->params.n_floats;
        memset(at[k] + tensor->count, 0,
               (end - tensor->offset - tensor->count) * sizeof *gradients);
    }

    ur_dense_backward(dense_shape(model), workspace->scratch_dreadout, at[DENSE_W], at[DENSE_B],
                      workspace->dlogits, workspace->ws_readout,
                      tensor_in(model, weights, DENSE_W));
    ur_recurrent_backward(layer_shape(model), layer_weights(model, weights), x,
                          layer_kept(workspace), readout_backward(model, workspace),
                          layer_scratch(workspace),
                          (struct ur_recurrent_gradients){
                              .dw = at[LAYER_W], .du = at[LAYER_U], .db = at[LAYER_B]});
}
