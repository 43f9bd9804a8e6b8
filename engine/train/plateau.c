#include "train/plateau.h"

#include <math.h>

/* PyTorch's default: losses closer than this to each other, relatively, are the same. */
static const double THRESHOLD = 1e-4;

struct ur_plateau ur_plateau_start(void)
{
    return (struct ur_plateau){.factor = 1, .best = (double)INFINITY};
}

void ur_plateau_advance(struct ur_plateau *plateau, const struct ur_spec *spec, double loss)
{
    if (spec->train.schedule != UR_SCHEDULE_PLATEAU)
        return;
    if (loss < plateau->best * (1 - THRESHOLD)) {
        plateau->best = loss;
        plateau->waited = 0;
        return;
    }
    plateau->waited++;
    if (plateau->waited <= spec->train.patience)
        return;
    plateau->factor = fmax(plateau->factor * spec->train.gamma, spec->train.min_factor);
    plateau->waited = 0;
}

bool ur_plateau_possible(const struct ur_plateau *plateau)
{
    return plateau->factor >= 0 && plateau->factor <= 1 && plateau->best >= 0 &&
           plateau->waited >= 0;
}
