/*
 * How long a run is, and the learning rate of each of its steps: pure functions of the spec,
 * the number of steps in all and the step, so a resumed run needs no state for them.
 *
 * With W steps of warm-up, k = t - 1 - W and K = steps - W, the rate of step t is learning_rate
 * times
 *
 *     warm-up      f(0) t / W                   while t <= W; K is steps where W takes them all
 *     constant     f(k) = 1
 *     plateau      f(k) = 1; the rate's factor on top of it is train/plateau.h's
 *     step         f(k) = gamma^floor(k / step_size)
 *     exponential  f(k) = gamma^(k / step_size)
 *     cosine       f(k) = min_factor + (1 - min_factor) (1 + cos(pi k / K)) / 2
 *     onecycle     f(k) = from 1 / div_factor up to 1 at k = pct_start K - 1, from there down
 *                         to 1 / (div_factor final_div_factor) at K - 1, along half a cosine
 *                         each
 *
 * As in PyTorch's StepLR, ExponentialLR (step_size 1), CosineAnnealingLR (T_max = K, eta_min =
 * min_factor learning_rate) and OneCycleLR (two phases, momentum left alone), all stepped once
 * an update; the warm-up is its LinearLR from 1/W.
 *
 * Cost: some fifty operations. Errors: none. Threads: pure functions. Source: I. Loshchilov and
 * F. Hutter, "SGDR", ICLR 2017 (cosine); L. Smith and N. Topin, "Super-convergence", 2019
 * (onecycle); P. Goyal et al., "Accurate, large minibatch SGD", 2017 (warm-up).
 */
#ifndef UNROLL_TRAIN_SCHEDULE_H
#define UNROLL_TRAIN_SCHEDULE_H

#include <stdint.h>

#include "unroll/spec.h"

/* Gives the number of steps of a spec on n_train samples: its steps, or the first step that
 * completes its epochs. */
int32_t ur_train_steps(const struct ur_spec *spec, int32_t n_train);

/* Gives the learning rate of step t, counted from 1, of so many steps. */
double ur_schedule_rate(const struct ur_spec *spec, int32_t steps, int32_t t);

#endif
