/* Asking models: `unroll classify` and `unroll models`. */
#include <math.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/look.h"
#include "unroll/limits.h"
#include "unroll/text.h"

enum { BAR_CELLS = 30 };

/* The daemon looks at the bytes, not at this; but a type that says what they are helps whoever
 * stands between. */
static const char *media_type(const char *bytes, size_t n_bytes)
{
    if (n_bytes >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return "image/png";
    if (n_bytes >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0)
        return "image/jpeg";
    if (n_bytes >= 3 && (memcmp(bytes, "P5", 2) == 0 || memcmp(bytes, "P2", 2) == 0) &&
        strchr(" \t\r\n", bytes[2]) != NULL)
        return "image/x-portable-graymap";
    return "application/octet-stream";
}

static enum ur_status classify_file(struct ur_cli *cli, const char *path, json_t **answer,
                                    struct ur_error *error)
{
    char *bytes = NULL, address[160];
    size_t n_bytes = 0;
    json_decref(cli->client.problem); /* the file before this one may have left its own */
    cli->client.problem = NULL;
    enum ur_status status = ur_read_file(path, UR_IMAGE_MAX_BYTES, &bytes, &n_bytes, error);
    if (status != UR_OK)
        return status;
    snprintf(address, sizeof address, "/v1/%s%s%sclassify?top=10",
             cli->model != NULL ? "models/" : "", cli->model != NULL ? cli->model : "",
             cli->model != NULL ? ":" : "");
    const struct ur_client_body body = {media_type(bytes, n_bytes), bytes, n_bytes};
    status = ur_client_send(&cli->client, "POST", address, &body, answer, error);
    free(bytes);
    return status;
}

/* Bars of eighths of a cell, in the order of the classes' names. */
static void show_bars(const json_t *top)
{
    for (int label = '0'; label <= '9'; label++) {
        for (size_t i = 0; i < json_array_size(top); i++) {
            const json_t *pair = json_array_get(top, i);
            const char *name = json_string_value(json_array_get(pair, 0));
            const double share = json_number_value(json_array_get(pair, 1));
            if (name == NULL || name[0] != label || name[1] != '\0')
                continue;
            printf("   %c %5.1f %%  ", label, 100 * share);
            for (int cell = 0; cell < (int)lround(share * BAR_CELLS); cell++)
                fputs("\xe2\x96\x88", stdout);
            putchar('\n');
        }
    }
}

static void show_answer(const char *path, const json_t *answer, bool bars)
{
    const json_t *prediction = json_array_get(ur_look(answer, "predictions"), 0);
    const char *label = ur_look_text(prediction, "label");
    ur_show(stdout, label[0] != '\0' ? label : "?", 2);
    printf("%6.1f%%  ", 100 * ur_look_number(prediction, "probability"));
    ur_show(stdout, path, 0);
    putchar('\n');
    if (bars)
        show_bars(ur_look(prediction, "top"));
}

/* One document a file, the file's name added to what the daemon said. */
static void show_json(const char *path, json_t *document, const struct ur_error *error)
{
    json_t *line = json_pack("{s:s%}", "file", path, strlen(path));
    if (line != NULL && document != NULL && error == NULL)
        json_object_update_missing(line, document);
    else if (line != NULL && document != NULL)
        json_object_set(line, "error", document);
    else if (line != NULL)
        json_object_set_new(line, "error",
                            json_pack("{s:s,s:s}", "code", ur_status_code(error->status),
                                      "detail", error->detail));
    if (line != NULL)
        ur_show_json(stdout, line);
    json_decref(line);
}

static void show_one(const struct ur_cli *cli, const char *path, json_t *answer,
                     enum ur_status status, const struct ur_error *error)
{
    if (cli->json) {
        show_json(path, status == UR_OK ? answer : cli->client.problem,
                  status == UR_OK ? NULL : error);
    } else if (status == UR_OK) {
        show_answer(path, answer, isatty(STDOUT_FILENO) == 1);
    } else if (status == UR_NO_DIGIT) {
        printf("-  no digit ");
        ur_show(stdout, path, 0);
        putchar('\n');
    } else {
        fprintf(stderr, "unroll: ");
        ur_show(stderr, path, 0);
        fprintf(stderr, ": ");
        ur_show(stderr, error->detail, 0);
        fputc('\n', stderr);
    }
}

/* Every file gets its line; the program ends with the first failure among them. */
enum ur_status ur_command_classify(struct ur_cli *cli, struct ur_error *error)
{
    enum ur_status first = UR_OK;
    if (cli->model != NULL && !ur_name_valid(cli->model))
        return ur_fail(error, UR_NOT_FOUND, "There is no model \"%s\".", cli->model);
    for (int i = 0; i < cli->n_arguments; i++) {
        json_t *answer = NULL;
        struct ur_error own = {0};
        enum ur_status status = classify_file(cli, cli->arguments[i], &answer, &own);
        if (status == UR_UNAVAILABLE && cli->client.problem == NULL) {
            *error = own; /* no daemon: the next file would say the same */
            return status;
        }
        show_one(cli, cli->arguments[i], answer, status, &own);
        json_decref(answer);
        if (first == UR_OK)
            first = status;
    }
    return first;
}

/* The newest version of a name, and how many there are. */
static void show_model(const json_t *model)
{
    char accuracy[32] = "-";
    double share = ur_look_number(model, "test/accuracy");
    if (isfinite(share))
        snprintf(accuracy, sizeof accuracy, "%.2f %%", 100 * share);
    ur_show(stdout, ur_look_text(model, "name"), 28);
    printf("%7.0f  %8zu  %13s  ", ur_look_number(model, "version"),
           json_array_size(ur_look(model, "versions")), accuracy);
    ur_show(stdout, ur_look_text(model, "created_at"), 25);
    printf(" %s\n", json_is_true(ur_look(model, "ready")) ? "ready" : "not ready");
}

enum ur_status ur_command_models(struct ur_cli *cli, struct ur_error *error)
{
    json_t *list = NULL;
    enum ur_status status = ur_client_call(&cli->client, "GET", &list, error, "/v1/models");
    if (status != UR_OK)
        return status;
    const json_t *items = ur_look(list, "items");
    if (cli->json)
        ur_show_json(stdout, list);
    else if (json_array_size(items) == 0)
        fprintf(stderr, "No models yet; a job that ends well registers one.\n");
    else
        printf("%-28s%7s  %8s  %13s  %-25s\n", "NAME", "NEWEST", "VERSIONS", "TEST ACCURACY",
               "CREATED");
    for (size_t i = 0; !cli->json && i < json_array_size(items); i++)
        show_model(json_array_get(items, i));
    json_decref(list);
    return UR_OK;
}
