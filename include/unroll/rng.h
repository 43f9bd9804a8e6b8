/*
 * Random numbers without a state: a pure function of a key and a counter, so that any thread
 * can draw any number at any time, a checkpoint stores no generator, and a resumed run draws
 * what the undisturbed one would have drawn.
 *
 * Key: (seed, purpose). Counter: (a, b, c), by convention (epoch, sample, unit), zero where it
 * has no meaning. Units: 32-bit words, or floats. Cost: ten multiply rounds for four words.
 * Errors: none. Threads: pure functions. Source: Philox4x32-10, J. Salmon et al., "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011.
 */
#ifndef UNROLL_RNG_H
#define UNROLL_RNG_H

#include <stdint.h>

/* What a number is for: two purposes never share a stream. Values are part of the numerics;
 * never renumber them. */
enum ur_rng_purpose {
    UR_RNG_INIT = 1,    /* initial weights: a = tensor index, b = which draw, c = element / 4 */
    UR_RNG_SHUFFLE = 2, /* order of samples: a = epoch */
    UR_RNG_SPLIT = 3,   /* validation split */
    UR_RNG_DROPOUT = 4, /* a = epoch, b = sample + 2^32 layer's output, c = unit / 4 */
    UR_RNG_AUGMENT = 5, /* a = epoch, b = sample */
    UR_RNG_DIGITS = 6,  /* built-in digits: a = split, b = index, c = draw */
    UR_RNG_TEST = 7,    /* tests only */
    UR_RNG_SERIES = 16, /* built-in series: a = split, b = index, c = draw */
};

struct ur_rng_key {
    uint64_t seed;
    uint32_t purpose;
};

/* Writes the four words of one counter. c counts in 32 bits, a in 32, b in 64. Seeds below 2^56
 * never share a stream between purposes; a spec's seeds are below 2^53. */
void ur_rng_words(struct ur_rng_key key, uint32_t a, uint64_t b, uint32_t c, uint32_t out[4]);

/* Turns a word into a float in [0, 1) with 24 bits. */
float ur_rng_unit(uint32_t word);

/* Turns two words into a standard normal number (Box and Muller, in double, rounded once; see
 * rng.c on its bits). */
float ur_rng_normal(uint32_t word0, uint32_t word1);

/* Gives the cosine of word / 2^32 turns, by the four operations alone. */
float ur_rng_cosine(uint32_t word);

/*
 * Gives element index of the epoch's permutation of 0..n-1 without storing it: a four-round
 * Feistel network on the next even power of two, walked until it lands below n. Cost: at most a
 * few rounds of Philox. n in 1..2^31-1, index below n. Source: J. Black and P. Rogaway,
 * "Ciphers with arbitrary finite domains", CT-RSA 2002.
 */
uint32_t ur_rng_permute(struct ur_rng_key key, uint32_t epoch, uint32_t index, uint32_t n);

#endif
