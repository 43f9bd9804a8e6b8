#include "train/schedule.h"

#include "train/scalar.h"

int32_t ur_train_steps(const struct ur_spec *spec, int32_t n_train)
{
    if (spec->train.epochs == 0)
        return spec->train.steps;
    int64_t samples = (int64_t)spec->train.epochs * n_train;
    int64_t steps = (samples + spec->train.batch - 1) / spec->train.batch;
    return steps > INT32_MAX ? INT32_MAX : (int32_t)steps;
}

/* The way from one number to another along half a cosine, at a share of 0..1. */
static double anneal(double from, double to, double share)
{
    return to + (from - to) / 2 * (1 + ur_scalar_cos_half_turns(share));
}

/* gamma^(k / step_size): the whole part by squaring, the rest, which the spec's range of gamma
 * keeps above -14, through the logarithm. */
static double exponential(const struct ur_spec *spec, int32_t k)
{
    const int32_t every = spec->train.step_size;
    const double logarithm = ur_scalar_log(spec->train.gamma);
    return ur_scalar_power(spec->train.gamma, k / every) *
           ur_scalar_exp(logarithm * (k % every) / every);
}

/* The peak lies at a share of the run, less a step, and need not be a whole step. */
static double onecycle(const struct ur_spec *spec, int32_t k, int32_t count)
{
    const double first = 1 / spec->train.div_factor;
    const double final = first / spec->train.final_div_factor;
    const double peak = spec->train.pct_start * count - 1;
    if (k <= peak && peak > 0)
        return anneal(first, 1, k / peak);
    const double down = count - 1 - peak;
    return anneal(1, final, down > 0 ? (k - peak) / down : 0);
}

/* f(k) of the header. */
static double factor(const struct ur_spec *spec, int32_t k, int32_t count)
{
    switch ((enum ur_schedule)spec->train.schedule) {
    case UR_SCHEDULE_CONSTANT:
    case UR_SCHEDULE_PLATEAU:
        break;
    case UR_SCHEDULE_STEP:
        return ur_scalar_power(spec->train.gamma, k / spec->train.step_size);
    case UR_SCHEDULE_EXPONENTIAL:
        return exponential(spec, k);
    case UR_SCHEDULE_COSINE:
        return anneal(1, spec->train.min_factor, (double)k / count);
    case UR_SCHEDULE_ONECYCLE:
        return onecycle(spec, k, count);
    }
    return 1;
}

double ur_schedule_rate(const struct ur_spec *spec, int32_t steps, int32_t t)
{
    const int32_t warmup = spec->train.warmup_steps;
    const int32_t count = steps > warmup ? steps - warmup : steps;
    if (t <= warmup)
        return spec->train.learning_rate * (factor(spec, 0, count) * t / warmup);
    return spec->train.learning_rate * factor(spec, t - 1 - warmup, count);
}
