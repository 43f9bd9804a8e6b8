/*
 * Jobs in the database: their rows, their idempotency keys, and the writes that go with a
 * running job: points, epochs, confusion matrices and events.
 *
 * Errors: as store_write.h. Ownership: a ur_job_write owns what was added to it. Threads: as
 * store_write.h; a write is filled by one thread.
 */
#ifndef UNROLL_SERVER_STORE_JOBS_H
#define UNROLL_SERVER_STORE_JOBS_H

#include "job.h"
#include "store_write.h"
#include "unroll/record.h"

enum { UR_MAX_WRITE_EVENTS = 4, UR_IDEMPOTENCY_KEY_BYTES = 256 };

enum ur_job_write_kind {
    UR_JOB_INSERT,
    UR_JOB_UPDATE,
    UR_JOB_PROGRESS, /* only what moves while a job runs */
};

/* Everything that one change of a job writes, in one transaction. */
struct ur_job_write {
    struct ur_write base; /* first: the queue knows only this */
    struct ur_job_row row;
    enum ur_job_write_kind kind;

    struct ur_step_point *points;
    int32_t n_points;
    struct ur_record_epoch *epoch;
    struct ur_record_confusion confusion; /* counts NULL: none; owned otherwise */
    char *insight;                        /* JSON, owned; NULL: none */
    int32_t insight_step;
    struct {
        const char *name; /* a literal */
        char *data;       /* owned */
        bool last;
        int64_t number, sequence; /* set by run */
    } events[UR_MAX_WRITE_EVENTS];
    int n_events;

    /* an insert: the key and the reply that is kept for it; key "": none */
    char key[UR_IDEMPOTENCY_KEY_BYTES];
    char body_sha256[UR_SHA256_HEX_BYTES];
    char *reply;

    /* Called after the commit and before the events are published, with row.number set. */
    void (*committed)(void *context, struct ur_job_write *write);
    void *context;
};

/* Makes a write with a copy of row (for an insert the spec is copied too); NULL without memory.
 * Updates and progress survive a failing disk (base.keep). */
struct ur_job_write *ur_job_write_create(const struct ur_job_row *row,
                                         enum ur_job_write_kind kind);
/* Accepts NULL. */
void ur_job_write_destroy(struct ur_job_write *write);
/* Adds an event; takes data (which may be NULL: no memory, the event is dropped). */
void ur_job_write_event(struct ur_job_write *write, const char *name, char *data, bool last);

/* What an Idempotency-Key was used for. */
struct ur_stored_reply {
    bool found;
    char body_sha256[UR_SHA256_HEX_BYTES];
    char job[UR_JOB_ID_BYTES];
    char *reply; /* the caller frees it */
};
enum ur_status ur_store_reply(struct ur_store *store, const char *key,
                              struct ur_stored_reply *out, struct ur_error *error);

/* Calls each for every job, oldest first; the row is the callee's to keep. */
enum ur_status ur_store_jobs(struct ur_store *store,
                             enum ur_status (*each)(void *context, struct ur_job_row *row,
                                                    struct ur_error *error),
                             void *context, struct ur_error *error);

/* Removes a job with all its rows, and waits. */
enum ur_status ur_store_job_delete(struct ur_store *store, int64_t number,
                                   struct ur_error *error);

/* Gives a job's number; UR_NOT_FOUND. */
enum ur_status ur_store_job_number(struct ur_connection *reader, const char *id,
                                   int64_t *number, struct ur_error *error);

#endif
