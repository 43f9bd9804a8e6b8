/* The reduction: the very tree that the header draws, bit by bit, and the squares beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "train/reduce.h"
#include "unroll/rng.h"

enum { MAX_SHARDS = 33, FLOATS = 100 };

static float values[MAX_SHARDS][FLOATS];

/* Numbers of very different sizes, so that another order of adding shows in the bits. */
static void fill(void)
{
    for (uint32_t shard = 0; shard < MAX_SHARDS; shard++)
        for (uint32_t i = 0; i < FLOATS; i++) {
            uint32_t words[4];
            ur_rng_words((struct ur_rng_key){3, UR_RNG_TEST}, shard, i, 0, words);
            values[shard][i] = ldexpf(ur_rng_unit(words[0]) - 0.5F, (int)(words[1] % 24) - 12);
        }
}

/* The sum of a subtree, by recursion: the node at `first` over `span` shards. */
static float subtree(size_t first, size_t span, size_t n_shards, size_t i)
{
    if (span == 1)
        return values[first][i];
    const float left = subtree(first, span / 2, n_shards, i);
    if (first + span / 2 >= n_shards)
        return left;
    return left + subtree(first + span / 2, span / 2, n_shards, i);
}

static void test_every_shard_count_is_the_tree(void **state)
{
    (void)state;
    for (int32_t n_shards = 1; n_shards <= MAX_SHARDS; n_shards++) {
        fill();
        float expected[FLOATS];
        for (size_t i = 0; i < FLOATS; i++)
            expected[i] = subtree(0, 64, (size_t)n_shards, i);
        float *gradients[MAX_SHARDS];
        for (size_t shard = 0; shard < MAX_SHARDS; shard++)
            gradients[shard] = values[shard];
        ur_reduce_range(gradients, n_shards, 0, FLOATS);
        assert_memory_equal(values[0], expected, sizeof expected);
    }
}

static void test_a_range_leaves_the_rest_alone(void **state)
{
    (void)state;
    fill();
    float before[FLOATS];
    memcpy(before, values[0], sizeof before);
    float *gradients[] = {values[0], values[1], values[2]};
    ur_reduce_range(gradients, 3, 10, 30);
    for (size_t i = 0; i < FLOATS; i++)
        if (i < 10 || i >= 40)
            assert_true(values[0][i] == before[i]);
        else
            assert_true(values[0][i] != before[i]);
}

static void test_squares_are_those_of_the_sum(void **state)
{
    (void)state;
    fill();
    float *gradients[] = {values[0], values[1]};
    const double squares = ur_reduce_range(gradients, 2, 3, 90);
    long double expected = 0;
    for (size_t i = 3; i < 93; i++)
        expected += (long double)values[0][i] * (long double)values[0][i];
    assert_true(fabs(squares - (double)expected) <= 1e-13 * (double)expected);
}

static void test_infinity_and_nan_reach_the_norm(void **state)
{
    (void)state;
    const float poison[] = {INFINITY, -INFINITY, NAN};
    for (size_t k = 0; k < 3; k++)
        for (size_t at = 0; at < 20; at++) {
            float one[20] = {0}, other[20] = {0};
            float *gradients[] = {one, other};
            other[at] = poison[k];
            const double squares = ur_reduce_range(gradients, 2, 0, 20);
            assert_true(!isfinite(squares));
        }
}

static void test_chunks_cover_everything_once(void **state)
{
    (void)state;
    const size_t lengths[] = {1,
                              16,
                              UR_CHUNK_FLOATS - 1,
                              UR_CHUNK_FLOATS,
                              UR_CHUNK_FLOATS + 1,
                              5 * UR_CHUNK_FLOATS + 7};
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
        size_t next = 0;
        for (int32_t chunk = 0; chunk < ur_chunk_count(lengths[k]); chunk++) {
            size_t count;
            assert_int_equal(ur_chunk_begin(chunk, lengths[k], &count), next);
            assert_in_range(count, 1, UR_CHUNK_FLOATS);
            next += count;
        }
        assert_int_equal(next, lengths[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_shard_count_is_the_tree),
        cmocka_unit_test(test_a_range_leaves_the_rest_alone),
        cmocka_unit_test(test_squares_are_those_of_the_sum),
        cmocka_unit_test(test_infinity_and_nan_reach_the_norm),
        cmocka_unit_test(test_chunks_cover_everything_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
