/*
 * One recurrent layer in one direction over all T steps of a shard: the grid that is cut into
 * products and cells. Forward runs step by step while a step's gates are in the cache: x W,
 * h U, cell. Backward's sums over time are single products over T*B rows.
 *
 * Shapes: x [T][B][I]   gates [T][B][4H]   h, c [T+1][B][H], slot 0 the zero start
 *         tanh_c [T][B][H]   W [I][4H]   U [H][4H]   b [4H]
 * Cost: 2*T*B*(I+H)*4H operations forward, twice that backward. Ownership: the caller's memory.
 * Errors: none. Threads: pure functions; one call's memory belongs to one thread.
 * Source: docs/derivations/lstm-bptt.md.
 */
#ifndef UNROLL_LAYERS_RECURRENT_H
#define UNROLL_LAYERS_RECURRENT_H

#include <stddef.h>
#include <stdint.h>

struct ur_recurrent_shape {
    int32_t steps, rows, width, hidden; /* T B I H */
};

struct ur_recurrent_weights {
    const float *w, *u, *b;
};

/* What forward leaves for backward. */
struct ur_recurrent_kept {
    float *gates, *h, *c, *tanh_c;
};

/* Overwritten, and of no use afterwards. Forward takes only packed. */
struct ur_recurrent_scratch {
    float *packed;  /* ur_recurrent_packed_floats: W and U, later the transpose of U */
    float *dgates;  /* [T][B][4H] */
    float *dh, *dc; /* [B][H] */
};

/*
 * The gradient of the loss with respect to the layer's output, as whoever reads the output
 * hands it back: step t >= first has a block [B][H] at blocks + (t - first) * stride, earlier
 * steps have none. A readout that treats all steps alike has stride 0 and stores one block.
 */
struct ur_output_gradient {
    const float *blocks;
    size_t stride; /* floats */
    int32_t first;
};

struct ur_recurrent_gradients {
    float *dw, *du, *db;
};

/* Gives the floats of scratch.packed. */
size_t ur_recurrent_packed_floats(struct ur_recurrent_shape shape);

void ur_recurrent_forward(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                          const float *x, struct ur_recurrent_kept kept,
                          struct ur_recurrent_scratch scratch);

/* Overwrites the gradients. */
void ur_recurrent_backward(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                           const float *x, struct ur_recurrent_kept kept,
                           struct ur_output_gradient output,
                           struct ur_recurrent_scratch scratch,
                           struct ur_recurrent_gradients gradients);

#endif
