/*
 * A digit's lines put to paper: their size, the pen, how the paper lies, dirt.
 *
 * Cost: what the pen costs. Errors: none. Threads: pure functions.
 */
#ifndef UNROLL_DATA_DIGITS_PAPER_H
#define UNROLL_DATA_DIGITS_PAPER_H

#include "data/digits_hand.h"

/* Draws the lines, whose places and radii it sets, on an empty sheet. */
void ur_paper_ink(struct ur_line *line, struct ur_sheet *sheet, struct ur_draws *draws);

#endif
