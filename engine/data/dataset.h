/*
 * A data set in memory: sequences of bytes with a class each, in a training and a test part.
 *
 * A name is looked for, in this order: the built-in set `digits`; then a folder of that name in
 * each search folder (UNROLL_DATASETS, colon-separated, then the extra folder the caller gives,
 * the daemon's own), holding the four IDX files under the names of docs/datasets.md, plain or
 * gzip. Bytes are hostile until checked: every length against the header, every label against
 * the classes.
 *
 * Shapes: x [n][T][I] uint8 (0 background, 255 ink), y [n]. Cost: one pass over the files, a
 * SHA-256 of the unpacked bytes. Memory: the unpacked bytes and two a label. Errors:
 * UR_UNKNOWN_DATASET (the message lists what there is), UR_BAD_DATASET (the message names the
 * file, what was found and the limit), UR_IO, UR_NO_MEMORY, what progress gives. Ownership:
 * _open fills the caller's struct, _close frees it (zeroed struct and NULL are fine). Threads:
 * read-only once open.
 */
#ifndef UNROLL_DATA_DATASET_H
#define UNROLL_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/limits.h"
#include "unroll/plan.h"
#include "unroll/status.h"

struct ur_dataset {
    char name[UR_NAME_BYTES];
    char kind[16]; /* "digits" or "idx" */
    struct ur_data_shape shape;
    char sha256[UR_SHA256_HEX_BYTES]; /* of shape, then train x, train y, test x, test y,
                                         unpacked */
    uint8_t *train_x;
    uint8_t *odd_x; /* training images of odd epochs (fresh.h); NULL: the same as train_x */
    uint16_t *train_y;
    uint8_t *test_x;
    uint16_t *test_y;
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

#endif
