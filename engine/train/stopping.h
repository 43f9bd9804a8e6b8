/*
 * When a run ends before its steps are done: validation that no longer improves
 * (/train/early_stopping), or the time that it was given (/train/time_budget_s).
 *
 *     an epoch is better   accuracy > best + min_delta; the first one is
 *     over                 once more than patience epochs in a row were not better
 *
 * The state is part of a checkpoint, so a run that was killed between the decision and its
 * model decides the same when it is resumed.
 *
 * Cost: none. Errors: none; an accuracy that is not a number is not better. Ownership: no
 * pointers. Threads: pure functions.
 */
#ifndef UNROLL_TRAIN_STOPPING_H
#define UNROLL_TRAIN_STOPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "unroll/spec.h"

struct ur_stopping {
    double best;    /* the accuracy that is to be passed; -1 before the first */
    int32_t waited; /* epochs in a row that were not better */
};

/* Gives where it begins. */
struct ur_stopping ur_stopping_start(void);

/* Takes in the validation accuracy of an epoch that is over; nothing without early stopping. */
void ur_stopping_advance(struct ur_stopping *stopping, const struct ur_spec *spec,
                         double accuracy);

/* True if validation has been waited for long enough. */
bool ur_stopping_is_over(const struct ur_stopping *stopping, const struct ur_spec *spec);

/* True if so many seconds of training are all that the run was given. */
bool ur_stopping_is_late(const struct ur_spec *spec, double seconds);

/* True if such a state can come about: one from a file may be anything. */
bool ur_stopping_possible(const struct ur_stopping *stopping);

#endif
