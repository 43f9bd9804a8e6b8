/* Random numbers: the published answers of Philox, and bits that must never change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "unroll/rng.h"

/* Random123's kat_vectors for philox4x32 with 10 rounds. Purpose 0 leaves the key as it is. */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        struct ur_rng_key key = {cases[i].key[0] | (uint64_t)cases[i].key[1] << 32, 0};
        ur_rng_words(key, cases[i].counter[0],
                     cases[i].counter[1] | (uint64_t)cases[i].counter[2] << 32,
                     cases[i].counter[3], out);
        assert_memory_equal(out, cases[i].answer, sizeof out);
    }
}

static void test_every_argument_matters(void **state)
{
    (void)state;
    const struct ur_rng_key keys[] = {{5, UR_RNG_INIT},    {6, UR_RNG_INIT},
                                      {5, UR_RNG_SHUFFLE}, {5 | (uint64_t)1 << 52, UR_RNG_INIT},
                                      {5, UR_RNG_INIT},    {5, UR_RNG_INIT},
                                      {5, UR_RNG_INIT},    {5, UR_RNG_INIT}};
    const uint32_t a[] = {1, 1, 1, 1, 2, 1, 1, 1};
    const uint64_t b[] = {1, 1, 1, 1, 1, 2, (uint64_t)1 << 40, 1};
    const uint32_t c[] = {1, 1, 1, 1, 1, 1, 1, 2};
    uint32_t words[8][4];
    for (size_t i = 0; i < 8; i++) {
        ur_rng_words(keys[i], a[i], b[i], c[i], words[i]);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(words[i], words[k], sizeof words[i]);
    }
}

static void test_unit_stays_below_one(void **state)
{
    (void)state;
    assert_true(ur_rng_unit(0) == 0.0f);
    assert_true(ur_rng_unit(0xffffffff) == 1.0f - 0x1p-24f);
    assert_true(ur_rng_unit(0x80000000) == 0.5f);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* These bits are part of the numerics: initial weights are made of them. The right-hand numbers
 * were computed with mpmath at 60 digits and rounded once to float. */
static void test_normal_bits(void **state)
{
    (void)state;
    static const struct {
        uint32_t word0, word1, bits;
    } cases[] = {
        {0x00000000, 0x00000000, 0x40d87047}, {0xffffffff, 0x00000000, 0x37800000},
        {0xffffffff, 0x80000000, 0xb7800000}, {0x00000000, 0xffffffff, 0x40d87047},
        {0x00000001, 0x20000000, 0x4095531c}, {0x7fffffff, 0x1fffffff, 0x3f55224d},
        {0x80000000, 0xe0000000, 0x3f55224d}, {0x00003039, 0x40000001, 0xb1fdeca6},
        {0xb504f333, 0xc0000001, 0x30a76521}, {0x5a827999, 0x60000000, 0xbf828473},
        {0x9f767c45, 0x4164d839, 0xbd08529b}, {0xbde5c099, 0x5bc8fbbc, 0xbef96e3e},
        {0xcb91ce37, 0xb0c11fde, 0xbe7d64d0}, {0xf1446bea, 0xd76d4330, 0x3e3fbb52},
        {0xbd69fe29, 0xa6eb8c9e, 0xbee5787f}, {0xec1d7da0, 0x87b0b125, 0xbeca3cfb},
        {0x076ce2ef, 0xd7210dff, 0x3fb7217d}, {0x77330bdb, 0xc6a53877, 0x3e4d9725},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(bits_of(ur_rng_normal(cases[i].word0, cases[i].word1)), cases[i].bits);
}

/* Against the C library in double, over the whole range: one rounding to float is all that
 * separates them. */
static void test_normal_against_libm(void **state)
{
    (void)state;
    struct ur_rng_key key = {3, UR_RNG_TEST};
    double sum = 0, squares = 0;
    const uint32_t n = 200000;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t words[4];
        ur_rng_words(key, 0, 0, i, words);
        double got = (double)ur_rng_normal(words[0], words[1]);
        double radius = sqrt(-2 * log((words[0] + 0.5) * 0x1p-32));
        double want = radius * cos(6.283185307179586 * (words[1] * 0x1p-32));
        assert_true(fabs(got - want) <= 0x1p-24 * fabs(want) + 1e-14);
        sum += got;
        squares += got * got;
    }
    assert_true(fabs(sum / n) < 0.01);
    assert_true(fabs(squares / n - 1) < 0.02);
}

static void test_permutation_is_one(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 16, 17, 60, 1000, 65536, 65537};
    static unsigned char seen[65537];
    struct ur_rng_key key = {1, UR_RNG_SHUFFLE};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        memset(seen, 0, sizeof seen);
        for (uint32_t i = 0; i < sizes[s]; i++) {
            uint32_t image = ur_rng_permute(key, 7, i, sizes[s]);
            assert_true(image < sizes[s]);
            assert_int_equal(seen[image]++, 0);
        }
    }
    for (uint32_t i = 0; i < 100; i++)
        assert_true(ur_rng_permute(key, 0, INT32_MAX - 1 - i, INT32_MAX) < INT32_MAX);
}

/* Another epoch, seed or purpose is another order; a good one leaves about one element in n
 * where it was. */
static void test_permutations_differ(void **state)
{
    (void)state;
    const struct ur_rng_key key = {1, UR_RNG_SHUFFLE}, other = {2, UR_RNG_SHUFFLE};
    const uint32_t n = 1000;
    uint32_t fixed = 0, same_epoch = 0, same_seed = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t image = ur_rng_permute(key, 0, i, n);
        fixed += image == i;
        same_epoch += image == ur_rng_permute(key, 1, i, n);
        same_seed += image == ur_rng_permute(other, 0, i, n);
    }
    assert_true(fixed < 10 && same_epoch < 10 && same_seed < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_every_argument_matters),
        cmocka_unit_test(test_unit_stays_below_one),
        cmocka_unit_test(test_normal_bits),
        cmocka_unit_test(test_normal_against_libm),
        cmocka_unit_test(test_permutation_is_one),
        cmocka_unit_test(test_permutations_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
