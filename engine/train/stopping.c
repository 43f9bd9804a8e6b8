#include "train/stopping.h"

struct ur_stopping ur_stopping_start(void)
{
    return (struct ur_stopping){.best = -1};
}

void ur_stopping_advance(struct ur_stopping *stopping, const struct ur_spec *spec,
                         double accuracy)
{
    if (!spec->train.early_stopping.on)
        return;
    const bool first = stopping->best < 0 && accuracy >= 0;
    if (first || accuracy > stopping->best + spec->train.early_stopping.min_delta) {
        stopping->best = accuracy;
        stopping->waited = 0;
        return;
    }
    stopping->waited++;
}

bool ur_stopping_is_over(const struct ur_stopping *stopping, const struct ur_spec *spec)
{
    return spec->train.early_stopping.on &&
           stopping->waited > spec->train.early_stopping.patience;
}

bool ur_stopping_is_late(const struct ur_spec *spec, double seconds)
{
    return spec->train.time_budget_s > 0 && seconds >= spec->train.time_budget_s;
}

bool ur_stopping_possible(const struct ur_stopping *stopping)
{
    return stopping->best >= -1 && stopping->best <= 1 && stopping->waited >= 0;
}
