/*
 * exp, sigmoid and tanh as our own float code, so that a result depends on the numbers alone
 * and not on the C library or the CPU, and so that the compiler can put them into vectors.
 *
 * Method: y = n ln 2 + r with |r| <= ln 2 / 2; a polynomial p(r) = exp(r) - 1 of degree 6; then
 * exp(y) = 2^n (1 + p) and expm1(y) = 2^n p + (2^n - 1), of which sigmoid and tanh are
 * quotients. No branch, no table, no call: rounding is the addition of a large number, 2^n is
 * made of bits.
 *
 * Errors, measured over every third float against float64 twins, in units of the last place:
 * exp 1.05, sigmoid 2.5, tanh 2.5 (tests/unit/kernels/test_activ.c holds them on a thinner
 * grid). NaN gives NaN. exp saturates outside -87.3..88.3 (so it gives 1.2e-38 where the truth
 * is 0, and is never infinite), and sigmoid with it; tanh is exactly 1 or -1 past 10.
 *
 * Cost: about 10 to 15 operations a value in a loop of vectors. Threads: pure functions.
 * Source: the range reduction is W. Cody and W. Waite's, 1980; the coefficients are a minimax
 * fit of our own, docs/decisions/0002-our-own-activations.md.
 */
#ifndef UNROLL_KERNELS_ACTIV_H
#define UNROLL_KERNELS_ACTIV_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/vector.h"

/* y[k] = exp(x[k]), sigmoid(x[k]), tanh(x[k]) for k < n; y may be x. */
void ur_exp(float *y, const float *x, size_t n);
void ur_sigmoid(float *y, const float *x, size_t n);
void ur_tanh(float *y, const float *x, size_t n);

/* 2^n and exp(r) - 1 for y = n ln 2 + r. */
struct ur_exp_parts {
    float scale;
    float expm1_r;
};

/* Splits y, which must lie in -87.3..88.3 or be NaN. */
UR_VECTOR_BODY struct ur_exp_parts ur_exp_split(float y)
{
    const float round = 0x1.8p23f; /* adding it leaves the nearest integer in the low bits */
    const float shifted = fmaf(y, 0x1.715476p+0f, round);
    const float n = shifted - round;
    /* ln 2 in two floats; the fused product is exact before the sum is rounded. */
    const float r = fmaf(n, 0x1.05c61p-29f, fmaf(n, -0x1.62e43p-1f, y));
    float q = 0x1.6d995ep-10f;
    q = fmaf(q, r, 0x1.12283cp-7f);
    q = fmaf(q, r, 0x1.555486p-5f);
    q = fmaf(q, r, 0x1.5554bp-3f);
    q = fmaf(q, r, 0.5f);

    uint32_t bits;
    struct ur_exp_parts parts;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + 0x3f800000u; /* exponent n + 127; all other bits leave on the left */
    memcpy(&parts.scale, &bits, sizeof bits);
    parts.expm1_r = fmaf(q, r * r, r);
    return parts;
}

/* Keeps x in low..high and NaN as it is: both choices take x where the comparison fails. */
UR_VECTOR_BODY float ur_clamp(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

UR_VECTOR_BODY float ur_exp_one(float x)
{
    const struct ur_exp_parts e = ur_exp_split(ur_clamp(x, -87.3f, 88.3f));
    return fmaf(e.scale, e.expm1_r, e.scale);
}

/* 1 / (1 + exp(-x)). */
UR_VECTOR_BODY float ur_sigmoid_one(float x)
{
    return 1.0f / (1.0f + ur_exp_one(-x));
}

/* expm1(2x) / (expm1(2x) + 2): nothing cancels near 0. */
UR_VECTOR_BODY float ur_tanh_one(float x)
{
    const float y = 2.0f * ur_clamp(x, -10.0f, 10.0f);
    const struct ur_exp_parts e = ur_exp_split(y);
    const float expm1_y = fmaf(e.scale, e.expm1_r, e.scale - 1.0f);
    return expm1_y / (expm1_y + 2.0f);
}

#endif
