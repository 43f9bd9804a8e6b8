/*
 * Text in columns, line by line: commas or tabs, from a file of a stranger.
 *
 * Format: the first comma or tab of the file says what separates its columns. Blanks around a
 * field do not count; a field may stand in double quotes, which then hold no quote and end in
 * their line. Lines end with LF, CR LF or the file; a byte order mark in front and lines
 * without anything are passed over. Units: columns and lines count from 1, as editors do. Cost:
 * one pass; a quarter of a megabyte for the fields of a line, whatever the file. Errors:
 * UR_BAD_DATASET naming file, line, column, what was found and the limit; UR_NO_MEMORY; what
 * gz.h gives. Ownership: gz is borrowed; _release frees the rest (a zeroed struct is fine).
 * Threads: one per struct. Source: RFC 4180, of which line ends within quotes are not taken.
 */
#ifndef UNROLL_DATA_CSV_SCAN_H
#define UNROLL_DATA_CSV_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/gz.h"
#include "unroll/limits.h"
#include "unroll/status.h"

enum {
    UR_CSV_FIELD_BYTES = 64, /* with the final NUL: a number printed in full has 25 */
    UR_CSV_MAX_COLUMNS = UR_MAX_STEPS_PER_ROW + 1, /* a label and a series */
    UR_CSV_SHOWN_BYTES = 40,                       /* of a field, in a message */
};

struct ur_csv_scan {
    struct ur_gz *gz;
    size_t max_bytes; /* of the whole file, unpacked */
    size_t n_bytes;   /* of it so far */
    size_t at, filled;
    char separator; /* 0: not seen yet */
    int64_t line;   /* of the fields below */
    int32_t count;
    char (
        *fields)[UR_CSV_FIELD_BYTES]; /* [UR_CSV_MAX_COLUMNS], of which count are the line's */
    unsigned char buffer[16384];
};

enum ur_status ur_csv_scan_init(struct ur_csv_scan *scan, struct ur_gz *gz, size_t max_bytes,
                                struct ur_error *error);
void ur_csv_scan_release(struct ur_csv_scan *scan);

/* Reads the next line that has anything in it; count is 0 after the last one. */
enum ur_status ur_csv_scan_line(struct ur_csv_scan *scan, struct ur_error *error);

/* Copies a field as a message may show it. */
const char *ur_csv_shown(const char *field, char out[UR_CSV_SHOWN_BYTES]);

#endif
