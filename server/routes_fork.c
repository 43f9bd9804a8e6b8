/*
 * POST /v1/jobs/{id}:fork: the parent's spec with the changes laid over it, parsed and checked
 * as if it had been posted. Laying over is a merge of objects, member by member; null is a
 * value here as in every spec, not a wish to remove. Pointers of errors are those of the spec.
 */
#include <jansson.h>

#include "http.h"
#include "routes.h"
#include "supervisor.h"
#include "unroll/limits.h"

static void lay_over(json_t *base, const json_t *changes)
{
    const char *key;
    json_t *value;
    union { /* jansson iterates over what it may change */
        const json_t *read_only;
        json_t *any;
    } from = {changes};
    json_object_foreach(from.any, key, value)
    {
        json_t *below = json_object_get(base, key);
        if (json_is_object(below) && json_is_object(value))
            lay_over(below, value);
        else
            json_object_set(base, key, value);
    }
}

/* Whoever changes how long the training is may say it the other way: steps and epochs take each
 * other's place. */
static void choose_length(json_t *spec, const json_t *changes)
{
    json_t *train = json_object_get(spec, "train");
    const json_t *wanted = json_object_get(changes, "train");
    const bool steps = json_object_get(wanted, "steps") != NULL;
    const bool epochs = json_object_get(wanted, "epochs") != NULL;
    if (steps && !epochs)
        json_object_del(train, "epochs");
    else if (epochs && !steps)
        json_object_del(train, "steps");
}

/* The parent's spec under the name, tags and priority that it has by now. */
static json_t *base_of(const json_t *job)
{
    json_t *spec = json_deep_copy(json_object_get(job, "spec"));
    const char *name = json_string_value(json_object_get(job, "name"));
    if (!json_is_object(spec) || !json_is_object(json_object_get(spec, "run"))) {
        json_decref(spec);
        return NULL;
    }
    if (name != NULL && name[0] != '\0')
        json_object_set(spec, "name", json_object_get(job, "name"));
    json_object_set(spec, "tags", json_object_get(job, "tags"));
    json_object_set(json_object_get(spec, "run"), "priority", json_object_get(job, "priority"));
    return spec;
}

static void read_from(struct ur_fork *fork, const json_t *from, struct ur_field_errors *fields)
{
    const char *word = json_string_value(from);
    const json_t *step = json_object_get(from, "step");
    const json_int_t number = json_integer_value(step);
    fork->from = UR_FORK_LAST;
    if (from == NULL || (word != NULL && strcmp(word, "last") == 0))
        return;
    if (word != NULL && strcmp(word, "best") == 0) {
        fork->from = UR_FORK_BEST;
        return;
    }
    fork->from = UR_FORK_STEP;
    fork->step = (int32_t)number;
    if (!json_is_integer(step) || json_object_size(from) != 1 || number < 0 ||
        number > INT32_MAX)
        ur_field_error_add(fields, "/from", "must be \"last\", \"best\" or {\"step\":n}");
}

static void read_body(struct ur_fork *fork, json_t *body, struct ur_field_errors *fields)
{
    const char *key;
    json_t *value;
    read_from(fork, json_object_get(body, "from"), fields);
    json_object_foreach(body, key, value)
    {
        char pointer[80] = "/";
        if (strcmp(key, "changes") == 0 && !json_is_object(value))
            ur_field_error_add(fields, "/changes", "must be an object: a part of a spec");
        if (strcmp(key, "changes") == 0 || strcmp(key, "from") == 0)
            continue;
        ur_copy_printable(pointer + 1, sizeof pointer - 1, key);
        ur_field_error_add(fields, pointer, "is not a field of a fork; from and changes are");
    }
}

/* Gives the parent as JSON. */
static enum ur_status find_parent(const struct ur_request *request, json_t **job,
                                  struct ur_error *error)
{
    struct ur_text text;
    enum ur_status status = ur_route_check_id(request->params[0], error);
    if (status != UR_OK)
        return status;
    ur_text_init(&text, UR_JSON_MAX_BYTES);
    status = ur_supervisor_job(request->server->supervisor, request->params[0], &text, error);
    if (status == UR_OK)
        *job = json_loadb(ur_text_get(&text), text.length, 0, NULL);
    if (status == UR_OK && *job == NULL)
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory to read the job.");
    ur_text_release(&text);
    return status;
}

static enum ur_status parse_spec(const json_t *json, struct ur_spec *spec,
                                 struct ur_field_errors *fields, struct ur_error *error)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (text == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to read the changes.");
    const enum ur_status status = ur_spec_parse(spec, text, strlen(text), fields, error);
    free(text);
    return status;
}

struct specs {
    struct ur_spec parent, child;
};

/* Makes the child's spec and holds it against the parent's. */
static enum ur_status make_specs(struct specs *specs, const json_t *job, const json_t *changes,
                                 struct ur_field_errors *fields, struct ur_error *error)
{
    json_t *spec = base_of(job);
    if (spec == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to read the job.");
    enum ur_status status = parse_spec(spec, &specs->parent, NULL, error);
    if (status != UR_OK) {
        status =
            ur_fail(error, UR_CONFLICT, "The job's specification is not one of this version.");
    } else {
        choose_length(spec, changes);
        lay_over(spec, changes);
        status = parse_spec(spec, &specs->child, fields, error);
    }
    json_decref(spec);
    if (status == UR_OK)
        status = ur_spec_check_fork(&specs->parent, &specs->child, fields, error);
    return status;
}

enum ur_status ur_route_job_fork(const struct ur_request *request, struct ur_reply *reply,
                                 struct ur_error *error)
{
    struct ur_fork fork = {.parent = request->params[0]};
    struct ur_field_errors *fields = ur_reply_fields(reply);
    struct specs *specs = calloc(1, sizeof *specs);
    json_t *body = NULL, *job = NULL;
    enum ur_status status = UR_OK;
    if (fields == NULL || specs == NULL)
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory to read the changes.");
    if (status == UR_OK)
        status = find_parent(request, &job, error);
    if (status == UR_OK)
        status = ur_request_json(request, &body, error);
    if (status != UR_OK)
        goto out;
    read_body(&fork, body, fields);
    if (fields->count > 0)
        status = ur_fail(error, UR_INVALID_SPEC, "%s %s.", fields->items[0].pointer,
                         fields->items[0].detail);
    if (status == UR_OK)
        status = make_specs(specs, job, json_object_get(body, "changes"), fields, error);
    if (status == UR_OK)
        status = ur_route_submit(request, &specs->child, &fork, reply, fields, error);
out:
    json_decref(body);
    json_decref(job);
    free(specs);
    return status;
}
