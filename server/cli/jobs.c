/* The commands about jobs on a daemon, save for watching one (watch.c). */
#include <math.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/look.h"
#include "unroll/limits.h"
#include "unroll/text.h"

enum ur_status ur_job_id(struct ur_cli *cli, const char *word, char id[65],
                         struct ur_error *error)
{
    if (strcmp(word, "last") == 0) {
        json_t *list = NULL;
        enum ur_status status =
            ur_client_call(&cli->client, "GET", &list, error, "/v1/jobs?limit=1");
        if (status == UR_OK) {
            const json_t *newest = json_array_get(ur_look(list, "items"), 0);
            ur_copy(id, 65, ur_look_text(newest, "id"));
            if (!ur_name_valid(id))
                status = ur_fail(error, UR_NOT_FOUND, "There is no job yet.");
        }
        json_decref(list);
        return status;
    }
    /* What is no name is no id either, and must not become part of an address. */
    if (!ur_name_valid(word))
        return ur_fail(error, UR_NOT_FOUND, "There is no job \"%s\".", word);
    ur_copy(id, 65, word);
    return UR_OK;
}

/* Copies the spec of the preset of that name out of the daemon's list, as text. */
static enum ur_status find_preset(struct ur_cli *cli, const char *name, char **spec,
                                  struct ur_error *error)
{
    json_t *list = NULL;
    struct ur_text names;
    ur_text_init(&names, 256);
    enum ur_status status = ur_client_call(&cli->client, "GET", &list, error, "/v1/presets");
    const json_t *items = ur_look(list, "items");
    for (size_t i = 0; status == UR_OK && *spec == NULL && i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        if (strcmp(ur_look_text(item, "name"), name) == 0)
            *spec = json_dumps(ur_look(item, "spec"), JSON_COMPACT | JSON_REAL_PRECISION(17));
        ur_text_format(&names, "%s%s", i > 0 ? ", " : "", ur_look_text(item, "name"));
    }
    if (status == UR_OK && *spec == NULL)
        status = ur_fail(error, UR_NOT_FOUND,
                         "\"%s\" is neither a file nor a preset; the presets are: %s.", name,
                         ur_text_get(&names));
    ur_text_release(&names);
    json_decref(list);
    return status;
}

static enum ur_status read_spec(struct ur_cli *cli, const char *word, char **spec,
                                size_t *n_bytes, struct ur_error *error)
{
    *spec = NULL;
    bool preset = ur_name_valid(word) && strcmp(word, "-") != 0 && access(word, F_OK) != 0;
    if (!preset)
        return ur_read_named(word, UR_JSON_MAX_BYTES, spec, n_bytes, error);
    enum ur_status status = find_preset(cli, word, spec, error);
    *n_bytes = *spec != NULL ? strlen(*spec) : 0;
    return status;
}

enum ur_status ur_show_new(struct ur_cli *cli, json_t *job, struct ur_error *error)
{
    char id[65];
    ur_copy(id, sizeof id, ur_look_text(job, "id"));
    if (cli->json && !cli->watch)
        ur_show_json(stdout, job);
    else if (!cli->json) {
        ur_show(stdout, id, 0);
        putchar('\n');
    }
    fflush(stdout);
    json_decref(job);
    return cli->watch ? ur_watch_job(cli, id, error) : UR_OK;
}

enum ur_status ur_command_submit(struct ur_cli *cli, struct ur_error *error)
{
    char *spec = NULL;
    size_t n_bytes = 0;
    json_t *job = NULL;
    enum ur_status status = read_spec(cli, cli->arguments[0], &spec, &n_bytes, error);
    if (status == UR_OK) {
        const struct ur_client_body body = {"application/json", spec, n_bytes};
        status = ur_client_send(&cli->client, "POST", "/v1/jobs", &body, &job, error);
    }
    free(spec);
    if (status != UR_OK)
        return status;

    return ur_show_new(cli, job, error);
}

/* A fraction as a percentage, "-" where there is none yet. */
static void show_percent(double fraction, int decimals, int width)
{
    char text[32] = "-";
    if (isfinite(fraction))
        snprintf(text, sizeof text, "%.*f %%", decimals, 100 * fraction);
    printf("%*s  ", width, text);
}

static void show_row(const json_t *job)
{
    ur_show(stdout, ur_look_text(job, "id"), 28);
    ur_show(stdout, ur_look_text(job, "state"), 12);
    show_percent(ur_look_number(job, "progress"), 0, 6);
    show_percent(ur_look_number(job, "accuracy"), 1, 8);
    ur_show(stdout, ur_look_text(job, "created_at"), 25);
    printf(" ");
    ur_show(stdout, ur_look_text(job, "name"), 0);
    putchar('\n');
}

static bool state_valid(const char *state)
{
    return strspn(state, "abcdefghijklmnopqrstuvwxyz") == strlen(state);
}

/* Writes the query of a list from the options that were given. */
static enum ur_status list_query(const struct ur_cli *cli, char *out, size_t size,
                                 struct ur_error *error)
{
    int64_t limit = 20;
    if (cli->limit != NULL && !ur_parse_int64(cli->limit, 1, 500, &limit))
        return ur_fail(error, UR_USAGE, "--limit must be 1..500, got %s.", cli->limit);
    if (cli->state != NULL && !state_valid(cli->state))
        return ur_fail(error, UR_USAGE, "--state %s is no state of a job.", cli->state);
    if (cli->tag != NULL && !ur_name_valid(cli->tag))
        return ur_fail(error, UR_USAGE, "--tag %s is no tag.", cli->tag);
    snprintf(out, size, "/v1/jobs?limit=%lld%s%s%s%s", (long long)limit,
             cli->state != NULL ? "&state=" : "", cli->state != NULL ? cli->state : "",
             cli->tag != NULL ? "&tag=" : "", cli->tag != NULL ? cli->tag : "");
    return UR_OK;
}

enum ur_status ur_command_ls(struct ur_cli *cli, struct ur_error *error)
{
    char path[256];
    json_t *list = NULL;
    enum ur_status status = list_query(cli, path, sizeof path, error);
    if (status == UR_OK)
        status = ur_client_send(&cli->client, "GET", path, NULL, &list, error);
    if (status != UR_OK)
        return status;

    const json_t *items = ur_look(list, "items");
    if (cli->json) {
        ur_show_json(stdout, list);
    } else if (json_array_size(items) == 0) {
        fprintf(stderr, "No jobs yet; `unroll submit smoke` starts one.\n");
    } else {
        printf("%-28s%-12s%6s  %8s  %-25s %s\n", "ID", "STATE", "DONE", "ACCURACY", "CREATED",
               "NAME");
        for (size_t i = 0; i < json_array_size(items); i++)
            show_row(json_array_get(items, i));
        if (json_is_string(ur_look(list, "next")))
            fprintf(stderr, "There are older ones; --limit shows more.\n");
    }
    json_decref(list);
    return UR_OK;
}

enum ur_status ur_command_show(struct ur_cli *cli, struct ur_error *error)
{
    char id[65];
    json_t *job = NULL;
    enum ur_status status = ur_job_id(cli, cli->arguments[0], id, error);
    if (status == UR_OK)
        status = ur_client_call(&cli->client, "GET", &job, error, "/v1/jobs/%s", id);
    if (status != UR_OK)
        return status;
    if (cli->json)
        ur_show_json(stdout, job);
    else
        ur_show_lines(stdout, job, 0);
    json_decref(job);
    return UR_OK;
}

/* Sends one request and says what came of it. */
static enum ur_status one_job(struct ur_cli *cli, const char *word, const char *method,
                              const char *verb, const char *said)
{
    char id[65];
    json_t *reply = NULL;
    struct ur_error error = {0};
    enum ur_status status = ur_job_id(cli, word, id, &error);
    if (status == UR_OK)
        status =
            ur_client_call(&cli->client, method, &reply, &error, "/v1/jobs/%s%s", id, verb);
    if (status == UR_OK && reply == NULL) /* a removed job has nothing to show */
        reply = json_pack("{s:s,s:b}", "id", id, "deleted", 1);
    if (status != UR_OK)
        ur_show_failure(cli, &error);
    else if (cli->json)
        ur_show_json(stdout, reply);
    else
        printf("%s: %s\n", id, said);
    json_decref(reply);
    return status;
}

/* Goes on past a job that fails, and ends with the first failure. */
static enum ur_status for_each_job(struct ur_cli *cli, const char *method, const char *verb,
                                   const char *said)
{
    enum ur_status first = UR_OK;
    for (int i = 0; i < cli->n_arguments; i++) {
        enum ur_status status = one_job(cli, cli->arguments[i], method, verb, said);
        if (first == UR_OK)
            first = status;
    }
    return first;
}

enum ur_status ur_command_stop(struct ur_cli *cli, struct ur_error *error)
{
    (void)error; /* each job has had its own line */
    return for_each_job(cli, "POST", ":stop", "stopping; what it learnt is kept");
}

enum ur_status ur_command_cancel(struct ur_cli *cli, struct ur_error *error)
{
    (void)error; /* each job has had its own line */
    return for_each_job(cli, "POST", ":cancel", "cancelled; nothing is kept");
}

enum ur_status ur_command_pause(struct ur_cli *cli, struct ur_error *error)
{
    (void)error; /* each job has had its own line */
    return for_each_job(cli, "POST", ":pause", "pausing; `unroll resume` goes on from there");
}

enum ur_status ur_command_resume(struct ur_cli *cli, struct ur_error *error)
{
    (void)error; /* each job has had its own line */
    return for_each_job(cli, "POST", ":resume", "back in the queue");
}

enum ur_status ur_command_rm(struct ur_cli *cli, struct ur_error *error)
{
    (void)error; /* each job has had its own line */
    return for_each_job(cli, "DELETE", "", "removed");
}
