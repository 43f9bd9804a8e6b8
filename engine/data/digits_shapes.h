/*
 * The ways in which people write the ten digits: the tables behind digits.c.
 *
 * A style is a list of points on a sheet of 100 x 100 units (x right, y down; the 1 leaves it
 * sideways, because its usual width is small). Its `pen` has one letter a point:
 *
 *     M   the pen is put down here: a stroke begins
 *     .   the curve runs smoothly through this point
 *     ^   the curve has a corner here
 *
 * Poses are the same points as another hand would set them; a drawn digit lies somewhere
 * between the poses of its style, so that features which belong together move together.
 */
#ifndef UNROLL_DATA_DIGITS_SHAPES_H
#define UNROLL_DATA_DIGITS_SHAPES_H

#include <stdint.h>

enum { UR_STYLE_POINTS = 16, UR_STYLE_POSES = 6, UR_MAX_STYLES = 16 };

struct ur_style_point {
    int16_t x, y;
};

struct ur_digit_style {
    int32_t weight; /* how often, against the digit's other styles */
    int32_t n_poses;
    const char *pen; /* one letter a point */
    struct ur_style_point poses[UR_STYLE_POSES][UR_STYLE_POINTS];
};

struct ur_digit_shape {
    int32_t n_styles;
    float width;  /* usual width of the digit as a share of its height */
    float spread; /* how far the width strays from that */
    float slant;  /* usual lean to the right: x shifts by slant for each unit of height */
    struct ur_digit_style styles[UR_MAX_STYLES];
};

extern const struct ur_digit_shape ur_digit_shapes[10];

#endif
