/*
 * A job's durable facts: what the store keeps of it and what the supervisor shows of it.
 *
 * Units: as named; times are microseconds since 1970, 0 where the moment has not come; a number
 * that is not known, or not finite, is NaN. Ownership: the three texts belong to the row
 * (ur_job_row_release). Threads: none inside.
 */
#ifndef UNROLL_SERVER_JOB_H
#define UNROLL_SERVER_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/limits.h"
#include "unroll/record.h"
#include "unroll/status.h"

enum { UR_JOB_ID_BYTES = 32 }; /* "j" and 26 characters that sort by time; with the NUL */

/* The values are in the database: never renumber them. */
enum ur_job_state {
    UR_JOB_QUEUED,
    UR_JOB_STARTING,
    UR_JOB_RUNNING,
    UR_JOB_STOPPING,
    UR_JOB_STOPPED,
    UR_JOB_SUCCEEDED,
    UR_JOB_CANCELLED,
    UR_JOB_DIVERGED,
    UR_JOB_FAILED,
    UR_JOB_INTERRUPTED,
    UR_JOB_PAUSED,
    UR_JOB_STATE_COUNT
};

/* Gives the state's name in JSON. */
const char *ur_job_state_name(enum ur_job_state state);
/* True for the five states that a job never leaves. */
bool ur_job_state_ended(enum ur_job_state state);

struct ur_job_row {
    int64_t number; /* the store's key; 0 before the row is committed */
    char id[UR_JOB_ID_BYTES];
    enum ur_job_state state;
    enum ur_command command; /* NONE, STOP, CANCEL or SUSPEND, which is a pause: asked for
                                and not yet done */
    char name[UR_NAME_BYTES];
    int32_t priority;
    int32_t restarts;
    int64_t created_us, started_us, ended_us;
    uint64_t parameters, memory_bytes;
    char dataset_sha256[UR_SHA256_HEX_BYTES];
    char numerics_profile[32];
    char version[32];
    char error_code[32]; /* "": no error */
    char *error_detail;
    char model_name[UR_NAME_BYTES]; /* "": none */
    int32_t model_version;
    char parent[UR_JOB_ID_BYTES]; /* of a fork; "": none */
    int32_t parent_step;          /* where it left its parent */
    char *tags;                   /* JSON array */
    char *spec;                   /* JSON; NULL in a row that only updates */
    char *report;                 /* JSON; NULL: none yet */

    struct ur_job_progress {
        int32_t step; /* the highest seen: repeated ones after a resume make no events */
        int32_t steps, epoch;
        int32_t epoch_ended;     /* the highest whose end was seen */
        int32_t checkpoint_step; /* the highest seen */
        double loss, accuracy, images_per_second;
        int32_t best_step, best_epoch;
        double best_accuracy; /* of the validation split */
        char weights_sha256[UR_SHA256_HEX_BYTES];
    } at;
};

/* Frees the texts; accepts NULL and a zeroed struct. */
void ur_job_row_release(struct ur_job_row *row);
/* Copies everything but the spec, which never changes. False without memory. */
bool ur_job_row_copy(struct ur_job_row *out, const struct ur_job_row *row);

#endif
