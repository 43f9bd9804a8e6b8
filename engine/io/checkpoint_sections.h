/*
 * What the writer and the reader of checkpoint files share: the sections, in the order in which
 * they lie in a file.
 *
 * Offsets are not free: section k begins at the first multiple of 64 after section k - 1, the
 * first one after the table, and the file ends with the last one. So nothing can overlap and
 * nothing can hide between sections.
 */
#ifndef UNROLL_IO_CHECKPOINT_SECTIONS_H
#define UNROLL_IO_CHECKPOINT_SECTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "io/checkpoint.h"

enum ur_section {
    UR_SECTION_SPEC,
    UR_SECTION_INFO,
    UR_SECTION_TENSORS,
    UR_SECTION_WEIGHTS,
    UR_SECTION_ADAM_M,
    UR_SECTION_ADAM_V,
    UR_SECTION_EMA,
    UR_SECTION_HISTORY,
    UR_SECTION_REPORT,
    UR_SECTION_SERIES,
    UR_SECTIONS
};

/* Tags as they lie in the file: eight bytes, filled up with zeros. */
enum { UR_TAG_BYTES = 8 };
#define UR_SECTION_TAGS                                                                        \
    {                                                                                          \
        "SPEC\0\0\0", "INFO\0\0\0", "TENSORS", "WEIGHTS", "ADAM_M\0", "ADAM_V\0",              \
            "EMA\0\0\0\0", "HISTORY", "REPORT\0", "SERIES\0"                                   \
    }

/* INFO: layout, step, seconds, five of the shape, four texts of fixed length, best accuracy and
 * step. Fixed, so that a buffer planned before step 0 fits every checkpoint of the run. */
enum {
    UR_INFO_LAYOUT = 1,
    UR_INFO_BYTES =
        4 + 4 + 8 + 5 * 4 + UR_SHA256_HEX_BYTES + 32 + UR_SHA256_HEX_BYTES + 32 + 4 + 4,
    UR_SERIES_BYTES = 2 * 8,
};

/* Rounds up to where a section may begin. */
static inline size_t ur_section_align(size_t offset)
{
    return (offset + UR_CHECKPOINT_ALIGN - 1) / UR_CHECKPOINT_ALIGN * UR_CHECKPOINT_ALIGN;
}

/* True where all count packed float32 are finite. */
bool ur_packed_finite(const unsigned char *packed, size_t count);

/* Fills buffer, of ur_checkpoint_bytes, with the file. UR_DIVERGED for a non-finite number. */
enum ur_status ur_checkpoint_encode(const struct ur_checkpoint_content *content,
                                    unsigned char *buffer, struct ur_error *error);

#endif
