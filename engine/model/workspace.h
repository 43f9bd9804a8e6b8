/*
 * All memory of one shard in flight: `ws_` is kept from forward to backward, `scratch_` may be
 * overwritten by whoever comes next.
 *
 * Shapes: as each field says; slot 0 of ws_h and ws_c is the zero start, so that step 0 is no
 * special case. Ownership: carved from an arena, freed with it. Threads: one at a time.
 */
#ifndef UNROLL_MODEL_WORKSPACE_H
#define UNROLL_MODEL_WORKSPACE_H

#include <stdint.h>

#include "model/model.h"
#include "unroll/arena.h"

struct ur_workspace {
    float *x;                /* [T][B][I]  the shard's input, filled by the batch maker */
    int32_t *labels;         /* [B] */
    float *row_weights;      /* [B]        1, or 0 for padding */
    float *ws_gates;         /* [T][B][4H] after activation: i f g o */
    float *ws_h;             /* [T+1][B][H] */
    float *ws_c;             /* [T+1][B][H] */
    float *ws_tanh_c;        /* [T][B][H] */
    float *ws_readout;       /* [B][H]     what the dense layer reads */
    float *logits;           /* [B][C] */
    float *dlogits;          /* [B][C] */
    float *scratch_dgates;   /* [T][B][4H] */
    float *scratch_dh;       /* [B][H] */
    float *scratch_dc;       /* [B][H] */
    float *scratch_dreadout; /* [B][H] */
    float *scratch_packed;   /* W and U, later the transpose of U, as kernels/packed.h lays them
                                out */
};

/* Carves a workspace; call it with a planning arena first. */
void ur_workspace_carve(struct ur_workspace *workspace, const struct ur_model *model,
                        struct ur_arena *arena);

#endif
