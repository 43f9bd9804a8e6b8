/*
 * The built-in data set of series: waves of six forms, drawn and never downloaded. Any number
 * of them, from a seed.
 *
 * Each series has a length, frequency, phase, height and offset of its own, and noise on top;
 * its class is the form alone: sine, triangle, square, rising saw, falling saw, chirp (a sine
 * whose frequency rises). The average of a form and its spread tell next to nothing: a network
 * must look at the order of the values. docs/datasets.md has what one learns.
 *
 * Series i of a split is a pure function of (seed, split, i), the same for any count, and,
 * because only IEEE 754's four operations and square root decide a value, on any CPU. Class of
 * series i: i % 6. The two splits share no random number.
 *
 * Shapes: values [UR_WAVES_STEPS], of which the first length count, the rest is zero. Cost:
 * about 6 us a series. Errors: none. Ownership: the caller's memory. Threads: pure functions.
 */
#ifndef UNROLL_DATA_WAVES_H
#define UNROLL_DATA_WAVES_H

#include <stdint.h>

enum { UR_WAVES_STEPS = 120, UR_WAVES_LEAST_STEPS = 40, UR_WAVES_CLASSES = 6 };

/* Part of the random numbers' counter: never renumber. */
enum ur_waves_split { UR_WAVES_TRAIN = 0, UR_WAVES_TEST = 1 };

/* Draws one series; gives its length, UR_WAVES_LEAST_STEPS..UR_WAVES_STEPS. */
int32_t ur_waves_draw(uint64_t seed, enum ur_waves_split split, uint32_t index,
                      float values[UR_WAVES_STEPS]);

/* Gives the name of a class. */
const char *ur_waves_class(int32_t index);

#endif
