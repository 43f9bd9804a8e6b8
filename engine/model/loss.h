/*
 * Softmax cross-entropy of one shard, over the *global* minibatch: the caller's scale holds the
 * division by its rows, so that shards add up to the gradient of the whole. With smoothing s
 *
 *     target = (1 - s) onehot + s / C        loss = -sum of target * log softmax
 *
 * Shapes: logits, dlogits [B][C]  labels, row_weights [B]. Cost: one exponential a logit. Sums
 * are double, in the order of the rows. Errors: none; a non-finite logit shows as a non-finite
 * loss. A row of weight zero contributes nothing at all: its dlogits are exactly zero whatever
 * its logits are. Threads: pure functions.
 * Source: C. Szegedy et al., "Rethinking the Inception architecture", CVPR 2016, section 7;
 * PyTorch's CrossEntropyLoss(label_smoothing) is the same.
 */
#ifndef UNROLL_MODEL_LOSS_H
#define UNROLL_MODEL_LOSS_H

#include <stdint.h>

#include "model/model.h"

/* Writes dlogits = (softmax - target) * row weight * scale and gives the shard's sums. */
struct ur_shard_sums ur_loss_cross_entropy(float *dlogits, const float *logits,
                                           const int32_t *labels, const float *row_weights,
                                           float scale, float smoothing, int32_t rows,
                                           int32_t classes);

/* Gives the class of the largest of n >= 1 logits; the lower index wins a tie. */
int32_t ur_loss_argmax(const float *x, int32_t n);

#endif
