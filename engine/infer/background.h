/*
 * The paper behind a digit: a smooth surface of the second degree for each colour, fitted to
 * what is not ink. It follows light that falls from one side and corners that are darker than
 * the middle.
 *
 *     colour(u, v) = c0 + c1 u + c2 v + c3 u u + c4 u v + c5 v v        u, v in -1..1
 *
 * Method: a plane through the border, which is mostly paper, then the whole picture, each time
 * refitted a few times without the pixels that lie further off than noise would carry them.
 * Units: grey levels 0..255. Cost: ten passes over at most 1600 sampled pixels. Errors: none; a
 * picture without a majority of paper gets a poor surface. Threads: pure functions.
 */
#ifndef UNROLL_INFER_BACKGROUND_H
#define UNROLL_INFER_BACKGROUND_H

#include "infer/picture.h"

enum { UR_BACKGROUND_TERMS = 6 };

struct ur_background {
    double terms[3][UR_BACKGROUND_TERMS]; /* a colour, then its coefficients */
};

void ur_background_fit(struct ur_background *background, const struct ur_picture *picture);

/* Writes colour - background of the pixels of row y, [width][channels]. */
void ur_background_residual_row(const struct ur_background *background,
                                const struct ur_picture *picture, int32_t y, float *out);

#endif
