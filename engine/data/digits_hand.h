/*
 * A hand: how it writes a digit today. A style's points become the lines of one drawn digit,
 * each an independent deviation from what the table says.
 *
 * Cost: a hundred random numbers. Errors: none. Threads: pure functions.
 */
#ifndef UNROLL_DATA_DIGITS_HAND_H
#define UNROLL_DATA_DIGITS_HAND_H

#include "data/digits_draws.h"
#include "data/digits_pen.h"
#include "data/digits_shapes.h"

/* A style's points, and a flick at most for each of them. */
enum { UR_LINE_POINTS = 2 * UR_STYLE_POINTS };

struct ur_line {
    int32_t n;
    struct ur_pen_point points[UR_LINE_POINTS];
    char pen[UR_LINE_POINTS]; /* a letter a point, as in a style */
};

/* Writes a digit in one of its styles and gives which: x and y in about -1..1, no radius. */
int32_t ur_hand_write(const struct ur_digit_shape *shape, struct ur_line *line,
                      struct ur_draws *draws);

#endif
