/*
 * Records: what a training worker tells its daemon, on fd 3, and the commands it takes on fd 0.
 * Both are frames (frame.h) whose payload is little-endian (wire.h), at most
 * UR_RECORD_MAX_BYTES. docs/worker-protocol.md has the bytes.
 *
 * The worker never waits for the daemon: while the pipe is full, points of steps coalesce (the
 * oldest unsent ones are thinned, and counted in `dropped`), everything else is kept. EOF on fd
 * 0 means that the daemon is gone: finish the step, checkpoint, exit. The last record is END.
 * HELLO comes once the data are loaded; until then PHASE "loading" shows that the worker lives.
 * Anything else before HELLO but END, or another version, is UR_PROTOCOL.
 *
 * Errors: decoding checks every length and every number: UR_PROTOCOL. Ownership: records hold
 * no pointers except where a field says that it borrows. Threads: pure functions.
 */
#ifndef UNROLL_RECORD_H
#define UNROLL_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/frame.h"
#include "unroll/limits.h"
#include "unroll/plan.h"
#include "unroll/status.h"
#include "unroll/wire.h"

enum { UR_RECORD_VERSION = 1, UR_FD_COMMANDS = 0, UR_FD_RECORDS = 3 };

/* Frame types on fd 3. */
enum ur_record_type {
    UR_RECORD_HELLO = 1,
    UR_RECORD_PHASE = 2,
    UR_RECORD_STEPS = 3,
    UR_RECORD_EPOCH = 4,
    UR_RECORD_CHECKPOINT = 5,
    UR_RECORD_CONFUSION = 6,
    UR_RECORD_END = 7,
    UR_RECORD_DATASET = 8, /* the only record of `unroll-train --describe NAME` */
    UR_RECORD_INSIGHT = 9,
};

/* Frame types on fd 0; no payload. */
enum ur_command {
    UR_COMMAND_NONE = 0,
    UR_COMMAND_STOP = 1,       /* evaluate what was learnt, write the model, end as stopped */
    UR_COMMAND_CANCEL = 2,     /* end as cancelled, keep nothing */
    UR_COMMAND_CHECKPOINT = 3, /* write one now and go on */
    UR_COMMAND_SUSPEND = 4, /* checkpoint and end as interrupted: the daemon stops, or the job
                               is to go on later */
};

enum ur_phase { UR_PHASE_LOADING, UR_PHASE_TRAINING, UR_PHASE_EVALUATING, UR_PHASE_SAVING };

/* A program and a job introduce themselves. */
struct ur_record_hello {
    uint32_t version; /* UR_RECORD_VERSION */
    char program_version[32];
    char numerics_profile[32]; /* avx2, portable, native */
    char blas[128];            /* what OpenBLAS says of itself */
    char dataset_sha256[UR_SHA256_HEX_BYTES];
    struct ur_data_shape shape;
    int32_t threads;
    int32_t steps;      /* in all */
    int32_t first_step; /* 0, or where a checkpoint left off */
    uint64_t n_parameters;
    uint64_t memory_bytes; /* planned */
};

/* What the worker is doing, 0..1 of it done: long work shows progress. */
struct ur_record_phase {
    uint32_t phase; /* enum ur_phase */
    float done;
};

/* One training step. Step counts from 1: the state after that many updates. */
struct ur_step_point {
    int32_t step;
    int32_t epoch; /* from 0 */
    float loss;    /* not finite where the run diverges */
    float accuracy;
    float learning_rate;
    float gradient_norm; /* before clipping; may be not finite too */
    float images_per_second;
    float seconds; /* since the job's training began, earlier runs of it included */
};

enum { UR_MAX_STEP_POINTS = 256, UR_STEP_POINT_BYTES = 32 };

struct ur_record_steps {
    uint32_t dropped; /* points thinned away since the last record */
    uint32_t count;
    struct ur_step_point points[UR_MAX_STEP_POINTS];
};

/* The end of an epoch (1 = the first), or of the training where that comes in the middle of
 * one. */
struct ur_record_epoch {
    int32_t epoch;
    int32_t step;
    float train_loss, train_accuracy;           /* means over the epoch's minibatches */
    float validation_loss, validation_accuracy; /* NaN without a validation split */
    float seconds;
    char weights_sha256[UR_SHA256_HEX_BYTES];
};

enum ur_checkpoint_kind { UR_CHECKPOINT_LAST, UR_CHECKPOINT_BEST, UR_CHECKPOINT_MODEL };

struct ur_record_checkpoint {
    int32_t step;
    uint32_t kind; /* enum ur_checkpoint_kind */
    uint64_t bytes;
    char weights_sha256[UR_SHA256_HEX_BYTES];
};

enum ur_split { UR_SPLIT_TRAIN, UR_SPLIT_VALIDATION, UR_SPLIT_TEST };

/* Counts[true class][predicted class]. */
struct ur_record_confusion {
    int32_t epoch;
    uint32_t split; /* enum ur_split */
    int32_t classes;
    const uint32_t *counts; /* classes * classes, borrowed by encode; decode wants a buffer */
};

/* How a job ended. status: UR_OK succeeded or stopped, UR_DIVERGED, UR_CANCELLED,
 * UR_INTERRUPTED, anything else failed. */
struct ur_record_end {
    uint32_t status; /* enum ur_status */
    uint8_t stopped; /* with UR_OK: ended early by a command */
    char detail[UR_ERROR_DETAIL_BYTES];
    const char *report; /* JSON text of the report, "" without one; borrowed (decode: from the
                           payload, report_bytes long, no NUL) */
    size_t report_bytes;
};

/* What a step looked like from inside: a JSON object of docs/worker-protocol.md. Borrowed, no
 * NUL; decode: from the payload. */
struct ur_record_insight {
    int32_t step;
    const char *json;
    size_t json_bytes;
};

/* Of sets whose sequences are series of floats, each of its own length: it is what sets
 * shape.series in a record that is read. */
#define UR_KIND_SERIES "series"

struct ur_record_dataset {
    char name[UR_NAME_BYTES];
    char kind[16]; /* "digits", "idx", UR_KIND_SERIES */
    char sha256[UR_SHA256_HEX_BYTES];
    struct ur_data_shape shape;
};

/* Encoders write a payload into the writer; they never allocate. Look at writer->failed: it is
 * also set for a record that a decoder would refuse. */
void ur_record_hello_write(struct ur_writer *writer, const struct ur_record_hello *record);
void ur_record_phase_write(struct ur_writer *writer, const struct ur_record_phase *record);
void ur_record_steps_write(struct ur_writer *writer, const struct ur_record_steps *record);
void ur_record_epoch_write(struct ur_writer *writer, const struct ur_record_epoch *record);
void ur_record_checkpoint_write(struct ur_writer *writer,
                                const struct ur_record_checkpoint *record);
void ur_record_confusion_write(struct ur_writer *writer,
                               const struct ur_record_confusion *record);
void ur_record_end_write(struct ur_writer *writer, const struct ur_record_end *record);
void ur_record_insight_write(struct ur_writer *writer, const struct ur_record_insight *record);
void ur_record_dataset_write(struct ur_writer *writer, const struct ur_record_dataset *record);

/* Decoders take a payload of that type: UR_PROTOCOL for any length, range or text that cannot
 * be. */
enum ur_status ur_record_hello_read(const struct ur_frame *frame,
                                    struct ur_record_hello *record, struct ur_error *error);
enum ur_status ur_record_phase_read(const struct ur_frame *frame,
                                    struct ur_record_phase *record, struct ur_error *error);
enum ur_status ur_record_steps_read(const struct ur_frame *frame,
                                    struct ur_record_steps *record, struct ur_error *error);
enum ur_status ur_record_epoch_read(const struct ur_frame *frame,
                                    struct ur_record_epoch *record, struct ur_error *error);
enum ur_status ur_record_checkpoint_read(const struct ur_frame *frame,
                                         struct ur_record_checkpoint *record,
                                         struct ur_error *error);
/* counts has room for capacity numbers; record->counts points to it afterwards. */
enum ur_status ur_record_confusion_read(const struct ur_frame *frame,
                                        struct ur_record_confusion *record, uint32_t *counts,
                                        size_t capacity, struct ur_error *error);
enum ur_status ur_record_end_read(const struct ur_frame *frame, struct ur_record_end *record,
                                  struct ur_error *error);
enum ur_status ur_record_insight_read(const struct ur_frame *frame,
                                      struct ur_record_insight *record, struct ur_error *error);
enum ur_status ur_record_dataset_read(const struct ur_frame *frame,
                                      struct ur_record_dataset *record, struct ur_error *error);

#endif
