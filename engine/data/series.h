/*
 * Filling a data set with series: from two text files (csv.h), or drawn (waves.h). Then, once
 * their digest is taken, standardising them.
 *
 * Shapes: values [n][T], T the longest series of both parts, zero past a series' length. Cost:
 * one pass; the values of a file are spread to [n][T] in place, so that memory never holds them
 * twice. Errors: as dataset.h says. Ownership: the arrays become the data set's, whose _close
 * frees them. Threads: one per data set.
 */
#ifndef UNROLL_DATA_SERIES_H
#define UNROLL_DATA_SERIES_H

#include "data/dataset.h"
#include "data/search.h"

/* Called with 0..1 of the work done; anything but UR_OK ends the work with that status. */
struct ur_series_watch {
    enum ur_status (*progress)(void *context, float done);
    void *context;
};

/* Reads both files. */
enum ur_status ur_series_read(struct ur_dataset *dataset, const struct ur_found_files *found,
                              struct ur_series_watch watch, struct ur_error *error);

/* Draws n_train training and n_test test series of the built-in set. */
enum ur_status ur_series_draw(struct ur_dataset *dataset, uint64_t seed, int32_t n_train,
                              int32_t n_test, struct ur_series_watch watch,
                              struct ur_error *error);

/* Subtracts the mean of all training values from every value of both parts and divides by their
 * deviation; both are kept in dataset->mean and deviation. UR_BAD_DATASET where all training
 * values are the same. */
enum ur_status ur_series_standardise(struct ur_dataset *dataset, struct ur_error *error);

#endif
