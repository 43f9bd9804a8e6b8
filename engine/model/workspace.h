/*
 * All memory of one shard in flight: `ws_` is kept from forward to backward, `scratch_` may be
 * overwritten by whoever comes next.
 *
 * Shapes: as each field says; layers are counted from the one that reads x. An array that the
 * cell does not have takes no memory (layers/recurrent.h). Ownership: carved from an arena,
 * freed with it. Threads: one at a time.
 */
#ifndef UNROLL_MODEL_WORKSPACE_H
#define UNROLL_MODEL_WORKSPACE_H

#include <stdint.h>

#include "layers/recurrent.h"
#include "model/model.h"
#include "unroll/arena.h"

struct ur_workspace {
    float *x;           /* [T][B][I]  the shard's input, filled by the batch maker */
    int32_t *labels;    /* [B] */
    float *row_weights; /* [B]        1, or 0 for padding */
    int32_t *lengths;   /* [B]        of series: 1..T; NULL for images, which are all of T */
    struct ur_recurrent_kept ws_layers[UR_MAX_LAYERS][UR_MAX_DIRECTIONS];
    float *ws_readout[UR_MAX_DIRECTIONS];       /* [B][H]     what the dense layer reads */
    float *logits;                              /* [B][C] */
    float *dlogits;                             /* [B][C] */
    float *scratch_dgates;                      /* [T][B][GH] */
    float *scratch_dh;                          /* [B][H] */
    float *scratch_dc;                          /* [B][H] */
    float *scratch_dreadout[UR_MAX_DIRECTIONS]; /* [B][H] */
    float *scratch_dy[2][UR_MAX_DIRECTIONS];    /* [T][B][H] of a layer and of the one below, by
                                                turns; only as many as are needed */
    float *scratch_packed; /* W and U, later the transpose of U, as kernels/packed.h lays them
                              out */
};

/* Gives the shape of a layer's forward direction. */
struct ur_recurrent_shape ur_model_layer_shape(const struct ur_model *model, int32_t layer);

/* Carves a workspace; call it with a planning arena first. */
void ur_workspace_carve(struct ur_workspace *workspace, const struct ur_model *model,
                        struct ur_arena *arena);

#endif
