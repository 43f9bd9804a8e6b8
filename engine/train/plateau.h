/*
 * The schedule that waits for validation: the learning rate's factor falls when the validation
 * loss has not for a while. What has been seen so far is state, and part of a checkpoint.
 *
 *     an epoch is better   loss < best (1 - 1e-4); the first finite loss is
 *     factor               multiplied by gamma, but not below min_factor, once more than
 *                          patience epochs in a row were not better; then counted anew
 *
 * As PyTorch's ReduceLROnPlateau (mode min, threshold 1e-4 relative, factor gamma, min_lr
 * min_factor learning_rate, cooldown 0, eps 0), stepped once an epoch.
 *
 * Cost: none. Errors: none; a loss that is not a number is not better. Ownership: no pointers.
 * Threads: pure functions. Source: torch.optim.lr_scheduler.
 */
#ifndef UNROLL_TRAIN_PLATEAU_H
#define UNROLL_TRAIN_PLATEAU_H

#include <stdbool.h>
#include <stdint.h>

#include "unroll/spec.h"

struct ur_plateau {
    double factor;  /* what the schedule's rate is multiplied by; 1 for all other schedules */
    double best;    /* the lowest loss so far; infinite before the first */
    int32_t waited; /* epochs in a row that were not better */
};

/* Gives where it begins. */
struct ur_plateau ur_plateau_start(void);

/* Takes in the validation loss of an epoch that is over; nothing for any other schedule. */
void ur_plateau_advance(struct ur_plateau *plateau, const struct ur_spec *spec, double loss);

/* True if such a state can come about: one from a file may be anything. */
bool ur_plateau_possible(const struct ur_plateau *plateau);

#endif
