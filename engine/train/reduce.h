/*
 * The sum of the shards' gradients, in an order that no thread count can change: a binary tree
 * over shard indices, element by element.
 *
 *     stride 1:  g0 += g1   g2 += g3   g4 += g5 ...
 *     stride 2:  g0 += g2   g4 += g6 ...                 the sum ends in g0
 *
 * The arrays are cut into chunks of a fixed length. Whoever reduces a chunk also adds up the
 * squares of the result in double, so the global norm costs no further pass; the chunks'
 * squares are then summed in chunk order.
 *
 * Units: floats. Cost: one read of every gradient; a chunk of all shards stays in the second
 * level cache. Errors: none. Ownership: borrows. Threads: chunks are independent.
 */
#ifndef UNROLL_TRAIN_REDUCE_H
#define UNROLL_TRAIN_REDUCE_H

#include <stddef.h>
#include <stdint.h>

enum {
    UR_CHUNK_FLOATS = 2048, /* floats: 8 KB of each shard, and 40 chunks of the textbook LSTM
                               for two threads to share evenly */
};

/* Gives the number of chunks of n_floats. */
int32_t ur_chunk_count(size_t n_floats);

/* Gives where a chunk begins and, in *count, how long it is. */
size_t ur_chunk_begin(int32_t chunk, size_t n_floats, size_t *count);

/* Sums floats begin .. begin + count of all shards into gradients[0], overwriting the inner
 * nodes of the tree, and gives the sum of the squares of the result. */
double ur_reduce_range(float *const *gradients, int32_t n_shards, size_t begin, size_t count);

/* Adds up the chunks' squares, in chunk order. */
double ur_reduce_squares(const double *squares, int32_t n_chunks);

#endif
