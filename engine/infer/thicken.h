/*
 * Hairlines made as thick as a pen's: a stroke far thinner than a pixel of what the network
 * reads would average to a grey that no training digit has.
 *
 * Units: pixels. Cost: a few passes over the box. Errors: none. Threads: pure functions.
 */
#ifndef UNROLL_INFER_THICKEN_H
#define UNROLL_INFER_THICKEN_H

#include <stdint.h>

#include "infer/ink.h"
#include "infer/strokes.h"

/* Gives the mean width of the strokes in the box: twice their area over their outline. */
float ur_stroke_width(const struct ur_ink *ink, const struct ur_box *box);

/* Lets ink spread `pixels` far in every direction; scratch has room for level. */
void ur_stroke_thicken(float *level, float *scratch, int32_t width, int32_t height,
                       int32_t pixels);

#endif
