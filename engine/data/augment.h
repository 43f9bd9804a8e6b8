/*
 * Random changes to training images, other ones for every sample in every epoch: one affine map
 * about the image's centre, and on top of it a smooth elastic field, so that a network that
 * sees each image many times never sees it twice the same.
 *
 * An image's map is a pure function of (seed, epoch, sample): the same at any number of threads
 * and after a resume. It is made of + - * / alone, in an order that the source fixes, so that
 * it has the same bits on every CPU. All draws are uniform. With amounts of zero the pixels are
 * those of an image that is not augmented, to the bit.
 *
 * Shapes: bytes [height][width] in (0 background, 255 ink), floats in 0..1 out, laid out as
 * struct ur_pixels says. Cost: 5 microseconds for 28x28, 3.5 without the field
 * (docs/training.md); no allocation. Memory: 7 KB in the caller's struct, up to 90 KB of stack
 * for the largest image. Errors: UR_INVALID_SPEC (pointer /train/augment) from _init.
 * Ownership: no pointers inside. Threads: drawing is read-only on the struct. Source: P.
 * Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to
 * visual document analysis", ICDAR 2003, with a B-spline's field instead of a blurred one.
 */
#ifndef UNROLL_DATA_AUGMENT_H
#define UNROLL_DATA_AUGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/limits.h"
#include "unroll/plan.h"
#include "unroll/spec.h"
#include "unroll/status.h"

/* Control points of the elastic field along each axis: four cells, and one point more on each
 * side and at the end, as a cubic B-spline asks. A cell of a 28-pixel image is 7 pixels, which
 * blurs like the Gaussian of sigma 4 that Simard et al. use. */
enum { UR_AUGMENT_CELLS = 4, UR_AUGMENT_POINTS = UR_AUGMENT_CELLS + 3 };

struct ur_augment {
    bool on;
    int32_t height, width; /* of an image */
    uint64_t seed;
    double shift, rotate, scale, shear, elastic; /* as in the spec; degrees */
    /* weights of the control points for each row and each column of an image */
    float down[UR_AUGMENT_POINTS][UR_AUGMENT_MAX_SIDE];
    float across[UR_AUGMENT_POINTS][UR_AUGMENT_MAX_SIDE];
};

/* Where an image's pixels go: the pixel of row r and column c to first[r * down + c * across].
 */
struct ur_pixels {
    float *first;
    size_t down, across;
};

enum ur_status ur_augment_init(struct ur_augment *augment, const struct ur_spec *spec,
                               const struct ur_data_shape *shape, struct ur_error *error);

/* Writes the image as sample of the training part is to be seen in epoch. */
void ur_augment_draw(const struct ur_augment *augment, const uint8_t *image, uint32_t epoch,
                     uint32_t sample, struct ur_pixels out);

#endif
