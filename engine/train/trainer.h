/*
 * A training run from its spec to its report: data, team, steps, epochs, checkpoints, the last
 * evaluation, the model.
 *
 *     load -> resume or start -> { step ... close epoch ... checkpoint } -> evaluate -> model
 *
 * The run tells an observer what happens and asks it, while it loads, between steps and between
 * blocks of an evaluation, whether somebody wants it to end; nothing else ever reaches it. It
 * writes into one folder:
 *
 *     last.ckpt      where the run stands; last.ckpt.previous is the generation before
 *     best.ckpt      where the validation accuracy was highest
 *     model.unroll   what was learnt, once the run has ended by itself or was stopped
 *
 * What must stay true: the weights after step n are a function of the spec and the data alone.
 * Checkpoints come at moments that the clock decides, and therefore change nothing. The clock
 * decides how many steps a run makes where it has a time budget, and never what a step is.
 *
 * Cost: as the plan says (unroll/plan.h), plus one checkpoint's bytes. Errors: UR_DIVERGED (the
 * failing step is not applied, checkpoint and model hold the weights before it), UR_CANCELLED
 * (the files are gone), UR_INTERRUPTED (last.ckpt is written), UR_CONFLICT (the checkpoint is
 * of another job), UR_INVALID_SPEC (a field that does not suit the data set, or that a fork may
 * not change), UR_JOB_TOO_BIG, and what data sets, checkpoints and disks can do wrong.
 * Ownership: the request and the observer are borrowed; a result owns its confusion matrices.
 * Threads: one run a process; the observer is called from the calling thread only.
 */
#ifndef UNROLL_TRAIN_TRAINER_H
#define UNROLL_TRAIN_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "model/insight.h"
#include "train/evaluate.h"
#include "unroll/record.h"
#include "unroll/spec.h"
#include "unroll/text.h"

struct ur_train_request {
    const struct ur_spec *spec;
    const char *folder;           /* where the files go; made if it is not there */
    const char *data_folder;      /* searched last for data sets; NULL: none */
    int32_t threads;              /* at least 1 */
    bool resume;                  /* go on from last.ckpt if there is one */
    const char *from;             /* else from this checkpoint of another job; NULL: afresh */
    const char *numerics_profile; /* recorded, and compared on resuming */
};

/* How a run begins. */
struct ur_train_start {
    struct ur_data_shape shape;
    const char *dataset_sha256;
    int32_t threads;
    int32_t steps;      /* in all */
    int32_t first_step; /* 0, or where the checkpoint left off */
    bool fell_back;     /* last.ckpt was damaged, last.ckpt.previous was taken */
    size_t n_parameters;
    size_t memory_bytes; /* planned */
};

/* How the model does on the test split of another data set (/train/evaluate_on). */
struct ur_transfer {
    char dataset[UR_NAME_BYTES]; /* "": none was asked for */
    char dataset_sha256[UR_SHA256_HEX_BYTES];
    struct ur_score score;
    uint32_t *confusion; /* [true class][predicted class] */
};

/* What made a run end. */
enum ur_ending {
    UR_ENDED_BY_STEPS,
    UR_ENDED_BY_EARLY_STOPPING,
    UR_ENDED_BY_TIME_BUDGET,
    UR_ENDED_BY_COMMAND,
    UR_ENDED_BY_DIVERGENCE
};

/* How a run ended: what the report says. */
struct ur_train_result {
    const struct ur_spec *spec;
    const char *numerics_profile;
    enum ur_status status; /* UR_OK or UR_DIVERGED */
    bool stopped;          /* ended early by a command */
    enum ur_ending ended_by;
    int32_t steps;         /* applied */
    int32_t model_step;    /* after which the model's weights were; steps, but with early
                              stopping the best epoch's */
    int32_t epochs;        /* begun */
    struct ur_score train; /* means over the minibatches of the last epoch, whole or not */
    struct ur_score validation;
    struct ur_score test;
    double test_first_128; /* accuracy on the first 128 test sequences */
    double seconds;        /* of training, earlier runs of it included */
    double images_per_second;
    char weights_sha256[UR_SHA256_HEX_BYTES];
    bool series; /* what it read; else images */
    int32_t classes;
    uint32_t *confusion; /* [true class][predicted class] on the test split */
    struct ur_transfer transfer;
};

/* Who wants to know, and who may ask the run to end. No member is NULL. */
struct ur_train_observer {
    void *context;
    void (*phase)(void *context, enum ur_phase phase, float done);
    void (*start)(void *context, const struct ur_train_start *start);
    void (*step)(void *context, const struct ur_step_point *point);
    void (*epoch)(void *context, const struct ur_record_epoch *epoch);
    void (*checkpoint)(void *context, const struct ur_record_checkpoint *checkpoint);
    /* insight_every: what the step of that number (from 1) looked like from inside. */
    void (*insight)(void *context, int32_t step, const struct ur_insight *insight);
    void (*confusion)(void *context, const struct ur_record_confusion *confusion);
    enum ur_command (*poll)(void *context);
    /* Appends the report as JSON: it becomes part of the model file. */
    void (*report)(void *context, const struct ur_train_result *result, struct ur_text *json);
};

/* Runs a job. *result is filled in for UR_OK and UR_DIVERGED; release it in any case. */
enum ur_status ur_train(const struct ur_train_request *request,
                        const struct ur_train_observer *observer,
                        struct ur_train_result *result, struct ur_error *error);

void ur_train_result_release(struct ur_train_result *result);

#endif
