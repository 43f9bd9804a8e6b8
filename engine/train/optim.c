#include "train/optim.h"

#include <float.h>
#include <math.h>

/*
 * No single update is longer than this. Updates of that size come only from settings that make
 * no sense (a beta2 of zero with a tiny epsilon), but then 2^31 of them still sum to a finite
 * weight, and with gradients bounded by step.c nothing that goes into a checkpoint can ever be
 * infinite.
 */
static const float LARGEST_UPDATE = 1e29F;

/* base^exponent by squaring: only multiplications, so the same bits everywhere. */
static double power(double base, int32_t exponent)
{
    double result = 1;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2 == 1)
            result *= base;
        base *= base;
    }
    return result;
}

struct ur_adam ur_adam_prepare(const struct ur_spec *spec, double learning_rate, int32_t t)
{
    double beta1 = spec->train.beta1;
    double beta2 = spec->train.beta2;
    return (struct ur_adam){
        .keep1 = (float)beta1,
        .take1 = (float)(1 - beta1),
        .keep2 = (float)beta2,
        .take2 = (float)(1 - beta2),
        .rate = (float)(learning_rate / (1 - power(beta1, t))),
        .root = (float)(1 / sqrt(1 - power(beta2, t))),
        /* Never zero, even where a float cannot hold it: 0 / 0 is no update. */
        .epsilon = fmaxf((float)spec->train.epsilon, FLT_MIN),
    };
}

void ur_adam_apply(const struct ur_adam *adam, float factor, const float *restrict gradient,
                   float *restrict weights, float *restrict m, float *restrict v, size_t count)
{
    struct ur_adam a = *adam;
    for (size_t i = 0; i < count; i++) {
        float g = factor * gradient[i];
        m[i] = a.keep1 * m[i] + a.take1 * g;
        v[i] = a.keep2 * v[i] + a.take2 * (g * g);
        float update = a.rate * m[i] / (sqrtf(v[i]) * a.root + a.epsilon);
        update = update < LARGEST_UPDATE ? update : LARGEST_UPDATE;
        weights[i] -= update > -LARGEST_UPDATE ? update : -LARGEST_UPDATE;
    }
}
