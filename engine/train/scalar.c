#include "train/scalar.h"

#include <assert.h>

double ur_scalar_power(double base, int32_t exponent)
{
    double result = 1;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2 == 1)
            result *= base;
        base *= base;
    }
    return result;
}

/* Fifteen terms of the series at x / 32, which lies within half of one, then five squarings. */
double ur_scalar_exp(double x)
{
    assert(x >= -16 && x <= 16);
    const double r = x / 32;
    double sum = 1;
    for (int k = 15; k >= 1; k--)
        sum = 1 + r / k * sum;
    return ur_scalar_power(sum, 32);
}

/* The series at no more than a quarter turn; the second quarter mirrors the first. */
double ur_scalar_cos_half_turns(double x)
{
    assert(x >= 0 && x <= 1);
    const double quarter = x > 0.5 ? 1 - x : x;
    const double y = 0x1.921fb54442d18p+1 * quarter;
    double sum = 1;
    for (int k = 22; k >= 2; k -= 2)
        sum = 1 - y * y / (k * (k - 1)) * sum;
    return x > 0.5 ? -sum : sum;
}
