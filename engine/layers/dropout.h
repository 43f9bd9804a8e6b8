/*
 * Inverted dropout of what one direction of a layer hands on: while training, a value is
 * dropped with the probability `rate`, and what stays is scaled so that its mean stays too.
 *
 *     out = y / (1 - rate) where word >= rate 2^32, else 0
 *     word = Philox(seed; epoch, sample, site, time step, unit)
 *
 * The mask belongs to a sample in an epoch: the row, the shard and the thread that the sample
 * happens to be in do not enter, and a resumed run draws the same.
 *
 * Shapes: y, out, dy [T][B][H]; kept [T][B][H], 1 or 0; epochs, samples [B]. Cost: a quarter of
 * a Philox call a value, and one pass over memory in each direction. Errors: none. Ownership:
 * the caller's memory. Threads: pure functions. Source: N. Srivastava et al., "Dropout", JMLR
 * 2014; between layers as W. Zaremba et al., "Recurrent neural network regularization", 2014,
 * and PyTorch.
 */
#ifndef UNROLL_LAYERS_DROPOUT_H
#define UNROLL_LAYERS_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

struct ur_dropout {
    uint64_t seed;
    double rate;   /* above 0, below 1 */
    uint32_t site; /* which output of the network: no two share a mask */
    const uint32_t *epochs, *samples;
};

struct ur_dropout_shape {
    int32_t steps, rows, units; /* T B H */
};

/* Draws the masks into kept. */
void ur_dropout_draw(const struct ur_dropout *dropout, struct ur_dropout_shape shape,
                     unsigned char *kept);

/* Writes out, n values, from y; the gradient of y from that of out is the same function. out
 * may be y. */
void ur_dropout_apply(float *out, const float *y, const unsigned char *kept, double rate,
                      size_t n);

#endif
