#include "kernels/gemm.h"

#include <cblas.h>
#include <stddef.h>
#include <string.h>

#include "kernels/vector.h"

bool ur_gemm_wide(void)
{
    static const char *const names[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake",
                                        "Sapphirerapids"};
    if (!UR_VECTOR_WIDE)
        return false;
    const char *core = openblas_get_corename();
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (strcmp(core, names[k]) == 0)
            return true;
    return false;
}

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

void ur_gemm_transposed_add(float *dx, const float *dy, const float *w, int32_t rows,
                            int32_t inner, int32_t cols)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, inner, cols, 1.0f, dy, cols, w,
                cols, 1.0f, dx, inner);
}

void ur_gemm_outer_set(float *dw, const float *x, const float *dy, int32_t rows, int32_t inner,
                       int32_t cols)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, inner, cols, rows, 1.0f, x, inner, dy,
                cols, 0.0f, dw, cols);
}

void ur_gemm_outer_add(float *dw, const float *x, const float *dy, int32_t rows, int32_t inner,
                       int32_t cols)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, inner, cols, rows, 1.0f, x, inner, dy,
                cols, 1.0f, dw, cols);
}
