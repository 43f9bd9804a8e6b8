/*
 * unroll-train: one training job, as a worker of the daemon or by itself on a terminal. This
 * file puts the parts together; what trains is train/trainer.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "data/dataset.h"
#include "data/sheet.h"
#include "train/environment.h"
#include "train/trainer.h"
#include "train_console.h"
#include "train_folder.h"
#include "train_json.h"
#include "train_options.h"
#include "train_verify.h"
#include "train_worker.h"
#include "unroll/log.h"

struct session {
    struct ur_train_options options;
    struct ur_spec spec;
    int32_t threads;
    int32_t steps; /* in all, once known */
    char profile[UR_PROFILE_BYTES];
    char blas[UR_BLAS_BYTES];
    struct ur_console console;
    struct ur_worker worker;
    bool has_worker; /* the worker's part is up */
    FILE *events;    /* NULL: none are wanted */
    struct ur_text report;
    bool stopped;
};

/* Set by SIGINT, SIGTERM and SIGHUP, a terminal that is closed; looked at between steps. */
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* The second signal of a kind kills: checkpoints are whole at any moment. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

/* What the run tells. */

static void on_phase(void *context, enum ur_phase phase, float done)
{
    struct session *session = context;
    if (session->has_worker)
        ur_worker_phase(&session->worker, phase, done);
    else
        ur_console_phase(&session->console, phase, done);
    if (session->events != NULL && done <= 0)
        ur_json_phase(session->events, phase, done);
}

static void on_start(void *context, const struct ur_train_start *start)
{
    struct session *session = context;
    session->steps = session->console.steps = start->steps;
    ur_console_wipe(&session->console);
    ur_log(UR_LOG_INFO, "numerics %s, %d threads, OpenBLAS %s", session->profile,
           (int)start->threads, session->blas);
    if (start->fell_back)
        ur_log(UR_LOG_WARNING,
               "last.ckpt is missing or damaged; the generation before it is taken");
    if (start->first_step > 0)
        ur_log(UR_LOG_INFO, "resuming after step %d of %d", (int)start->first_step,
               (int)start->steps);
    if (session->has_worker)
        ur_worker_hello(&session->worker, start, session->profile, session->blas);
    if (session->events != NULL)
        ur_json_start(session->events, start);
}

static void on_step(void *context, const struct ur_step_point *point)
{
    struct session *session = context;
    if (session->has_worker)
        ur_worker_step(&session->worker, point);
    else
        ur_console_step(&session->console, point);
    if (session->events != NULL)
        ur_json_step(session->events, point, session->steps,
                     ur_console_eta(point, session->steps, session->spec.train.batch));
}

static void on_epoch(void *context, const struct ur_record_epoch *epoch)
{
    struct session *session = context;
    if (session->has_worker)
        ur_worker_epoch(&session->worker, epoch);
    if (session->events != NULL)
        ur_json_epoch(session->events, epoch);
}

static void on_checkpoint(void *context, const struct ur_record_checkpoint *checkpoint)
{
    struct session *session = context;
    if (session->has_worker)
        ur_worker_checkpoint(&session->worker, checkpoint);
    if (session->events != NULL)
        ur_json_checkpoint(session->events, checkpoint);
}

static void on_confusion(void *context, const struct ur_record_confusion *confusion)
{
    struct session *session = context;
    if (session->has_worker)
        ur_worker_confusion(&session->worker, confusion);
    if (session->events != NULL)
        ur_json_confusion(session->events, confusion);
}

static void on_insight(void *context, int32_t step, const struct ur_insight *insight)
{
    struct session *session = context;
    struct ur_text json;
    if (!session->has_worker && session->events == NULL)
        return;
    ur_text_init(&json, UR_RECORD_MAX_BYTES / 2);
    ur_json_insight(step, insight, &json);
    if (json.failed) {
        ur_log(UR_LOG_WARNING, "there is no memory to tell what step %d looked like",
               (int)step);
    } else {
        if (session->has_worker)
            ur_worker_insight(&session->worker, step, ur_text_get(&json));
        if (session->events != NULL)
            ur_json_gradients(session->events, ur_text_get(&json));
    }
    ur_text_release(&json);
}

static enum ur_command on_poll(void *context)
{
    struct session *session = context;
    if (interrupted)
        return UR_COMMAND_SUSPEND;
    return session->has_worker ? ur_worker_poll(&session->worker) : UR_COMMAND_NONE;
}

static void on_report(void *context, const struct ur_train_result *result, struct ur_text *json)
{
    struct session *session = context;
    ur_json_report(result, &session->report);
    ur_text_append(json, ur_text_get(&session->report), session->report.length);
    json->failed = json->failed || session->report.failed;
}

/* Getting ready. */

static enum ur_status read_file(const char *path, struct ur_text *text, struct ur_error *error)
{
    char block[4096];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return ur_fail_errno(error, errno, "The specification %s cannot be read", path);
    size_t got;
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        ur_text_append(text, block, got);
    bool bad = ferror(file) != 0;
    fclose(file);
    if (bad)
        return ur_fail_errno(error, errno, "The specification %s cannot be read", path);
    if (text->failed)
        return ur_fail(error, UR_BAD_JSON, "The specification %s is longer than %d bytes.",
                       path, (int)UR_JSON_MAX_BYTES);
    return UR_OK;
}

/* Parses the specification; every wrong field gets a line of its own. */
static enum ur_status read_spec(struct session *session, struct ur_error *error)
{
    struct ur_text text;
    struct ur_field_errors fields = {0};
    ur_text_init(&text, UR_JSON_MAX_BYTES);
    enum ur_status status = read_file(session->options.spec, &text, error);
    if (status == UR_OK)
        status = ur_spec_parse(&session->spec, ur_text_get(&text), text.length, &fields, error);
    for (int32_t i = 0; i < fields.count; i++)
        fprintf(stderr, "%s: %s\n", fields.items[i].pointer, fields.items[i].detail);
    ur_text_release(&text);
    return status;
}

static int32_t choose_threads(const struct session *session)
{
    int32_t threads = session->options.threads;
    for (int32_t i = 0; i < session->options.n_verify_threads; i++)
        threads = threads > session->options.verify_threads[i]
                      ? threads
                      : session->options.verify_threads[i];
    if (threads == 0)
        threads = session->spec.run.threads;
    return threads > 0 ? threads : ur_environment_cores();
}

/* Up to here nothing has touched BLAS or OpenMP; behind it the process is the one that
 * trains. */
static enum ur_status pin(struct session *session, char **argv, struct ur_error *error)
{
    enum ur_status status =
        ur_environment_choose(session->spec.train.numerics, session->profile, error);
    session->threads = choose_threads(session);
    if (status == UR_OK)
        status = ur_environment_pin(session->profile, session->threads, argv, error);
    if (status == UR_OK)
        status = ur_environment_verify(session->profile, session->blas, error);
    return status;
}

static enum ur_status open_events(struct session *session, struct ur_error *error)
{
    if (session->options.events == NULL)
        return UR_OK;
    session->events = fopen(session->options.events, "ae");
    if (session->events == NULL)
        return ur_fail_errno(error, errno, "The events cannot be written to %s",
                             session->options.events);
    setvbuf(session->events, NULL, _IOLBF, 0); /* whoever follows the file sees whole lines */
    return UR_OK;
}

/* The report beside the checkpoints: written beside, synced, renamed, as they are. */
static enum ur_status write_report(const struct session *session, struct ur_error *error)
{
    char path[4096], beside[4096 + 8];
    snprintf(path, sizeof path, "%s/report.json", session->options.folder);
    snprintf(beside, sizeof beside, "%s.tmp", path);
    FILE *file = fopen(beside, "we");
    if (file == NULL)
        return ur_fail_errno(error, errno, "report.json cannot be written");
    bool good = fprintf(file, "%s\n", ur_text_get(&session->report)) > 0 && fflush(file) == 0 &&
                fsync(fileno(file)) == 0;
    int saved = errno;
    if (fclose(file) == 0 && good && rename(beside, path) == 0)
        return UR_OK;
    saved = good ? errno : saved;
    unlink(beside);
    return ur_fail_errno(error, saved, "report.json cannot be written");
}

static struct ur_train_request request_of(const struct session *session)
{
    return (struct ur_train_request){.spec = &session->spec,
                                     .folder = session->options.folder,
                                     .data_folder = session->options.data_dir,
                                     .threads = session->threads,
                                     .resume = session->options.resume,
                                     .from = session->options.from,
                                     .numerics_profile = session->profile};
}

/* Prints the answer also where it is that the weights differ. */
static enum ur_status verify(const struct session *session, struct ur_error *error)
{
    const struct ur_train_request run = request_of(session);
    const struct ur_verify_request request = {.run = &run,
                                              .threads = session->options.verify_threads,
                                              .n_threads = session->options.n_verify_threads,
                                              .steps = session->options.verify_steps,
                                              .interrupted = &interrupted};
    struct ur_text json;
    ur_text_init(&json, UR_JSON_MAX_BYTES);
    catch_signals();
    const enum ur_status status = ur_verify(&request, &json, error);
    if (status == UR_OK || status == UR_INTERNAL)
        puts(ur_text_get(&json));
    ur_text_release(&json);
    return status;
}

static enum ur_status train(struct session *session, struct ur_error *error)
{
    const struct ur_train_request request = request_of(session);
    const struct ur_train_observer observer = {.context = session,
                                               .phase = on_phase,
                                               .start = on_start,
                                               .step = on_step,
                                               .epoch = on_epoch,
                                               .checkpoint = on_checkpoint,
                                               .confusion = on_confusion,
                                               .insight = on_insight,
                                               .poll = on_poll,
                                               .report = on_report};
    struct ur_train_result result;
    ur_console_init(&session->console, &session->spec, session->options.lines);
    enum ur_status status = open_events(session, error);
    if (status != UR_OK)
        return status;
    catch_signals();
    status = ur_train(&request, &observer, &result, error);
    session->stopped = result.stopped && status == UR_OK;
    if (status == UR_OK || status == UR_DIVERGED) {
        enum ur_status written = write_report(session, error);
        status = written == UR_OK ? status : written;
        if (!session->has_worker)
            ur_console_result(&session->console, &result);
    }
    ur_train_result_release(&result);
    return status;
}

static enum ur_status describe(struct session *session, struct ur_error *error)
{
    struct ur_spec standard;
    struct ur_dataset dataset = {0};
    ur_spec_defaults(&standard);
    const struct ur_dataset_request request = {.name = session->options.describe,
                                               .count = standard.data.count,
                                               .seed = (uint64_t)standard.data.seed,
                                               .extra_folder = session->options.data_dir,
                                               .threads = ur_environment_cores()};
    enum ur_status status = ur_dataset_open(&dataset, &request, error);
    if (status != UR_OK)
        return status;
    struct ur_record_dataset record = {.shape = dataset.shape};
    ur_copy(record.name, sizeof record.name, dataset.name);
    ur_copy(record.kind, sizeof record.kind, dataset.kind);
    ur_copy(record.sha256, sizeof record.sha256, dataset.sha256);
    if (session->has_worker) {
        ur_worker_dataset(&session->worker, &record);
    } else {
        struct ur_text text;
        ur_text_init(&text, UR_JSON_MAX_BYTES);
        ur_json_dataset(&dataset, &text);
        puts(ur_text_get(&text));
        ur_text_release(&text);
    }
    ur_dataset_close(&dataset);
    return UR_OK;
}

/* Writes bytes to a file of the user's choice, which may be a device or a pipe. */
static enum ur_status write_file(const char *path, const unsigned char *bytes, size_t n_bytes,
                                 struct ur_error *error)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return ur_fail_errno(error, errno, "%s cannot be written", path);
    const bool good = fwrite(bytes, 1, n_bytes, file) == n_bytes;
    const int saved = errno;
    if (fclose(file) == 0 && good)
        return UR_OK;
    return ur_fail_errno(error, good ? errno : saved, "%s cannot be written", path);
}

/* Of a generated set as many images as the sheet of one class can show. */
static enum ur_status draw_sheet(const struct session *session, struct ur_error *error)
{
    struct ur_dataset dataset = {0};
    unsigned char *png = NULL;
    size_t n_bytes = 0;
    const struct ur_dataset_request request = {.name = session->options.sheet,
                                               .count = UR_SHEET_COLUMNS * 10 * 10,
                                               .seed = (uint64_t)session->options.seed,
                                               .extra_folder = session->options.data_dir,
                                               .threads = ur_environment_cores()};
    enum ur_status status = ur_dataset_open(&dataset, &request, error);
    if (status == UR_OK)
        status = ur_sheet_png(&dataset, session->options.label, &png, &n_bytes, error);
    if (status == UR_OK)
        status = write_file(session->options.folder, png, n_bytes, error);
    free(png);
    ur_dataset_close(&dataset);
    return status;
}

static enum ur_status work(struct session *session, char **argv, struct ur_error *error)
{
    enum ur_status status = UR_OK;
    if (session->options.worker) {
        status = ur_worker_settle(error);
        if (status == UR_OK)
            status = ur_worker_init(&session->worker, error);
        session->has_worker = status == UR_OK;
    }
    if (status == UR_OK && session->options.describe != NULL)
        return describe(session, error);
    if (status == UR_OK && session->options.sheet != NULL)
        return draw_sheet(session, error);
    if (status == UR_OK)
        status = read_spec(session, error);
    if (status == UR_OK)
        status = pin(session, argv, error);
    if (status == UR_OK && session->options.verify)
        return verify(session, error);
    if (status == UR_OK && !session->options.worker)
        status = ur_train_folder_claim(session->options.folder, session->options.resume, error);
    if (status == UR_OK)
        status = train(session, error);
    return status;
}

/* Tells how it ended to everybody who listens: the daemon, the events, the person. */
static enum ur_status tell_end(struct session *session, enum ur_status status,
                               struct ur_error *error)
{
    const char *detail = status == UR_OK ? "" : error->detail;
    const char *report =
        status == UR_OK || status == UR_DIVERGED ? ur_text_get(&session->report) : "";
    ur_console_wipe(&session->console);
    if (session->events != NULL) {
        ur_json_end(session->events, status, detail, report);
        if ((ferror(session->events) | fclose(session->events)) != 0 && status == UR_OK)
            status = ur_fail(error, UR_IO, "The events could not all be written.");
    }
    if (session->has_worker) {
        if (session->options.describe == NULL || status != UR_OK)
            ur_worker_end(&session->worker, status, session->stopped, detail, report);
        ur_worker_release(&session->worker);
    } else if (report[0] != '\0') {
        puts(report);
    }
    if (status == UR_OK)
        return status;
    ur_log(UR_LOG_ERROR, "%s", error->detail);
    if (status == UR_INTERRUPTED && !session->has_worker && !session->options.verify)
        fprintf(stderr, "The same command with --out %s --resume goes on from there.\n",
                session->options.folder);
    return status;
}

int main(int argc, char **argv)
{
    static struct session session; /* too large for some stacks, and zeroed */
    struct ur_error error = {0};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error like a full disk */
    ur_log_setup("unroll-train", UR_LOG_INFO);
    ur_text_init(&session.report, UR_JSON_MAX_BYTES);
    enum ur_status status = ur_train_options_parse(&session.options, argc, argv, &error);
    if (status != UR_OK) {
        fprintf(stderr, "unroll-train: %s\n", error.detail);
        return ur_status_exit(status);
    }
    if (session.options.help || session.options.version) {
        fputs(session.options.help ? ur_train_options_help() : "unroll-train " UR_VERSION "\n",
              stdout);
        return 0;
    }
    status = tell_end(&session, work(&session, argv, &error), &error);
    ur_text_release(&session.report);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == UR_OK) {
        ur_log(UR_LOG_ERROR, "standard output could not all be written");
        status = UR_IO;
    }
    return ur_status_exit(status);
}
