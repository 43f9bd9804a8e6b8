/*
 * Initial weights. Element e of tensor k is a function of (seed, k, e) alone, so that the same
 * seed gives the same weights on any machine and a larger model elsewhere changes nothing here.
 *
 * Glorot: uniform in +-sqrt(6 / (fan_in + fan_out)), with the fans of one gate's matrix, as
 * every gate is a layer of its own (X. Glorot and Y. Bengio, 2010). Normal: mean 0, deviation
 * 1 / sqrt(fan_in), so that a unit's sum starts with the spread of its inputs whatever their
 * number. Orthogonal: the rows of each gate's block of U are orthonormal, so that h U_g has the
 * length of h where U_g is square (A. Saxe et al., 2014). Uniform: PyTorch's (params.c).
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/orthonormal.h"
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

/* A new direction [n] of normal numbers: row r of a gate's block. */
static void draw_direction(struct ur_rng_key key, uint32_t index, uint64_t gate, size_t row,
                           double *v, size_t n)
{
    uint32_t words[WORDS];
    for (size_t k = 0; k < n; k++) {
        const size_t pair = k % 2 * 2;
        if (pair == 0)
            ur_rng_words(key, index, gate << 32 | row, (uint32_t)(k / 2), words);
        v[k] = (double)ur_rng_normal(words[pair], words[pair + 1]);
    }
}

/* U [R][GH]: R is at most H, so every gate's block has room for orthogonal rows. */
static void init_orthogonal(const struct ur_tensor *tensor, struct ur_rng_key key,
                            uint32_t index, float *weights)
{
    double v[UR_MAX_HIDDEN];
    const size_t hidden = (size_t)tensor->fan_out, rows = (size_t)tensor->dims[0];
    const size_t columns = (size_t)tensor->dims[1];
    assert(rows <= hidden && hidden <= UR_MAX_HIDDEN);
    for (size_t gate = 0; gate * hidden < columns; gate++)
        for (size_t row = 0; row < rows; row++) {
            draw_direction(key, index, gate, row, v, hidden);
            ur_orthonormal_append(weights + gate * hidden, row, columns, hidden, v);
        }
}

/* Adds numbers drawn evenly in +-constant to the first n; no two values of draw share one. */
static void add_uniform(const struct ur_tensor *tensor, struct ur_rng_key key, uint32_t index,
                        uint64_t draw, float *weights, size_t n)
{
    uint32_t words[WORDS];
    for (size_t e = 0; e < n; e++) {
        if (e % WORDS == 0)
            ur_rng_words(key, index, draw, (uint32_t)(e / WORDS), words);
        weights[e] += tensor->constant * (2.0f * ur_rng_unit(words[e % WORDS]) - 1.0f);
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
        case UR_TENSOR_ORTHOGONAL:
            init_orthogonal(tensor, key, (uint32_t)k, at);
            break;
        case UR_TENSOR_UNIFORM:
            add_uniform(tensor, key, (uint32_t)k, 0, at, tensor->count);
            add_uniform(tensor, key, (uint32_t)k, 1, at, tensor->twice);
            break;
        }
    }
}
