/*
 * Loss, accuracy and confusion matrix of the weights on a whole split.
 *
 * The split is cut into shards in its own order, the tail padded; shards' sums are kept apart
 * and added in shard order, so the numbers are the same at any thread count.
 *
 * Shapes: predictions [n], counts [true class][predicted class]. Cost: a forward pass. Errors:
 * UR_NO_MEMORY for the sums; the watcher's own status ends it early. Ownership: borrows.
 * Threads: one caller; the team's threads inside.
 */
#ifndef UNROLL_TRAIN_EVALUATE_H
#define UNROLL_TRAIN_EVALUATE_H

#include <stdint.h>

#include "train/step.h"
#include "unroll/record.h"

struct ur_score {
    double loss; /* mean; NaN without images */
    double accuracy;
    int32_t images;
};

/* Is told, from the calling thread and a few times a second, how much is done; anything but
 * UR_OK ends the evaluation with that status. */
struct ur_watcher {
    enum ur_status (*watch)(void *context, float done);
    void *context;
};

/* What an evaluation is to find out, and what it found. */
struct ur_evaluation {
    enum ur_split split;
    const struct ur_dataset *dataset; /* of the test split; NULL: the team's own */
    uint32_t *counts;                 /* [classes * classes], overwritten */
    int32_t n_first; /* how many of the first sequences to look at by themselves */

    struct ur_score score;
    int32_t first_correct; /* of the first n_first */
};

/* Gives the number of sequences in a split. */
int32_t ur_split_count(const struct ur_subject *subject, enum ur_split split);

/* Evaluates the team's weights on a split. watcher may be NULL. */
enum ur_status ur_evaluate(const struct ur_team *team, const struct ur_watcher *watcher,
                           struct ur_evaluation *evaluation, struct ur_error *error);

#endif
