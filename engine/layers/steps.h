/*
 * What every loop over the time steps of a layer does alike: which rows of a step are padding,
 * and what a step's output gets back from whoever read it.
 *
 * Shapes: blocks [B][units], units being H or, of a projected output, R. Cost: one pass over a
 * block, nothing where all sequences have T steps. Errors: none. Ownership: the caller's.
 * Threads: pure functions.
 */
#ifndef UNROLL_LAYERS_STEPS_H
#define UNROLL_LAYERS_STEPS_H

#include "layers/recurrent.h"

/* Clears the rows of a block for which step t is padding. */
void ur_steps_clear_padding(struct ur_recurrent_shape shape, int32_t units, float *block,
                            int32_t t);

/* Adds what the output of step t gets to dh. */
void ur_steps_add_output(struct ur_recurrent_shape shape, int32_t units,
                         struct ur_output_gradient output, float *dh, int32_t t);

#endif
