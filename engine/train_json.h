/*
 * What unroll-train says in JSON: the report, and one line for each event of --events.
 *
 * Format: the report has the keys of docs/training.md; a number that is not finite is null, and
 * an object whose loss is meant then has "diverged": true. Units: as the names say. Errors: a
 * text without memory is marked failed; a line that cannot be written is lost and noticed when
 * the file is closed. Ownership: borrows. Threads: one.
 */
#ifndef UNROLL_TRAIN_JSON_H
#define UNROLL_TRAIN_JSON_H

#include <stdio.h>

#include "train/trainer.h"

/* Appends the report. */
void ur_json_report(const struct ur_train_result *result, struct ur_text *out);

/* Appends what a data set is; of series also the label of each class, and the scale that they
 * are standardised by. */
void ur_json_dataset(const struct ur_dataset *dataset, struct ur_text *out);

/* Appends what a step looked like from inside: the keys of docs/worker-protocol.md. */
void ur_json_insight(int32_t step, const struct ur_insight *insight, struct ur_text *out);

/* Events, each one line of the file. */
void ur_json_start(FILE *file, const struct ur_train_start *start);
void ur_json_phase(FILE *file, enum ur_phase phase, float done);
void ur_json_step(FILE *file, const struct ur_step_point *point, int32_t steps, float eta_s);
void ur_json_epoch(FILE *file, const struct ur_record_epoch *epoch);
void ur_json_checkpoint(FILE *file, const struct ur_record_checkpoint *checkpoint);
void ur_json_confusion(FILE *file, const struct ur_record_confusion *confusion);
/* json is what ur_json_insight gave. */
void ur_json_gradients(FILE *file, const char *json);
/* report_json is "" without a report. */
void ur_json_end(FILE *file, enum ur_status status, const char *detail,
                 const char *report_json);

#endif
