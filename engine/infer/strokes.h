/*
 * The digit alone: which pixels of an ink map belong to it, and the box around them.
 *
 * Method: pixels above a threshold that noise does not reach, joined with their eight
 * neighbours into pieces; the heaviest piece that is not cut off by the border is the digit;
 * pieces that are light, or far and not heavy, are specks and are wiped out, so that they
 * neither widen the box nor move the centre. The dot of a broken stroke and the bar of a 5
 * stay.
 *
 * Shapes: ink->level as ink.h; afterwards, within the box, 0 where the digit is not. Units:
 * pixels. Cost: a few passes. Errors: UR_NO_DIGIT where no piece is large enough, UR_NO_MEMORY.
 * Threads: one per struct.
 */
#ifndef UNROLL_INFER_STROKES_H
#define UNROLL_INFER_STROKES_H

#include "infer/ink.h"

/* Half-open: columns left..right-1, rows top..bottom-1. */
struct ur_box {
    int32_t left, top, right, bottom;
};

enum ur_status ur_strokes_isolate(struct ur_ink *ink, struct ur_box *box,
                                  struct ur_error *error);

#endif
