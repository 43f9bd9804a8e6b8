/*
 * Ink on a sheet to a 28 x 28 picture, as MNIST was made: the ink's box is scaled to 20 pixels
 * on its longer side, keeping its shape, each pixel the average of the area it covers; then it
 * is laid into 28 x 28 so that its centre of mass falls on pixel (14, 14).
 *
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"; that the
 * centre is the pixel of index 14 is measured on its files. Cost: one pass over the box.
 * Errors: none; a sheet without ink gives an empty picture. Threads: pure functions.
 */
#ifndef UNROLL_DATA_DIGITS_FIT_H
#define UNROLL_DATA_DIGITS_FIT_H

#include <stdint.h>

#include "data/digits.h"
#include "data/digits_pen.h"

enum { UR_FIT_BOX = 20, UR_FIT_CENTRE = 14 };

void ur_digits_fit(const struct ur_sheet *sheet,
                   uint8_t image[UR_DIGITS_SIDE * UR_DIGITS_SIDE]);

#endif
