/*
 * What a worker says is checked twice: the decoders check that it can be, this file that it
 * fits what was said before. A worker can only hurt its own job: the number of its points is
 * bounded by the steps that it announced, the number of its records by the second.
 *
 * Points are written in batches, each batch with the newest point as a `step` event, at most
 * two a second. After a resume a job repeats steps that are in the store already: their points
 * replace equal ones and make no events.
 */
#include <jansson.h>
#include <math.h>
#include <unistd.h>

#include "supervisor_inside.h"
#include "unroll/clock.h"
#include "unroll/log.h"

/* Starts a write of what moves, with the points that wait. The mutex is held. */
static struct ur_job_write *begin_write(struct ur_run *run, enum ur_job_write_kind kind)
{
    struct ur_job_write *write = ur_job_write_create(&run->job->row, kind);
    if (!write) {
        ur_log(UR_LOG_ERROR, "job %s: no memory to write its progress", run->job->row.id);
        return NULL;
    }
    write->points = run->points;
    write->n_points = run->n_points;
    run->points = NULL;
    run->n_points = 0;
    return write;
}

void ur_run_flush(struct ur_supervisor *supervisor, struct ur_run *run, int64_t now_us)
{
    const bool due = run->has_news && now_us - run->flushed_us >= UR_STEP_EVENT_US;
    if (run->n_points == 0 && !due)
        return;
    pthread_mutex_lock(&supervisor->mutex);
    struct ur_job_write *write = begin_write(run, UR_JOB_PROGRESS);
    if (write && due) {
        ur_job_write_event(write, "step", ur_event_step(run->job, &run->newest), false);
        run->has_news = false;
    }
    run->flushed_us = now_us;
    if (write)
        ur_store_put(supervisor->store, &write->base);
    pthread_mutex_unlock(&supervisor->mutex);
}

static enum ur_status broke(struct ur_error *error, const char *what)
{
    return ur_fail(error, UR_PROTOCOL, "The worker broke the protocol: %s.", what);
}

static enum ur_status take_hello(struct ur_supervisor *supervisor, struct ur_run *run,
                                 const struct ur_frame *frame, struct ur_error *error)
{
    struct ur_record_hello hello;
    enum ur_status status = ur_record_hello_read(frame, &hello, error);
    if (status != UR_OK)
        return status;
    if (hello.steps < 1 || hello.first_step < 0 || hello.first_step > hello.steps ||
        hello.shape.classes < 1 || hello.shape.classes > UR_MAX_CLASSES)
        return broke(error, "its greeting makes no sense");
    run->greeted = true;
    run->steps = hello.steps;
    run->classes = hello.shape.classes;
    run->last_step = hello.first_step;
    pthread_mutex_lock(&supervisor->mutex);
    struct ur_job_row *row = &run->job->row;
    row->parameters = hello.n_parameters;
    row->memory_bytes = hello.memory_bytes;
    row->at.steps = hello.steps;
    ur_copy_printable(row->dataset_sha256, sizeof row->dataset_sha256, hello.dataset_sha256);
    ur_copy_printable(row->numerics_profile, sizeof row->numerics_profile,
                      hello.numerics_profile);
    ur_copy_printable(row->version, sizeof row->version, hello.program_version);
    ur_copy(supervisor->totals.numerics_profile, sizeof supervisor->totals.numerics_profile,
            row->numerics_profile);
    if (row->started_us == 0)
        row->started_us = ur_clock_wall_us();
    run->job->phase = UR_PHASE_TRAINING;
    ur_job_enter(supervisor, run->job,
                 row->command == UR_COMMAND_NONE ? UR_JOB_RUNNING : UR_JOB_STOPPING);
    pthread_mutex_unlock(&supervisor->mutex);
    return UR_OK;
}

static enum ur_status take_phase(struct ur_supervisor *supervisor, struct ur_run *run,
                                 const struct ur_frame *frame, struct ur_error *error)
{
    struct ur_record_phase phase;
    const enum ur_status status = ur_record_phase_read(frame, &phase, error);
    if (status != UR_OK)
        return status;
    if (!run->greeted && phase.phase != UR_PHASE_LOADING)
        return broke(error, "it did not say hello first");
    pthread_mutex_lock(&supervisor->mutex);
    run->job->phase = phase.phase;
    run->job->phase_done = phase.done;
    pthread_mutex_unlock(&supervisor->mutex);
    return UR_OK;
}

/* Makes room for count more points; false: they are dropped. */
static bool make_room(struct ur_supervisor *supervisor, struct ur_run *run, int32_t count)
{
    if (run->n_points + count > UR_MAX_PENDING_POINTS)
        ur_run_flush(supervisor, run, ur_clock_us());
    if (ur_store_backlog(supervisor->store) > UR_MAX_BACKLOG)
        return false;
    struct ur_step_point *points =
        realloc(run->points, (size_t)(run->n_points + count) * sizeof *points);
    if (!points)
        return false;
    run->points = points;
    return true;
}

/* The mutex is held. */
static void take_point(struct ur_run *run, const struct ur_step_point *point)
{
    struct ur_job_progress *at = &run->job->row.at;
    run->last_step = point->step;
    if (point->step <= at->step)
        return;
    at->step = point->step;
    at->epoch = point->epoch;
    at->loss = (double)point->loss;
    at->accuracy = (double)point->accuracy;
    at->images_per_second = (double)point->images_per_second;
    run->newest = *point;
    run->has_news = true;
}

static enum ur_status take_steps(struct ur_supervisor *supervisor, struct ur_run *run,
                                 const struct ur_frame *frame, struct ur_error *error)
{
    static struct ur_record_steps steps; /* 8 KB, of the one thread */
    const enum ur_status status = ur_record_steps_read(frame, &steps, error);
    if (status != UR_OK)
        return status;
    const int32_t count = (int32_t)steps.count, before = run->last_step;
    for (int32_t i = 0, last = before; i < count; last = steps.points[i++].step)
        if (steps.points[i].step <= last || steps.points[i].step > run->steps)
            return broke(error, "its steps do not follow each other");
    const bool room = count > 0 && make_room(supervisor, run, count);
    if (room) {
        memcpy(run->points + run->n_points, steps.points, (size_t)count * sizeof *run->points);
        run->n_points += count;
    }
    pthread_mutex_lock(&supervisor->mutex);
    for (int32_t i = 0; i < count; i++)
        take_point(run, &steps.points[i]);
    struct ur_supervisor_counts *totals = &supervisor->totals;
    totals->steps_total += (uint64_t)(run->last_step - before);
    totals->images_total +=
        (uint64_t)(run->last_step - before) * (uint64_t)run->job->spec->train.batch;
    totals->records_dropped_total += steps.dropped + (room ? 0 : (uint32_t)count);
    run->job->phase = UR_PHASE_TRAINING;
    pthread_mutex_unlock(&supervisor->mutex);
    return UR_OK;
}

static enum ur_status take_epoch(struct ur_supervisor *supervisor, struct ur_run *run,
                                 const struct ur_frame *frame, struct ur_error *error)
{
    struct ur_record_epoch epoch;
    const enum ur_status status = ur_record_epoch_read(frame, &epoch, error);
    if (status != UR_OK)
        return status;
    if (epoch.epoch < 1 || epoch.step < 0 || epoch.step > run->steps)
        return broke(error, "an epoch is outside the training");
    pthread_mutex_lock(&supervisor->mutex);
    struct ur_job_progress *at = &run->job->row.at;
    const bool fresh = epoch.epoch > at->epoch_ended;
    if (fresh) {
        const double accuracy = (double)epoch.validation_accuracy;
        at->epoch_ended = epoch.epoch;
        ur_copy_printable(at->weights_sha256, sizeof at->weights_sha256, epoch.weights_sha256);
        if (isfinite(accuracy) && !(accuracy <= at->best_accuracy)) {
            at->best_accuracy = accuracy;
            at->best_epoch = epoch.epoch;
            at->best_step = epoch.step;
        }
    }
    struct ur_job_write *write = begin_write(run, UR_JOB_PROGRESS);
    if (write && (write->epoch = malloc(sizeof epoch)))
        *write->epoch = epoch;
    if (write && fresh)
        ur_job_write_event(write, "epoch", ur_event_epoch(run->job, &epoch), false);
    if (write)
        ur_store_put(supervisor->store, &write->base);
    pthread_mutex_unlock(&supervisor->mutex);
    return UR_OK;
}

static enum ur_status take_checkpoint(struct ur_supervisor *supervisor, struct ur_run *run,
                                      const struct ur_frame *frame, struct ur_error *error)
{
    struct ur_record_checkpoint record;
    const enum ur_status status = ur_record_checkpoint_read(frame, &record, error);
    if (status != UR_OK)
        return status;
    if (record.step < 0 || record.step > run->steps)
        return broke(error, "a checkpoint is outside the training");
    pthread_mutex_lock(&supervisor->mutex);
    supervisor->totals.checkpoints_total++;
    struct ur_job_progress *at = &run->job->row.at;
    const bool fresh = record.kind == UR_CHECKPOINT_LAST && record.step > at->checkpoint_step;
    struct ur_job_write *write = NULL;
    if (fresh) {
        at->checkpoint_step = record.step;
        ur_copy_printable(at->weights_sha256, sizeof at->weights_sha256, record.weights_sha256);
        write = begin_write(run, UR_JOB_PROGRESS);
    }
    if (write) {
        ur_job_write_event(write, "checkpoint", ur_event_checkpoint(run->job, &record), false);
        ur_store_put(supervisor->store, &write->base);
    }
    pthread_mutex_unlock(&supervisor->mutex);
    return UR_OK;
}

static enum ur_status take_confusion(struct ur_supervisor *supervisor, struct ur_run *run,
                                     const struct ur_frame *frame, struct ur_error *error)
{
    struct ur_record_confusion confusion;
    const size_t capacity = (size_t)run->classes * (size_t)run->classes;
    uint32_t *counts = malloc(capacity * sizeof *counts);
    if (!counts)
        return UR_OK; /* a matrix less; the job goes on */
    enum ur_status status =
        ur_record_confusion_read(frame, &confusion, counts, capacity, error);
    if (status == UR_OK && (confusion.classes != run->classes || confusion.epoch < 0))
        status = broke(error, "a confusion matrix does not fit the data");
    if (status != UR_OK) {
        free(counts);
        return status;
    }
    pthread_mutex_lock(&supervisor->mutex);
    struct ur_job_write *write = begin_write(run, UR_JOB_PROGRESS);
    if (write) {
        write->confusion = confusion;
        write->confusion.counts = counts;
        ur_store_put(supervisor->store, &write->base);
    } else {
        free(counts);
    }
    pthread_mutex_unlock(&supervisor->mutex);
    return UR_OK;
}

/* What the worker says of a step goes to readers as it is, so it must be what it should be: an
 * object of that step whose gradients are a list. */
static json_t *checked_insight(const struct ur_record_insight *record)
{
    json_t *root = json_loadb(record->json, record->json_bytes, JSON_REJECT_DUPLICATES, NULL);
    if (json_integer_value(json_object_get(root, "step")) == record->step &&
        json_is_array(json_object_get(root, "gradients")))
        return root;
    json_decref(root);
    return NULL;
}

static enum ur_status take_insight(struct ur_supervisor *supervisor, struct ur_run *run,
                                   const struct ur_frame *frame, struct ur_error *error)
{
    struct ur_record_insight record;
    const enum ur_status status = ur_record_insight_read(frame, &record, error);
    if (status != UR_OK)
        return status;
    json_t *root = record.step <= run->steps ? checked_insight(&record) : NULL;
    if (!root)
        return broke(error, "what it says of a step makes no sense");
    pthread_mutex_lock(&supervisor->mutex);
    const bool fresh = record.step > run->seen_step;
    struct ur_job_write *write = ur_store_backlog(supervisor->store) > UR_MAX_BACKLOG
                                     ? NULL
                                     : begin_write(run, UR_JOB_PROGRESS);
    if (write) {
        write->insight_step = record.step;
        write->insight = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(5));
        if (fresh)
            ur_job_write_event(write, "gradients", ur_event_gradients(run->job, root), false);
        ur_store_put(supervisor->store, &write->base);
    }
    pthread_mutex_unlock(&supervisor->mutex);
    json_decref(root);
    return UR_OK;
}

/* Gives the report on one line, NULL if it is no JSON object: it is served as it is. */
static char *clean_report(struct ur_run *run, const char *text, size_t bytes)
{
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    char *report =
        json_is_object(root) ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    const char *sha256 = json_string_value(json_object_get(root, "weights_sha256"));
    ur_copy_printable(run->weights_sha256, sizeof run->weights_sha256, sha256 ? sha256 : "");
    json_decref(root);
    return report;
}

static enum ur_status take_end(struct ur_run *run, const struct ur_frame *frame,
                               struct ur_error *error)
{
    const enum ur_status status = ur_record_end_read(frame, &run->end, error);
    if (status != UR_OK)
        return status;
    if (run->end.report_bytes > 0) {
        run->report = clean_report(run, run->end.report, run->end.report_bytes);
        if (!run->report)
            return broke(error, "its report is not JSON");
    }
    run->end.report = NULL;
    run->ended = true;
    return UR_OK;
}

static enum ur_status take_record(struct ur_supervisor *supervisor, struct ur_run *run,
                                  const struct ur_frame *frame, struct ur_error *error)
{
    if (run->ended)
        return broke(error, "something follows its end");
    /* A worker says hello once its data are loaded. Until then a phase shows that it lives, and
     * what fails is told by an END of its own. */
    if (!run->greeted && frame->type != UR_RECORD_HELLO && frame->type != UR_RECORD_PHASE &&
        frame->type != UR_RECORD_END)
        return broke(error, "it did not say hello first");
    switch ((enum ur_record_type)frame->type) {
    case UR_RECORD_HELLO:
        return run->greeted ? broke(error, "it said hello twice")
                            : take_hello(supervisor, run, frame, error);
    case UR_RECORD_PHASE:
        return take_phase(supervisor, run, frame, error);
    case UR_RECORD_STEPS:
        return take_steps(supervisor, run, frame, error);
    case UR_RECORD_EPOCH:
        return take_epoch(supervisor, run, frame, error);
    case UR_RECORD_CHECKPOINT:
        return take_checkpoint(supervisor, run, frame, error);
    case UR_RECORD_CONFUSION:
        return take_confusion(supervisor, run, frame, error);
    case UR_RECORD_INSIGHT:
        return take_insight(supervisor, run, frame, error);
    case UR_RECORD_END:
        return take_end(run, frame, error);
    case UR_RECORD_DATASET:
        break;
    }
    return broke(error, "it sent a record of an unknown type");
}

/* Counts a record; more in one second than any training makes are a flood. */
static enum ur_status count_record(struct ur_run *run, int64_t now_us, struct ur_error *error)
{
    if (now_us - run->second_us > 1000000) {
        run->second_us = now_us;
        run->n_records = 0;
    }
    if (run->greeted && now_us - run->heard_us > run->longest_silence_us)
        run->longest_silence_us = now_us - run->heard_us;
    run->heard_us = now_us;
    if (++run->n_records > UR_RECORDS_PER_SECOND)
        return broke(error, "it floods");
    return UR_OK;
}

void ur_run_read(struct ur_supervisor *supervisor, struct ur_run *run, bool *more)
{
    struct ur_error error = {0};
    enum ur_status status = UR_OK;
    *more = true;

    for (int32_t i = 0; i < UR_FRAMES_PER_TURN && *more && status == UR_OK; i++) {
        struct ur_frame frame;
        bool eof = false;
        status = ur_worker_next(&run->worker, &frame, more, &eof, &error);
        if (status == UR_OK && *more)
            status = count_record(run, ur_clock_us(), &error);
        if (status == UR_OK && *more)
            status = take_record(supervisor, run, &frame, &error);
    }
    if (status != UR_OK) {
        /* Nothing that it says counts any more. */
        run->broken = error;
        *more = false;
        close(run->worker.records_fd);
        run->worker.records_fd = -1;
        ur_frame_reader_release(&run->worker.reader);
        ur_run_next_stage(supervisor, run, UR_ENDING_KILL, ur_clock_us());
    }
}
