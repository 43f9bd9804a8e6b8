/* `unroll train` and `unroll verify`: a job right here, without a daemon. The worker takes this
 * process over. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "unroll/clock.h"
#include "unroll/limits.h"
#include "unroll/spec.h"
#include "unroll/text.h"

enum { OUT_BYTES = 512 };

static const char default_folder[] = "unroll-out";

/* The worker would find the same mistakes, but only after the folder was made. What is wrong is
 * told here, field by field; *error stays empty then. */
static enum ur_status check_spec(const char *path, struct ur_spec *spec, struct ur_error *error)
{
    char *json = NULL;
    size_t length = 0;
    static struct ur_field_errors fields;
    struct ur_error own = {0};
    enum ur_status status = ur_read_named(path, UR_JSON_MAX_BYTES, &json, &length, error);
    if (status != UR_OK)
        return status;
    status = ur_spec_parse(spec, json, length, &fields, &own);
    free(json);
    if (status == UR_OK)
        return UR_OK;
    if (status != UR_INVALID_SPEC)
        return ur_fail(error, status, "%s: %s", path, own.detail);
    fprintf(stderr, "unroll: %s: %s\n", path, ur_status_sentence(status));
    for (int32_t i = 0; i < fields.count; i++)
        fprintf(stderr, "  %s %s\n", fields.items[i].pointer, fields.items[i].detail);
    return status;
}

/* Names a folder by the job and the moment, ./unroll-out/smoke-20261123-214501. */
static enum ur_status name_folder(const char *name, char out[OUT_BYTES], struct ur_error *error)
{
    time_t now = (time_t)(ur_clock_wall_us() / 1000000);
    struct tm parts;
    char moment[32];
    localtime_r(&now, &parts);
    strftime(moment, sizeof moment, "%Y%m%d-%H%M%S", &parts);
    if (mkdir(default_folder, 0777) != 0 && errno != EEXIST)
        return ur_fail_errno(error, errno, "Making the folder %s failed", default_folder);
    snprintf(out, OUT_BYTES, "%s/%s-%s", default_folder, name, moment);
    return UR_OK;
}

static enum ur_status make_folder(const struct ur_cli *cli, const char *name,
                                  char out[OUT_BYTES], struct ur_error *error)
{
    enum ur_status status = UR_OK;
    if (cli->out == NULL)
        status = name_folder(name, out, error);
    else if (!ur_copy(out, OUT_BYTES, cli->out))
        status = ur_fail(error, UR_USAGE, "The path after --out is too long.");
    if (status == UR_OK && mkdir(out, 0777) != 0 && errno != EEXIST)
        status = ur_fail_errno(error, errno, "Making the folder %s failed", out);
    return status;
}

/* The worker opens the specification by its name again, so it must have one. */
static enum ur_status check_line(const struct ur_cli *cli, struct ur_error *error)
{
    int64_t threads;
    if (strcmp(cli->arguments[0], "-") == 0)
        return ur_fail(error, UR_USAGE,
                       "`unroll train` reads its SPEC from a file, not from stdin.");
    if (cli->resume && cli->out == NULL)
        return ur_fail(error, UR_USAGE,
                       "--resume needs --out DIR, the folder of the run to go on with.");
    if (cli->threads != NULL && !ur_parse_int64(cli->threads, 0, UR_MAX_THREADS, &threads))
        return ur_fail(error, UR_USAGE, "--threads must be 0..%d, got %s.", (int)UR_MAX_THREADS,
                       cli->threads);
    return UR_OK;
}

enum ur_status ur_command_train(struct ur_cli *cli, struct ur_error *error)
{
    static struct ur_spec spec;
    char program[2048], folder[OUT_BYTES];
    enum ur_status status = check_line(cli, error);
    if (status == UR_OK)
        status = check_spec(cli->arguments[0], &spec, error);
    if (status == UR_OK)
        status = ur_sibling("unroll-train", program, sizeof program, error);
    if (status == UR_OK)
        status = make_folder(cli, spec.name, folder, error);
    if (status != UR_OK)
        return status;

    fprintf(stderr, "%s: checkpoints, the model and the report go to %s\n", spec.name, folder);
    char spec_flag[] = "--spec", out_flag[] = "--out", threads_flag[] = "--threads";
    char resume_flag[] = "--resume";
    char *threads_text = cli->threads != NULL ? strdup(cli->threads) : NULL;
    char *arguments[9] = {program, spec_flag, cli->arguments[0], out_flag, folder};
    int n_arguments = 5;
    if (cli->resume)
        arguments[n_arguments++] = resume_flag;
    if (threads_text != NULL) {
        arguments[n_arguments++] = threads_flag;
        arguments[n_arguments++] = threads_text;
    }
    fflush(NULL);
    execv(program, arguments);
    status = ur_fail_errno(error, errno, "Starting %s failed", program);
    free(threads_text);
    return status;
}

enum ur_status ur_command_verify(struct ur_cli *cli, struct ur_error *error)
{
    static struct ur_spec spec;
    char program[2048], verify_flag[] = "--verify", spec_flag[] = "--spec";
    char threads_flag[] = "--threads", steps_flag[] = "--steps", from_flag[] = "--from";
    enum ur_status status = check_spec(cli->arguments[0], &spec, error);
    if (status == UR_OK)
        status = ur_sibling("unroll-train", program, sizeof program, error);
    if (status != UR_OK)
        return status;
    char *arguments[11] = {program, verify_flag, spec_flag, cli->arguments[0]};
    char *const flags[] = {threads_flag, steps_flag, from_flag};
    const char *const values[] = {cli->threads, cli->steps, cli->from};
    int n_arguments = 4;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (values[i] != NULL) {
            arguments[n_arguments++] = flags[i];
            arguments[n_arguments++] = strdup(values[i]);
        }
    fflush(NULL);
    execv(program, arguments);
    status = ur_fail_errno(error, errno, "Starting %s failed", program);
    while (n_arguments > 4) {
        free(arguments[n_arguments - 1]);
        n_arguments -= 2;
    }
    return status;
}
