#include "layers/steps.h"

#include <string.h>

#include "kernels/vec.h"

int32_t ur_steps_at(struct ur_recurrent_shape shape, int32_t n)
{
    return shape.reversed ? shape.steps - 1 - n : n;
}

size_t ur_steps_now(struct ur_recurrent_shape shape)
{
    return shape.reversed ? 0 : 1;
}

size_t ur_steps_before(struct ur_recurrent_shape shape)
{
    return shape.reversed ? 1 : 0;
}

int32_t ur_steps_parts(struct ur_recurrent_shape shape)
{
    return shape.parts > 1 ? shape.parts : 1;
}

void ur_steps_clear_padding(struct ur_recurrent_shape shape, int32_t units, float *block,
                            int32_t t)
{
    const size_t width = (size_t)units;
    for (size_t row = 0; shape.lengths != NULL && row < (size_t)shape.rows; row++)
        if (t >= shape.lengths[row])
            memset(block + row * width, 0, width * sizeof *block);
}

void ur_steps_add_output(struct ur_recurrent_shape shape, int32_t units,
                         struct ur_output_gradient output, float *dh, int32_t t)
{
    const size_t width = (size_t)units;
    if (t < output.first || t >= output.end)
        return;
    const float *block = output.blocks + (size_t)(t - output.first) * output.stride;
    if (!output.at_last) {
        ur_vec_add(dh, block, (size_t)shape.rows * width);
        return;
    }
    for (size_t row = 0; row < (size_t)shape.rows; row++)
        if (t == shape.lengths[row] - 1)
            ur_vec_add(dh + row * width, block + row * width, width);
}
