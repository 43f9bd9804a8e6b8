/*
 * A run under way: what trainer.c drives, run_epoch.c evaluates and sums up, run_files.c
 * writes to disk and reads back, run_fork.c begins from another job's checkpoint,
 * run_transfer.c scores on another data set, and run_end.c brings to its end. Known to those
 * only.
 */
#ifndef UNROLL_TRAIN_RUN_H
#define UNROLL_TRAIN_RUN_H

#include "data/fresh.h"
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
    struct ur_dataset transfer; /* of /train/evaluate_on, its test part alone; "": none */
    struct ur_order order;
    struct ur_fresh fresh;
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
    int32_t best_taken;      /* the step of best.ckpt once its weights are the team's; else 0 */
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

/* Gives the step after which the team's weights were: the last one, or best.ckpt's once it was
 * taken back; and the epoch, from 1, in which that step began. */
int32_t ur_run_model_step(const struct ur_run *run);
int32_t ur_run_model_epoch(const struct ur_run *run);

/* Evaluates, telling how far it is and listening; tells nothing of what comes out. */
enum ur_status ur_run_watch(struct ur_run *run, struct ur_evaluation *evaluation,
                            struct ur_error *error);

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

/* Evaluates on the validation split, tells, keeps the best, and empties the sums. An epoch that
 * is not over moves neither the plateau nor early stopping, nor the best that the latter goes
 * back to: a run that was stopped may be resumed as if it had not been. */
enum ur_status ur_run_close_epoch(struct ur_run *run, struct ur_error *error);

/* Opens a data set of that name as the spec asks for it. UR_CANCELLED and UR_INTERRUPTED where
 * somebody wants the run to end. */
enum ur_status ur_run_open(struct ur_run *run, const char *name, struct ur_dataset *dataset,
                           struct ur_error *error);

/* The data set of /train/evaluate_on, where there is one: opened before anything else has
 * memory, because its training part is given back at once; checked against the job's own set;
 * and scored into the result. A command to suspend or to cancel ends the score at once. */
enum ur_status ur_run_transfer_open(struct ur_run *run, struct ur_error *error);
enum ur_status ur_run_transfer_check(struct ur_run *run, struct ur_error *error);
enum ur_status ur_run_transfer_score(struct ur_run *run, struct ur_error *error);

/* Ends a run that was trained, or that failed with this status: evaluates, reports and writes
 * the model where there is something to show, and leaves the folder as each end asks for. */
enum ur_status ur_run_end(struct ur_run *run, enum ur_status status, struct ur_error *error);

/* The end of a run that was cancelled: its files are gone. */
enum ur_status ur_run_cancel(const struct ur_run *run, struct ur_error *error);

/* Prepares the texts and the room that checkpoints need. */
enum ur_status ur_run_files_init(struct ur_run *run, struct ur_error *error);
void ur_run_files_release(struct ur_run *run);

/* Removes whatever a run leaves in its folder. */
void ur_run_files_remove(const char *folder);

/* Writes last.ckpt unless it is of this very step; tells the observer. */
enum ur_status ur_run_save_last(struct ur_run *run, struct ur_error *error);

/* Writes best.ckpt; tells the observer. */
enum ur_status ur_run_save_best(struct ur_run *run, struct ur_error *error);

/* Makes best.ckpt's weights the team's. Nothing may be trained on or saved after it but the
 * model. UR_BAD_CHECKPOINT where the file is not of the best epoch. */
enum ur_status ur_run_take_best(struct ur_run *run, struct ur_error *error);

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
