/*
 * An LSTM layer whose output is projected to fewer units, in one direction over all T steps of
 * a shard. recurrent.c comes here where shape.projection is not 0; it has a loop of its own,
 * because its h is narrower than its cell and everything before and after the cell differs.
 *
 *     m = o tanh(c)        h = m P        gates read x W + h U + b
 *
 * Shapes: as recurrent.h, with R = projection units: P [H][R], U [R][4H], h [T+1][B][R]; kept.q
 * holds m [T][B][H]; scratch.dh [T][B][R] has every step's whole gradient of h, because dP is a
 * sum over all of them, and scratch.dm [B][H]. Cost: 2*T*B*((I+R)*4H + H*R) operations forward,
 * twice that backward. Ownership: the caller's memory. Errors: none. Threads: pure functions.
 * Source: docs/derivations/lstm-bptt.md; H. Sak et al., "Long short-term memory recurrent
 * neural network architectures for large scale acoustic modeling", 2014, in the form of
 * PyTorch's nn.LSTM(proj_size).
 */
#ifndef UNROLL_LAYERS_PROJECTION_H
#define UNROLL_LAYERS_PROJECTION_H

#include "layers/recurrent.h"

/* Gives the floats of scratch.packed. */
size_t ur_projection_packed_floats(struct ur_recurrent_shape shape);

void ur_projection_forward(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                           struct ur_recurrent_input input, struct ur_recurrent_kept kept,
                           struct ur_recurrent_scratch scratch);

/* Overwrites the gradients. */
void ur_projection_backward(struct ur_recurrent_shape shape,
                            struct ur_recurrent_weights weights,
                            struct ur_recurrent_input input, struct ur_recurrent_kept kept,
                            struct ur_output_gradient output,
                            struct ur_recurrent_scratch scratch,
                            struct ur_recurrent_gradients gradients);

#endif
