/*
 * Comparing floating-point numbers in tests. cmocka's own assert_float_equal lets NaN pass
 * against 0; these fail for NaN on either side and for infinities that are not equal.
 */
#ifndef UNROLL_TESTS_NEAR_H
#define UNROLL_TESTS_NEAR_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_near(got, want, tolerance)                                                      \
    ur_test_near((double)(got), (double)(want), (double)(tolerance), #got, __FILE__, __LINE__)

static inline void ur_test_near(double got, double want, double tolerance, const char *what,
                                const char *file, int line)
{
    if (got == want || fabs(got - want) <= tolerance)
        return;
    print_error("%s is %.9g, should be %.9g within %.3g\n", what, got, want, tolerance);
    _fail(file, line);
}

/* How far got is from want, in units of the last place of a float of want's size. */
static inline double ur_test_ulps(float got, double want)
{
    int exponent;
    frexp(want, &exponent);
    const int lowest = -125; /* of a normal number */
    return fabs((double)got - want) / ldexp(1.0, (exponent < lowest ? lowest : exponent) - 24);
}

/* Numbers between low and high that look random and are always the same. */
static inline void ur_test_fill(float *x, size_t n, uint32_t seed, float low, float high)
{
    uint32_t state = seed * 2654435761u + 1u;
    for (size_t k = 0; k < n; k++) {
        state = state * 1664525u + 1013904223u;
        x[k] = low + (high - low) * (float)(state >> 8) * 0x1p-24f;
    }
}

#endif
