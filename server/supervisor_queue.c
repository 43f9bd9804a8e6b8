/*
 * Who starts next: the highest priority, then the oldest; and if that one does not fit into
 * what the running jobs leave, nobody, so that a large job is not passed for ever by small
 * ones. A job asks for cores (0: all of them) and gets no more than the budget: results do not
 * depend on it. Memory is planned to the byte before a job is admitted.
 */
#include <inttypes.h>

#include "supervisor_inside.h"
#include "unroll/clock.h"
#include "unroll/plan.h"

static int32_t threads_of(const struct ur_supervisor *supervisor, const struct ur_spec *spec)
{
    const int32_t budget = supervisor->config->threads;
    return spec->run.threads > 0 && spec->run.threads < budget ? spec->run.threads : budget;
}

static enum ur_status check_memory(const struct ur_supervisor *supervisor,
                                   const struct ur_plan *plan, struct ur_field_errors *fields,
                                   struct ur_error *error)
{
    const size_t budget = (size_t)supervisor->config->memory_bytes;
    if (plan->total_bytes <= budget)
        return UR_OK;
    if (fields) {
        ur_field_error_add(fields, "/model/hidden",
                           "the job needs %zu MiB, the limit is %zu MiB",
                           plan->total_bytes >> 20, budget >> 20);
        ur_field_error_add(fields, "/train/batch",
                           "the job needs %zu MiB, the limit is %zu MiB",
                           plan->total_bytes >> 20, budget >> 20);
    }
    return ur_fail(
        error, UR_JOB_TOO_BIG,
        "The job needs %zu bytes of memory; this server gives %zu. Fewer hidden units "
        "or a smaller batch need less.",
        plan->total_bytes, budget);
}

static enum ur_status check_split(const struct ur_spec *spec, const struct ur_data_shape *shape,
                                  struct ur_field_errors *fields, struct ur_error *error)
{
    if (spec->train.validation < shape->n_train)
        return UR_OK;
    if (fields)
        ur_field_error_add(fields, "/train/validation",
                           "must be 0..%d: the data set has %d training images",
                           (int)shape->n_train - 1, (int)shape->n_train);
    return ur_fail(error, UR_INVALID_SPEC,
                   "/train/validation must be 0..%d: the data set has %d training images.",
                   (int)shape->n_train - 1, (int)shape->n_train);
}

static enum ur_status check_model(const struct ur_plan *plan, struct ur_field_errors *fields,
                                  struct ur_error *error)
{
    const enum ur_status status = ur_plan_check_model(plan, error);
    if (status != UR_OK && fields)
        ur_field_error_add(fields, "/model/hidden",
                           "makes a model of up to %zu bytes; the predictor takes %d",
                           plan->model_bytes, (int)UR_PREDICT_MAX_BYTES);
    return status;
}

/* Finds a set that a job needs; what is wrong with it is said of the field that names it. */
static enum ur_status find_set(struct ur_supervisor *supervisor, const struct ur_spec *spec,
                               const char *pointer, struct ur_dataset_facts *facts,
                               struct ur_field_errors *fields, struct ur_error *error)
{
    enum ur_status status = ur_catalogue_find(supervisor->catalogue, spec, facts, error);
    if (status == UR_OK && facts->state == UR_DATASET_BAD)
        status = ur_fail(error, UR_BAD_DATASET, "The data set \"%s\" cannot be used: %s",
                         spec->dataset, facts->why);
    if (status != UR_OK && fields && error)
        ur_field_error_add(fields, pointer, "%s", error->detail);
    return status;
}

static const char evaluate_on[] = "/train/evaluate_on";

/* Finds the set of /train/evaluate_on; without one there is nothing to wait for. */
static enum ur_status find_transfer(struct ur_supervisor *supervisor,
                                    const struct ur_spec *spec, struct ur_dataset_facts *facts,
                                    struct ur_field_errors *fields, struct ur_error *error)
{
    struct ur_spec other = *spec;
    *facts = (struct ur_dataset_facts){.state = UR_DATASET_READY};
    if (spec->train.evaluate_on[0] == '\0')
        return UR_OK;
    ur_copy(other.dataset, sizeof other.dataset, spec->train.evaluate_on);
    return find_set(supervisor, &other, evaluate_on, facts, fields, error);
}

static enum ur_status plan_transfer(const struct ur_spec *spec, const struct ur_data_shape *own,
                                    const struct ur_data_shape *other, struct ur_plan *plan,
                                    struct ur_field_errors *fields, struct ur_error *error)
{
    struct ur_error misfit = {0};
    if (spec->train.evaluate_on[0] == '\0')
        return UR_OK;
    const enum ur_status status = ur_plan_check_transfer(own, other, &misfit);
    if (status == UR_OK)
        return ur_plan_add_transfer(plan, other, error);
    if (fields) /* the sentence begins with the field */
        ur_field_error_add(fields, evaluate_on, "%s", misfit.detail + sizeof evaluate_on);
    return ur_fail(error, status, "%s", misfit.detail);
}

enum ur_status ur_job_plan(struct ur_supervisor *supervisor, struct ur_job *job,
                           struct ur_field_errors *fields, struct ur_error *error)
{
    struct ur_dataset_facts facts, other;
    struct ur_plan plan;
    const struct ur_spec *spec = job->spec;
    job->threads = threads_of(supervisor, spec);
    enum ur_status status = find_set(supervisor, spec, "/dataset", &facts, fields, error);
    if (status == UR_OK)
        status = find_transfer(supervisor, spec, &other, fields, error);
    if (status != UR_OK || facts.state != UR_DATASET_READY || other.state != UR_DATASET_READY)
        return status; /* not described yet: it waits, planned is false */
    status = check_split(spec, &facts.shape, fields, error);
    if (status == UR_OK)
        status = ur_plan_check_data(spec, &facts.shape, fields, error);
    if (status == UR_OK)
        status = ur_plan_job(spec, &facts.shape, job->threads, &plan, error);
    if (status == UR_OK)
        status = plan_transfer(spec, &facts.shape, &other.shape, &plan, fields, error);
    if (status == UR_OK)
        status = check_memory(supervisor, &plan, fields, error);
    if (status == UR_OK)
        status = check_model(&plan, fields, error);
    if (status != UR_OK)
        return status;
    job->planned = true;
    job->memory = plan.total_bytes;
    job->row.memory_bytes = plan.total_bytes;
    job->row.parameters = plan.n_parameters;
    if (!job->row.dataset_sha256[0])
        ur_copy(job->row.dataset_sha256, sizeof job->row.dataset_sha256, facts.sha256);
    return UR_OK;
}

static bool waits(const struct ur_job *job, int64_t now_us)
{
    if (job->run || job->starting || job->moving)
        return false;
    return job->retry_at_us <= now_us &&
           (job->row.state == UR_JOB_QUEUED || job->row.state == UR_JOB_INTERRUPTED ||
            job->row.state == UR_JOB_STOPPING);
}

static bool before(const struct ur_job *one, const struct ur_job *other)
{
    if (one->row.priority != other->row.priority)
        return one->row.priority > other->row.priority;
    return strcmp(one->row.id, other->row.id) < 0;
}

/* Plans a job that waited for its data set to be described; false if it cannot start now. */
static bool plan_late(struct ur_supervisor *supervisor, struct ur_job *job)
{
    struct ur_error error = {0};
    if (ur_job_plan(supervisor, job, NULL, &error) != UR_OK) {
        ur_job_end(supervisor, job, UR_JOB_FAILED, &error);
        return false;
    }
    return job->planned;
}

/* Plans what can be planned now. A job that fails leaves the array that is walked. */
static void plan_waiting(struct ur_supervisor *supervisor, int64_t now_us)
{
    for (int32_t i = supervisor->n_active - 1; i >= 0; i--) {
        struct ur_job *job = supervisor->active[i];
        if (!job->planned && waits(job, now_us))
            plan_late(supervisor, job);
    }
}

struct ur_job *ur_queue_next(struct ur_supervisor *supervisor, int64_t now_us)
{
    struct ur_job *first = NULL;
    int32_t threads = 0, running = 0;
    uint64_t memory = 0;
    if (supervisor->stopping)
        return NULL;
    plan_waiting(supervisor, now_us);
    for (int32_t i = 0; i < supervisor->n_active; i++) {
        struct ur_job *job = supervisor->active[i];
        if (job->run || job->starting) {
            running++;
            threads += job->threads;
            memory += job->memory;
        } else if (job->planned && waits(job, now_us) && (!first || before(job, first))) {
            first = job;
        }
    }
    if (!first || running >= supervisor->config->max_jobs ||
        threads + first->threads > supervisor->config->threads ||
        memory + first->memory > (uint64_t)supervisor->config->memory_bytes)
        return NULL;
    first->starting = true;
    return first;
}

int64_t ur_queue_retry_at(const struct ur_supervisor *supervisor)
{
    const int64_t now_us = ur_clock_us();
    int64_t earliest = INT64_MAX;
    for (int32_t i = 0; i < supervisor->n_active; i++) {
        const struct ur_job *job = supervisor->active[i];
        if (!job->run && job->retry_at_us > now_us && job->retry_at_us < earliest)
            earliest = job->retry_at_us;
    }
    return earliest;
}
