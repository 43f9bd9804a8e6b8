#include "layers/bidir.h"

struct ur_recurrent_shape ur_bidir_shape(struct ur_recurrent_shape shape, int32_t direction)
{
    shape.reversed = direction == 1;
    return shape;
}

struct ur_recurrent_input ur_bidir_output(const struct ur_bidir *layer)
{
    struct ur_recurrent_input output = {{NULL}};
    for (int32_t d = 0; d < layer->directions; d++)
        output.parts[d] = ur_recurrent_output(ur_bidir_shape(layer->shape, d), layer->kept[d]);
    return output;
}

void ur_bidir_forward(const struct ur_bidir *layer, struct ur_recurrent_input input,
                      struct ur_recurrent_scratch scratch)
{
    for (int32_t d = 0; d < layer->directions; d++)
        ur_recurrent_forward(ur_bidir_shape(layer->shape, d), layer->weights[d], input,
                             layer->kept[d], scratch);
}

void ur_bidir_backward(const struct ur_bidir *layer, struct ur_recurrent_input input,
                       const struct ur_output_gradient outputs[UR_MAX_DIRECTIONS],
                       struct ur_recurrent_scratch scratch,
                       const struct ur_recurrent_gradients gradients[UR_MAX_DIRECTIONS],
                       struct ur_recurrent_dx dx)
{
    for (int32_t d = 0; d < layer->directions; d++) {
        struct ur_recurrent_gradients to = gradients[d];
        if (d > 0 && scratch.squares != NULL)
            scratch.squares += layer->shape.steps;
        to.dx = dx;
        to.dx.add = d > 0;
        ur_recurrent_backward(ur_bidir_shape(layer->shape, d), layer->weights[d], input,
                              layer->kept[d], outputs[d], scratch, to);
    }
}
