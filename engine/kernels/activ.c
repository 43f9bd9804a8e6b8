#include "kernels/activ.h"

UR_VECTOR_BODY void exp_all(float *y, const float *x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        y[k] = ur_exp_one(x[k]);
}

UR_VECTOR_BODY void sigmoid_all(float *y, const float *x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        y[k] = ur_sigmoid_one(x[k]);
}

UR_VECTOR_BODY void tanh_all(float *y, const float *x, size_t n)
{
    for (size_t k = 0; k < n; k++)
        y[k] = ur_tanh_one(x[k]);
}

UR_VECTOR_FUNCTION(ur_exp, exp_all, (float *y, const float *x, size_t n), (y, x, n))
UR_VECTOR_FUNCTION(ur_sigmoid, sigmoid_all, (float *y, const float *x, size_t n), (y, x, n))
UR_VECTOR_FUNCTION(ur_tanh, tanh_all, (float *y, const float *x, size_t n), (y, x, n))
