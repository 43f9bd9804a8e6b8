/*
 * Weights start from these numbers, so their bits must be the same on every CPU. Integer
 * arithmetic is. IEEE 754 addition, multiplication, division and square root are. The C
 * library's log and cos are not: glibc picks variants by CPU. So the two functions that Box and
 * Muller need are written here from the four operations alone, in double, with an error far
 * below the single rounding to float at the end. -ffp-contract=off keeps the compiler from
 * fusing them.
 */
#include "unroll/rng.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { PHILOX_ROUNDS = 10, FEISTEL_ROUNDS = 4, PURPOSE_SHIFT = 24 };

/* Multipliers and key increments: the paper's, section 4.3 (the golden ratio and sqrt(3) -
 * 1). */
static const uint32_t philox_m0 = 0xd2511f53u, philox_m1 = 0xcd9e8d57u;
static const uint32_t philox_w0 = 0x9e3779b9u, philox_w1 = 0xbb67ae85u;

void ur_rng_words(struct ur_rng_key key, uint32_t a, uint64_t b, uint32_t c, uint32_t out[4])
{
    uint32_t x0 = a, x1 = (uint32_t)b, x2 = (uint32_t)(b >> 32), x3 = c;

    /* A spec's seeds stay below 2^53, so a purpose in the top byte never meets them. */
    uint32_t k0 = (uint32_t)key.seed;
    uint32_t k1 = (uint32_t)(key.seed >> 32) ^ (key.purpose << PURPOSE_SHIFT);

    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)philox_m0 * x0;
        uint64_t p1 = (uint64_t)philox_m1 * x2;
        uint32_t y0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
        uint32_t y2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x1 = (uint32_t)p1;
        x3 = (uint32_t)p0;
        x0 = y0;
        x2 = y2;
        k0 += philox_w0;
        k1 += philox_w1;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

float ur_rng_unit(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

/*
 * Natural logarithm of a normal x > 0. x = m * 2^e with m in [sqrt(1/2), sqrt(2)), and with s =
 * (m - 1) / (m + 1): log m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...). s^2 <= 0.0295, so the
 * eleventh term is below 2^-54 of the sum.
 */
static double plain_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        exponent++;
    }

    double s = (m - 1.0) / (m + 1.0);
    double square = s * s;
    double sum = 0.0;
    for (int k = 23; k >= 1; k -= 2)
        sum = sum * square + 1.0 / k;
    return 2.0 * s * sum + exponent * 0x1.62e42fefa39efp-1;
}

/* Taylor series on [-pi/4, pi/4]: the first term left out is below 2^-55. */
static double plain_cos(double x)
{
    double square = x * x;
    double sum = 1.0;
    for (int k = 18; k >= 2; k -= 2)
        sum = 1.0 - sum * square / (k * (k - 1));
    return sum;
}

static double plain_sin(double x)
{
    double square = x * x;
    double sum = 1.0;
    for (int k = 19; k >= 3; k -= 2)
        sum = 1.0 - sum * square / (k * (k - 1));
    return x * sum;
}

/* Cosine of word / 2^32 turns: the quadrant comes off exactly, as an integer. */
static double cos_of_turns(uint32_t word)
{
    uint32_t quadrant = ((word + (1u << 29)) >> 30) & 3;
    int64_t rest = (int64_t)word - ((int64_t)quadrant << 30);
    if (rest >= (int64_t)1 << 31)
        rest -= (int64_t)1 << 32; /* the last eighth of a turn belongs to quadrant 0 */
    double x = (double)rest * (0x1.921fb54442d18p+2 * 0x1p-32);
    switch (quadrant) {
    case 0:
        return plain_cos(x);
    case 1:
        return -plain_sin(x);
    case 2:
        return -plain_cos(x);
    default:
        return plain_sin(x);
    }
}

float ur_rng_cosine(uint32_t word)
{
    return (float)cos_of_turns(word);
}

float ur_rng_normal(uint32_t word0, uint32_t word1)
{
    double u = ((double)word0 + 0.5) * 0x1p-32; /* in (0, 1): the logarithm is finite */
    return (float)(sqrt(-2.0 * plain_log(u)) * cos_of_turns(word1));
}

/* One pass over 0..2^(2 * half_bits)-1. */
static uint32_t feistel(struct ur_rng_key key, uint32_t epoch, uint32_t value,
                        uint32_t half_bits)
{
    uint32_t mask = (1u << half_bits) - 1;
    uint32_t left = value >> half_bits, right = value & mask;
    for (uint32_t round = 0; round < FEISTEL_ROUNDS; round++) {
        uint32_t words[4];
        ur_rng_words(key, epoch, right, round, words);
        uint32_t mixed = left ^ (words[0] & mask);
        left = right;
        right = mixed;
    }
    return left << half_bits | right;
}

uint32_t ur_rng_permute(struct ur_rng_key key, uint32_t epoch, uint32_t index, uint32_t n)
{
    assert(n >= 1 && n <= INT32_MAX && index < n);
    uint32_t half_bits = 1;
    while (half_bits < 16 && (1u << (2 * half_bits)) < n)
        half_bits++;

    /* A bijection of the larger set, followed from inside 0..n-1, comes back to it. */
    uint32_t value = index;
    do
        value = feistel(key, epoch, value, half_bits);
    while (value >= n);
    return value;
}
