#include "kernels/vec.h"

#include "kernels/vector.h"

UR_VECTOR_BODY void add(float *y, const float *x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        y[k] += x[k];
}

UR_VECTOR_BODY void scale(float *y, const float *x, float a, size_t n)
{
    for (size_t k = 0; k < n; k++)
        y[k] = a * x[k];
}

UR_VECTOR_BODY void add_bias(float *x, const float *bias, size_t rows, size_t cols)
{
    for (size_t row = 0; row < rows; row++)
        add(x + row * cols, bias, cols);
}

/* A strip of columns stays in registers while the rows stream by. */
enum { STRIP = 32 };

UR_VECTOR_BODY void column_sums(float *restrict sums, const float *restrict x, size_t rows,
                                size_t cols)
{
    size_t first = 0;
    for (; first + STRIP <= cols; first += STRIP) {
        float strip[STRIP] = {0};
        for (size_t row = 0; row < rows; row++)
            for (size_t k = 0; k < STRIP; k++)
                strip[k] += x[row * cols + first + k];
        for (size_t k = 0; k < STRIP; k++)
            sums[first + k] = strip[k];
    }
    for (; first < cols; first++) {
        float sum = 0.0f;
        for (size_t row = 0; row < rows; row++)
            sum += x[row * cols + first];
        sums[first] = sum;
    }
}

UR_VECTOR_BODY void column_sums_add(float *restrict sums, const float *restrict x, size_t rows,
                                    size_t cols)
{
    for (size_t row = 0; row < rows; row++)
        add(sums, x + row * cols, cols);
}

enum { LANES = 8 };

UR_VECTOR_BODY void squares(double *sum, const float *x, size_t n)
{
    double lanes[LANES] = {0};
    size_t k = 0;
    for (; k + LANES <= n; k += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += (double)x[k + lane] * (double)x[k + lane];
    for (; k < n; k++)
        lanes[k % LANES] += (double)x[k] * (double)x[k];
    *sum = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

UR_VECTOR_FUNCTION(ur_vec_add, add, (float *y, const float *x, size_t n), (y, x, n))
UR_VECTOR_FUNCTION(ur_vec_scale, scale, (float *y, const float *x, float a, size_t n),
                   (y, x, a, n))
UR_VECTOR_FUNCTION(ur_vec_add_bias, add_bias,
                   (float *x, const float *bias, size_t rows, size_t cols),
                   (x, bias, rows, cols))
UR_VECTOR_FUNCTION(ur_vec_column_sums, column_sums,
                   (float *sums, const float *x, size_t rows, size_t cols),
                   (sums, x, rows, cols))
UR_VECTOR_FUNCTION(ur_vec_column_sums_add, column_sums_add,
                   (float *sums, const float *x, size_t rows, size_t cols),
                   (sums, x, rows, cols))
UR_VECTOR_FUNCTION(ur_vec_squares, squares, (double *sum, const float *x, size_t n),
                   (sum, x, n))
