#include "data/waves.h"

#include "unroll/rng.h"

enum form { SINE, TRIANGLE, SQUARE, RISING, FALLING, CHIRP };

static const char *const names[UR_WAVES_CLASSES] = {"sine",   "triangle", "square",
                                                    "rising", "falling",  "chirp"};

/* The first eight words of a series' stream are its shape, two more a step its noise. */
enum { SHAPE_COUNTERS = 2 };

/* Time in turns of 2^32, which wrap round by themselves. */
struct wave {
    enum form form;
    uint32_t phase, frequency, sweep; /* at step 0; a step; how much faster each step */
    float height, offset, noise;
};

static float between(uint32_t word, float low, float high)
{
    return low + (high - low) * ur_rng_unit(word);
}

static uint32_t turns(float part)
{
    return (uint32_t)(part * 4294967296.0f);
}

static float form_at(enum form form, uint32_t phase)
{
    const float saw = (float)(int32_t)phase * 0x1p-31f; /* -1..1 */
    switch (form) {
    case SINE:
    case CHIRP:
        return ur_rng_cosine(phase);
    case TRIANGLE:
        return 2 * (saw < 0 ? -saw : saw) - 1;
    case SQUARE:
        return saw < 0 ? -1.0f : 1.0f;
    case RISING:
        return saw;
    case FALLING:
        return -saw;
    }
    return 0;
}

/* A chirp ends two to three times as fast as it began, and begins slower than the others. */
static struct wave choose(uint32_t index, int32_t length, const uint32_t words[8])
{
    const float frequency = between(words[1], 0.04f, 0.10f);
    struct wave wave = {.form = (enum form)(index % UR_WAVES_CLASSES),
                        .phase = words[2],
                        .frequency = turns(frequency),
                        .height = between(words[3], 0.6f, 1.6f),
                        .offset = between(words[4], -0.5f, 0.5f),
                        .noise = between(words[5], 0.05f, 0.2f)};
    if (wave.form == CHIRP) {
        wave.frequency = turns(frequency * 0.6f);
        wave.sweep = turns(frequency * 0.6f * between(words[6], 1.0f, 2.0f) / (float)length);
    }
    return wave;
}

int32_t ur_waves_draw(uint64_t seed, enum ur_waves_split split, uint32_t index,
                      float values[UR_WAVES_STEPS])
{
    const struct ur_rng_key key = {.seed = seed, .purpose = UR_RNG_SERIES};
    uint32_t words[8], noise[4];
    ur_rng_words(key, (uint32_t)split, index, 0, words);
    ur_rng_words(key, (uint32_t)split, index, 1, words + 4);
    const int32_t lengths = UR_WAVES_STEPS - UR_WAVES_LEAST_STEPS + 1;
    const int32_t length = UR_WAVES_LEAST_STEPS + (int32_t)(words[0] >> 8) % lengths;
    struct wave wave = choose(index, length, words);
    for (int32_t t = 0; t < UR_WAVES_STEPS; t++) {
        if (t >= length) {
            values[t] = 0;
            continue;
        }
        if (t % 2 == 0)
            ur_rng_words(key, (uint32_t)split, index, SHAPE_COUNTERS + (uint32_t)t / 2, noise);
        const float error = ur_rng_normal(noise[t % 2 * 2], noise[t % 2 * 2 + 1]);
        values[t] =
            wave.offset + wave.height * form_at(wave.form, wave.phase) + wave.noise * error;
        wave.phase += wave.frequency;
        wave.frequency += wave.sweep;
    }
    return length;
}

const char *ur_waves_class(int32_t index)
{
    return names[index];
}
