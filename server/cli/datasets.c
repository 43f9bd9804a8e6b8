/* `unroll datasets`: what there is to train on, and a picture of it. The picture is drawn by
 * the worker, which takes this process over: this program knows no data set. */
#include <errno.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/look.h"

static void show_set(const json_t *set)
{
    ur_show(stdout, ur_look_text(set, "name"), 24);
    putchar(' ');
    ur_show(stdout, ur_look_text(set, "kind"), 8);
    putchar('\n');
}

static enum ur_status list(struct ur_cli *cli, struct ur_error *error)
{
    json_t *sets = NULL;
    if (cli->out != NULL || cli->seed != NULL || cli->label != NULL)
        return ur_fail(error, UR_USAGE,
                       "--out, --seed and --class are for `unroll datasets sheet NAME`.");
    enum ur_status status = ur_client_open(&cli->client, cli->url, error);
    if (status == UR_OK)
        status = ur_client_call(&cli->client, "GET", &sets, error, "/v1/datasets");
    if (status != UR_OK)
        return status;
    const json_t *items = ur_look(sets, "items");
    if (cli->json)
        ur_show_json(stdout, sets);
    for (size_t i = 0; !cli->json && i < json_array_size(items); i++)
        show_set(json_array_get(items, i));
    json_decref(sets);
    return UR_OK;
}

/* The worker checks the values; it does so before it opens anything. */
static enum ur_status draw_sheet(struct ur_cli *cli, struct ur_error *error)
{
    char program[2048], sheet[] = "--sheet", out[] = "--out", seed[] = "--seed";
    char label[] = "--class";
    const enum ur_status status = ur_sibling("unroll-train", program, sizeof program, error);
    if (status != UR_OK)
        return status;
    char *arguments[10] = {program, sheet, cli->arguments[1], out, cli->out};
    int n_arguments = 5;
    if (cli->seed != NULL) {
        arguments[n_arguments++] = seed;
        arguments[n_arguments++] = cli->seed;
    }
    if (cli->label != NULL) {
        arguments[n_arguments++] = label;
        arguments[n_arguments++] = cli->label;
    }
    fflush(NULL);
    execv(program, arguments);
    return ur_fail_errno(error, errno, "Starting %s failed", program);
}

enum ur_status ur_command_datasets(struct ur_cli *cli, struct ur_error *error)
{
    if (cli->n_arguments == 0)
        return list(cli, error);
    if (cli->n_arguments != 2 || strcmp(cli->arguments[0], "sheet") != 0)
        return ur_fail(error, UR_USAGE,
                       "usage: unroll datasets [sheet NAME --out FILE [--seed N] [--class K]]");
    if (cli->out == NULL)
        return ur_fail(error, UR_USAGE, "`unroll datasets sheet` needs --out FILE.");
    return draw_sheet(cli, error);
}
