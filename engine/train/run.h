/*
 * A run under way: what trainer.c drives, run_epoch.c evaluates and sums up, and run_files.c
 * writes to disk and reads back, and run_fork.c begins. Known to those only.
 */
#ifndef UNROLL_TRAIN_RUN_H
#define UNROLL_TRAIN_RUN_H

#include "train/history.h"
#include "train/trainer.h"
#include "unroll/checkpoint_fmt.h"

#define UR_FILE_LAST     "last.ckpt"
#define UR_FILE_PREVIOUS "last.ckpt.previous"
#define UR_FILE_BEST     "best.ckpt"
#define UR_FILE_FINAL    "model.unroll"

enum {
    UR_FIRST_IMAGES = 128, /* the textbook's own test: the first minibatch of test images */
};

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

void ur_run_tell_phase(const struct ur_run *run, enum ur_phase phase, float done);

/* Asks in the middle of long work whether somebody wants the run to end: gives UR_INTERRUPTED,
 * UR_CANCELLED or UR_OK. Other commands wait in run->pending. */
enum ur_status ur_run_listen(struct ur_run *run);

/* Brings history.seconds up to now. */
void ur_run_note_time(struct ur_run *run);

/* Gives the number of the epoch, from 1, in which the last step began; 0 before the first. */
int32_t ur_run_epoch(const struct ur_run *run);

/* Evaluates on a split and tells the confusion matrix. A command to suspend or to cancel ends
 * it at once; any other waits in run->pending. */
enum ur_status ur_run_evaluate(struct ur_run *run, enum ur_split split, int32_t epoch,
                               struct ur_evaluation *evaluation, struct ur_error *error);

/* Evaluates on the validation split, once for each step. */
enum ur_status ur_run_validate(struct ur_run *run, struct ur_error *error);

/* Turns sums over minibatches into means. */
struct ur_score ur_run_mean(const struct ur_run *run, const struct ur_history_sums *sums);

/* True if the epoch of the last step has ended and was not closed yet: a run that was
 * interrupted in between closes it after resuming. */
bool ur_run_epoch_is_over(const struct ur_run *run);

/* Evaluates on the validation split, tells, keeps the best, and empties the sums. */
enum ur_status ur_run_close_epoch(struct ur_run *run, struct ur_error *error);

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

struct ur_checkpoint_file; /* io/checkpoint.h */

/* Takes weights, moments, sums and step from a checkpoint of this job, or, for a fork, of its
 * parent. */
enum ur_status ur_run_take_over(struct ur_run *run, const struct ur_checkpoint_file *file,
                                bool fork, struct ur_error *error);

/*
 * Starts from a checkpoint of another job, whose specification may differ in what a fork may
 * change. The optimizer keeps its moments where its name stays, and begins with zeros else; the
 * sums of an epoch under way are kept where the minibatch stays. The best epoch so far is
 * carried over where its file lies beside the checkpoint, as FILE.best or best.ckpt.
 */
enum ur_status ur_run_fork(struct ur_run *run, struct ur_error *error);

#endif
