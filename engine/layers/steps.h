/*
 * What every loop over the time steps of a layer does alike: in which order steps are read and
 * where their states lie, which rows of a step are padding, and what a step's output gets back
 * from whoever read it.
 *
 * Shapes: blocks [B][units], units being H or, of a projected output, R. Cost: one pass over a
 * block, nothing where all sequences have T steps. Errors: none. Ownership: the caller's.
 * Threads: pure functions.
 */
#ifndef UNROLL_LAYERS_STEPS_H
#define UNROLL_LAYERS_STEPS_H

#include "layers/recurrent.h"

/* Gives the time step that is read as number n. */
int32_t ur_steps_at(struct ur_recurrent_shape shape, int32_t n);

/* Slots of h and c: what step 0 writes, and what it reads. */
size_t ur_steps_now(struct ur_recurrent_shape shape);
size_t ur_steps_before(struct ur_recurrent_shape shape);

/* Gives the parts that the input has, at least one. */
int32_t ur_steps_parts(struct ur_recurrent_shape shape);

/* Clears the rows of a block for which step t is padding. */
void ur_steps_clear_padding(struct ur_recurrent_shape shape, int32_t units, float *block,
                            int32_t t);

/* Adds what the output of step t gets to dh. */
void ur_steps_add_output(struct ur_recurrent_shape shape, int32_t units,
                         struct ur_output_gradient output, float *dh, int32_t t);

#endif
