/*
 * A sheet of ink: strokes in, black and white pixels out.
 *
 * The sheet is finer than the final picture (UR_SHEET_FINE pixels for one of the 20 that a
 * digit's longer side gets), as the scanned forms were that MNIST came from.
 *
 * Cost: one span fill for each row of each disc along a stroke, discs at most a pixel apart.
 * Errors: none; what leaves the sheet is cut. Threads: pure functions.
 */
#ifndef UNROLL_DATA_DIGITS_PEN_H
#define UNROLL_DATA_DIGITS_PEN_H

#include <stdint.h>

enum { UR_SHEET_SIDE = 112, UR_SHEET_FINE = 4, UR_SHEET_BOX = 20 * UR_SHEET_FINE };

struct ur_sheet {
    uint8_t ink[UR_SHEET_SIDE][UR_SHEET_SIDE]; /* 0 or 1 */
};

struct ur_pen_point {
    float x, y;   /* sheet pixels; the centre of the top left one is (0, 0) */
    float radius; /* of the pen here */
};

/* Draws one stroke: a smooth line through points[0..n), whose corners are set in `corner`. */
void ur_pen_stroke(struct ur_sheet *sheet, const struct ur_pen_point *points,
                   const uint8_t *corner, int32_t n);

#endif
