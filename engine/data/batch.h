/*
 * The order of samples and the making of one shard's input.
 *
 * Training reads an endless stream of shuffled epochs: step s (from 0) takes positions s*batch
 * .. s*batch+batch-1; position p belongs to epoch p / n and is element p % n of that epoch's
 * permutation (rng.h), so a resumed run needs only its step number. Minibatches are always
 * full: one may end an epoch and begin the next. The validation split is drawn once, from the
 * seed.
 *
 * Shapes: x [T][B][I] float32, of images in 0..1 (byte / 255), T and I as the model's scan has
 * them; labels [B], row_weights [B], lengths [B] of series (of images NULL is fine, and nothing
 * is written); what is past a sequence's length, or in rows past the end, is zero; such rows
 * have weight 0 and length 1. Cost: one pass over the shard's bytes, more with augmentation
 * (augment.h); no allocation while filling. Errors: UR_INVALID_SPEC (pointer /train/validation
 * or /train/augment) from _init. Ownership: _release
 * frees the split's index array. Threads: filling is read-only on the order; each thread fills
 * its own shard.
 */
#ifndef UNROLL_DATA_BATCH_H
#define UNROLL_DATA_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "data/augment.h"
#include "data/dataset.h"
#include "unroll/rng.h"
#include "unroll/spec.h"

struct ur_order {
    int32_t n_train; /* samples trained on */
    int32_t n_validation;
    uint32_t
        *split; /* [n_train + n_validation]: training samples first, then validation samples */
    uint64_t seed;
    int32_t batch;
    int32_t scan;              /* enum ur_scan */
    struct ur_augment augment; /* of training rows; evaluation sees images as they are */
};

enum ur_status ur_order_init(struct ur_order *order, const struct ur_spec *spec,
                             const struct ur_data_shape *shape, struct ur_error *error);
void ur_order_release(struct ur_order *order);

/* Gives the epoch (from 0) in which step (from 0) begins, and the one in which it ends. */
int32_t ur_order_epoch(const struct ur_order *order, int32_t step);
int32_t ur_order_last_epoch(const struct ur_order *order, int32_t step);

/* Fills rows first_row .. of the minibatch of a training step: min(shard_rows, batch -
 * first_row) samples, the rest padding. */
void ur_batch_fill(const struct ur_order *order, const struct ur_dataset *dataset, int32_t step,
                   int32_t first_row, int32_t shard_rows, float *x, int32_t *labels,
                   float *row_weights, int32_t *lengths);

/* Says which training sample of which epoch each of those rows is, for whatever is drawn anew
 * for a sample in every epoch; padding is sample 0 of epoch 0. */
void ur_batch_places(const struct ur_order *order, int32_t step, int32_t first_row,
                     int32_t shard_rows, uint32_t *epochs, uint32_t *samples);

/* Fills samples first .. of a split in its own order, for evaluation: train (the order's),
 * validation or test (enum ur_split). */
void ur_batch_fill_split(const struct ur_order *order, const struct ur_dataset *dataset,
                         int split, int32_t first, int32_t shard_rows, float *x,
                         int32_t *labels, float *row_weights, int32_t *lengths);

#endif
