/*
 * Series in a text file: a label and a series of numbers a line, as the UCR archive has them,
 * or with a header line in front. Hostile bytes in.
 *
 * Format: data/csv_scan.h. The first line is a header where one of its fields is `label`,
 * `class` or `target` (in any case), or where none of its fields is a number; that field's
 * column then holds the labels, else the first one does. All other columns are the series, one
 * value for each time step. Lines may have different lengths; NaN, or nothing, at the end of a
 * line is no value, so that a file which pads its series to one length is read as one that does
 * not. A label is a number or a word.
 *
 * Shapes: values of one series after another, unpadded. Cost: one pass; memory grows with the
 * values that really come. Errors: UR_BAD_DATASET naming file, line and column, what was found
 * and the limit; UR_NO_MEMORY; what gz.h gives. Ownership: _release frees (zeroed struct and
 * NULL are fine). Threads: one per struct. Source: H. A. Dau et al., "The UCR time series
 * archive", 2018.
 */
#ifndef UNROLL_DATA_CSV_H
#define UNROLL_DATA_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "data/csv_scan.h"

struct ur_csv_label {
    char text[UR_CSV_FIELD_BYTES];
    int64_t line; /* where it comes first */
};

struct ur_csv {
    int32_t n, longest; /* series; values of the longest */
    size_t n_values;
    float *values;     /* [n_values] as in the file */
    uint16_t *lengths; /* [n] 1..UR_MAX_STEPS_PER_ROW */
    uint16_t *labels;  /* [n] an index into spellings; of the class after ur_csv_classes */
    int32_t n_spellings;
    struct ur_csv_label *spellings; /* each label once, as it comes */
    uint16_t *sorted;               /* [n_spellings] bytewise order */
    size_t room_values, room_rows;  /* what there is memory for */
};

/* Reads a whole file, whose series, padded to the longest, take at most max_bytes. */
enum ur_status ur_csv_read(struct ur_csv *csv, struct ur_gz *gz, size_t max_bytes,
                           struct ur_error *error);
void ur_csv_release(struct ur_csv *csv);

/*
 * Turns labels into classes 0.. in both parts: ascending where all labels of the training part
 * are numbers (of which 1 and 1.0 are the same), else in the order of their bytes. A test label
 * that training does not have is an error. names [UR_MAX_CLASSES] gets each class's label.
 */
enum ur_status ur_csv_classes(struct ur_csv *train, const char *train_name, struct ur_csv *test,
                              const char *test_name, char (*names)[UR_CSV_FIELD_BYTES],
                              int32_t *classes, struct ur_error *error);

#endif
