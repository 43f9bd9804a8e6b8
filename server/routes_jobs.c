#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <unistd.h>

#include "assets.h"
#include "catalogue.h"
#include "http.h"
#include "json_text.h"
#include "routes.h"
#include "supervisor.h"
#include "unroll/digest.h"
#include "unroll/limits.h"

enum {
    MAX_KEY_BYTES = 255,     /* of an Idempotency-Key */
    LOG_TAIL_BYTES = 1 << 20 /* of a worker's log: its end says why */
};

enum ur_status ur_route_check_id(const char *id, struct ur_error *error)
{
    if (strlen(id) >= UR_JOB_ID_BYTES)
        return ur_fail(error, UR_NOT_FOUND, "There is no job of that id.");
    return UR_OK;
}

/* Reads the Idempotency-Key: a quoted string (RFC 8941) or the bare word that most clients
 * send. */
static enum ur_status read_key(const struct ur_request *request, char key[MAX_KEY_BYTES + 1],
                               bool *given, struct ur_error *error)
{
    const char *text = ur_request_header(request, "Idempotency-Key");
    *given = text != NULL;
    if (text == NULL)
        return UR_OK;
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text++;
        length -= 2;
    }
    bool printable = true;
    for (size_t at = 0; at < length; at++)
        printable = printable && text[at] > 0x20 && text[at] < 0x7f;
    if (length == 0 || length > MAX_KEY_BYTES || !printable)
        return ur_fail(error, UR_BAD_REQUEST,
                       "The Idempotency-Key must be 1..%d printable characters without blanks.",
                       MAX_KEY_BYTES);
    memcpy(key, text, length);
    key[length] = '\0';
    return UR_OK;
}

/* The key's digest is of the address too: one body may fork two jobs. */
static void digest_of(const struct ur_request *request, char digest[UR_SHA256_HEX_BYTES])
{
    struct ur_digest state;
    unsigned char sha[UR_SHA256_BYTES];
    ur_digest_init(&state);
    ur_digest_update(&state, request->params[0], strlen(request->params[0]));
    ur_digest_update(&state, request->body, request->body_bytes);
    ur_digest_final(&state, sha);
    for (size_t at = 0; at < sizeof sha; at++)
        snprintf(digest + 2 * at, 3, "%02x", sha[at]);
}

enum ur_status ur_route_submit(const struct ur_request *request, const struct ur_spec *spec,
                               const struct ur_fork *fork, struct ur_reply *reply,
                               struct ur_field_errors *fields, struct ur_error *error)
{
    char digest[UR_SHA256_HEX_BYTES], id[UR_JOB_ID_BYTES] = "", key[MAX_KEY_BYTES + 1];
    bool has_key = false;
    enum ur_status status = read_key(request, key, &has_key, error);
    if (status != UR_OK)
        return status;
    digest_of(request, digest);
    struct ur_job_request job = {.spec = spec,
                                 .idempotency_key = has_key ? key : NULL,
                                 .body_sha256 = digest,
                                 .fork = fork};
    bool replayed = false;
    status = ur_supervisor_submit(request->server->supervisor, &job, id, &reply->text,
                                  &replayed, fields, error);
    if (status != UR_OK)
        return status;
    reply->status = 201;
    ur_reply_header(reply, "Location", "/v1/jobs/%s", id);
    if (replayed)
        ur_reply_header(reply, "Idempotency-Replayed", "true");
    return UR_OK;
}

/* Looks a data set up beside other wrong fields, so that all are told at once. */
static void check_dataset(const struct ur_request *request, const char *name,
                          struct ur_field_errors *fields)
{
    struct ur_text list;
    ur_text_init(&list, UR_JSON_MAX_BYTES);
    json_t *root = NULL;
    if (ur_supervisor_datasets(request->server->supervisor, &list, NULL) == UR_OK)
        root = json_loadb(ur_text_get(&list), list.length, 0, NULL);
    ur_text_release(&list);
    const char *state = root == NULL ? "" : NULL;
    size_t at;
    json_t *item;
    json_array_foreach(json_object_get(root, "items"), at, item)
    {
        const char *known = json_string_value(json_object_get(item, "name"));
        if (known != NULL && strcmp(known, name) == 0)
            state = json_string_value(json_object_get(item, "state"));
    }
    if (state == NULL)
        ur_field_error_add(fields, "/dataset",
                           "there is no data set \"%s\"; GET /v1/datasets lists what there is",
                           name);
    else if (strcmp(state, "bad") == 0)
        ur_field_error_add(fields, "/dataset", "the data set \"%s\" cannot be used", name);
    json_decref(root);
}

enum ur_status ur_route_jobs_submit(const struct ur_request *request, struct ur_reply *reply,
                                    struct ur_error *error)
{
    enum ur_status status;
    struct ur_field_errors *fields = ur_reply_fields(reply);
    struct ur_spec *spec = calloc(1, sizeof *spec);
    if (fields == NULL || spec == NULL) {
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory to read the job.");
        goto out;
    }
    ur_http_parse_begin(request->http);
    status = ur_spec_parse(spec, request->body, request->body_bytes, fields, error);
    ur_http_parse_end(request->http);
    if (status == UR_OK)
        status = ur_route_submit(request, spec, NULL, reply, fields, error);
    else if (status == UR_INVALID_SPEC && spec->dataset[0] != '\0')
        check_dataset(request, spec->dataset, fields);
out:
    free(spec);
    return status;
}

static enum ur_status read_filter(const struct ur_request *request,
                                  struct ur_job_filter *filter, struct ur_error *error)
{
    *filter = (struct ur_job_filter){.state = ur_request_query(request, "state"),
                                     .tag = ur_request_query(request, "tag"),
                                     .cursor = ur_request_query(request, "cursor"),
                                     .limit = 50};
    int known = filter->state == NULL ? 0 : -1;
    for (int state = 0; known < 0 && state < UR_JOB_STATE_COUNT; state++)
        if (strcmp(filter->state, ur_job_state_name((enum ur_job_state)state)) == 0)
            known = state;
    if (known < 0)
        return ur_fail(error, UR_BAD_REQUEST,
                       "The parameter \"state\" names no state of a job.");
    if (filter->tag != NULL && !ur_name_valid(filter->tag))
        return ur_fail(error, UR_BAD_REQUEST,
                       "The parameter \"tag\" must be 1..64 characters of A-Za-z0-9._-.");
    if (filter->cursor != NULL &&
        (!ur_name_valid(filter->cursor) || strlen(filter->cursor) >= UR_JOB_ID_BYTES))
        return ur_fail(error, UR_BAD_REQUEST,
                       "The parameter \"cursor\" must be the \"next\" of the page before.");
    return ur_request_integer(request, "limit", 1, 500, &filter->limit, error);
}

enum ur_status ur_route_jobs_list(const struct ur_request *request, struct ur_reply *reply,
                                  struct ur_error *error)
{
    struct ur_job_filter filter;
    enum ur_status status = read_filter(request, &filter, error);
    if (status != UR_OK)
        return status;
    char next[UR_JOB_ID_BYTES] = "";
    status =
        ur_supervisor_list(request->server->supervisor, &filter, &reply->text, next, error);
    if (status != UR_OK)
        return status;
    reply->document = true;
    if (next[0] != '\0')
        ur_reply_header(reply, "Link", "</v1/jobs?limit=%d&cursor=%s%s%s%s%s>; rel=\"next\"",
                        (int)filter.limit, next, filter.state != NULL ? "&state=" : "",
                        filter.state != NULL ? filter.state : "",
                        filter.tag != NULL ? "&tag=" : "",
                        filter.tag != NULL ? filter.tag : "");
    return UR_OK;
}

enum ur_status ur_route_job(const struct ur_request *request, struct ur_reply *reply,
                            struct ur_error *error)
{
    reply->document = true;
    enum ur_status status = ur_route_check_id(request->params[0], error);
    if (status != UR_OK)
        return status;
    return ur_supervisor_job(request->server->supervisor, request->params[0], &reply->text,
                             error);
}

/* What a PATCH may hold, with room for it. */
struct changes {
    struct ur_job_patch patch;
    char tags[UR_MAX_TAGS][UR_NAME_BYTES];
    int32_t priority;
};

static void read_name(struct changes *changes, const json_t *value,
                      struct ur_field_errors *fields)
{
    const char *name = json_string_value(value);
    if (name == NULL || !ur_name_valid(name))
        ur_field_error_add(fields, "/name", "must be 1..64 characters of A-Za-z0-9._-");
    else
        changes->patch.name = name;
}

static void read_tags(struct changes *changes, const json_t *value,
                      struct ur_field_errors *fields)
{
    if (!json_is_array(value) || json_array_size(value) > UR_MAX_TAGS) {
        ur_field_error_add(fields, "/tags", "must be a list of at most %d names", UR_MAX_TAGS);
        return;
    }
    size_t at;
    json_t *item;
    json_array_foreach(value, at, item)
    {
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/tags/%zu", at);
        const char *tag = json_string_value(item);
        if (tag == NULL || !ur_name_valid(tag))
            ur_field_error_add(fields, pointer, "must be 1..64 characters of A-Za-z0-9._-");
        else
            ur_copy(changes->tags[at], UR_NAME_BYTES, tag);
    }
    changes->patch.tags = (const char(*)[UR_NAME_BYTES])changes->tags;
    changes->patch.n_tags = (int32_t)json_array_size(value);
}

/* The range is the one of the spec's table. */
static void read_priority(struct changes *changes, const json_t *value,
                          struct ur_field_errors *fields)
{
    size_t count = 0;
    const struct ur_spec_field *field = ur_spec_fields(&count);
    while (count > 0 && strcmp(field->pointer, "/run/priority") != 0) {
        field++;
        count--;
    }
    json_int_t number = json_integer_value(value);
    if (count == 0 || !json_is_integer(value) || (double)number < field->low ||
        (double)number > field->high) {
        ur_field_error_add(fields, "/priority", "must be a whole number in %g..%g",
                           count == 0 ? 0 : field->low, count == 0 ? 0 : field->high);
        return;
    }
    changes->priority = (int32_t)number;
    changes->patch.priority = &changes->priority;
}

static void read_changes(struct changes *changes, json_t *root, struct ur_field_errors *fields)
{
    const char *key;
    json_t *value;
    changes->patch.n_tags = -1;
    json_object_foreach(root, key, value)
    {
        if (strcmp(key, "name") == 0)
            read_name(changes, value, fields);
        else if (strcmp(key, "tags") == 0)
            read_tags(changes, value, fields);
        else if (strcmp(key, "priority") == 0)
            read_priority(changes, value, fields);
        else {
            char pointer[80] = "/";
            ur_copy_printable(pointer + 1, sizeof pointer - 1, key);
            ur_field_error_add(fields, pointer,
                               "cannot be changed; name, tags and priority can");
        }
    }
}

enum ur_status ur_route_job_patch(const struct ur_request *request, struct ur_reply *reply,
                                  struct ur_error *error)
{
    struct ur_field_errors *fields = ur_reply_fields(reply);
    if (fields == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to read the changes.");
    struct changes changes = {0};
    json_t *root = NULL;
    enum ur_status status = ur_route_check_id(request->params[0], error);
    if (status == UR_OK)
        status = ur_request_json(request, &root, error);
    if (status != UR_OK)
        goto out;
    read_changes(&changes, root, fields);
    if (fields->count > 0)
        status = ur_fail(error, UR_INVALID_SPEC, "%s %s.", fields->items[0].pointer,
                         fields->items[0].detail);
    else
        status = ur_supervisor_patch(request->server->supervisor, request->params[0],
                                     &changes.patch, &reply->text, error);
out:
    json_decref(root);
    return status;
}

enum ur_status ur_route_job_delete(const struct ur_request *request, struct ur_reply *reply,
                                   struct ur_error *error)
{
    enum ur_status status = ur_route_check_id(request->params[0], error);
    if (status == UR_OK)
        status = ur_supervisor_delete(request->server->supervisor, request->params[0], error);
    if (status == UR_OK) {
        reply->status = 204;
        reply->type = NULL;
    }
    return status;
}

static enum ur_status command(const struct ur_request *request, enum ur_job_command what,
                              struct ur_reply *reply, struct ur_error *error)
{
    enum ur_status status = ur_route_check_id(request->params[0], error);
    if (status != UR_OK)
        return status;
    reply->status = 202;
    return ur_supervisor_command(request->server->supervisor, request->params[0], what,
                                 &reply->text, error);
}

enum ur_status ur_route_job_stop(const struct ur_request *request, struct ur_reply *reply,
                                 struct ur_error *error)
{
    return command(request, UR_JOB_COMMAND_STOP, reply, error);
}

enum ur_status ur_route_job_cancel(const struct ur_request *request, struct ur_reply *reply,
                                   struct ur_error *error)
{
    return command(request, UR_JOB_COMMAND_CANCEL, reply, error);
}

enum ur_status ur_route_job_pause(const struct ur_request *request, struct ur_reply *reply,
                                  struct ur_error *error)
{
    return command(request, UR_JOB_COMMAND_PAUSE, reply, error);
}

enum ur_status ur_route_job_resume(const struct ur_request *request, struct ur_reply *reply,
                                   struct ur_error *error)
{
    return command(request, UR_JOB_COMMAND_RESUME, reply, error);
}

enum ur_status ur_route_job_checkpoint(const struct ur_request *request, struct ur_reply *reply,
                                       struct ur_error *error)
{
    return command(request, UR_JOB_COMMAND_CHECKPOINT, reply, error);
}

enum ur_status ur_route_job_log(const struct ur_request *request, struct ur_reply *reply,
                                struct ur_error *error)
{
    int fd = -1;
    enum ur_status status = ur_route_check_id(request->params[0], error);
    if (status == UR_OK)
        status = ur_supervisor_log_open(request->server->supervisor, request->params[0],
                                        LOG_TAIL_BYTES, &fd, error);
    if (status != UR_OK)
        return status;
    char bytes[8192];
    ssize_t got = 0;
    while (reply->text.length < LOG_TAIL_BYTES && (got = read(fd, bytes, sizeof bytes)) > 0)
        ur_text_append(&reply->text, bytes, (size_t)got);
    if (got < 0)
        status = ur_fail_errno(error, errno, "Reading the log failed");
    close(fd);
    reply->type = "text/plain; charset=utf-8";
    return status;
}

enum ur_status ur_route_job_schema(const struct ur_request *request, struct ur_reply *reply,
                                   struct ur_error *error)
{
    (void)request;
    (void)error;
    ur_spec_schema(&reply->text);
    reply->document = true;
    return UR_OK;
}

/* Says what a preset trains, from the spec alone, so that no table of sentences grows old. */
static void describe(const struct ur_spec *spec, struct ur_text *json)
{
    char cell[UR_NAME_BYTES], length[48], layers[24] = "", sentence[256];
    ur_spec_enum_name("/model/cell", spec->model.cell, cell);
    for (char *at = cell; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    if (spec->train.steps > 0)
        snprintf(length, sizeof length, "%d minibatches", spec->train.steps);
    else
        snprintf(length, sizeof length, "%d epochs in minibatches", spec->train.epochs);
    if (spec->model.layers > 1)
        snprintf(layers, sizeof layers, ", %d layers", spec->model.layers);
    snprintf(sentence, sizeof sentence, "%s of %d units%s%s on \"%s\", %s of %d %s.", cell,
             spec->model.hidden, spec->model.bidirectional ? " in each direction" : "", layers,
             spec->dataset, length, spec->train.batch,
             strcmp(spec->dataset, "series") == 0 ? "series" : "images");
    ur_json_key_string(json, "description", sentence);
}

/* True of a job whose data sets are all built in. */
static bool runs_anywhere(const struct ur_spec *spec)
{
    const char *other = spec->train.evaluate_on;
    return ur_catalogue_built_in(spec->dataset) &&
           (other[0] == '\0' || ur_catalogue_built_in(other));
}

/* Prints a preset if running anywhere is what it does, or is not, as asked. */
static void print_preset(const struct ur_asset *asset, bool anywhere, struct ur_spec *spec,
                         struct ur_text *json)
{
    if (ur_spec_parse(spec, (const char *)asset->bytes, asset->n_bytes, NULL, NULL) != UR_OK ||
        runs_anywhere(spec) != anywhere)
        return;
    char name[UR_NAME_BYTES];
    ur_copy(name, sizeof name, strrchr(asset->path, '/') + 1);
    char *suffix = strrchr(name, '.');
    if (suffix != NULL)
        *suffix = '\0';
    ur_json_comma(json);
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "name", name);
    describe(spec, json);
    ur_json_key(json, "spec");
    ur_text_append(json, asset->bytes, asset->n_bytes);
    ur_text_append(json, "}", 1);
}

enum ur_status ur_route_presets(const struct ur_request *request, struct ur_reply *reply,
                                struct ur_error *error)
{
    (void)request;
    struct ur_spec *spec = malloc(sizeof *spec);
    if (spec == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to read the presets.");
    size_t count = 0;
    const struct ur_asset *assets = ur_assets(&count);
    ur_text_format(&reply->text, "{\"items\":[");
    for (int pass = 0; pass < 2; pass++) /* those that run on any machine come first */
        for (size_t at = 0; at < count; at++)
            if (strncmp(assets[at].path, "/presets/", 9) == 0)
                print_preset(&assets[at], pass == 0, spec, &reply->text);
    ur_text_format(&reply->text, "],\"next\":null}");
    free(spec);
    reply->document = true;
    return UR_OK;
}
