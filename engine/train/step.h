/*
 * The team that trains: the memory of a run, its threads, and one training step.
 *
 * A step is one OpenMP region:
 *
 *     shards    each thread takes the next shard: fill, forward, loss, backward
 *     ------------------------------------------------------------- barrier
 *     reduce    each thread sums its chunks of the gradient over the tree of shards
 *     ------------------------------------------------------------- barrier
 *     judge     every thread computes the same loss and norm from the same numbers
 *     update    each thread updates its chunks, unless the judge found the end
 *
 * No result depends on which thread did what. Nothing in it allocates, locks or does I/O, and
 * the only clock is the trainer's step timer around it.
 *
 * Shapes: weights, the optimizer's two moments, with /train/ema the mean of the weights, and
 * one gradient for each shard, all n_floats long; one workspace for each thread. Errors:
 * UR_NO_MEMORY, UR_JOB_TOO_BIG from _init; a step that is no longer finite is an outcome, not
 * an error. Ownership: the caller owns the struct; _release frees both arenas; the subject is
 * borrowed. Threads: one caller.
 */
#ifndef UNROLL_TRAIN_STEP_H
#define UNROLL_TRAIN_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/batch.h"
#include "data/dataset.h"
#include "model/insight.h"
#include "model/model.h"
#include "model/workspace.h"
#include "unroll/arena.h"
#include "unroll/plan.h"
#include "unroll/spec.h"

/* What is trained on what; borrowed, and unchanged while a team lives. */
struct ur_subject {
    const struct ur_spec *spec;
    const struct ur_model *model;
    const struct ur_order *order;
    const struct ur_dataset *dataset;
};

struct ur_team {
    struct ur_subject subject;
    int32_t threads; /* that work: never more than there are shards */
    int32_t n_shards;
    int32_t n_chunks;
    int32_t steps;      /* of the whole run: schedules are stretched over them */
    double rate_factor; /* of every rate that the schedule gives; 1 unless somebody sets it */
    struct ur_arena params; /* weights, moments, gradients: exactly the plan's params_bytes */
    struct ur_arena work;   /* workspaces: exactly the plan's work_bytes */
    float *weights;
    float *first_moment;              /* zero where the optimizer has none */
    float *second_moment;             /* the same */
    float *mean;                      /* of the weights, running; NULL without /train/ema */
    float **gradients;                /* [n_shards]; [0] holds the sum after a step */
    struct ur_workspace *workspaces;  /* [threads] */
    struct ur_shard_sums *shard_sums; /* [n_shards] */
    double *squares;                  /* [n_chunks] */
    struct ur_insight insight;        /* of the last step, where it was one to look at */
};

/* What a step did. */
struct ur_step_outcome {
    double loss;          /* mean over the global minibatch */
    int32_t correct;      /* rows */
    double gradient_norm; /* before clipping */
    double learning_rate;
    bool looked;  /* the team's insight is of this step */
    bool applied; /* false: loss or gradient left the finite numbers, nothing was changed */
};

/* Plans and carves both arenas for a job; weights and moments are zero. */
enum ur_status ur_team_init(struct ur_team *team, const struct ur_subject *subject,
                            int32_t threads, struct ur_error *error);
void ur_team_release(struct ur_team *team);

/* Gives the weights that are evaluated and kept: the running mean, where there is one. */
const float *ur_team_result(const struct ur_team *team);

/* Runs step number `step` (from 0) on its minibatch and updates the weights. */
struct ur_step_outcome ur_step_run(struct ur_team *team, int32_t step);

#endif
