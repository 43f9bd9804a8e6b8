/*
 * The jobs: their state machine, the queue, the core and memory budget, and the workers that
 * run them.
 *
 * One immortal thread owns every worker: it spawns them, reads their records, sends them
 * commands, notices their end by pidfd, and resumes what was interrupted. The job table is in
 * memory behind one mutex and durable through the store: a job is acknowledged only once it is
 * committed.
 *
 *     queued -> starting -> running -> succeeded | stopped | cancelled | diverged | failed
 *                  ^           |-> stopping (a command is under way)
 *                  '-- interrupted (the worker or the daemon died; goes on by itself from its
 *                      checkpoint)
 *     any of these that has not ended -> paused (its worker is gone, with its cores and its
 *                      memory) -> queued
 *
 * Format: replies are JSON texts as docs/api.md describes a job. Errors: UR_NOT_FOUND,
 * UR_CONFLICT (the state does not allow it), UR_QUEUE_FULL, UR_JOB_TOO_BIG, UR_UNKNOWN_DATASET,
 * UR_BAD_DATASET, UR_IDEMPOTENCY, UR_IO, UR_DISK_FULL, UR_UNAVAILABLE (the daemon stops).
 * Ownership: the supervisor borrows config, store, hub and predictor; all outlive it. Threads:
 * every function may be called from any thread but an event loop's (they wait for commits),
 * save where it says "never waits".
 */
#ifndef UNROLL_SERVER_SUPERVISOR_H
#define UNROLL_SERVER_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job.h"
#include "unroll/limits.h"
#include "unroll/spec.h"
#include "unroll/status.h"
#include "unroll/text.h"

struct ur_config;
struct ur_store;
struct ur_hub;
struct ur_predictor;
struct ur_supervisor;

/* Restores all jobs from the store, starts the thread, resumes what was running. */
enum ur_status ur_supervisor_create(struct ur_supervisor **out, const struct ur_config *config,
                                    struct ur_store *store, struct ur_hub *hub,
                                    struct ur_predictor *predictor, struct ur_error *error);
/*
 * Asks every worker to checkpoint and exit, waits for them (20 s, then kills), ends the thread.
 * Jobs stay interrupted and resume at the next start. Calls that change something are answered
 * UR_UNAVAILABLE from here on; the others work until _destroy.
 */
void ur_supervisor_stop(struct ur_supervisor *supervisor);
/* Stops it if it was not, and frees it. Accepts NULL. */
void ur_supervisor_destroy(struct ur_supervisor *supervisor);

/* Which checkpoint of which job a fork begins with. */
enum ur_fork_from { UR_FORK_LAST, UR_FORK_BEST, UR_FORK_STEP };
struct ur_fork {
    const char *parent; /* id */
    enum ur_fork_from from;
    int32_t step; /* of UR_FORK_STEP */
};

/* A POST /v1/jobs, or a fork. */
struct ur_job_request {
    const struct ur_spec *spec;  /* parsed and checked */
    const char *idempotency_key; /* NULL: none; at most 255 bytes */
    const char *body_sha256;     /* hex, for the key's comparison */
    const struct ur_fork *fork;  /* NULL: the job begins afresh */
};

/*
 * Admits a job and waits until it is durable. Appends the job to *json and its id to id.
 * *replayed: the key was used before with the same body, and this is the stored reply. Field
 * errors (an unknown data set, a validation split larger than the set) go to *fields. A fork
 * has its parent's checkpoint in its own folder before it is durable, so that deleting the
 * parent changes nothing; UR_CONFLICT where there is no such checkpoint, with the steps that
 * there are.
 */
enum ur_status ur_supervisor_submit(struct ur_supervisor *supervisor,
                                    const struct ur_job_request *request,
                                    char id[UR_JOB_ID_BYTES], struct ur_text *json,
                                    bool *replayed, struct ur_field_errors *fields,
                                    struct ur_error *error);

/* Appends one job. Never waits (only for the mutex). */
enum ur_status ur_supervisor_job(struct ur_supervisor *supervisor, const char *id,
                                 struct ur_text *json, struct ur_error *error);

/* A GET /v1/jobs: newest first. cursor is the id of the last job of the page before. */
struct ur_job_filter {
    const char *state;  /* NULL: any */
    const char *tag;    /* NULL: any */
    const char *cursor; /* NULL: from the newest */
    int32_t limit;      /* 1..500 */
};
/* Appends {"items":[],"next":...}; next (the cursor of the next page, "" at the end) also
 * goes to next_id for the Link header. Never waits. */
enum ur_status ur_supervisor_list(struct ur_supervisor *supervisor,
                                  const struct ur_job_filter *filter, struct ur_text *json,
                                  char next_id[UR_JOB_ID_BYTES], struct ur_error *error);

/* What a client may ask of a job. */
enum ur_job_command {
    UR_JOB_COMMAND_STOP,
    UR_JOB_COMMAND_CANCEL,
    UR_JOB_COMMAND_CHECKPOINT,
    UR_JOB_COMMAND_PAUSE,
    UR_JOB_COMMAND_RESUME
};
/* Passes a command on and appends the job as it then is. UR_CONFLICT where the state does not
 * allow it, with the state in the sentence. A job that has not trained yet ends as cancelled
 * when it is stopped; a paused job that is stopped goes on just to keep what it learnt. */
enum ur_status ur_supervisor_command(struct ur_supervisor *supervisor, const char *id,
                                     enum ur_job_command command, struct ur_text *json,
                                     struct ur_error *error);

/* A PATCH: NULL or -1 fields stay as they are. */
struct ur_job_patch {
    const char *name; /* display name */
    const char (*tags)[UR_NAME_BYTES];
    int32_t n_tags; /* -1: as they are */
    const int32_t *priority;
};
enum ur_status ur_supervisor_patch(struct ur_supervisor *supervisor, const char *id,
                                   const struct ur_job_patch *patch, struct ur_text *json,
                                   struct ur_error *error);

/* Removes an ended job, its rows and its files (the model it registered stays). UR_CONFLICT
 * while it is not ended. */
enum ur_status ur_supervisor_delete(struct ur_supervisor *supervisor, const char *id,
                                    struct ur_error *error);

/* Opens the worker's log for reading, positioned so that at most max_bytes are left; *fd is the
 * caller's. */
enum ur_status ur_supervisor_log_open(struct ur_supervisor *supervisor, const char *id,
                                      size_t max_bytes, int *fd, struct ur_error *error);

/* Appends
 * {"items":[{"name","kind","state","steps","width","classes","n_train","n_test","sha256",
 * "detail"}…]}: `digits` and what the search folders hold. */
enum ur_status ur_supervisor_datasets(struct ur_supervisor *supervisor, struct ur_text *json,
                                      struct ur_error *error);

/* What /metrics, /v1/system and /readyz show. Never waits (only for the mutex). */
struct ur_supervisor_counts {
    int32_t jobs[UR_JOB_STATE_COUNT];
    int32_t threads_budget, threads_used;
    uint64_t memory_budget, memory_used; /* bytes, planned */
    uint64_t steps_total, images_total;  /* since the daemon started */
    uint64_t worker_restarts_total, records_dropped_total, checkpoints_total;
    double images_per_second;  /* of the running jobs together */
    char numerics_profile[32]; /* of the newest worker, "" before one ran */
};
void ur_supervisor_counts(struct ur_supervisor *supervisor,
                          struct ur_supervisor_counts *counts);

#endif
