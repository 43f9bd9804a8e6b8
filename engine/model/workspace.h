/*
 * All memory of one shard in flight: `ws_` is kept from forward to backward, `scratch_` may be
 * overwritten by whoever comes next.
 *
 * Shapes: as each field says, R being H or the units of a projection; layers are counted from
 * the one that reads x. An array that the cell or the spec has no use for takes no memory
 * (layers/recurrent.h). Ownership: carved from an arena, freed with it. Threads: one at a time.
 */
#ifndef UNROLL_MODEL_WORKSPACE_H
#define UNROLL_MODEL_WORKSPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "layers/recurrent.h"
#include "model/model.h"
#include "unroll/arena.h"

/* What is left of an output after dropout, in one direction. */
struct ur_dropped {
    float *y;
    unsigned char *kept; /* which of its values are left */
};

struct ur_workspace {
    float *x;           /* [T][B][I]  the shard's input, filled by the batch maker */
    int32_t *labels;    /* [B] */
    float *row_weights; /* [B]        1, or 0 for padding */
    uint32_t *epochs;   /* [B]        whose masks dropout draws; NULL without it, as is */
    uint32_t *samples;  /* [B]        all that follows from it */
    bool dropping;      /* the last forward was one of training, with dropout */
    int32_t *lengths;   /* [B]        of series: 1..T; NULL for images, which are all of T */
    struct ur_recurrent_kept ws_layers[UR_MAX_LAYERS][UR_MAX_DIRECTIONS];
    float *ws_readout[UR_MAX_DIRECTIONS]; /* [B][R]     what the dense layer reads */
    /* of each layer's y [T][B][R], and in the top layer's place of the readout [B][R] */
    struct ur_dropped ws_dropped[UR_MAX_LAYERS][UR_MAX_DIRECTIONS];
    float *logits;                              /* [B][C] */
    float *dlogits;                             /* [B][C] */
    float *scratch_dgates;                      /* [ur_recurrent_block_steps][B][GH] */
    float *scratch_dh;                          /* [B][H], projected [T][B][R] */
    float *scratch_dc;                          /* [B][H] */
    float *scratch_dm;                          /* [B][H]     with a projection */
    float *scratch_dreadout[UR_MAX_DIRECTIONS]; /* [B][R] */
    float *scratch_dy[2][UR_MAX_DIRECTIONS];    /* [T][B][R] of a layer and of the one below, by
                                                turns; only as many as are needed */
    double *squares;       /* [layers][D][T] or NULL: where backward leaves the squares of dL/dh
                        (layers/recurrent.h); the caller's memory */
    float *scratch_packed; /* W and U, later their transposes: kernels/packed.h */
};

/* Gives the shape of a layer's forward direction. */
struct ur_recurrent_shape ur_model_layer_shape(const struct ur_model *model, int32_t layer);

/* Gives the values of one direction of a layer that dropout works on. */
size_t ur_model_dropped_floats(const struct ur_model *model, int32_t layer);

/* Carves a workspace; call it with a planning arena first. */
void ur_workspace_carve(struct ur_workspace *workspace, const struct ur_model *model,
                        struct ur_arena *arena);

#endif
