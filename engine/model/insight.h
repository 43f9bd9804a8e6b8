/*
 * What a training step looked like from inside: how much gradient reaches each time step, what
 * the gates and states did, how long every tensor and its gradient are. For those who ask
 * (/run/insight_every); nobody else pays for it.
 *
 * Of a step that is looked at:
 *
 *     norm[layer][direction][t]   the norm of dL/dh_t over all rows of the minibatch and all
 *                                 units, L its mean loss: what vanishes in an RNN
 *     activity[layer][direction][t][column]
 *                                 over the rows of the first shard that have not ended by t:
 *                                 the mean of each sigmoid gate, the root mean square of the
 *                                 candidate, of h and of c; not a number where all have ended
 *     tensors                     the norm of each after the step, and of its gradient before
 *                                 clipping
 *
 * A sequence of more than UR_INSIGHT_POINTS time steps is told at every stride-th of them.
 *
 * A direction that nobody looks at beyond its first step (a bidirectional network's readout
 * `last`) is not run beyond it: no gradient, and activity that is not a number.
 *
 * Columns: lstm i f g o h c, gru r z n h, rnn h. Cost: one pass over dh and the kept
 * activations; nothing of it enters a sum that trains. Errors: none. Ownership: carved from the
 * team's arena, to the byte of the plan. Threads: a shard's squares belong to whoever has the
 * shard.
 */
#ifndef UNROLL_MODEL_INSIGHT_H
#define UNROLL_MODEL_INSIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"
#include "model/workspace.h"
#include "unroll/arena.h"
#include "unroll/plan.h"
#include "unroll/spec.h"

struct ur_insight {
    const struct ur_model *model;
    int32_t every;   /* steps; 0: never, and nothing below exists */
    int32_t streams; /* layers times directions */
    int32_t points;  /* of the time steps */
    int32_t stride;  /* time steps from one point to the next */
    int32_t columns; /* of activity */
    double *squares; /* [shards][streams][T] */
    float *norms;    /* [streams][points] */
    float *activity; /* [streams][points][columns] */
    float weight_norms[UR_MAX_TENSORS];
    float gradient_norms[UR_MAX_TENSORS];
};

/* Carves what the spec asks for; call it with a planning arena first. */
void ur_insight_carve(struct ur_insight *insight, const struct ur_spec *spec,
                      const struct ur_model *model, int32_t n_shards, struct ur_arena *arena);

/* True if step number `step` (from 0) is one to look at. */
bool ur_insight_is_due(const struct ur_insight *insight, int32_t step);

/* Gives where a shard's backward pass leaves its sums of squares: [streams][T]. */
double *ur_insight_squares(const struct ur_insight *insight, int32_t shard);

/* Takes the activity out of the first shard's workspace, of which so many rows are real. */
void ur_insight_take_activity(struct ur_insight *insight, const struct ur_workspace *workspace,
                              int32_t rows);

/* Adds up the shards, in their order, and measures the tensors. */
void ur_insight_finish(struct ur_insight *insight, int32_t n_shards, const float *weights,
                       const float *gradients);

/* Gives the name of a column of a cell's activity: "i". */
const char *ur_insight_column(enum ur_cell cell, int32_t column);

#endif
