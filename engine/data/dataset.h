/*
 * A data set in memory: sequences with a class each, in a training and a test part. Images are
 * of bytes and all of one shape; series are of standardised floats and have lengths of their
 * own.
 *
 * A name is looked for, in this order: the built-in sets `digits` and `series`; then a folder
 * of that name in each search folder (UNROLL_DATASETS, colon-separated, then the extra folder
 * the caller gives, the daemon's own), holding four IDX files or two files of series under the
 * names of docs/datasets.md, plain or gzip. Bytes are hostile until checked: every length
 * against the header, every label against the classes, every number.
 *
 * Shapes: x [n][T][I] uint8 (0 background, 255 ink), values [n][T][I] float, zero past a
 * sequence's length, y [n], lengths [n]. Cost: one pass over the files, a SHA-256 of what they
 * say. Memory: the values, and two bytes a label and a length. Errors:
 * UR_UNKNOWN_DATASET (the message lists what there is), UR_BAD_DATASET (the message names the
 * file, what was found and the limit), UR_IO, UR_NO_MEMORY, what progress gives. Ownership:
 * _open fills the caller's struct, _close frees it (zeroed struct and NULL are fine). Threads:
 * read-only once open.
 */
#ifndef UNROLL_DATA_DATASET_H
#define UNROLL_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/limits.h"
#include "unroll/plan.h"
#include "unroll/status.h"

enum { UR_LABEL_BYTES = 64 };

struct ur_dataset {
    char name[UR_NAME_BYTES];
    char kind[16]; /* "digits", "idx" or "series" */
    struct ur_data_shape shape;
    char sha256[UR_SHA256_HEX_BYTES]; /* of what the files say: docs/datasets.md */
    uint8_t *train_x;
    uint8_t *odd_x; /* training images of odd epochs (fresh.h); NULL: the same as train_x */
    uint16_t *train_y;
    uint8_t *test_x;
    uint16_t *test_y;

    /* Series: x is NULL, and these are not. */
    float *train_values, *test_values;
    uint16_t *train_lengths, *test_lengths; /* 1..T */
    char (*labels)[UR_LABEL_BYTES];         /* [classes] what the files call a class */
    double mean, deviation; /* of all training values, as the files have them; the values above
                               are (v - mean) / deviation */
};

/* What to open. count and seed matter to generated sets only. */
struct ur_dataset_request {
    const char *name;
    int32_t count;
    uint64_t seed;
    const char *extra_folder; /* searched last; NULL: none */
    int32_t threads; /* generators may use that many (no OpenMP in data/: pthreads); the bytes
                        never depend on it */
    /* called many times a second with 0..1 of the work done, from the calling thread; anything
     * but UR_OK ends the opening with that status; NULL: not called */
    enum ur_status (*progress)(void *context, float done);
    void *context;
};

enum ur_status ur_dataset_open(struct ur_dataset *dataset,
                               const struct ur_dataset_request *request,
                               struct ur_error *error);
void ur_dataset_close(struct ur_dataset *dataset);

/* True for images, to which what is for pictures only may be done. */
static inline bool ur_dataset_is_image(const struct ur_dataset *dataset)
{
    return dataset->train_values == NULL;
}

#endif
