/*
 * A generated set whose training images are others in every epoch.
 *
 * Image i of epoch e is a pure function of (seed, e, i), so bytes depend on nothing but the
 * epoch. The set that ur_dataset_open drew is epoch 0's. A second one is drawn by a helper
 * thread while the first is trained on, and the two change places where the epoch turns: even
 * epochs lie in dataset->train_x, odd ones in dataset->odd_x. A minibatch that ends one epoch
 * and begins the next takes each row from its own epoch's set; therefore a minibatch may not
 * be longer than an epoch. Validation images are epoch 0's in both sets and never redrawn.
 *
 * Cost: what drawing costs, on the helper's core; a thread is started and joined once an epoch,
 * between two steps. Memory: the training images once more (core/plan.c). Errors:
 * UR_INVALID_SPEC (/data/fresh), UR_NO_MEMORY, what progress gives. Ownership: order and
 * dataset are borrowed and must outlive it, but for odd_x, which the dataset frees. Threads:
 * one caller, never during a step.
 */
#ifndef UNROLL_DATA_FRESH_H
#define UNROLL_DATA_FRESH_H

#include <pthread.h>
#include <stdbool.h>

#include "data/batch.h"
#include "data/digits.h"

struct ur_fresh {
    const struct ur_order *order; /* NULL: the images are the same in every epoch */
    struct ur_dataset *dataset;
    struct ur_digits_work work; /* the newest set's */
    int32_t drawn;              /* epoch of the newest set, drawn or being drawn */
    int32_t current;            /* epoch in which the newest step begins; -1: none yet */
    int32_t last;               /* epoch in which the run ends */
    pthread_t helper;
    bool helps; /* the helper is to be joined */
};

/* Makes room for the second set if the spec asks for fresh images; otherwise does nothing, and
 * nor do the others then. steps: of the whole run. */
enum ur_status ur_fresh_init(struct ur_fresh *fresh, const struct ur_spec *spec, int32_t steps,
                             const struct ur_order *order, struct ur_dataset *dataset,
                             struct ur_error *error);
void ur_fresh_release(struct ur_fresh *fresh);

/* What is to be told and asked while somebody waits for images; see ur_digits_work. */
struct ur_fresh_watcher {
    enum ur_status (*progress)(void *context, float done);
    void *context;
};

/* Makes sure, before a step, that its images are there, and has the next epoch's drawn. */
enum ur_status ur_fresh_before(struct ur_fresh *fresh, int32_t step,
                               const struct ur_fresh_watcher *watcher);

#endif
