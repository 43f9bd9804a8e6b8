#include "job.h"

const char *ur_job_state_name(enum ur_job_state state)
{
    static const char *const names[UR_JOB_STATE_COUNT] = {
        [UR_JOB_QUEUED] = "queued",       [UR_JOB_STARTING] = "starting",
        [UR_JOB_RUNNING] = "running",     [UR_JOB_STOPPING] = "stopping",
        [UR_JOB_STOPPED] = "stopped",     [UR_JOB_SUCCEEDED] = "succeeded",
        [UR_JOB_CANCELLED] = "cancelled", [UR_JOB_DIVERGED] = "diverged",
        [UR_JOB_FAILED] = "failed",       [UR_JOB_INTERRUPTED] = "interrupted",
        [UR_JOB_PAUSED] = "paused",
    };
    return (unsigned)state < UR_JOB_STATE_COUNT ? names[state] : "failed";
}

bool ur_job_state_ended(enum ur_job_state state)
{
    return state == UR_JOB_STOPPED || state == UR_JOB_SUCCEEDED || state == UR_JOB_CANCELLED ||
           state == UR_JOB_DIVERGED || state == UR_JOB_FAILED;
}

void ur_job_row_release(struct ur_job_row *row)
{
    if (!row)
        return;
    free(row->error_detail);
    free(row->tags);
    free(row->spec);
    free(row->report);
    row->error_detail = row->tags = row->spec = row->report = NULL;
}

static bool duplicate(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return !text || *out;
}

bool ur_job_row_copy(struct ur_job_row *out, const struct ur_job_row *row)
{
    *out = *row;
    out->error_detail = out->tags = out->spec = out->report = NULL;
    const bool whole = duplicate(&out->error_detail, row->error_detail) &&
                       duplicate(&out->tags, row->tags) && duplicate(&out->report, row->report);
    if (!whole)
        ur_job_row_release(out);
    return whole;
}
