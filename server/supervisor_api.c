#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fail.h"
#include "json_text.h"
#include "supervisor.h"
#include "supervisor_inside.h"

enum { PAGE_LIMIT = 500 };

enum ur_status ur_fail_no_job(struct ur_error *error)
{
    return ur_fail(error, UR_NOT_FOUND, "There is no job of that id.");
}

enum ur_status ur_fail_stopping(struct ur_error *error)
{
    return ur_fail(error, UR_UNAVAILABLE, "The server is stopping; try again later.");
}

enum ur_status ur_supervisor_job(struct ur_supervisor *supervisor, const char *id,
                                 struct ur_text *json, struct ur_error *error)
{
    pthread_mutex_lock(&supervisor->mutex);
    const struct ur_job *job = ur_job_find(supervisor, id);
    if (job)
        ur_job_print(supervisor, job, json);
    pthread_mutex_unlock(&supervisor->mutex);
    if (!job)
        return ur_fail_no_job(error);
    return json->failed ? ur_no_memory(error) : UR_OK;
}

/* Tags are names, so they stand in the JSON array as they are. */
static bool has_tag(const struct ur_job *job, const char *tag)
{
    char quoted[UR_NAME_BYTES + 2];
    if (!ur_name_valid(tag))
        return false;
    snprintf(quoted, sizeof quoted, "\"%s\"", tag);
    return strstr(job->row.tags, quoted) != NULL;
}

static bool passes(const struct ur_job *job, const struct ur_job_filter *filter)
{
    if (filter->state && strcmp(ur_job_state_name(job->row.state), filter->state) != 0)
        return false;
    return !filter->tag || has_tag(job, filter->tag);
}

enum ur_status ur_supervisor_list(struct ur_supervisor *supervisor,
                                  const struct ur_job_filter *filter, struct ur_text *json,
                                  char next_id_out[UR_JOB_ID_BYTES], struct ur_error *error)
{
    int32_t listed = 0;
    const struct ur_job *last = NULL;
    bool more = false;
    if (filter->limit < 1 || filter->limit > PAGE_LIMIT)
        return ur_fail(error, UR_BAD_REQUEST, "limit must be 1..%d.", PAGE_LIMIT);
    ur_text_append(json, "{\"items\":[", 10);
    pthread_mutex_lock(&supervisor->mutex);
    for (int32_t i = supervisor->n_jobs - 1; i >= 0 && !more; i--) {
        const struct ur_job *job = supervisor->jobs[i];
        if ((filter->cursor && strcmp(job->row.id, filter->cursor) >= 0) ||
            !passes(job, filter))
            continue;
        more = listed == filter->limit;
        if (more)
            break;
        ur_job_print(supervisor, job, json);
        last = job;
        listed++;
    }
    ur_copy(next_id_out, UR_JOB_ID_BYTES, more && last ? last->row.id : "");
    pthread_mutex_unlock(&supervisor->mutex);
    ur_text_append(json, "]", 1);
    ur_json_key_string_or_null(json, "next", next_id_out);
    ur_text_append(json, "}", 1);
    return json->failed ? ur_no_memory(error) : UR_OK;
}

enum ur_status ur_supervisor_delete(struct ur_supervisor *supervisor, const char *id,
                                    struct ur_error *error)
{
    int64_t number = 0;
    enum ur_status status = UR_OK;
    pthread_mutex_lock(&supervisor->mutex);
    struct ur_job *job = ur_job_find(supervisor, id);
    if (!job)
        status = ur_fail_no_job(error);
    else if (supervisor->stopping)
        status = ur_fail_stopping(error);
    else if (!ur_job_state_ended(job->row.state) || job->deleting)
        status = ur_fail(error, UR_CONFLICT,
                         "Only a job that has ended can be removed; it is %s. Cancel it first.",
                         ur_job_state_name(job->row.state));
    else {
        job->deleting = true;
        number = job->row.number;
    }
    pthread_mutex_unlock(&supervisor->mutex);
    if (status != UR_OK || !job)
        return status;
    /* Files first: a kill in between leaves an ended job without its log, and no folder that
     * nobody knows. */
    ur_files_remove(supervisor, id, false);
    status = ur_store_job_delete(supervisor->store, number, error);
    pthread_mutex_lock(&supervisor->mutex);
    if (status == UR_OK)
        ur_job_remove(supervisor, job);
    else
        job->deleting = false;
    pthread_mutex_unlock(&supervisor->mutex);
    if (status != UR_OK)
        return status;
    ur_hub_forget(supervisor->hub, id);
    ur_job_destroy(job);
    return UR_OK;
}

enum ur_status ur_supervisor_log_open(struct ur_supervisor *supervisor, const char *id,
                                      size_t max_bytes, int *fd, struct ur_error *error)
{
    char path[UR_JOB_ID_BYTES + 16];
    *fd = -1;
    pthread_mutex_lock(&supervisor->mutex);
    const bool there = ur_job_find(supervisor, id) != NULL;
    pthread_mutex_unlock(&supervisor->mutex);
    if (!there)
        return ur_fail_no_job(error);
    snprintf(path, sizeof path, "%.31s/log.txt", id);
    *fd = openat(supervisor->jobs_folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        return ur_fail(error, UR_NOT_FOUND, "The job has no log yet.");
    const off_t size = lseek(*fd, 0, SEEK_END);
    const off_t from = size > (off_t)max_bytes ? size - (off_t)max_bytes : 0;
    if (size < 0 || lseek(*fd, from, SEEK_SET) < 0) {
        close(*fd);
        *fd = -1;
        return ur_fail_errno(error, errno, "The log cannot be read");
    }
    return UR_OK;
}
