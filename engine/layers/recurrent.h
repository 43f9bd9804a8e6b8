/*
 * One recurrent layer in one direction over all T steps of a shard: the grid that is cut into
 * products and cells. Forward runs step by step while a step's gates are in the cache: x W, h
 * U, cell. Backward takes a few steps at a time: once their gradients stand in the cache, all
 * that sums over time adds them up, and the layer below gets its share.
 *
 * The other direction is index arithmetic: time stays where it is in memory, only the order of
 * the steps turns round, and the slot that holds the zero start is the last instead of the
 * first.
 *
 * Rows may be shorter than T: past its length a row's h, c and every gradient are zero, so what
 * lies there neither reaches its own steps, which a reversed direction begins at the row's own
 * last one, nor changes a sum over time.
 *
 * Shapes: x [T][B][I] in one part, or, above a layer of two directions, in two parts of
 *         [T][B][I/2] each; G gates: LSTM 4 (i f g o), GRU 3 (r z n), RNN 1
 *         gates [T][B][GH] (not for an RNN)   h [T+1][B][H]   c [T+1][B][H], tanh_c [T][B][H]
 *         (LSTM)   q [T][B][H] (GRU)   W [I][GH]   U [H][GH]   b [GH]   bn [H] (GRU)
 * Cost: 2*T*B*(I+H)*GH operations forward, twice that backward. Ownership: the caller's memory.
 * Errors: none. Threads: pure functions; one call's memory belongs to one thread.
 * Source: docs/derivations/lstm-bptt.md; cell_rnn.h; cell_gru.h. Where the output is projected,
 * h and U are as projection.h says.
 */
#ifndef UNROLL_LAYERS_RECURRENT_H
#define UNROLL_LAYERS_RECURRENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/limits.h"
#include "unroll/spec.h"

struct ur_recurrent_shape {
    int32_t steps, rows, width, hidden; /* T B I H */
    int32_t parts;                      /* of the input; 0 is 1 */
    enum ur_cell cell;
    enum ur_activation activation; /* RNN */
    bool reversed;                 /* reads the last step first */
    const int32_t *lengths;        /* [B], 1..T each; NULL: all are T */
    int32_t projection;            /* R of projection.h; 0: the output is H wide */
    int32_t truncate;              /* steps between two cuts of ur_recurrent_cut; 0: none */
    int32_t reads_back; /* steps that a reversed direction reads, because nobody looks
                                      at the others' output; 0: all. What it does not read is
                                      not written either. Without lengths and projection. */
};

struct ur_recurrent_weights {
    const float *w, *u, *b, *bn;
    const float *p; /* [H][R], with a projection */
};

/* What a layer reads; the second part is NULL where there is one. */
struct ur_recurrent_input {
    const float *parts[UR_MAX_DIRECTIONS];
};

/* What forward leaves for backward, and backward overwrites q of. */
struct ur_recurrent_kept {
    float *gates, *h, *c, *tanh_c, *q;
};

/* Overwritten, and of no use afterwards. Forward takes packed, and one step of dgates. */
struct ur_recurrent_scratch {
    float *packed;   /* ur_recurrent_packed_floats: W and U, later their transposes */
    float *dgates;   /* [ur_recurrent_block_steps][B][GH] */
    float *dh, *dc;  /* [B][H] */
    float *dm;       /* [B][H], with a projection */
    double *squares; /* [T] or NULL: where backward leaves, for each time step, the sum of the
                        squares of dL/dh over rows and units */
};

/*
 * The gradient of the loss with respect to the layer's output, as whoever reads the output
 * hands it back: step first <= t < end has a block [B][H] at blocks + (t - first) * stride,
 * other steps have none. A readout that treats all steps alike has stride 0 and stores one
 * block; at_last: only a row's own last step has it.
 */
struct ur_output_gradient {
    const float *blocks;
    size_t stride; /* floats */
    int32_t first, end;
    bool at_last;
};

/* Where the gradient with respect to the input goes; parts of NULL: nowhere. */
struct ur_recurrent_dx {
    float *parts[UR_MAX_DIRECTIONS];
    bool add; /* to what is there, because the other direction was here before */
};

struct ur_recurrent_gradients {
    float *dw, *du, *db, *dbn;
    struct ur_recurrent_dx dx;
    float *dp; /* with a projection */
};

/* Gives the steps that are read: T, or fewer in a reversed direction. */
int32_t ur_recurrent_reads(struct ur_recurrent_shape shape);

/* Gives G. */
int32_t ur_recurrent_gates(enum ur_cell cell);

/* True where the step read as number n begins a block of truncated back-propagation: h and c
 * reach it, but no gradient goes back through them. n >= 1. */
bool ur_recurrent_cut(struct ur_recurrent_shape shape, int32_t n);

/* Gives the units of an output: H, or R of projection.h. */
int32_t ur_recurrent_units(struct ur_recurrent_shape shape);

/* Gives the time steps whose dgates are in memory together: all with a projection, else as
 * many as backward works on before it adds up what they leave. */
int32_t ur_recurrent_block_steps(struct ur_recurrent_shape shape);

/* Gives the floats of scratch.packed. */
size_t ur_recurrent_packed_floats(struct ur_recurrent_shape shape);

/* Gives the layer's output y [T][B][H], which lies inside kept.h. */
const float *ur_recurrent_output(struct ur_recurrent_shape shape,
                                 struct ur_recurrent_kept kept);

void ur_recurrent_forward(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                          struct ur_recurrent_input input, struct ur_recurrent_kept kept,
                          struct ur_recurrent_scratch scratch);

/* Overwrites the gradients. */
void ur_recurrent_backward(struct ur_recurrent_shape shape, struct ur_recurrent_weights weights,
                           struct ur_recurrent_input input, struct ur_recurrent_kept kept,
                           struct ur_output_gradient output,
                           struct ur_recurrent_scratch scratch,
                           struct ur_recurrent_gradients gradients);

#endif
