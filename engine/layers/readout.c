#include "layers/readout.h"

#include <string.h>

#include "kernels/vec.h"

void ur_readout_last_forward(float *out, const float *y, int32_t steps, size_t block)
{
    memcpy(out, y + (size_t)(steps - 1) * block, block * sizeof *out);
}

struct ur_output_gradient ur_readout_last_backward(const float *dout, int32_t steps)
{
    return (struct ur_output_gradient){.blocks = dout, .stride = 0, .first = steps - 1};
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
    return (struct ur_output_gradient){.blocks = dout, .stride = 0, .first = 0};
}
