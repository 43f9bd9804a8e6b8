/*
 * Records to the daemon on a pipe that may be full, without ever waiting for it.
 *
 * Points of steps gather and go out as one STEPS record every UR_EMIT_EVERY_US, or later while
 * the pipe is full; when more than UR_MAX_STEP_POINTS have gathered, every second one of the
 * older half is dropped and counted. All other records are queued in order behind the points
 * that came before them. A queue that is full (the daemon has not read for megabytes) refuses
 * further records; they are counted in `refused`.
 *
 * Use: init, then for each record begin - ur_record_..._write - commit, and step for each step;
 * at the end drain.
 *
 * Units: bytes, microseconds. Cost: a copy into the queue, a write(2) when there is something
 * to send. Errors: none but from init: a peer that is gone makes everything a no-op, because a
 * job is ended by EOF on its commands, not by a record that nobody reads. Ownership: the queue
 * is ours, the descriptor is the caller's. Threads: one.
 */
#ifndef UNROLL_IO_EMIT_H
#define UNROLL_IO_EMIT_H

#include <stdint.h>

#include "unroll/record.h"

enum {
    UR_EMIT_EVERY_US = 200000,                    /* so that 250 ms are kept with slow steps */
    UR_EMIT_QUEUE_BYTES = 2 * UR_RECORD_MAX_BYTES /* the largest record behind another one */
};

struct ur_emit {
    int fd;               /* -1: nobody listens any more */
    unsigned char *queue; /* UR_EMIT_QUEUE_BYTES; [begin, end) is still to be sent */
    size_t begin, end;
    unsigned char *record; /* UR_RECORD_MAX_BYTES, where a payload is written */
    int64_t sent_us;       /* when points were last queued */
    uint32_t refused;      /* records that found no room */
    struct ur_record_steps steps;
};

/* Makes fd non-blocking and allocates the queue. */
enum ur_status ur_emit_init(struct ur_emit *emit, int fd, struct ur_error *error);
void ur_emit_release(struct ur_emit *emit);

/* Gives a writer for the payload of one record. */
struct ur_writer ur_emit_begin(struct ur_emit *emit);

/* Queues what was written as a record of that type, and sends what the pipe takes. */
void ur_emit_commit(struct ur_emit *emit, enum ur_record_type type,
                    const struct ur_writer *payload);

/* Waits up to timeout_ms until everything is sent, so that a full queue cannot refuse this
 * record, commits it, and waits up to timeout_ms again. For the record that must not be lost:
 * how the run ended. */
void ur_emit_commit_last(struct ur_emit *emit, enum ur_record_type type,
                         const struct ur_writer *payload, int timeout_ms);

/* Adds one step's point; sends once enough time has passed. */
void ur_emit_step(struct ur_emit *emit, const struct ur_step_point *point, int64_t now_us);

/* Sends what the pipe takes. */
void ur_emit_pump(struct ur_emit *emit);

/* Queues the points that are left and waits up to timeout_ms until everything is sent. */
void ur_emit_drain(struct ur_emit *emit, int timeout_ms);

#endif
