/*
 * Admission: a job is checked, planned, committed, and only then does it exist. The reply of a
 * request with an Idempotency-Key is committed in the same transaction.
 */
#include <math.h>
#include <sys/random.h>

#include "fail.h"
#include "supervisor.h"
#include "supervisor_inside.h"
#include "unroll/clock.h"

enum { TIME_DIGITS = 10, RANDOM_DIGITS = 16 }; /* of an id */

/*
 * Ids are ULIDs (https://github.com/ulid/spec) behind a "j", in lower case: 48 bits of
 * milliseconds, 80 random bits. They are strictly increasing whatever the clock does, because
 * the job table and every list are in their order.
 */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void draw_id(char id[UR_JOB_ID_BYTES])
{
    unsigned char bytes[RANDOM_DIGITS];
    uint64_t time_ms = (uint64_t)(ur_clock_wall_us() / 1000);
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        memset(bytes, 0, sizeof bytes); /* the successor rule below keeps ids apart */
    id[0] = 'j';
    for (int i = TIME_DIGITS; i > 0; i--, time_ms >>= 5)
        id[i] = digits[time_ms & 31];
    for (int i = 0; i < RANDOM_DIGITS; i++)
        id[1 + TIME_DIGITS + i] = digits[bytes[i] & 31];
    id[1 + TIME_DIGITS + RANDOM_DIGITS] = '\0';
}

/* Adds one to an id, as to a number in base 32. */
static void make_successor(char id[UR_JOB_ID_BYTES], const char *last)
{
    ur_copy(id, UR_JOB_ID_BYTES, last);
    for (int i = TIME_DIGITS + RANDOM_DIGITS; i > 0; i--) {
        const char *digit = strchr(digits, id[i]);
        const size_t value = digit ? (size_t)(digit - digits) : 0;
        id[i] = digits[(value + 1) % 32];
        if (value < 31)
            return;
    }
}

/* The mutex is held. */
static void next_id(struct ur_supervisor *supervisor, char id[UR_JOB_ID_BYTES])
{
    draw_id(id);
    if (strcmp(id, supervisor->last_id) <= 0)
        make_successor(id, supervisor->last_id);
    ur_copy(supervisor->last_id, sizeof supervisor->last_id, id);
}

static enum ur_status fill_job(struct ur_job *job, const struct ur_spec *spec,
                               struct ur_error *error)
{
    struct ur_text text;
    struct ur_job_row *row = &job->row;
    job->spec = malloc(sizeof *job->spec);
    if (!job->spec)
        return ur_no_memory(error);
    *job->spec = *spec;
    ur_text_init(&text, UR_JSON_MAX_BYTES);
    ur_spec_print(spec, &text);
    row->spec = ur_text_take(&text);
    ur_text_init(&text, UR_JSON_MAX_BYTES);
    ur_tags_print(&text, spec->tags, spec->n_tags);
    row->tags = ur_text_take(&text);
    if (!row->spec || !row->tags)
        return ur_no_memory(error);
    ur_copy(row->name, sizeof row->name, spec->name);
    ur_copy(row->version, sizeof row->version, UR_VERSION);
    row->state = UR_JOB_QUEUED;
    row->priority = spec->run.priority;
    row->created_us = ur_clock_wall_us();
    row->at.loss = row->at.accuracy = row->at.images_per_second = row->at.best_accuracy =
        (double)NAN;
    if (spec->train.steps > 0)
        row->at.steps = spec->train.steps;
    return UR_OK;
}

/* The mutex is held. */
static enum ur_status check_queue(const struct ur_supervisor *supervisor,
                                  struct ur_error *error)
{
    int32_t queued = supervisor->n_arriving;
    for (int32_t i = 0; i < supervisor->n_active; i++)
        queued += supervisor->active[i]->row.state == UR_JOB_QUEUED ||
                  supervisor->active[i]->row.state == UR_JOB_PAUSED;
    if (supervisor->stopping)
        return ur_fail_stopping(error);
    if (queued >= supervisor->config->max_queued)
        return ur_fail(
            error, UR_QUEUE_FULL,
            "%d jobs wait or are paused already, which is the limit; try again later.",
            (int)queued);
    return UR_OK;
}

/* The row is durable: from here on the job exists, and only then is anybody told. On the
 * writer's thread. */
static void committed(void *context, struct ur_job_write *write)
{
    struct ur_job *job = context;
    job->row.number = write->row.number;
}

struct submission {
    struct ur_supervisor *supervisor;
    struct ur_job *job;
    bool added;
};

static void add_committed(void *context, struct ur_job_write *write)
{
    struct submission *submission = context;
    struct ur_supervisor *supervisor = submission->supervisor;
    pthread_mutex_lock(&supervisor->mutex);
    committed(submission->job, write);
    submission->added = ur_job_add(supervisor, submission->job);
    pthread_mutex_unlock(&supervisor->mutex);
}

/* Writes the job and waits; the table has it before its first event is out. */
static enum ur_status commit_job(struct submission *submission,
                                 const struct ur_job_request *request, struct ur_text *json,
                                 struct ur_error *error)
{
    struct ur_supervisor *supervisor = submission->supervisor;
    struct ur_job_write *write = ur_job_write_create(&submission->job->row, UR_JOB_INSERT);
    if (!write)
        return ur_no_memory(error);
    const size_t before = json->length;
    pthread_mutex_lock(&supervisor->mutex);
    ur_job_print(supervisor, submission->job, json);
    ur_job_write_event(write, "state", ur_event_state(supervisor, submission->job), false);
    pthread_mutex_unlock(&supervisor->mutex);
    if (request->idempotency_key) {
        ur_copy(write->key, sizeof write->key, request->idempotency_key);
        ur_copy(write->body_sha256, sizeof write->body_sha256, request->body_sha256);
        write->reply = strdup(ur_text_get(json) + before);
    }
    write->committed = add_committed;
    write->context = submission;
    const enum ur_status status =
        json->failed ? ur_no_memory(error)
                     : ur_store_put_and_wait(supervisor->store, &write->base, error);
    ur_job_write_destroy(write);
    return status;
}

/* Looks whether the key was used. *found with UR_OK: the stored reply was appended. */
static enum ur_status replay(struct ur_supervisor *supervisor,
                             const struct ur_job_request *request, char id[UR_JOB_ID_BYTES],
                             struct ur_text *json, bool *found, struct ur_error *error)
{
    struct ur_stored_reply stored = {0};
    *found = false;
    if (!request->idempotency_key)
        return UR_OK;
    enum ur_status status =
        ur_store_reply(supervisor->store, request->idempotency_key, &stored, error);
    if (status == UR_OK && stored.found) {
        *found = true;
        if (strcmp(stored.body_sha256, request->body_sha256) != 0)
            status = ur_fail(error, UR_IDEMPOTENCY,
                             "This Idempotency-Key was used with another body.");
        else
            ur_text_append(json, stored.reply, strlen(stored.reply));
        ur_copy(id, UR_JOB_ID_BYTES, stored.job);
    }
    free(stored.reply);
    return status;
}

static enum ur_status admit(struct ur_supervisor *supervisor, struct ur_job *job,
                            struct ur_field_errors *fields, struct ur_error *error)
{
    if (ur_catalogue_scan(supervisor->catalogue))
        ur_supervisor_wake(supervisor);
    pthread_mutex_lock(&supervisor->mutex);
    enum ur_status status = check_queue(supervisor, error);
    if (status == UR_OK)
        status = ur_job_plan(supervisor, job, fields, error);
    if (status == UR_OK) {
        next_id(supervisor, job->row.id);
        supervisor->n_arriving++;
    }
    pthread_mutex_unlock(&supervisor->mutex);
    return status;
}

static enum ur_status submit_new(struct ur_supervisor *supervisor,
                                 const struct ur_job_request *request, char id[UR_JOB_ID_BYTES],
                                 struct ur_text *json, struct ur_field_errors *fields,
                                 struct ur_error *error)
{
    struct submission submission = {.supervisor = supervisor,
                                    .job = calloc(1, sizeof *submission.job)};
    if (!submission.job)
        return ur_no_memory(error);
    enum ur_status status = fill_job(submission.job, request->spec, error);
    if (status == UR_OK)
        status = admit(supervisor, submission.job, fields, error);
    if (status == UR_OK) {
        ur_copy(id, UR_JOB_ID_BYTES, submission.job->row.id);
        if (request->fork)
            status = ur_fork_take(supervisor, request->fork, submission.job, fields, error);
        if (status == UR_OK)
            status = commit_job(&submission, request, json, error);
        if (status != UR_OK && request->fork)
            ur_files_remove(supervisor, id, false);
        pthread_mutex_lock(&supervisor->mutex);
        supervisor->n_arriving--;
        pthread_mutex_unlock(&supervisor->mutex);
        if (status == UR_OK && !submission.added)
            status = ur_no_memory(error); /* it is durable: the next start finds it */
    }
    if (!submission.added)
        ur_job_destroy(submission.job);
    ur_supervisor_wake(supervisor);
    return status;
}

enum ur_status ur_supervisor_submit(struct ur_supervisor *supervisor,
                                    const struct ur_job_request *request,
                                    char id[UR_JOB_ID_BYTES], struct ur_text *json,
                                    bool *replayed, struct ur_field_errors *fields,
                                    struct ur_error *error)
{
    struct ur_error first = {0};
    id[0] = '\0';
    enum ur_status status = replay(supervisor, request, id, json, replayed, error);
    if (status != UR_OK || *replayed)
        return status;
    const size_t before = json->length;
    status = submit_new(supervisor, request, id, json, fields, &first);
    if (status == UR_OK)
        return UR_OK;
    if (json->length > before) {
        json->length = before;
        json->data[before] = '\0';
    }
    /* Two requests with one key at the same time: the one whose row came second finds the
     * other's reply. */
    if (status == UR_CONFLICT && request->idempotency_key) {
        status = replay(supervisor, request, id, json, replayed, error);
        if (status != UR_OK || *replayed)
            return status;
    }
    return ur_fail(error, first.status, "%s", first.detail);
}
