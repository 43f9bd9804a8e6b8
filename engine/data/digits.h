/*
 * The built-in data set: handwritten digits that are drawn, never downloaded. Any number of
 * them, from a seed.
 *
 * A digit is drawn as a hand does it: one of several ways to write it (digits_shapes.h), its
 * strokes bent, slanted, stretched and shaken, a pen of some width pulled along them
 * (digits_pen.h); what the pen left is then normalised as MNIST was made (digits_fit.h).
 * docs/digits.md has the recipe and what a network learns from it.
 *
 * Image i of a split is a pure function of (seed, split, i): the same for any count and any
 * number of threads, and, because only IEEE 754's four operations and square root decide a
 * pixel, on any CPU. Label of image i: i % 10. The two splits share no random number.
 *
 * Shapes: image [28][28] uint8, 0 background, 255 ink. Cost: about 50 us an image and core.
 * Errors: only what a job's progress gives. Ownership: nothing is kept. Threads: pure
 * functions; _draw_all starts its own and joins them.
 */
#ifndef UNROLL_DATA_DIGITS_H
#define UNROLL_DATA_DIGITS_H

#include <stdint.h>

#include "unroll/status.h"

enum { UR_DIGITS_SIDE = 28, UR_DIGITS_CLASSES = 10 };

/* Part of the random numbers' counter: never renumber. */
enum ur_digits_split { UR_DIGITS_TRAIN = 0, UR_DIGITS_TEST = 1 };

struct ur_digits_job {
    uint64_t seed;
    enum ur_digits_split split;
    int32_t count;
    int32_t threads; /* at most; 0 means 1 */
    /* called from the calling thread with 0..1 of the work done; anything but UR_OK ends the
     * work with that status; NULL: not called */
    enum ur_status (*progress)(void *context, float done);
    void *context;
};

/* Draws images 0 .. count-1 with their labels; gives UR_OK or what progress gave. */
enum ur_status ur_digits_draw_all(const struct ur_digits_job *job, uint8_t *images,
                                  uint16_t *labels);

/* Draws one image; gives the style it is written in (an index into its digit's styles). */
int32_t ur_digits_draw(uint64_t seed, enum ur_digits_split split, uint32_t index,
                       uint8_t image[UR_DIGITS_SIDE * UR_DIGITS_SIDE]);

#endif
