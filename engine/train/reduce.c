#include "train/reduce.h"

/* Sums of squares are kept in this many lanes and joined pairwise at the end: the compiler may
 * use vectors for them without being allowed to reorder anything. */
enum { LANES = 8 };

int32_t ur_chunk_count(size_t n_floats)
{
    return (int32_t)((n_floats + UR_CHUNK_FLOATS - 1) / UR_CHUNK_FLOATS);
}

size_t ur_chunk_begin(int32_t chunk, size_t n_floats, size_t *count)
{
    size_t begin = (size_t)chunk * UR_CHUNK_FLOATS;
    size_t left = n_floats - begin;
    *count = left < UR_CHUNK_FLOATS ? left : UR_CHUNK_FLOATS;
    return begin;
}

static void add(float *restrict sum, const float *restrict other, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += other[i];
}

static double sum_of_squares(const float *values, size_t count)
{
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += (double)values[i + lane] * (double)values[i + lane];
    for (; i < count; i++)
        lanes[i % LANES] += (double)values[i] * (double)values[i];
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

double ur_reduce_range(float *const *gradients, int32_t n_shards, size_t begin, size_t count)
{
    for (int32_t stride = 1; stride < n_shards; stride *= 2)
        for (int32_t left = 0; left + stride < n_shards; left += 2 * stride)
            add(gradients[left] + begin, gradients[left + stride] + begin, count);
    return sum_of_squares(gradients[0] + begin, count);
}

double ur_reduce_squares(const double *squares, int32_t n_chunks)
{
    double sum = 0;
    for (int32_t chunk = 0; chunk < n_chunks; chunk++)
        sum += squares[chunk];
    return sum;
}
