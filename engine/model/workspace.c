#include "model/workspace.h"

/* Of the top layer's backward direction the readout `last` sees the step that it reads first.
 * Rows with lengths begin at steps of their own, and a projected layer reads all. */
static int32_t reads_back(const struct ur_model *model, int32_t layer)
{
    const bool one = model->readout == UR_READOUT_LAST && layer == model->layers - 1 &&
                     !model->series && model->projection == 0;
    return one ? 1 : 0;
}

struct ur_recurrent_shape ur_model_layer_shape(const struct ur_model *model, int32_t layer)
{
    return (struct ur_recurrent_shape){
        .steps = model->steps,
        .rows = model->shard_rows,
        .width = layer == 0 ? model->width : model->directions * model->output,
        .parts = layer == 0 ? 1 : model->directions,
        .hidden = model->hidden,
        .cell = model->cell,
        .activation = model->activation,
        .projection = model->projection,
        .truncate = model->truncate,
        .reads_back = reads_back(model, layer),
    };
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static struct ur_recurrent_kept carve_kept(const struct ur_model *model, struct ur_arena *arena)
{
    const size_t steps = (size_t)model->steps;
    const size_t state = (size_t)model->shard_rows * (size_t)model->hidden;
    const size_t gates = (size_t)ur_recurrent_gates(model->cell) * state;
    const size_t output = (size_t)model->shard_rows * (size_t)model->output;
    const size_t lstm = model->cell == UR_CELL_LSTM, gru = model->cell == UR_CELL_GRU;
    const size_t projected = model->projection > 0;
    struct ur_recurrent_kept kept;

    kept.gates = ur_arena_floats(arena, (lstm + gru) * steps * gates);
    kept.h = ur_arena_floats(arena, (steps + 1) * output);
    kept.c = ur_arena_floats(arena, lstm * (steps + 1) * state);
    kept.tanh_c = ur_arena_floats(arena, lstm * steps * state);
    kept.q = ur_arena_floats(arena, (gru + projected) * steps * state);
    return kept;
}

/* How many layers' dy lie in memory at once: one for a readout that hands back every step for
 * itself, one for each layer that has one above, never more than two. */
static int32_t dy_count(const struct ur_model *model)
{
    const int32_t n = model->layers - 1 + (model->readout == UR_READOUT_MAX);
    return n < 2 ? n : 2;
}

/* The top layer's values are dropped from the readout. */
size_t ur_model_dropped_floats(const struct ur_model *model, int32_t layer)
{
    const size_t steps = layer + 1 < model->layers ? (size_t)model->steps : 1;
    return steps * (size_t)model->shard_rows * (size_t)model->output;
}

static void carve_dropout(struct ur_workspace *workspace, const struct ur_model *model,
                          struct ur_arena *arena)
{
    const size_t rows = (size_t)model->shard_rows;
    workspace->epochs = ur_arena_take(arena, rows, sizeof *workspace->epochs);
    workspace->samples = ur_arena_take(arena, rows, sizeof *workspace->samples);
    for (int32_t layer = 0; layer < model->layers; layer++)
        for (int32_t d = 0; d < model->directions; d++) {
            struct ur_dropped *dropped = &workspace->ws_dropped[layer][d];
            const size_t count = ur_model_dropped_floats(model, layer);
            dropped->y = ur_arena_floats(arena, count);
            dropped->kept = ur_arena_take(arena, count, sizeof *dropped->kept);
        }
}

void ur_workspace_carve(struct ur_workspace *workspace, const struct ur_model *model,
                        struct ur_arena *arena)
{
    const size_t rows = (size_t)model->shard_rows;
    const size_t steps = (size_t)model->steps;
    const size_t state = rows * (size_t)model->hidden;
    const size_t output = rows * (size_t)model->output;
    const size_t gates = (size_t)ur_recurrent_gates(model->cell) * state;
    const size_t projected = model->projection > 0;
    const size_t logits = rows * (size_t)model->classes;
    size_t packed = 0;

    *workspace = (struct ur_workspace){0};
    workspace->x = ur_arena_floats(arena, steps * rows * (size_t)model->width);
    workspace->labels = ur_arena_take(arena, rows, sizeof *workspace->labels);
    workspace->row_weights = ur_arena_floats(arena, rows);
    if (model->series)
        workspace->lengths = ur_arena_take(arena, rows, sizeof *workspace->lengths);
    for (int32_t layer = 0; layer < model->layers; layer++) {
        for (int32_t d = 0; d < model->directions; d++)
            workspace->ws_layers[layer][d] = carve_kept(model, arena);
        packed = larger(packed, ur_recurrent_packed_floats(ur_model_layer_shape(model, layer)));
    }
    workspace->logits = ur_arena_floats(arena, logits);
    workspace->dlogits = ur_arena_floats(arena, logits);
    const int32_t block = ur_recurrent_block_steps(ur_model_layer_shape(model, 0));
    workspace->scratch_dgates = ur_arena_floats(arena, (size_t)block * gates);
    workspace->scratch_dh = ur_arena_floats(arena, projected ? steps * output : state);
    workspace->scratch_dc = ur_arena_floats(arena, state);
    workspace->scratch_dm = ur_arena_floats(arena, projected * state);
    for (int32_t d = 0; d < model->directions; d++) {
        workspace->ws_readout[d] = ur_arena_floats(arena, output);
        workspace->scratch_dreadout[d] = ur_arena_floats(arena, output);
        for (int32_t k = 0; k < dy_count(model); k++)
            workspace->scratch_dy[k][d] = ur_arena_floats(arena, steps * output);
    }
    workspace->scratch_packed = ur_arena_floats(arena, packed);
    if (model->dropout > 0.0)
        carve_dropout(workspace, model, arena);
}
