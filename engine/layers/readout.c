#include "layers/readout.h"

#include <string.h>

#include "kernels/vec.h"
#include "kernels/vector.h"

void ur_readout_last_forward(float *out, const float *y, int32_t steps, size_t block)
{
    memcpy(out, y + (size_t)(steps - 1) * block, block * sizeof *out);
}

struct ur_output_gradient ur_readout_last_backward(const float *dout, int32_t steps)
{
    return (struct ur_output_gradient){.blocks = dout, .first = steps - 1, .end = steps};
}

void ur_readout_first_forward(float *out, const float *y, size_t block)
{
    memcpy(out, y, block * sizeof *out);
}

struct ur_output_gradient ur_readout_first_backward(const float *dout)
{
    return (struct ur_output_gradient){.blocks = dout, .end = 1};
}

void ur_readout_mean_forward(float *out, const float *y, int32_t steps, size_t block)
{
    memcpy(out, y, block * sizeof *out);
    for (int32_t t = 1; t < steps; t++)
        ur_vec_add(out, y + (size_t)t * block, block);
    ur_vec_scale(out, out, 1.0f / (float)steps, block);
}

struct ur_output_gradient ur_readout_mean_backward(float *dout, int32_t steps, size_t block)
{
    ur_vec_scale(dout, dout, 1.0f / (float)steps, block);
    return (struct ur_output_gradient){.blocks = dout, .end = steps};
}

UR_VECTOR_BODY void keep_largest(float *restrict out, const float *restrict y, size_t n)
{
    for (size_t k = 0; k < n; k++)
        out[k] = y[k] > out[k] ? y[k] : out[k];
}

/* What has been given away is zero, so that a later step of the same value gets nothing. */
static void give_to_largest(float *restrict dy, float *restrict dout, const float *restrict out,
                            const float *restrict y, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const float d = dout[k];
        dy[k] = y[k] == out[k] ? d : 0.0f;
        dout[k] = y[k] == out[k] ? 0.0f : d;
    }
}

UR_VECTOR_BODY void max_forward(float *out, const float *y, int32_t steps, size_t block)
{
    memcpy(out, y, block * sizeof *out);
    for (int32_t t = 1; t < steps; t++)
        keep_largest(out, y + (size_t)t * block, block);
}

static void give_back(float *dy, float *dout, const float *out, const float *y, int32_t steps,
                      size_t block)
{
    for (int32_t t = 0; t < steps; t++)
        give_to_largest(dy + (size_t)t * block, dout, out, y + (size_t)t * block, block);
}

UR_VECTOR_FUNCTION(ur_readout_max_forward, max_forward,
                   (float *out, const float *y, int32_t steps, size_t block),
                   (out, y, steps, block))
struct ur_output_gradient ur_readout_max_backward(float *dy, float *dout, const float *out,
                                                  const float *y, int32_t steps, size_t block)
{
    give_back(dy, dout, out, y, steps, block);
    return (struct ur_output_gradient){.blocks = dy, .stride = block, .end = steps};
}

void ur_readout_last_forward_rows(float *out, const float *y, struct ur_readout_rows of)
{
    for (size_t row = 0; row < of.rows; row++) {
        const size_t t = (size_t)(of.lengths[row] - 1);
        memcpy(out + row * of.hidden, y + (t * of.rows + row) * of.hidden,
               of.hidden * sizeof *out);
    }
}

struct ur_output_gradient ur_readout_last_backward_rows(const float *dout, int32_t steps)
{
    return (struct ur_output_gradient){.blocks = dout, .end = steps, .at_last = true};
}

void ur_readout_mean_forward_rows(float *out, const float *y, struct ur_readout_rows of)
{
    const size_t block = of.rows * of.hidden;
    memcpy(out, y, block * sizeof *out);
    for (size_t row = 0; row < of.rows; row++) {
        float *sum = out + row * of.hidden;
        for (size_t t = 1; t < (size_t)of.lengths[row]; t++)
            ur_vec_add(sum, y + t * block + row * of.hidden, of.hidden);
        ur_vec_scale(sum, sum, 1.0f / (float)of.lengths[row], of.hidden);
    }
}

struct ur_output_gradient ur_readout_mean_backward_rows(float *dout, struct ur_readout_rows of)
{
    for (size_t row = 0; row < of.rows; row++) {
        float *one = dout + row * of.hidden;
        ur_vec_scale(one, one, 1.0f / (float)of.lengths[row], of.hidden);
    }
    return (struct ur_output_gradient){.blocks = dout, .end = of.steps};
}

void ur_readout_max_forward_rows(float *out, const float *y, struct ur_readout_rows of)
{
    const size_t block = of.rows * of.hidden;
    memcpy(out, y, block * sizeof *out);
    for (size_t row = 0; row < of.rows; row++)
        for (size_t t = 1; t < (size_t)of.lengths[row]; t++)
            keep_largest(out + row * of.hidden, y + t * block + row * of.hidden, of.hidden);
}
