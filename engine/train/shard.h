/*
 * One shard of a minibatch from bytes to gradients: fill, forward, loss, backward.
 *
 * A shard is the unit that OpenMP hands out and the leaf of the reduction tree. Its size comes
 * from the spec and never from the number of threads, so its bits do not either.
 *
 * Shapes: as model.h; one gradient array of n_floats for each shard. Cost: the whole of a
 * training step but a per cent or two. Errors: none. Ownership: borrows everything. Threads:
 * shards are independent of each other; a workspace belongs to one thread at a time.
 */
#ifndef UNROLL_TRAIN_SHARD_H
#define UNROLL_TRAIN_SHARD_H

#include <stdint.h>

#include "data/batch.h"
#include "data/dataset.h"
#include "model/model.h"
#include "model/workspace.h"

/* What all shards of a step share, read-only. */
struct ur_shard_job {
    const struct ur_model *model;
    const struct ur_order *order;
    const struct ur_dataset *dataset;
    const float *weights;
    int32_t step;  /* from 0: which minibatch */
    int32_t batch; /* rows of the global minibatch */
    float label_smoothing;
};

/* Gives the number of shards that a minibatch is cut into. */
int32_t ur_shard_count(int32_t batch, int32_t shard_rows);

/* Computes the shard's loss sums and overwrites its gradients. */
struct ur_shard_sums ur_shard_train(const struct ur_shard_job *job, int32_t shard,
                                    struct ur_workspace *workspace, float *gradients);

#endif
