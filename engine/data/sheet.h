/*
 * A contact sheet: training images of a data set side by side, to look at.
 *
 * Format: PNG, 8 bits grey, ink dark on white; a row for each class with its first
 * UR_SHEET_COLUMNS images, or, of one class alone, as many rows of it as there are classes.
 * Places for which there is no image stay white. Cost: one look at each label, one deflate of
 * the picture. Errors: UR_BAD_DATASET where the set has no images or not that class,
 * UR_NO_MEMORY. Ownership: the caller frees *png. Source: W3C, PNG (third edition).
 */
#ifndef UNROLL_DATA_SHEET_H
#define UNROLL_DATA_SHEET_H

#include "data/dataset.h"

enum { UR_SHEET_COLUMNS = 24, UR_SHEET_ALL_CLASSES = -1 };

enum ur_status ur_sheet_png(const struct ur_dataset *dataset, int32_t class_or_all,
                            unsigned char **png, size_t *n_bytes, struct ur_error *error);

#endif
