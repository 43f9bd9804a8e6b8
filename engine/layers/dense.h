/*
 * The fully connected layer: y = x W + b.
 *
 * Shapes: x [B][I]  W [I][O]  b [O]  y [B][O]. Cost: 2*B*I*O operations forward, twice that
 * backward. Errors: none. Threads: pure functions.
 */
#ifndef UNROLL_LAYERS_DENSE_H
#define UNROLL_LAYERS_DENSE_H

#include <stdint.h>

struct ur_dense_shape {
    int32_t rows, inputs, outputs; /* B I O */
};

void ur_dense_forward(struct ur_dense_shape shape, float *y, const float *x, const float *w,
                      const float *b);

/* Adds a further part of an input that lies in parts: y += x W, W being that part's rows. */
void ur_dense_forward_more(struct ur_dense_shape shape, float *y, const float *x,
                           const float *w);

/* Overwrites dx and dw of a further part. */
void ur_dense_backward_more(struct ur_dense_shape shape, float *dx, float *dw, const float *dy,
                            const float *x, const float *w);

/* Overwrites dx, dw and db. */
void ur_dense_backward(struct ur_dense_shape shape, float *dx, float *dw, float *db,
                       const float *dy, const float *x, const float *w);

#endif
