#include "train/optim.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "train/scalar.h"

/*
 * No single update is longer than this. Updates of that size come only from settings that make
 * no sense (a beta2 of zero with a tiny epsilon), but then 2^31 of them still sum to a finite
 * weight, and with gradients bounded by step.c nothing that goes into a checkpoint can ever be
 * infinite.
 */
static const float LARGEST_UPDATE = 1e29F;

/* What step.c bounds a gradient's norm by holds for each of its elements once weight decay was
 * added too: its square fits a float, and 2^31 of them fit a momentum. */
static const float LARGEST_GRADIENT = 1e18F;

static struct ur_update prepare_adam(const struct ur_spec *spec, double learning_rate,
                                     int32_t t)
{
    const double beta1 = spec->train.beta1, beta2 = spec->train.beta2;
    return (struct ur_update){
        .keep1 = (float)beta1,
        .take1 = (float)(1 - beta1),
        .keep2 = (float)beta2,
        .take2 = (float)(1 - beta2),
        .rate = (float)(learning_rate / (1 - ur_scalar_power(beta1, t))),
        .root = (float)(1 / sqrt(1 - ur_scalar_power(beta2, t))),
    };
}

struct ur_update ur_update_prepare(const struct ur_spec *spec, double learning_rate, int32_t t)
{
    const enum ur_optimizer optimizer = (enum ur_optimizer)spec->train.optimizer;
    const bool decoupled = optimizer == UR_OPTIMIZER_ADAMW;
    const double decay = spec->train.weight_decay;
    struct ur_update update = {.keep1 = (float)spec->train.momentum,
                               .take1 = 1,
                               .keep2 = (float)spec->train.alpha,
                               .take2 = (float)(1 - spec->train.alpha),
                               .rate = (float)learning_rate,
                               .root = 1};
    if (optimizer == UR_OPTIMIZER_ADAM || optimizer == UR_OPTIMIZER_ADAMW)
        update = prepare_adam(spec, learning_rate, t);
    update.optimizer = optimizer;
    /* Never zero, even where a float cannot hold it: 0 / 0 is no update. */
    update.epsilon = fmaxf((float)spec->train.epsilon, FLT_MIN);
    update.decay = decoupled ? 0 : (float)decay;
    update.decoupled_decay = decoupled ? (float)(learning_rate * decay) : 0;
    return update;
}

/* Keeps x within a limit on both sides; not a number becomes the limit. */
static inline float bounded(float x, float limit)
{
    x = x < limit ? x : limit;
    return x > -limit ? x : -limit;
}

/* The gradient that an optimizer sees. Without decay it is within the limit already, and the
 * compiler makes a loop of its own for that case. */
static inline float decayed(const struct ur_update *u, float factor, float gradient,
                            float weight)
{
    if (u->decay == 0.0f)
        return factor * gradient;
    return bounded(factor * gradient + u->decay * weight, LARGEST_GRADIENT);
}

static inline float moved(float weight, float update)
{
    return weight - bounded(update, LARGEST_UPDATE);
}

static void apply_sgd(struct ur_update u, float factor, const float *restrict gradient,
                      float *restrict weights, size_t count)
{
    for (size_t i = 0; i < count; i++)
        weights[i] = moved(weights[i], u.rate * decayed(&u, factor, gradient[i], weights[i]));
}

/* Nesterov looks ahead by one more share of the momentum that it has just updated. */
static void apply_momentum(struct ur_update u, float factor, const float *restrict gradient,
                           float *restrict weights, float *restrict m, size_t count)
{
    const bool nesterov = u.optimizer == UR_OPTIMIZER_NESTEROV;
    const float of_g = nesterov ? 1 : 0, of_m = nesterov ? u.keep1 : 1;
    for (size_t i = 0; i < count; i++) {
        const float g = decayed(&u, factor, gradient[i], weights[i]);
        m[i] = u.keep1 * m[i] + g;
        weights[i] = moved(weights[i], u.rate * (of_g * g + of_m * m[i]));
    }
}

static void apply_rmsprop(struct ur_update u, float factor, const float *restrict gradient,
                          float *restrict weights, float *restrict v, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const float g = decayed(&u, factor, gradient[i], weights[i]);
        v[i] = u.keep2 * v[i] + u.take2 * (g * g);
        weights[i] = moved(weights[i], u.rate * g / (sqrtf(v[i]) + u.epsilon));
    }
}

static void apply_adam(struct ur_update u, float factor, const float *restrict gradient,
                       float *restrict weights, float *restrict m, float *restrict v,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const float g = decayed(&u, factor, gradient[i], weights[i]);
        m[i] = u.keep1 * m[i] + u.take1 * g;
        v[i] = u.keep2 * v[i] + u.take2 * (g * g);
        const float update = u.rate * m[i] / (sqrtf(v[i]) * u.root + u.epsilon);
        weights[i] = moved(weights[i], u.decoupled_decay * weights[i] + update);
    }
}

void ur_update_apply(const struct ur_update *update, float factor, const float *gradient,
                     float *weights, float *m, float *v, size_t count)
{
    switch (update->optimizer) {
    case UR_OPTIMIZER_SGD:
        apply_sgd(*update, factor, gradient, weights, count);
        break;
    case UR_OPTIMIZER_MOMENTUM:
    case UR_OPTIMIZER_NESTEROV:
        apply_momentum(*update, factor, gradient, weights, m, count);
        break;
    case UR_OPTIMIZER_RMSPROP:
        apply_rmsprop(*update, factor, gradient, weights, v, count);
        break;
    case UR_OPTIMIZER_ADAM:
    case UR_OPTIMIZER_ADAMW:
        apply_adam(*update, factor, gradient, weights, m, v, count);
        break;
    }
}
