/*
 * A recurrent layer in one direction or in both. The backward direction reads the last step
 * first and writes its output where the step lies in time, so that the two outputs of a step
 * stand side by side as two parts of the next layer's input; nothing is copied or turned round.
 *
 * Shapes: as recurrent.h says, each array once a direction. Cost: a direction's, times
 * directions. Ownership: the caller's memory; both directions use one scratch, one after the
 * other, except for squares, which is [D][T]. Errors: none. Threads: pure functions.
 * Source: M. Schuster and K. Paliwal, "Bidirectional recurrent neural networks", 1997.
 */
#ifndef UNROLL_LAYERS_BIDIR_H
#define UNROLL_LAYERS_BIDIR_H

#include "layers/recurrent.h"

struct ur_bidir {
    struct ur_recurrent_shape shape; /* of the forward direction */
    int32_t directions;              /* 1 or 2 */
    struct ur_recurrent_weights weights[UR_MAX_DIRECTIONS];
    struct ur_recurrent_kept kept[UR_MAX_DIRECTIONS];
};

/* Gives the shape of one direction: 0 forward, 1 backward. */
struct ur_recurrent_shape ur_bidir_shape(struct ur_recurrent_shape shape, int32_t direction);

/* Gives what the layer above reads: the output of each direction. */
struct ur_recurrent_input ur_bidir_output(const struct ur_bidir *layer);

void ur_bidir_forward(const struct ur_bidir *layer, struct ur_recurrent_input input,
                      struct ur_recurrent_scratch scratch);

/* Takes the gradient of each direction's output; overwrites gradients, dx is the sum of
 * both. */
void ur_bidir_backward(const struct ur_bidir *layer, struct ur_recurrent_input input,
                       const struct ur_output_gradient outputs[UR_MAX_DIRECTIONS],
                       struct ur_recurrent_scratch scratch,
                       const struct ur_recurrent_gradients gradients[UR_MAX_DIRECTIONS],
                       struct ur_recurrent_dx dx);

#endif
