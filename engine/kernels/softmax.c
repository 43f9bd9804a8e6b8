#include "kernels/softmax.h"

#include <assert.h>
#include <math.h>

#include "kernels/activ.h"

/*
 * ln(m 2^k) = k ln 2 + 2 atanh(z) with z = (m - 1) / (m + 1) in 0..1/3: the powers of z fall by
 * nine, so seventeen terms reach the last bit. Only + - * / and the exact frexp are used.
 */
double ur_log_above_one(double x)
{
    if (!(x < (double)INFINITY))
        return x;
    assert(x >= 1.0);
    int exponent;
    const double m = 2.0 * frexp(x, &exponent);
    const double z = (m - 1.0) / (m + 1.0);
    double series = 0.0;
    for (int k = 33; k >= 1; k -= 2)
        series = series * z * z + 1.0 / k;
    return (double)(exponent - 1) * 0x1.62e42fefa39efp-1 + 2.0 * z * series;
}

double ur_softmax(float *p, const float *x, size_t n)
{
    assert(n >= 1);
    float largest = x[0];
    for (size_t k = 1; k < n; k++)
        largest = x[k] > largest ? x[k] : largest;

    double sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        p[k] = ur_exp_one(x[k] - largest);
        sum += (double)p[k];
    }
    const float scale = (float)(1.0 / sum);
    for (size_t k = 0; k < n; k++)
        p[k] *= scale;
    return (double)largest + ur_log_above_one(sum);
}
