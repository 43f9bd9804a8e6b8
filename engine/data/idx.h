/*
 * IDX, the format of MNIST: arrays of unsigned bytes with their dimensions in front.
 *
 *     00 00 08 RANK | RANK x u32 big-endian | the bytes, last dimension fastest
 *
 * RANK is 3 for images (magic 2051: count, rows, columns) and 1 for labels (magic 2049: count).
 * The header is read first and fixes the size: a file with more bytes or fewer is refused, and
 * nothing past that size is ever unpacked. Units: bytes. Cost: one pass; memory grows with
 * the bytes that really come, so a lying header costs nothing. Errors: UR_BAD_DATASET naming
 * the file, what was found and what was expected; UR_IO, UR_NO_MEMORY. Ownership: _read gives
 * bytes that _release frees (zeroed struct and NULL are fine). Threads: one per struct.
 */
#ifndef UNROLL_DATA_IDX_H
#define UNROLL_DATA_IDX_H

#include <stddef.h>
#include <stdint.h>

#include "data/gz.h"
#include "unroll/status.h"

enum ur_idx_kind { UR_IDX_LABELS = 1, UR_IDX_IMAGES = 3 }; /* the rank */

struct ur_idx {
    enum ur_idx_kind kind;
    int32_t dims[3]; /* count, rows, columns; 1 past the rank */
    uint8_t *bytes;
    size_t n_bytes;
};

/* Reads a whole file of that kind whose values take at most max_bytes. */
enum ur_status ur_idx_read(struct ur_idx *idx, struct ur_gz *gz, enum ur_idx_kind kind,
                           size_t max_bytes, struct ur_error *error);
void ur_idx_release(struct ur_idx *idx);

#endif
