#include "predictor.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "json_text.h"
#include "predictor_inside.h"
#include "unroll/clock.h"
#include "unroll/log.h"

bool ur_model_is_newest(const struct ur_predictor *predictor, const struct ur_model *model)
{
    for (int32_t i = 0; i < predictor->n_models; i++) {
        const struct ur_model_row *other = &predictor->models[i]->row;
        if (other->version > model->row.version && strcmp(other->name, model->row.name) == 0)
            return false;
    }
    return true;
}

/* What is asked without a name is a picture. */
static struct ur_model *find_default(const struct ur_predictor *predictor)
{
    for (int32_t i = predictor->n_models - 1; i >= 0; i--)
        if (!predictor->models[i]->series)
            return predictor->models[i];
    return NULL;
}

struct ur_model *ur_model_find(struct ur_predictor *predictor, const char *name,
                               int32_t version)
{
    struct ur_model *found = NULL;
    if (!name)
        return find_default(predictor);
    for (int32_t i = 0; i < predictor->n_models; i++) {
        struct ur_model *model = predictor->models[i];
        if (strcmp(model->row.name, name) != 0 || (version && model->row.version != version))
            continue;
        if (!found || model->row.version > found->row.version)
            found = model;
    }
    return found;
}

static void free_model(struct ur_model *model)
{
    free(model->row.report);
    free(model->test);
    free(model);
}

void ur_model_release(struct ur_predictor *predictor, struct ur_model *model)
{
    model->users--;
    if (model->users == 0 && model->deleted) {
        for (int i = 0; i < UR_PREDICT_SLOTS; i++)
            if (predictor->slots[i] == model)
                predictor->slots[i] = NULL;
        free_model(model);
    }
}

void ur_models_free(struct ur_predictor *predictor)
{
    for (int32_t i = 0; i < predictor->n_models; i++)
        free_model(predictor->models[i]);
    free(predictor->models);
}

/* Gives a member of the report as JSON; NULL: there is none. */
static char *member_of(const char *report, const char *key)
{
    json_t *root = json_loads(report, JSON_REJECT_DUPLICATES, NULL);
    const json_t *member = json_object_get(root, key);
    char *text =
        member ? json_dumps(member, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9))
               : NULL;
    json_decref(root);
    return text;
}

static bool reads_series(const char *report)
{
    json_t *root = json_loads(report, JSON_REJECT_DUPLICATES, NULL);
    const char *input = json_string_value(json_object_get(root, "input"));
    const bool series = input && strcmp(input, "series") == 0;
    json_decref(root);
    return series;
}

/* Adds a model to the table; takes the row's report, also where it fails. */
static enum ur_status add_model(void *context, struct ur_model_row *row, struct ur_error *error)
{
    struct ur_predictor *predictor = context;
    if (predictor->n_models == predictor->capacity) {
        const int32_t capacity = predictor->capacity ? predictor->capacity * 2 : 16;
        struct ur_model **models =
            realloc(predictor->models, (size_t)capacity * sizeof(struct ur_model *));
        if (!models) {
            free(row->report);
            return ur_no_memory(error);
        }
        predictor->models = models;
        predictor->capacity = capacity;
    }
    struct ur_model *model = calloc(1, sizeof *model);
    if (!model) {
        free(row->report);
        return ur_no_memory(error);
    }
    model->row = *row;
    model->test = member_of(row->report, "test");
    model->series = reads_series(row->report);
    predictor->models[predictor->n_models++] = model;
    return UR_OK;
}

enum ur_status ur_models_restore(struct ur_predictor *predictor, struct ur_error *error)
{
    return ur_store_models(predictor->store, add_model, predictor, error);
}

static enum ur_status copy_bytes(int from, int to, struct ur_error *error)
{
    char block[1 << 16];
    for (;;) {
        const ssize_t got = read(from, block, sizeof block);
        if (got == 0)
            return UR_OK;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ur_fail_errno(error, errno, "The job's model cannot be read");
        for (ssize_t done = 0; done < got;) {
            const ssize_t put = write(to, block + done, (size_t)(got - done));
            if (put < 0 && errno != EINTR)
                return ur_fail_errno(error, errno, "The model cannot be stored");
            done += put > 0 ? put : 0;
        }
    }
}

/* Copies to a file beside, fsyncs it, renames it, fsyncs the folder. */
static enum ur_status store_file(struct ur_predictor *predictor, const char *source,
                                 const char *name, int64_t *bytes, struct ur_error *error)
{
    char beside[UR_MODEL_FILE_BYTES + 8];
    struct stat about;
    enum ur_status status = UR_OK;
    snprintf(beside, sizeof beside, "%s.new", name);
    const int folder = predictor->models_folder;
    const int from = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const int cause = errno;
    const int to =
        openat(folder, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (from < 0 || to < 0)
        status = ur_fail_errno(error, from < 0 ? cause : errno, "The model cannot be stored");
    if (status == UR_OK)
        status = copy_bytes(from, to, error);
    if (status == UR_OK && (fstat(to, &about) != 0 || fsync(to) != 0))
        status = ur_fail_errno(error, errno, "The model cannot be made durable");
    if (from >= 0)
        close(from);
    if (to >= 0 && close(to) != 0 && status == UR_OK)
        status = ur_fail_errno(error, errno, "The model cannot be stored");
    if (status == UR_OK && (renameat(folder, beside, folder, name) != 0 || fsync(folder) != 0))
        status = ur_fail_errno(error, errno, "The model cannot be stored");
    if (status == UR_OK)
        *bytes = about.st_size;
    else
        unlinkat(folder, beside, 0);
    return status;
}

static void fill_sha256(struct ur_model_row *row)
{
    json_t *root = json_loads(row->report, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(root, "weights_sha256"));
    ur_copy(row->weights_sha256, sizeof row->weights_sha256, text ? text : "");
    json_decref(root);
}

enum ur_status ur_predictor_register(struct ur_predictor *predictor, const char *name,
                                     const char *job_id, const char *file,
                                     const char *report_json, int32_t *version,
                                     struct ur_error *error)
{
    struct ur_model_row row = {.created_us = ur_clock_wall_us()};
    bool existed = false;
    row.report = strdup(report_json && *report_json ? report_json : "{}");
    if (!row.report)
        return ur_no_memory(error);
    ur_copy(row.name, sizeof row.name, name);
    ur_copy(row.job, sizeof row.job, job_id);
    snprintf(row.file, sizeof row.file, "%s.unroll", job_id);
    fill_sha256(&row);
    enum ur_status status = store_file(predictor, file, row.file, &row.bytes, error);
    if (status == UR_OK)
        status = ur_store_model_insert(predictor->store, &row, &existed, error);
    *version = row.version;
    if (status != UR_OK || existed) {
        free(row.report);
        return status;
    }
    pthread_mutex_lock(&predictor->mutex);
    status = add_model(predictor, &row, error);
    pthread_cond_broadcast(&predictor->wanted);
    pthread_mutex_unlock(&predictor->mutex);
    return status;
}

static void print_status(const struct ur_predictor *predictor, const struct ur_model *model,
                         struct ur_text *json)
{
    char version[16];
    snprintf(version, sizeof version, "%d", (int)model->row.version);
    const bool broken = model->state == UR_MODEL_BROKEN;
    ur_json_comma(json);
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "version", version);
    /* A version that is not in the predictor is loaded when it is asked for. */
    ur_json_key_string(json, "state",
                       broken             ? "END"
                       : predictor->ready ? "AVAILABLE"
                                          : "LOADING");
    ur_json_key(json, "status");
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "error_code", broken ? "DATA_LOSS" : "OK");
    ur_json_key_string(json, "error_message", broken ? model->why : "");
    ur_text_append(json, "}}", 2);
}

static void print_model(const struct ur_predictor *predictor, const struct ur_model *model,
                        struct ur_text *json)
{
    const struct ur_model_row *row = &model->row;
    ur_json_comma(json);
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "name", row->name);
    ur_json_key_integer(json, "version", row->version);
    ur_json_key_string(json, "job", row->job);
    ur_json_key_time(json, "created_at", row->created_us);
    ur_json_key_integer(json, "bytes", row->bytes);
    ur_json_key_string_or_null(json, "weights_sha256", row->weights_sha256);
    ur_json_key_raw(json, "test", model->test);
    ur_json_key_string(json, "input", model->series ? "series" : "images");
    ur_json_key_boolean(json, "ready", predictor->ready && model->state != UR_MODEL_BROKEN);
    ur_json_key(json, "versions");
    ur_text_append(json, "[", 1);
    for (int32_t i = 0; i < predictor->n_models; i++)
        if (strcmp(predictor->models[i]->row.name, row->name) == 0) {
            ur_json_comma(json);
            ur_text_format(json, "%d", (int)predictor->models[i]->row.version);
        }
    ur_text_append(json, "]", 1);
    ur_json_key(json, "model_version_status");
    ur_text_append(json, "[", 1);
    for (int32_t i = 0; i < predictor->n_models; i++)
        if (strcmp(predictor->models[i]->row.name, row->name) == 0)
            print_status(predictor, predictor->models[i], json);
    ur_text_append(json, "]}", 2);
}

enum ur_status ur_predictor_models(struct ur_predictor *predictor, struct ur_text *json,
                                   struct ur_error *error)
{
    pthread_mutex_lock(&predictor->mutex);
    ur_text_append(json, "{\"items\":[", 10);
    for (int32_t i = predictor->n_models - 1; i >= 0; i--)
        if (ur_model_is_newest(predictor, predictor->models[i]))
            print_model(predictor, predictor->models[i], json);
    ur_text_format(json, "],\"next\":null}");
    pthread_mutex_unlock(&predictor->mutex);
    return json->failed ? ur_no_memory(error) : UR_OK;
}

enum ur_status ur_predictor_model(struct ur_predictor *predictor, const char *name,
                                  int32_t version, struct ur_text *json, struct ur_error *error)
{
    enum ur_status status = UR_OK;
    pthread_mutex_lock(&predictor->mutex);
    const struct ur_model *model = ur_model_find(predictor, name, version);
    if (model)
        print_model(predictor, model, json);
    else
        status = ur_fail(error, UR_NOT_FOUND, "There is no model of that name and version.");
    pthread_mutex_unlock(&predictor->mutex);
    return status == UR_OK && json->failed ? ur_no_memory(error) : status;
}

/* Takes a version out of the table; whoever still uses it keeps it alive until done. */
static bool take_out(struct ur_predictor *predictor, const char *name, int32_t version)
{
    struct ur_model *model = ur_model_find(predictor, name, version);
    if (!model)
        return false;
    int32_t at = 0;
    while (predictor->models[at] != model)
        at++;
    predictor->n_models--;
    for (; at < predictor->n_models; at++)
        predictor->models[at] = predictor->models[at + 1];
    model->deleted = true;
    model->users++;
    ur_model_release(predictor, model);
    pthread_cond_broadcast(&predictor->wanted);
    return true;
}

enum ur_status ur_predictor_model_delete(struct ur_predictor *predictor, const char *name,
                                         int32_t version, struct ur_error *error)
{
    char file[UR_MODEL_FILE_BYTES];
    pthread_mutex_lock(&predictor->mutex);
    const struct ur_model *model = ur_model_find(predictor, name, version);
    if (model) {
        version = model->row.version;
        ur_copy(file, sizeof file, model->row.file);
    }
    pthread_mutex_unlock(&predictor->mutex);
    if (!model)
        return ur_fail(error, UR_NOT_FOUND, "There is no model of that name and version.");
    const enum ur_status status = ur_store_model_delete(predictor->store, name, version, error);
    if (status != UR_OK)
        return status;
    pthread_mutex_lock(&predictor->mutex);
    take_out(predictor, name, version);
    pthread_mutex_unlock(&predictor->mutex);
    if (unlinkat(predictor->models_folder, file, 0) != 0 && errno != ENOENT)
        ur_log(UR_LOG_WARNING, "a removed model's file stays: %s", file);
    return UR_OK;
}
