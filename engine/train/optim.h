/*
 * The optimizers, each fused into one pass that reads the gradient and updates moments and
 * weights. For all of them
 *
 *     g = factor * gradient + weight_decay * w          (adamw: without the decay)
 *
 *     sgd        w = w - rate * g
 *     momentum   m = momentum * m + g          w = w - rate * m
 *     nesterov   m = momentum * m + g          w = w - rate * (g + momentum * m)
 *     rmsprop    v = alpha * v + (1 - alpha) * g * g
 *                w = w - rate * g / (sqrt(v) + epsilon)
 *     adam       m = beta1 * m + (1 - beta1) * g          v = beta2 * v + (1 - beta2) * g * g
 *                w = w - rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 *     adamw      adam, and w = w - rate * weight_decay * w before it
 *
 * These are the definitions of torch.optim: momentum without dampening, its rate outside the
 * buffer; epsilon outside the root. The decay falls on every weight, biases included. The
 * scalars of step t come from multiplications and one square root in double, never from pow(),
 * whose bits differ from one C library to another.
 *
 * Shapes: the tensor table's one layout; padding has gradient zero and stays zero. Every
 * optimizer is given both moments; one that does not use a moment leaves it zero. Cost: at most
 * 4 reads and 3 writes a float. Errors: none; g and an update are cut off far beyond any
 * sensible size, so that weights and moments stay finite. Ownership: borrows. Threads: ranges
 * are independent. Source: D. Kingma and J. Ba, "Adam", ICLR 2015, algorithm 1; I. Loshchilov
 * and F. Hutter, "Decoupled weight decay regularization", ICLR 2019; I. Sutskever et al., "On
 * the importance of initialization and momentum in deep learning", ICML 2013; T. Tieleman and
 * G. Hinton, RMSprop, 2012.
 */
#ifndef UNROLL_TRAIN_OPTIM_H
#define UNROLL_TRAIN_OPTIM_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/spec.h"

/* The scalars of one step. */
struct ur_update {
    enum ur_optimizer optimizer;
    float keep1, take1; /* beta1, 1 - beta1; momentum, 1 */
    float keep2, take2; /* beta2, 1 - beta2; alpha, 1 - alpha */
    float rate;         /* learning rate, over 1 - beta1^t for Adam */
    float root;         /* 1 / sqrt(1 - beta2^t) */
    float epsilon;
    float decay;           /* into the gradient */
    float decoupled_decay; /* into the update, the learning rate included */
};

/* Prepares step t, counted from 1. */
struct ur_update ur_update_prepare(const struct ur_spec *spec, double learning_rate, int32_t t);

/* Updates count floats in place; the gradient is multiplied by factor (clipping) as it is
 * read. */
void ur_update_apply(const struct ur_update *update, float factor, const float *gradient,
                     float *weights, float *m, float *v, size_t count);

#endif
