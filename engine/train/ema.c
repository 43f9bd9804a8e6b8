#include "train/ema.h"

struct ur_ema ur_ema_prepare(double ema, int32_t t)
{
    const double early = (1.0 + t) / (10.0 + t);
    const double keep = early < ema ? early : ema;
    return (struct ur_ema){.keep = (float)keep, .take = (float)(1 - keep)};
}

void ur_ema_apply(const struct ur_ema *ema, const float *restrict weights, float *restrict mean,
                  size_t count)
{
    const float keep = ema->keep, take = ema->take;
    for (size_t i = 0; i < count; i++)
        mean[i] = keep * mean[i] + take * weights[i];
}
