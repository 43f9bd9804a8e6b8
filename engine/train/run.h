/*
 * A run under way: what trainer.c drives and run_files.c writes to disk and reads back. Known
 * to those two only.
 */
#ifndef UNROLL_TRAIN_RUN_H
#define UNROLL_TRAIN_RUN_H

#include "train/history.h"
#include "train/trainer.h"
#include "unroll/checkpoint_fmt.h"

#define UR_FILE_LAST  "last.ckpt"
#define UR_FILE_BEST  "best.ckpt"
#define UR_FILE_FINAL "model.unroll"

struct ur_run {
    const struct ur_train_request *request;
    const struct ur_train_observer *observer;
    struct ur_train_result *result;

    struct ur_dataset dataset;
    struct ur_order order;
    struct ur_model model;
    struct ur_team team;
    int32_t steps; /* in all */

    struct ur_checkpoint_info info; /* info.step: updates applied so far */
    struct ur_history history;
    int64_t origin_us; /* the moment at which history.seconds would have been 0 */
    double pace;       /* seconds of a step, smoothed */

    struct ur_text spec_json;
    unsigned char *file; /* room for a checkpoint, made before the first step */
    size_t file_bytes;
    int32_t saved_step; /* of last.ckpt; -1: there is none of this run */
    int64_t saved_us;
    bool keep_previous; /* false while the generation before is the only good one */

    uint32_t *counts; /* [classes * classes] */
    struct ur_score validation;
    int32_t validation_step; /* at which validation was computed; -1: never */
    enum ur_command pending; /* asked for during an evaluation, still to be obeyed */
};

/* Prepares the texts and the room that checkpoints need. */
enum ur_status ur_run_files_init(struct ur_run *run, struct ur_error *error);
void ur_run_files_release(struct ur_run *run);

/* Removes whatever a run leaves in its folder. */
void ur_run_files_remove(const char *folder);

/* Writes last.ckpt unless it is of this very step; tells the observer. */
enum ur_status ur_run_save_last(struct ur_run *run, struct ur_error *error);

/* Writes best.ckpt; tells the observer. */
enum ur_status ur_run_save_best(struct ur_run *run, struct ur_error *error);

/* Writes model.unroll with the report inside; tells the observer. */
enum ur_status ur_run_save_model(struct ur_run *run, const char *report_json,
                                 struct ur_error *error);

/* Reads the newest whole checkpoint of this job back into the run. *found is false where there
 * is none. */
enum ur_status ur_run_resume(struct ur_run *run, bool *found, bool *fell_back,
                             struct ur_error *error);

#endif
