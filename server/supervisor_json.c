#include <jansson.h>
#include <math.h>

#include "json_text.h"
#include "supervisor_inside.h"

enum { EVENT_BYTES = UR_RECORD_MAX_BYTES + 4096 };

static double progress_of(const struct ur_job *job)
{
    const struct ur_job_progress *at = &job->row.at;
    if (job->row.state == UR_JOB_SUCCEEDED)
        return 1;
    return at->steps > 0 ? (double)at->step / at->steps : 0;
}

/* Seconds of training left, NaN where that cannot be said. */
static double eta_of(const struct ur_job *job)
{
    const struct ur_job_progress *at = &job->row.at;
    const bool moves = job->row.state == UR_JOB_RUNNING && job->spec && at->step > 0 &&
                       isfinite(at->images_per_second) && at->images_per_second > 0;
    if (!moves)
        return (double)NAN;
    return (double)(at->steps - at->step) * job->spec->train.batch / at->images_per_second;
}

/* A loss that is not finite is shown as null, and this says why. */
static void print_diverged(struct ur_text *json, int32_t step, double loss)
{
    if (step > 0 && !isfinite(loss))
        ur_json_key_boolean(json, "diverged", true);
}

/* Gives the number of the epoch that a step belongs to, from 1 like everything that is counted
 * in JSON; 0 before the first step. Workers count the epochs that are over. */
static int32_t epoch_of(int32_t step, int32_t over)
{
    return step > 0 ? over + 1 : 0;
}

static void print_progress(struct ur_text *json, const struct ur_job *job)
{
    ur_json_key_number(json, "progress", progress_of(job));
    ur_json_key_number(json, "eta_s", eta_of(job));
    ur_json_key_integer(json, "step", job->row.at.step);
    ur_json_key_integer(json, "epoch", epoch_of(job->row.at.step, job->row.at.epoch));
}

static void print_error(struct ur_text *json, const struct ur_job_row *row)
{
    ur_json_key(json, "error");
    if (!row->error_code[0]) {
        ur_text_append(json, "null", 4);
        return;
    }
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "code", row->error_code);
    ur_json_key_string(json, "detail", row->error_detail ? row->error_detail : "");
    ur_text_append(json, "}", 1);
}

static void print_model(struct ur_text *json, const struct ur_job_row *row)
{
    ur_json_key(json, "model");
    if (!row->model_name[0]) {
        ur_text_append(json, "null", 4);
        return;
    }
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "name", row->model_name);
    ur_json_key_integer(json, "version", row->model_version);
    ur_text_append(json, "}", 1);
}

static void print_best(struct ur_text *json, const struct ur_job_progress *at)
{
    ur_json_key(json, "best");
    if (!isfinite(at->best_accuracy)) {
        ur_text_append(json, "null", 4);
        return;
    }
    ur_text_append(json, "{", 1);
    ur_json_key_integer(json, "step", at->best_step);
    ur_json_key_integer(json, "epoch", at->best_epoch);
    ur_json_key_number(json, "validation_accuracy", at->best_accuracy);
    ur_text_append(json, "}", 1);
}

static void print_parent(struct ur_text *json, const struct ur_job_row *row)
{
    ur_json_key(json, "parent");
    if (!row->parent[0]) {
        ur_text_append(json, "null", 4);
        return;
    }
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "id", row->parent);
    ur_json_key_integer(json, "step", row->parent_step);
    ur_text_append(json, "}", 1);
}

/* Where the job stands in the queue, from 1. */
static int32_t place_of(const struct ur_supervisor *supervisor, const struct ur_job *job)
{
    int32_t place = 1;
    for (int32_t i = 0; i < supervisor->n_active; i++) {
        const struct ur_job_row *other = &supervisor->active[i]->row;
        if (other->state != UR_JOB_QUEUED)
            continue;
        place += other->priority > job->row.priority ||
                 (other->priority == job->row.priority && strcmp(other->id, job->row.id) < 0);
    }
    return place;
}

static void print_moment(const struct ur_supervisor *supervisor, const struct ur_job *job,
                         struct ur_text *json)
{
    static const char *const phases[] = {"loading", "training", "evaluating", "saving"};
    if (job->row.state == UR_JOB_QUEUED)
        ur_json_key_integer(json, "queue_position", place_of(supervisor, job));
    if (!job->run || job->phase > UR_PHASE_SAVING || ur_job_state_ended(job->row.state))
        return;
    ur_json_key_string(json, "phase", phases[job->phase]);
    ur_json_key_number(json, "phase_done", (double)job->phase_done);
}

void ur_job_print(const struct ur_supervisor *supervisor, const struct ur_job *job,
                  struct ur_text *json)
{
    const struct ur_job_row *row = &job->row;
    ur_json_comma(json);
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "id", row->id);
    ur_json_key_string(json, "name", row->name);
    ur_json_key_raw(json, "tags", row->tags);
    ur_json_key_integer(json, "priority", row->priority);
    ur_json_key_string(json, "state", ur_job_state_name(row->state));
    print_moment(supervisor, job, json);
    print_progress(json, job);
    ur_json_key_integer(json, "steps", row->at.steps);
    ur_json_key_number(json, "images_per_second", row->at.images_per_second);
    ur_json_key_number(json, "loss", row->at.loss);
    print_diverged(json, row->at.step, row->at.loss);
    ur_json_key_number(json, "accuracy", row->at.accuracy);
    print_best(json, &row->at);
    ur_json_key_raw(json, "spec", row->spec);
    ur_json_key_integer(json, "parameters", (int64_t)row->parameters);
    ur_json_key_integer(json, "memory_bytes", (int64_t)row->memory_bytes);
    ur_json_key_string_or_null(json, "dataset_sha256", row->dataset_sha256);
    ur_json_key_string_or_null(json, "weights_sha256", row->at.weights_sha256);
    ur_json_key_string_or_null(json, "numerics_profile", row->numerics_profile);
    ur_json_key_string_or_null(json, "version", row->version);
    ur_json_key_time(json, "created_at", row->created_us);
    ur_json_key_time(json, "started_at", row->started_us);
    ur_json_key_time(json, "ended_at", row->ended_us);
    print_parent(json, row);
    ur_json_key_integer(json, "restarts", row->restarts);
    print_error(json, row);
    print_model(json, row);
    ur_json_key_raw(json, "report", row->report);
    ur_text_append(json, "}", 1);
}

static void begin(struct ur_text *json, const struct ur_job *job)
{
    ur_text_init(json, EVENT_BYTES);
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "job", job->row.id);
}

static char *finish(struct ur_text *json)
{
    ur_text_append(json, "}", 1);
    char *text = ur_text_take(json);
    ur_text_release(json);
    return text;
}

char *ur_event_state(const struct ur_supervisor *supervisor, const struct ur_job *job)
{
    struct ur_text json;
    begin(&json, job);
    ur_json_key_string(&json, "state", ur_job_state_name(job->row.state));
    ur_json_key_string(&json, "name", job->row.name);
    print_moment(supervisor, job, &json);
    print_progress(&json, job);
    ur_json_key_integer(&json, "steps", job->row.at.steps);
    ur_json_key_integer(&json, "restarts", job->row.restarts);
    print_error(&json, &job->row);
    print_model(&json, &job->row);
    return finish(&json);
}

char *ur_event_step(const struct ur_job *job, const struct ur_step_point *point)
{
    struct ur_text json;
    begin(&json, job);
    ur_json_key_integer(&json, "step", point->step);
    ur_json_key_integer(&json, "epoch", epoch_of(point->step, point->epoch));
    ur_json_key_number(&json, "loss", (double)point->loss);
    print_diverged(&json, point->step, (double)point->loss);
    ur_json_key_number(&json, "accuracy", (double)point->accuracy);
    ur_json_key_number(&json, "learning_rate", (double)point->learning_rate);
    ur_json_key_number(&json, "gradient_norm", (double)point->gradient_norm);
    ur_json_key_number(&json, "images_per_second", (double)point->images_per_second);
    ur_json_key_number(&json, "progress", progress_of(job));
    ur_json_key_number(&json, "eta_s", eta_of(job));
    return finish(&json);
}

char *ur_event_epoch(const struct ur_job *job, const struct ur_record_epoch *epoch)
{
    struct ur_text json;
    begin(&json, job);
    ur_json_key_integer(&json, "epoch", epoch->epoch);
    ur_json_key_integer(&json, "step", epoch->step);
    ur_json_key_number(&json, "train_loss", (double)epoch->train_loss);
    print_diverged(&json, epoch->step, (double)epoch->train_loss);
    ur_json_key_number(&json, "train_accuracy", (double)epoch->train_accuracy);
    ur_json_key_number(&json, "validation_loss", (double)epoch->validation_loss);
    ur_json_key_number(&json, "validation_accuracy", (double)epoch->validation_accuracy);
    ur_json_key_number(&json, "seconds", (double)epoch->seconds);
    ur_json_key_string(&json, "weights_sha256", epoch->weights_sha256);
    return finish(&json);
}

char *ur_event_checkpoint(const struct ur_job *job, const struct ur_record_checkpoint *record)
{
    static const char *const kinds[] = {"last", "best", "model"};
    struct ur_text json;
    begin(&json, job);
    ur_json_key_integer(&json, "step", record->step);
    ur_json_key_string(&json, "kind",
                       kinds[record->kind <= UR_CHECKPOINT_MODEL ? record->kind : 0]);
    ur_json_key_integer(&json, "bytes", (int64_t)record->bytes);
    ur_json_key_string(&json, "weights_sha256", record->weights_sha256);
    return finish(&json);
}

char *ur_event_gradients(const struct ur_job *job, json_t *insight)
{
    static const char *const keys[] = {"step", "time_steps", "stride", "gradients"};
    json_t *object = json_pack("{s:s}", "job", job->row.id);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        json_object_set(object, keys[i], json_object_get(insight, keys[i]));
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(5));
    json_decref(object);
    return text;
}

char *ur_event_end(const struct ur_supervisor *supervisor, const struct ur_job *job)
{
    struct ur_text json;
    (void)supervisor;
    begin(&json, job);
    ur_json_key_string(&json, "state", ur_job_state_name(job->row.state));
    ur_json_key_string_or_null(&json, "weights_sha256", job->row.at.weights_sha256);
    print_error(&json, &job->row);
    print_model(&json, &job->row);
    ur_json_key_raw(&json, "report", job->row.report);
    return finish(&json);
}

void ur_tags_print(struct ur_text *json, const char (*tags)[UR_NAME_BYTES], int32_t n_tags)
{
    ur_text_append(json, "[", 1);
    for (int32_t i = 0; i < n_tags; i++) {
        ur_json_comma(json);
        ur_json_string(json, tags[i]);
    }
    ur_text_append(json, "]", 1);
}
