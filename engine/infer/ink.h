/*
 * How much ink each pixel holds: its difference from the paper (background.h) in the direction
 * in which the strokes differ from it. Dark on light, light on dark and red on green are all
 * the same here, which is what "grey, and invert if the border is bright" is meant to reach.
 *
 * Shapes: level [height][width], 0 no ink, 255 the strokes' own level, between -255 (noise on
 * the far side) and 255. Units: noise is the standard deviation of paper in these levels. Cost:
 * a few passes over at most 512x512 pixels. Errors: UR_NO_DIGIT where nothing stands out of the
 * paper, UR_NO_MEMORY. Ownership: _release frees level; NULL and a zeroed struct are fine.
 */
#ifndef UNROLL_INFER_INK_H
#define UNROLL_INFER_INK_H

#include "infer/picture.h"

struct ur_ink {
    int32_t width, height;
    float *level;
    float noise;
};

enum ur_status ur_ink_extract(struct ur_ink *ink, const struct ur_picture *picture,
                              struct ur_error *error);
void ur_ink_release(struct ur_ink *ink);

#endif
