/*
 * Adam, fused: one pass reads the gradient and updates both moments and the weights.
 *
 *     g = factor * gradient
 *     m = beta1 * m + (1 - beta1) * g            v = beta2 * v + (1 - beta2) * g * g
 *     w = w - rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 *
 * epsilon stands where PyTorch has it, outside the corrected root. The scalars of step t come
 * from multiplications and one square root in double, never from pow(), whose bits differ from
 * one C library to another.
 *
 * Shapes: the tensor table's one layout; padding has gradient zero and stays zero. Cost: 4
 * reads and 3 writes a float. Errors: none. Ownership: borrows. Threads: ranges are
 * independent. Source: D. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR
 * 2015, algorithm 1.
 */
#ifndef UNROLL_TRAIN_OPTIM_H
#define UNROLL_TRAIN_OPTIM_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/spec.h"

/* The scalars of one step. */
struct ur_adam {
    float keep1, take1; /* beta1, 1 - beta1 */
    float keep2, take2; /* beta2, 1 - beta2 */
    float rate;         /* learning rate / (1 - beta1^t) */
    float root;         /* 1 / sqrt(1 - beta2^t) */
    float epsilon;
};

/* Prepares step t, counted from 1. */
struct ur_adam ur_adam_prepare(const struct ur_spec *spec, double learning_rate, int32_t t);

/* Updates count floats in place; the gradient is multiplied by factor (clipping) as it is
 * read. */
void ur_adam_apply(const struct ur_adam *adam, float factor, const float *gradient,
                   float *weights, float *m, float *v, size_t count);

#endif
