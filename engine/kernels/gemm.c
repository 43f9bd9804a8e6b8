#include "kernels/gemm.h"

#include <cblas.h>

void ur_gemm_set(float *y, const float *x, const float *w, int32_t rows, int32_t inner,
                 int32_t cols)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, cols, inner, 1.0f, x, inner, w,
                cols, 0.0f, y, cols);
}

void ur_gemm_add(float *y, const float *x, const float *w, int32_t rows, int32_t inner,
                 int32_t cols)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, cols, inner, 1.0f, x, inner, w,
                cols, 1.0f, y, cols);
}

void ur_gemm_transposed_set(float *dx, const float *dy, const float *w, int32_t rows,
                            int32_t inner, int32_t cols)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, inner, cols, 1.0f, dy, cols, w,
                cols, 0.0f, dx, inner);
}

void ur_gemm_outer_set(float *dw, const float *x, const float *dy, int32_t rows, int32_t inner,
                       int32_t cols)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, inner, cols, rows, 1.0f, x, inner, dy,
                cols, 0.0f, dw, cols);
}
