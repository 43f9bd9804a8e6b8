/*
 * The built-in data set: handwritten digits that are drawn, never downloaded. Any number of
 * them, from a seed.
 *
 * A digit is drawn as it is written: a hand (digits_hand.h) writes it in one of several ways
 * (digits_shapes.h), its strokes bent, slanted, stretched and shaken; a pen of some width and
 * shape is pulled along them over paper that is not quite flat (digits_paper.h, digits_pen.h);
 * what the pen left is then normalised as MNIST was made (digits_fit.h). docs/digits.md has
 * the recipe and what a network learns from it.
 *
 * Image i of a split and an epoch is a pure function of (seed, split, epoch, i): the same for
 * any count and any number of threads, and, because only IEEE 754's four operations and square
 * root decide a pixel, on any CPU. Label of image i: i % 10. No two splits and no two epochs
 * share a random number.
 *
 * Shapes: image [28][28] uint8, 0 background, 255 ink. Cost: about 45 us an image and core.
 * Errors: only what a job's progress gives. Ownership: nothing is kept. Threads: pure
 * functions; _draw_all starts its own and joins them; _help and _finish may work on the same
 * struct at the same time.
 */
#ifndef UNROLL_DATA_DIGITS_H
#define UNROLL_DATA_DIGITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "unroll/status.h"

enum { UR_DIGITS_SIDE = 28, UR_DIGITS_CLASSES = 10 };

/* Part of the random numbers' counter: never renumber. */
enum ur_digits_split { UR_DIGITS_TRAIN = 0, UR_DIGITS_TEST = 1 };

struct ur_digits_job {
    uint64_t seed;
    enum ur_digits_split split;
    uint32_t epoch; /* of a set that is drawn anew for every epoch; otherwise 0 */
    int32_t count;
    const uint32_t *samples; /* [count] which images to draw; NULL: 0 .. count-1 */
    int32_t threads;         /* at most; 0 means 1 */
    /* called from the calling thread with 0..1 of the work done; anything but UR_OK ends the
     * work with that status; NULL: not called */
    enum ur_status (*progress)(void *context, float done);
    void *context;
};

/* Draws a job's images, each with its label in its own place; gives UR_OK or what progress
 * gave. */
enum ur_status ur_digits_draw_all(const struct ur_digits_job *job, uint8_t *images,
                                  uint16_t *labels);

/* Draws one image of a job; gives the style it is written in (an index into its digit's
 * styles). */
int32_t ur_digits_draw(const struct ur_digits_job *job, uint32_t index,
                       uint8_t image[UR_DIGITS_SIDE * UR_DIGITS_SIDE]);

/* Work that several threads share; zeroed but for job, images and labels. */
struct ur_digits_work {
    struct ur_digits_job job;
    uint8_t *images;
    uint16_t *labels; /* NULL: not written */
    atomic_int next;  /* chunk that nobody has taken */
    atomic_bool over; /* nobody wants the rest */
};

/* Draws until no image is left that nobody has taken; the last ones may still be drawn. */
void ur_digits_help(struct ur_digits_work *work);

/* As _help, and tells the job's progress. Everything is there once it has given UR_OK and the
 * helpers are joined. */
enum ur_status ur_digits_finish(struct ur_digits_work *work);

#endif
