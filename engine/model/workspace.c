#include "model/workspace.h"

#include "layers/recurrent.h"

void ur_workspace_carve(struct ur_workspace *workspace, const struct ur_model *model,
                        struct ur_arena *arena)
{
    const size_t rows = (size_t)model->shard_rows;
    const size_t steps = (size_t)model->steps;
    const size_t state = rows * (size_t)model->hidden;
    const size_t gates = 4 * state;
    const size_t logits = rows * (size_t)model->classes;
    const struct ur_recurrent_shape layer = {.steps = model->steps,
                                             .rows = model->shard_rows,
                                             .width = model->width,
                                             .hidden = model->hidden};

    workspace->x = ur_arena_floats(arena, steps * rows * (size_t)model->width);
    workspace->labels = ur_arena_take(arena, rows, sizeof *workspace->labels);
    workspace->row_weights = ur_arena_floats(arena, rows);
    workspace->ws_gates = ur_arena_floats(arena, steps * gates);
    workspace->ws_h = ur_arena_floats(arena, (steps + 1) * state);
    workspace->ws_c = ur_arena_floats(arena, (steps + 1) * state);
    workspace->ws_tanh_c = ur_arena_floats(arena, steps * state);
    workspace->ws_readout = ur_arena_floats(arena, state);
    workspace->logits = ur_arena_floats(arena, logits);
    workspace->dlogits = ur_arena_floats(arena, logits);
    workspace->scratch_dgates = ur_arena_floats(arena, steps * gates);
    workspace->scratch_dh = ur_arena_floats(arena, state);
    workspace->scratch_dc = ur_arena_floats(arena, state);
    workspace->scratch_dreadout = ur_arena_floats(arena, state);
    workspace->scratch_packed = ur_arena_floats(arena, ur_recurrent_packed_floats(layer));
}
