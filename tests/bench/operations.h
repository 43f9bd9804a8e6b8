/*
 * How many operations the matrix products of a network take: what `gflops` counts. Only
 * products that the result needs are counted, whatever the engine does, so that work left out
 * is a gain and work done in vain is none.
 *
 *     a direction that runs over T steps, B rows, I values in, H units, G gates
 *         forward     2 T B I GH  +  2 T B H GH
 *         backward    the same for dW and dU, 2 T B H GH through time,
 *                     2 T B I GH for dx where a layer lies below
 *     above the first layer I = D H; the dense layer takes 2 B DH C three times
 *
 * The product with the zero start of the sequence is included, as is usual. One direction is
 * not run over T steps: the backward one of the top layer where the readout is `last`. It has
 * read one row there, from the zero start, so it needs the products with W of that one step and
 * none with U.
 *
 * Units: operations, a multiplication and an addition being two. Cost: arithmetic. Errors:
 * none. Threads: pure functions. Source: docs/performance.md.
 */
#ifndef UNROLL_BENCH_OPERATIONS_H
#define UNROLL_BENCH_OPERATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "unroll/spec.h"

struct bench_shape {
    int32_t cell, readout; /* enum ur_cell, enum ur_readout; int32_t as in struct ur_spec */
    bool bidirectional;
    int32_t layers, hidden, batch, steps, width, classes;
};

/* Gives those of one forward pass over the batch. */
double bench_forward_operations(const struct bench_shape *shape);

/* Gives those of one training step. */
double bench_step_operations(const struct bench_shape *shape);

#endif
