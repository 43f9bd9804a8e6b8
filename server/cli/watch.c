/*
 * Following a job. The stream may break at any moment, the daemon may be killed and come back:
 * the watcher re-attaches with the id of the last event it saw, so nothing is shown twice and
 * nothing is missed. Ctrl-C ends the watching, never the job.
 */
#include <errno.h>
#include <math.h>

#include "cli/commands.h"
#include "cli/events.h"
#include "cli/look.h"
#include "cli/progress.h"
#include "unroll/text.h"

/* About five minutes of a daemon that does not come back. */
enum { MAX_ATTEMPTS = 100 };

static volatile sig_atomic_t interrupted;

struct watch {
    struct ur_progress progress;
    struct ur_event_reader reader;
    bool json;
    bool ended;
    bool attached;  /* something came once, so a silence is worth waiting out */
    int attempts;   /* in vain since the last byte */
    char state[48]; /* the last one shown */
};

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* A line for each state, and for each phase that is not the training itself. */
static void show_state(struct watch *watch, const json_t *data)
{
    char state[sizeof watch->state];
    const char *name = ur_look_text(data, "state"), *phase = ur_look_text(data, "phase");
    bool at_work = strcmp(name, "starting") == 0 || strcmp(name, "running") == 0 ||
                   strcmp(name, "stopping") == 0;
    bool beside = at_work && phase[0] != '\0' && strcmp(phase, "training") != 0;
    snprintf(state, sizeof state, "%s%s%s", name, beside ? ": " : "", beside ? phase : "");
    if (state[0] == '\0' || strcmp(state, watch->state) == 0)
        return;
    ur_copy(watch->state, sizeof watch->state, state);
    ur_progress_line(&watch->progress, "%s", state);
}

static void show_epoch(struct watch *watch, const json_t *data)
{
    char validation[64] = "";
    double accuracy = ur_look_number(data, "validation_accuracy");
    if (isfinite(accuracy))
        snprintf(validation, sizeof validation, ", validation loss %.4f, accuracy %.2f %%",
                 ur_look_number(data, "validation_loss"), 100 * accuracy);
    ur_progress_line(&watch->progress, "epoch %.0f: training loss %.4f, accuracy %.2f %%%s",
                     ur_look_number(data, "epoch"), ur_look_number(data, "train_loss"),
                     100 * ur_look_number(data, "train_accuracy"), validation);
}

static void show_event_json(const struct watch *watch, const char *name, json_t *data)
{
    json_t *event =
        json_pack("{s:s,s:s,s:O}", "event", name, "id", watch->reader.last_id, "data", data);
    ur_show_json(stdout, event);
    if (fflush(stdout) != 0) /* whoever read the events is gone */
        interrupted = 1;
    json_decref(event);
}

static bool take_event(void *context, const char *name, const char *text)
{
    struct watch *watch = context;
    json_t *data = json_loads(text, JSON_DECODE_ANY, NULL);
    watch->ended = strcmp(name, "end") == 0;
    if (data == NULL)
        return !watch->ended; /* an event of a newer daemon, perhaps */
    if (watch->json)
        show_event_json(watch, name, data);
    else if (strcmp(name, "step") == 0)
        ur_progress_step(&watch->progress, data);
    else if (strcmp(name, "epoch") == 0)
        show_epoch(watch, data);
    else if (strcmp(name, "state") == 0)
        show_state(watch, data);
    json_decref(data);
    return !watch->ended;
}

static bool take_bytes(void *context, const char *bytes, size_t count)
{
    struct watch *watch = context;
    watch->attempts = 0;
    watch->attached = true;
    return ur_event_reader_feed(&watch->reader, bytes, count);
}

/* Waits before another attempt; a signal ends the wait. */
static void wait_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (!interrupted && nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* Streams until the job ends, the daemon refuses, or it stays away for too long. */
static enum ur_status follow(struct ur_cli *cli, struct watch *watch, const char *id,
                             struct ur_error *error)
{
    char path[128];
    const struct ur_client_sink sink = {take_bytes, watch};
    snprintf(path, sizeof path, "/v1/jobs/%s/events", id);
    for (bool over = false; !watch->ended && !over && !interrupted;) {
        struct ur_error own = {0};
        ur_event_reader_restart(&watch->reader);
        enum ur_status status =
            ur_client_stream(&cli->client, path, watch->reader.last_id, &sink, &over, &own);
        if (watch->reader.failed)
            status = ur_fail(&own, UR_PROTOCOL, "The daemon sent an event past all limits.");
        bool again = status == UR_UNAVAILABLE && cli->client.problem == NULL &&
                     watch->attached && watch->attempts++ < MAX_ATTEMPTS;
        if (status != UR_OK && !again) {
            *error = own;
            return status;
        }
        if (again) {
            if (watch->attempts == 1 && !watch->json)
                ur_progress_line(&watch->progress, "%s Trying again.", own.detail);
            wait_ms(watch->reader.retry_ms);
        }
    }
    return UR_OK;
}

static void show_result(const json_t *job)
{
    double accuracy = ur_look_number(job, "report/test/accuracy");
    ur_show(stdout, ur_look_text(job, "state"), 0);
    if (isfinite(accuracy))
        printf(": test accuracy %.2f %% on %.0f images", 100 * accuracy,
               ur_look_number(job, "report/test/images"));
    double seconds = ur_look_number(job, "report/seconds");
    if (isfinite(seconds))
        printf(", %.1f s", seconds);
    putchar('\n');

    const char *name = ur_look_text(job, "model/name");
    if (name[0] != '\0') {
        printf("model: ");
        ur_show(stdout, name, 0);
        printf(", version %.0f\n", ur_look_number(job, "model/version"));
    }
    if (ur_look_text(job, "weights_sha256")[0] != '\0') {
        printf("weights_sha256: ");
        ur_show(stdout, ur_look_text(job, "weights_sha256"), 0);
        putchar('\n');
    }
}

/* The status that a watcher's program ends with: the job's, as the worker's own exit code. */
static enum ur_status outcome(const json_t *job, struct ur_error *error)
{
    const char *state = ur_look_text(job, "state");
    const char *detail = ur_look_text(job, "error/detail");
    if (strcmp(state, "succeeded") == 0 || strcmp(state, "stopped") == 0)
        return UR_OK;
    if (strcmp(state, "cancelled") == 0)
        return ur_fail(error, UR_CANCELLED, "%s", "");
    if (strcmp(state, "diverged") == 0)
        return ur_fail(error, UR_DIVERGED, "%s", detail);
    return ur_fail(error, ur_status_from_code(ur_look_text(job, "error/code")), "%s",
                   detail[0] != '\0' ? detail : "The job failed.");
}

static enum ur_status finish(struct ur_cli *cli, const char *id, struct ur_error *error)
{
    json_t *job = NULL;
    enum ur_status status = ur_client_call(&cli->client, "GET", &job, error, "/v1/jobs/%s", id);
    if (status != UR_OK)
        return status;
    if (!cli->json)
        show_result(job);
    status = outcome(job, error);
    json_decref(job);
    return status;
}

enum ur_status ur_watch_job(struct ur_cli *cli, const char *id, struct ur_error *error)
{
    struct watch watch = {.json = cli->json};
    ur_progress_init(&watch.progress);
    ur_event_reader_init(&watch.reader, take_event, &watch);
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    sigaction(SIGINT, &action, &before);
    cli->client.interrupted = &interrupted;

    enum ur_status status = follow(cli, &watch, id, error);

    cli->client.interrupted = NULL;
    sigaction(SIGINT, &before, NULL);
    ur_progress_wipe(&watch.progress);
    ur_event_reader_release(&watch.reader);
    if (status == UR_OK && interrupted)
        return ur_fail(error, UR_INTERRUPTED,
                       "The job goes on; `unroll watch %s` follows it again.", id);
    return status == UR_OK ? finish(cli, id, error) : status;
}

enum ur_status ur_command_watch(struct ur_cli *cli, struct ur_error *error)
{
    char id[65];
    enum ur_status status = ur_job_id(cli, cli->arguments[0], id, error);
    return status == UR_OK ? ur_watch_job(cli, id, error) : status;
}
