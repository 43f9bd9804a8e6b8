#include "layers/dropout.h"

#include "kernels/vector.h"
#include "unroll/rng.h"

enum { WORDS = 4 };

/* 0 for words below the rate's share of all words. */
static uint32_t threshold_of(double rate)
{
    return (uint32_t)(rate * 0x1p32);
}

/* kept [units] of one row at one time step; each step begins a new counter. */
static void draw(const struct ur_dropout *dropout, int32_t row, uint32_t step, uint32_t units,
                 unsigned char *kept)
{
    const struct ur_rng_key key = {.seed = dropout->seed, .purpose = UR_RNG_DROPOUT};
    const uint64_t place = (uint64_t)dropout->site << 32 | dropout->samples[row];
    const uint32_t counters = (units + WORDS - 1) / WORDS;
    const uint32_t threshold = threshold_of(dropout->rate);

    for (uint32_t n = 0; n < counters; n++) {
        uint32_t words[WORDS];
        ur_rng_words(key, dropout->epochs[row], place, step * counters + n, words);
        for (uint32_t k = 0; k < WORDS && WORDS * n + k < units; k++)
            kept[WORDS * n + k] = words[k] >= threshold;
    }
}

void ur_dropout_draw(const struct ur_dropout *dropout, struct ur_dropout_shape shape,
                     unsigned char *kept)
{
    const size_t rows = (size_t)shape.rows, units = (size_t)shape.units;
    for (int32_t t = 0; t < shape.steps; t++)
        for (int32_t row = 0; row < shape.rows; row++)
            draw(dropout, row, (uint32_t)t, (uint32_t)shape.units,
                 kept + ((size_t)t * rows + (size_t)row) * units);
}

UR_VECTOR_BODY void apply(float *out, const float *y, const unsigned char *kept, double rate,
                          size_t n)
{
    const float scale = (float)(1.0 / (1.0 - rate));
    for (size_t k = 0; k < n; k++)
        out[k] = kept[k] ? scale * y[k] : 0.0f;
}

UR_VECTOR_FUNCTION(ur_dropout_apply, apply,
                   (float *out, const float *y, const unsigned char *kept, double rate,
                    size_t n),
                   (out, y, kept, rate, n))
