/*
 * A training process as a worker of the daemon: what it gives up at its start, the records it
 * sends on descriptor 3 and the commands it takes on descriptor 0 (unroll/record.h).
 *
 * Errors: UR_PROTOCOL where the daemon is already gone. Ownership: the caller owns the struct.
 * Threads: one.
 */
#ifndef UNROLL_TRAIN_WORKER_H
#define UNROLL_TRAIN_WORKER_H

#include "io/emit.h"
#include "train/trainer.h"
#include "unroll/frame.h"

struct ur_worker {
    struct ur_emit emit;
    struct ur_frame_reader commands;
    int64_t told_us; /* when a phase was last told */
    uint32_t told_phase;
};

/*
 * Dies with its daemon, is the kernel's first choice when memory runs out, yields to everything
 * interactive, and can gain no privileges. Call before threads start.
 */
enum ur_status ur_worker_settle(struct ur_error *error);

enum ur_status ur_worker_init(struct ur_worker *worker, struct ur_error *error);
void ur_worker_release(struct ur_worker *worker);

/* Gives the next command; a closed or broken descriptor 0 is a request to suspend. */
enum ur_command ur_worker_poll(struct ur_worker *worker);

void ur_worker_hello(struct ur_worker *worker, const struct ur_train_start *start,
                     const char *numerics_profile, const char *blas);
void ur_worker_phase(struct ur_worker *worker, enum ur_phase phase, float done);
void ur_worker_step(struct ur_worker *worker, const struct ur_step_point *point);
void ur_worker_epoch(struct ur_worker *worker, const struct ur_record_epoch *epoch);
void ur_worker_checkpoint(struct ur_worker *worker,
                          const struct ur_record_checkpoint *checkpoint);
void ur_worker_confusion(struct ur_worker *worker, const struct ur_record_confusion *confusion);
void ur_worker_insight(struct ur_worker *worker, int32_t step, const char *json);
void ur_worker_dataset(struct ur_worker *worker, const struct ur_record_dataset *dataset);

/* Sends END and waits until it is read, but not for ever. */
void ur_worker_end(struct ur_worker *worker, enum ur_status status, bool stopped,
                   const char *detail, const char *report_json);

#endif
