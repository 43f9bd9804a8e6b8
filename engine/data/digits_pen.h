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

enum {
    UR_SHEET_SIDE = 128,
    UR_SHEET_FINE = 4,
    UR_SHEET_BOX = 20 * UR_SHEET_FINE,
    UR_WARP_STEP = 32, /* sheet pixels between two nodes */
    UR_WARP_NODES = UR_SHEET_SIDE / UR_WARP_STEP + 1
};

struct ur_sheet {
    uint8_t ink[UR_SHEET_SIDE][UR_SHEET_SIDE]; /* 0 or 1 */
};

struct ur_pen_point {
    float x, y;   /* sheet pixels; the centre of the top left one is (0, 0) */
    float radius; /* of the pen here */
};

/*
 * The pen and the hand that leads it. All zero is a round pen in a steady hand on flat paper.
 * The nib is an ellipse whose rows are shifted (a disc if skew and flat are 0) or, the nearer
 * square comes to 1, a parallelogram.
 */
struct ur_pen {
    float flat;     /* -0.5..0.5: the nib is wider by that share, and lower */
    float skew;     /* -1..1: its rows shift sideways by that share of their height */
    float square;   /* 0..1 */
    float tremor;   /* sheet pixels that the hand trembles */
    float rough;    /* share of the radius by which the line's edge varies */
    uint32_t noise; /* state of the generator of both; changes while drawing */
    float warp[UR_WARP_NODES][UR_WARP_NODES][2]; /* how the paper is stretched, at the nodes of
                                                    a grid, in sheet pixels x, y */
};

/* Draws one stroke: a smooth line through points[0..n), whose corners are set in `corner`. */
void ur_pen_stroke(struct ur_sheet *sheet, struct ur_pen *pen,
                   const struct ur_pen_point *points, const uint8_t *corner, int32_t n);

#endif
