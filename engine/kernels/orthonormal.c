#include "kernels/orthonormal.h"

#include <math.h>

#include "kernels/vector.h"

enum { LANES = 8, PASSES = 2 };

UR_VECTOR_BODY double sum_of(const double lanes[LANES])
{
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

UR_VECTOR_BODY double project(const double *restrict v, const float *restrict row, size_t n)
{
    double lanes[LANES] = {0};
    const size_t whole = n / LANES * LANES;
    for (size_t k = 0; k < whole; k += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += v[k + lane] * (double)row[k + lane];
    for (size_t k = whole; k < n; k++)
        lanes[k - whole] += v[k] * (double)row[k];
    return sum_of(lanes);
}

UR_VECTOR_BODY double length_of(const double *v, size_t n)
{
    double squares = 0.0;
    for (size_t k = 0; k < n; k++)
        squares += v[k] * v[k];
    return sqrt(squares);
}

UR_VECTOR_BODY void append(float *rows, size_t n_rows, size_t stride, size_t n, double *v)
{
    for (int pass = 0; pass < PASSES; pass++)
        for (size_t row = 0; row < n_rows; row++) {
            const float *other = rows + row * stride;
            const double along = project(v, other, n);
            for (size_t k = 0; k < n; k++)
                v[k] -= along * (double)other[k];
        }
    const double length = length_of(v, n);
    const double scale = length > 0.0 ? 1.0 / length : 0.0;
    for (size_t k = 0; k < n; k++)
        rows[n_rows * stride + k] = (float)(scale * v[k]);
}

UR_VECTOR_FUNCTION(ur_orthonormal_append, append,
                   (float *rows, size_t n_rows, size_t stride, size_t n, double *v),
                   (rows, n_rows, stride, n, v))
