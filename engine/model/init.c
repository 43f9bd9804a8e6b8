/*
 * Initial weights. Element e of tensor k is a function of (seed, k, e) alone, so that the same
 * seed gives the same weights on any machine and a larger model elsewhere changes nothing here.
 *
 * Glorot: uniform in +-sqrt(6 / (fan_in + fan_out)), with the fans of one gate's matrix, as
 * every gate is a layer of its own (X. Glorot and Y. Bengio, 2010). Normal: mean 0, deviation
 * 1 / sqrt(fan_in), so that a unit's sum starts with the spread of its inputs whatever their
 * number.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "model/params.h"
#include "unroll/rng.h"

enum { WORDS = 4 };

static void init_glorot(const struct ur_tensor *tensor, struct ur_rng_key key, uint32_t index,
                        float *weights)
{
    const float limit = sqrtf(6.0f / (float)(tensor->fan_in + tensor->fan_out));
    uint32_t words[WORDS];

    for (size_t e = 0; e < tensor->count; e++) {
        if (e % WORDS == 0)
            ur_rng_words(key, index, 0, (uint32_t)(e / WORDS), words);
        weights[e] = limit * (2.0f * ur_rng_unit(words[e % WORDS]) - 1.0f);
    }
}

static void init_normal(const struct ur_tensor *tensor, struct ur_rng_key key, uint32_t index,
                        float *weights)
{
    const float deviation = 1.0f / sqrtf((float)tensor->fan_in);
    uint32_t words[WORDS];

    for (size_t e = 0; e < tensor->count; e++) {
        const size_t pair = e % 2 * 2; /* a normal number takes two words */
        if (pair == 0)
            ur_rng_words(key, index, 0, (uint32_t)(e / 2), words);
        weights[e] = deviation * ur_rng_normal(words[pair], words[pair + 1]);
    }
}

/* The forget gate's quarter, the second, is the constant; the rest stays zero. */
static void init_lstm_bias(const struct ur_tensor *tensor, float *weights)
{
    const size_t hidden = tensor->count / 4;
    for (size_t k = 0; k < hidden; k++)
        weights[hidden + k] = tensor->constant;
}

void ur_params_init(const struct ur_params *params, uint64_t seed, float *weights)
{
    const struct ur_rng_key key = {.seed = seed, .purpose = UR_RNG_INIT};

    memset(weights, 0, params->n_floats * sizeof *weights);
    for (int32_t k = 0; k < params->count; k++) {
        const struct ur_tensor *tensor = &params->items[k];
        float *at = weights + tensor->offset;
        switch (tensor->init) {
        case UR_TENSOR_ZERO:
            break;
        case UR_TENSOR_GLOROT:
            init_glorot(tensor, key, (uint32_t)k, at);
            break;
        case UR_TENSOR_NORMAL:
            init_normal(tensor, key, (uint32_t)k, at);
            break;
        case UR_TENSOR_LSTM_BIAS:
            init_lstm_bias(tensor, at);
            break;
        }
    }
}
