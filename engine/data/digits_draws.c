#include "data/digits_draws.h"

uint32_t ur_draw_word(struct ur_draws *draws)
{
    if (draws->next % 4 == 0)
        ur_rng_words(draws->key, draws->stream, draws->index, draws->next / 4, draws->words);
    return draws->words[draws->next++ % 4];
}

float ur_draw_uniform(struct ur_draws *draws, float low, float high)
{
    return low + (high - low) * ur_rng_unit(ur_draw_word(draws));
}

float ur_draw_normal(struct ur_draws *draws, float mean, float deviation)
{
    const uint32_t first = ur_draw_word(draws);
    float z = ur_rng_normal(first, ur_draw_word(draws));
    z = z > 2.5f ? 2.5f : z < -2.5f ? -2.5f : z;
    return mean + deviation * z;
}
