/*
 * What a run sums over an epoch and over its whole life, and what it waits for, besides
 * weights: the HISTORY section of a checkpoint, so that a resumed run reports the same means
 * and decides the same.
 *
 * Format: little-endian, UR_HISTORY_BYTES; docs/training.md has the bytes. Errors:
 * UR_BAD_CHECKPOINT for another version or length, or a number that cannot be. Ownership: no
 * pointers. Threads: pure functions.
 */
#ifndef UNROLL_TRAIN_HISTORY_H
#define UNROLL_TRAIN_HISTORY_H

#include <stdint.h>

#include "train/plateau.h"
#include "train/stopping.h"
#include "unroll/checkpoint_fmt.h"
#include "unroll/status.h"

enum { UR_HISTORY_VERSION = 2, UR_HISTORY_BYTES = 104 };

/* Sums over minibatches. */
struct ur_history_sums {
    double loss; /* of the minibatches' means */
    int64_t correct;
    int32_t steps;
};

struct ur_history {
    struct ur_history_sums sums; /* of the epoch that runs; no steps: none has begun */
    struct ur_history_sums last; /* of the last one that was closed */
    int32_t epoch;               /* the last one that was closed, from 1; 0: none */
    double seconds;              /* of training, with evaluations and checkpoints in between */
    double step_seconds;         /* inside steps */
    double epoch_seconds;        /* the value of seconds when the running epoch began */
    struct ur_plateau plateau;
    struct ur_stopping stopping;
};

/* Gives the history of a run that has done nothing. */
struct ur_history ur_history_start(void);

void ur_history_encode(const struct ur_history *history, unsigned char bytes[UR_HISTORY_BYTES]);
enum ur_status ur_history_decode(struct ur_history *history, const unsigned char *bytes,
                                 size_t n_bytes, struct ur_error *error);

#endif
