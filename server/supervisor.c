#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "supervisor_inside.h"
#include "unroll/clock.h"
#include "unroll/log.h"

static const struct ur_patience patience = {
    .hello_us = 120000000,
    .heartbeat_us = 30000000,
    .command_us = 5000000,
    .term_us = 10000000,
    .exit_us = 10000000,
    .suspend_us = 20000000,
    .retry_us = 200000,
    .describe_us = 5000000,
};

/* Gives the place of the first job whose id is not below id. */
static int32_t place_of(const struct ur_supervisor *supervisor, const char *id)
{
    int32_t low = 0, high = supervisor->n_jobs;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (strcmp(supervisor->jobs[middle]->row.id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct ur_job *ur_job_find(struct ur_supervisor *supervisor, const char *id)
{
    const int32_t place = place_of(supervisor, id);
    if (place == supervisor->n_jobs || strcmp(supervisor->jobs[place]->row.id, id) != 0)
        return NULL;
    return supervisor->jobs[place];
}

static bool grow(struct ur_job ***array, int32_t count, int32_t *capacity)
{
    if (count < *capacity)
        return true;
    const int32_t larger = *capacity ? *capacity * 2 : 64;
    struct ur_job **grown = realloc(*array, (size_t)larger * sizeof(struct ur_job *));
    if (!grown)
        return false;
    *array = grown;
    *capacity = larger;
    return true;
}

bool ur_job_add(struct ur_supervisor *supervisor, struct ur_job *job)
{
    if (!grow(&supervisor->jobs, supervisor->n_jobs, &supervisor->capacity) ||
        !grow(&supervisor->active, supervisor->n_active, &supervisor->active_capacity))
        return false;
    const int32_t place = place_of(supervisor, job->row.id);
    for (int32_t i = supervisor->n_jobs; i > place; i--)
        supervisor->jobs[i] = supervisor->jobs[i - 1];
    supervisor->jobs[place] = job;
    supervisor->n_jobs++;
    if (!ur_job_state_ended(job->row.state))
        supervisor->active[supervisor->n_active++] = job;
    return true;
}

void ur_job_remove(struct ur_supervisor *supervisor, struct ur_job *job)
{
    supervisor->n_jobs--;
    for (int32_t i = place_of(supervisor, job->row.id); i < supervisor->n_jobs; i++)
        supervisor->jobs[i] = supervisor->jobs[i + 1];
}

void ur_job_destroy(struct ur_job *job)
{
    if (!job)
        return;
    ur_job_row_release(&job->row);
    free(job->spec);
    free(job);
}

void ur_supervisor_wake(struct ur_supervisor *supervisor)
{
    const uint64_t one = 1;
    const ssize_t written = write(supervisor->wake_fd, &one, sizeof one);
    (void)written; /* full means that it wakes already */
}

/* A job that was running when the daemon died: it goes on from its checkpoint, or, where a
 * cancel or a pause was acknowledged, it ends or rests. */
static void revive(struct ur_supervisor *supervisor, struct ur_job *job)
{
    if (job->row.command == UR_COMMAND_CANCEL) {
        ur_job_end(supervisor, job, UR_JOB_CANCELLED, NULL);
        ur_files_remove(supervisor, job->row.id, true);
        return;
    }
    if (job->row.state == UR_JOB_QUEUED || job->row.state == UR_JOB_PAUSED)
        return;
    if (job->row.command == UR_COMMAND_SUSPEND) {
        ur_job_pause(supervisor, job);
        return;
    }
    if (job->row.state != UR_JOB_INTERRUPTED) {
        job->row.restarts++;
        ur_job_enter(supervisor, job, UR_JOB_INTERRUPTED);
    }
}

/* Parses the spec of a job that has not ended. One that this version no longer accepts ends its
 * job, not the daemon. */
static enum ur_status restore_spec(struct ur_supervisor *supervisor, struct ur_job *job,
                                   struct ur_error *error)
{
    struct ur_error wrong = {0};
    const char *json = job->row.spec ? job->row.spec : "";
    if (ur_job_state_ended(job->row.state))
        return UR_OK;
    job->spec = malloc(sizeof *job->spec);
    if (!job->spec)
        return ur_no_memory(error);
    if (ur_spec_parse(job->spec, json, strlen(json), NULL, &wrong) != UR_OK)
        ur_job_end(supervisor, job, UR_JOB_FAILED, &wrong);
    return UR_OK;
}

static enum ur_status restore(void *context, struct ur_job_row *row, struct ur_error *error)
{
    struct ur_supervisor *supervisor = context;
    struct ur_job *job = calloc(1, sizeof *job);
    if (!job) {
        ur_job_row_release(row);
        return ur_no_memory(error);
    }
    job->row = *row;
    ur_copy(supervisor->last_id, sizeof supervisor->last_id, row->id);
    if (!job->row.tags)
        job->row.tags = strdup("[]");
    if (!job->row.tags || !ur_job_add(supervisor, job)) {
        ur_job_destroy(job);
        return ur_no_memory(error);
    }
    return restore_spec(supervisor, job, error);
}

static enum ur_status open_folders(struct ur_supervisor *supervisor, struct ur_error *error)
{
    const char *state = ur_store_folder(supervisor->store);
    snprintf(supervisor->jobs_path, sizeof supervisor->jobs_path, "%s/jobs", state);
    snprintf(supervisor->data_dir, sizeof supervisor->data_dir, "%s/datasets", state);
    if (mkdir(supervisor->jobs_path, 0700) != 0 && errno != EEXIST)
        return ur_fail_errno(error, errno, "The folder of jobs cannot be made");
    supervisor->jobs_folder =
        open(supervisor->jobs_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (supervisor->jobs_folder < 0)
        return ur_fail_errno(error, errno, "The folder of jobs cannot be opened");
    supervisor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (supervisor->wake_fd < 0)
        return ur_fail_errno(error, errno, "An eventfd cannot be made");
    return UR_OK;
}

/* Walks backwards, because a job that ends leaves the array. */
static void revive_all(struct ur_supervisor *supervisor)
{
    pthread_mutex_lock(&supervisor->mutex);
    for (int32_t i = supervisor->n_active - 1; i >= 0; i--)
        revive(supervisor, supervisor->active[i]);

    pthread_mutex_unlock(&supervisor->mutex);
}

enum ur_status ur_supervisor_create(struct ur_supervisor **out, const struct ur_config *config,
                                    struct ur_store *store, struct ur_hub *hub,
                                    struct ur_predictor *predictor, struct ur_error *error)
{
    *out = NULL;
    struct ur_supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (!supervisor)
        return ur_no_memory(error);
    supervisor->config = config;
    supervisor->store = store;
    supervisor->hub = hub;
    supervisor->predictor = predictor;
    supervisor->patience = patience;
    supervisor->jobs_folder = supervisor->wake_fd = -1;
    supervisor->describer = ur_worker_none();
    pthread_mutex_init(&supervisor->mutex, NULL);
    enum ur_status status = open_folders(supervisor, error);
    if (status == UR_OK)
        status = ur_catalogue_create(&supervisor->catalogue, config, store, error);
    if (status == UR_OK)
        status = ur_store_jobs(store, restore, supervisor, error);
    if (status == UR_OK)
        revive_all(supervisor);
    if (status == UR_OK)
        ur_files_sweep(supervisor);
    if (status == UR_OK &&
        pthread_create(&supervisor->thread, NULL, ur_supervisor_main, supervisor) != 0)
        status = ur_fail(error, UR_NO_MEMORY, "The supervisor's thread cannot be started.");
    else
        supervisor->started = status == UR_OK;
    if (status == UR_OK)
        *out = supervisor;
    else
        ur_supervisor_destroy(supervisor);
    return status;
}

void ur_supervisor_stop(struct ur_supervisor *supervisor)
{
    if (!supervisor->started)
        return;
    pthread_mutex_lock(&supervisor->mutex);
    supervisor->stopping = true;
    pthread_mutex_unlock(&supervisor->mutex);
    ur_supervisor_wake(supervisor);
    pthread_join(supervisor->thread, NULL);
    supervisor->started = false;
}

void ur_supervisor_destroy(struct ur_supervisor *supervisor)
{
    if (!supervisor)
        return;
    ur_supervisor_stop(supervisor);
    for (int32_t i = 0; i < supervisor->n_jobs; i++)
        ur_job_destroy(supervisor->jobs[i]);
    free(supervisor->jobs);
    free(supervisor->active);
    ur_catalogue_destroy(supervisor->catalogue);
    if (supervisor->jobs_folder >= 0)
        close(supervisor->jobs_folder);
    if (supervisor->wake_fd >= 0)
        close(supervisor->wake_fd);
    pthread_mutex_destroy(&supervisor->mutex);
    free(supervisor);
}

void ur_supervisor_counts(struct ur_supervisor *supervisor, struct ur_supervisor_counts *counts)
{
    pthread_mutex_lock(&supervisor->mutex);
    *counts = supervisor->totals;
    counts->threads_budget = supervisor->config->threads;
    counts->memory_budget = (uint64_t)supervisor->config->memory_bytes;
    for (int32_t i = 0; i < supervisor->n_jobs; i++)
        counts->jobs[supervisor->jobs[i]->row.state]++;
    for (int32_t i = 0; i < supervisor->n_active; i++) {
        const struct ur_job *job = supervisor->active[i];
        if (!job->run)
            continue;
        counts->threads_used += job->threads;
        counts->memory_used += job->memory;
        if (job->row.state == UR_JOB_RUNNING && job->row.at.images_per_second > 0)
            counts->images_per_second += job->row.at.images_per_second;
    }
    pthread_mutex_unlock(&supervisor->mutex);
}

enum ur_status ur_supervisor_datasets(struct ur_supervisor *supervisor, struct ur_text *json,
                                      struct ur_error *error)
{
    if (ur_catalogue_scan(supervisor->catalogue))
        ur_supervisor_wake(supervisor);
    return ur_catalogue_print(supervisor->catalogue, json, error);
}
