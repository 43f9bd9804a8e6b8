/* `unroll fork`: a new job from a checkpoint of another. */
#include "cli/commands.h"
#include "cli/look.h"
#include "unroll/limits.h"
#include "unroll/text.h"

/* Gives the member of that name as an object, made where there is none. */
static json_t *enter(json_t *object, const char *name)
{
    json_t *member = json_object_get(object, name);
    if (json_is_object(member))
        return member;
    member = json_object();
    json_object_set_new(object, name, member);
    return member;
}

/* Lays one POINTER=VALUE into the changes. What is no JSON is a word. */
static enum ur_status set_one(json_t *changes, const char *text, struct ur_error *error)
{
    char pointer[96];
    const char *sign = strchr(text, '=');
    const size_t length = sign != NULL ? (size_t)(sign - text) : 0;
    if (text[0] != '/' || length < 2 || length >= sizeof pointer)
        return ur_fail(error, UR_USAGE, "--set takes POINTER=VALUE, such as /train/batch=64.");
    memcpy(pointer, text, length);
    pointer[length] = '\0';
    json_t *value = json_loads(sign + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (value == NULL)
        value = json_string(sign + 1);
    char *name = pointer + 1;
    for (char *slash = strchr(name, '/'); slash != NULL; slash = strchr(name, '/')) {
        *slash = '\0';
        changes = enter(changes, name);
        name = slash + 1;
    }
    if (value != NULL && json_object_set_new(changes, name, value) == 0)
        return UR_OK;
    return ur_fail(error, UR_USAGE, "--set %s cannot be read.", text);
}

static enum ur_status set_from(json_t *body, const char *from, struct ur_error *error)
{
    int64_t step;
    if (from == NULL || strcmp(from, "last") == 0 || strcmp(from, "best") == 0)
        json_object_set_new(body, "from", json_string(from != NULL ? from : "last"));
    else if (ur_parse_int64(from, 0, INT32_MAX, &step))
        json_object_set_new(body, "from", json_pack("{s:I}", "step", (json_int_t)step));
    else
        return ur_fail(error, UR_USAGE, "--from must be best, last or a step, got %s.", from);
    return UR_OK;
}

/* Makes the request's body; *text is the caller's to free. */
static enum ur_status make_body(const struct ur_cli *cli, char **text, struct ur_error *error)
{
    json_t *body = json_object();
    json_t *changes = enter(body, "changes");
    enum ur_status status = set_from(body, cli->from, error);
    if (status == UR_OK && cli->n_sets > UR_CLI_SETS)
        status = ur_fail(error, UR_USAGE, "--set can be given %d times.", (int)UR_CLI_SETS);
    for (int i = 0; status == UR_OK && i < cli->n_sets; i++)
        status = set_one(changes, cli->sets[i], error);
    *text = status == UR_OK ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(body);
    if (status == UR_OK && *text == NULL)
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory for the changes.");
    return status;
}

enum ur_status ur_command_fork(struct ur_cli *cli, struct ur_error *error)
{
    char *text = NULL, id[65], path[128];
    json_t *job = NULL;
    enum ur_status status = make_body(cli, &text, error);
    if (status == UR_OK)
        status = ur_job_id(cli, cli->arguments[0], id, error);
    if (status == UR_OK) {
        const struct ur_client_body body = {"application/json", text, strlen(text)};
        snprintf(path, sizeof path, "/v1/jobs/%s:fork", id);
        status = ur_client_send(&cli->client, "POST", path, &body, &job, error);
    }
    free(text);
    return status == UR_OK ? ur_show_new(cli, job, error) : status;
}
