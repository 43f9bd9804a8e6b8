#include "train/scalar.h"

#include <assert.h>
#include <math.h>

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

/* Halley's method on e^y = x, from the exponent and the mantissa's chord: the error is
 * cubed and divided by twelve at each turn, from less than a tenth. frexp is exact. */
double ur_scalar_log(double x)
{
    assert(x >= 1e-6 && x <= 1);
    int exponent;
    const double m = 2 * frexp(x, &exponent);
    double y = (exponent - 1 + (m - 1)) * 0x1.62e42fefa39efp-1;
    for (int turn = 0; turn < 4; turn++) {
        const double power = ur_scalar_exp(y);
        y += 2 * (x - power) / (x + power);
    }
    return y;
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
