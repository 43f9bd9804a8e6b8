/*
 * Where data sets are looked for: the built-in sets, then a folder of the set's name in each
 * search folder: those of the environment variable UNROLL_DATASETS, colon-separated, then
 * one that the caller adds.
 *
 * Search folders are the administrator's and may be symbolic links, a set's folder too; the
 * files in it must be regular files, and in the caller's folder no links to such either. Cost:
 * readdir and openat. Errors: as each function says. Ownership: the caller closes what it is
 * given. Threads: any, while nobody changes the environment.
 */
#ifndef UNROLL_DATA_SEARCH_H
#define UNROLL_DATA_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "unroll/limits.h"
#include "unroll/spec.h"
#include "unroll/status.h"

#define UR_SERIES_NAME "series"

/* What a set's folder holds. */
enum ur_layout {
    UR_LAYOUT_IDX,    /* images: four files */
    UR_LAYOUT_SERIES, /* series: two files, NAME_TRAIN.tsv or train.csv, and their like */
    UR_LAYOUTS
};

/* The four parts of an IDX data set. */
enum ur_part {
    UR_PART_TRAIN_IMAGES,
    UR_PART_TRAIN_LABELS,
    UR_PART_TEST_IMAGES,
    UR_PART_TEST_LABELS,
    UR_PARTS
};

/* The parts of one of series; in the same arrays. */
enum ur_series_part { UR_PART_TRAIN_SERIES, UR_PART_TEST_SERIES, UR_SERIES_PARTS };

enum { UR_PART_NAME_BYTES = UR_NAME_BYTES + 32, UR_MAX_LISTED_DATASETS = 256 };

struct ur_found_files {
    enum ur_layout layout;
    int fds[UR_PARTS];
    char names[UR_PARTS][UR_PART_NAME_BYTES]; /* as spelled on disk */
};

struct ur_dataset_entry {
    char name[UR_NAME_BYTES];
    char kind[16]; /* "digits", "idx" or "series" */
};

/*
 * Opens the files of a set; one with any IDX file is of images. A folder with none of them is
 * no data set and the search goes on; with only some of them it is UR_BAD_DATASET, naming a
 * missing one. UR_UNKNOWN_DATASET lists what there is. The descriptors are closed by
 * ur_found_files_close.
 */
enum ur_status ur_dataset_find(struct ur_found_files *found, const char *name,
                               const char *extra_folder, struct ur_error *error);
void ur_found_files_close(struct ur_found_files *found);

/* Lists the sets there are, the built-in ones first, the others by name, each once; at most
 * capacity of them. Nothing is opened but folders. Gives how many were written. */
size_t ur_dataset_list(const char *extra_folder, struct ur_dataset_entry *entries,
                       size_t capacity);

#endif
