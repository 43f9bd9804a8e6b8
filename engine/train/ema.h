/*
 * A running mean of the weights over the updates, which is what is then evaluated and kept
 * (/train/ema):
 *
 *     mean = d * mean + (1 - d) * w,   d = min(ema, (1 + t) / (10 + t)) after update t, from 1
 *
 * It begins as the initial weights, and the smaller d of the first updates keeps it from
 * remembering them for long. A mean of finite weights is finite.
 *
 * Cost: 2 reads and a write a float, right behind the optimizer, in its caches. Errors: none.
 * Ownership: borrows. Threads: ranges are independent. Source: B. Polyak and A. Juditsky,
 * "Acceleration of stochastic approximation by averaging", 1992; the d of the first updates is
 * that of TensorFlow's ExponentialMovingAverage with num_updates.
 */
#ifndef UNROLL_TRAIN_EMA_H
#define UNROLL_TRAIN_EMA_H

#include <stddef.h>
#include <stdint.h>

/* The scalars of one update. */
struct ur_ema {
    float keep, take; /* d, 1 - d */
};

/* Prepares update t, counted from 1. */
struct ur_ema ur_ema_prepare(double ema, int32_t t);

/* Takes count weights into the mean. */
void ur_ema_apply(const struct ur_ema *ema, const float *weights, float *mean, size_t count);

#endif
