/*
 * The last steps of how MNIST was made: the digit's longer side becomes 20 of 28 pixels, by
 * area averaging that keeps its proportions, and the picture is shifted by whole pixels until
 * the centre of mass lies on pixel (14, 14). Other sizes keep the proportion 20 to 28.
 *
 * Shapes: out [steps][width], 0 background, 255 ink. A digit that is 20 pixels long already is
 * not resampled, only shifted. Cost: one pass over the box. Errors: UR_NO_MEMORY. Threads: pure
 * functions. Source: Y. LeCun's description of the data set, checked against its files in
 * docs/inference.md.
 */
#ifndef UNROLL_INFER_CENTRE_H
#define UNROLL_INFER_CENTRE_H

#include "infer/ink.h"
#include "infer/strokes.h"

/* Gives the pixels that the digit's longer side gets in a picture of that many. */
int32_t ur_centre_side(int32_t steps, int32_t width);

enum ur_status ur_centre(const struct ur_ink *ink, const struct ur_box *box, int32_t steps,
                         int32_t width, uint8_t *out, struct ur_error *error);

/* True for a picture that looks as if it had been made this way: dark at the border, its digit
 * of the right size and in the right place. Such a picture is best left alone. */
bool ur_centre_done(const uint8_t *picture, int32_t steps, int32_t width);

#endif
