#include "layers/dense.h"

#include "kernels/gemm.h"
#include "kernels/vec.h"

void ur_dense_forward(struct ur_dense_shape shape, float *y, const float *x, const float *w,
                      const float *b)
{
    ur_gemm_set(y, x, w, shape.rows, shape.inputs, shape.outputs);
    ur_vec_add_bias(y, b, (size_t)shape.rows, (size_t)shape.outputs);
}

void ur_dense_forward_more(struct ur_dense_shape shape, float *y, const float *x,
                           const float *w)
{
    ur_gemm_add(y, x, w, shape.rows, shape.inputs, shape.outputs);
}

void ur_dense_backward_more(struct ur_dense_shape shape, float *dx, float *dw, const float *dy,
                            const float *x, const float *w)
{
    ur_gemm_outer_set(dw, x, dy, shape.rows, shape.inputs, shape.outputs);
    ur_gemm_transposed_set(dx, dy, w, shape.rows, shape.inputs, shape.outputs);
}

void ur_dense_backward(struct ur_dense_shape shape, float *dx, float *dw, float *db,
                       const float *dy, const float *x, const float *w)
{
    ur_gemm_outer_set(dw, x, dy, shape.rows, shape.inputs, shape.outputs);
    ur_vec_column_sums(db, dy, (size_t)shape.rows, (size_t)shape.outputs);
    ur_gemm_transposed_set(dx, dy, w, shape.rows, shape.inputs, shape.outputs);
}
