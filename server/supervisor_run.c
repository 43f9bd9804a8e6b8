/*
 * How a worker ends, told as a race: the worker exits, and at the same moment a client cancels.
 * The client's thread puts the command into the row under the mutex; this thread decides what
 * becomes of the job under the same mutex, after the worker is collected. Whoever comes first,
 * the other sees it: a cancel that was acknowledged makes the job cancelled even if the worker
 * had just finished, and a cancel that comes after the decision is answered with a conflict.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <unistd.h>

#include "fail.h"
#include "supervisor_inside.h"
#include "unroll/clock.h"
#include "unroll/log.h"

enum { LONGEST_HEARTBEAT_US = 600000000, LONGEST_RETRY_US = 30000000 };

void ur_job_enter(struct ur_supervisor *supervisor, struct ur_job *job, enum ur_job_state state)
{
    job->row.state = state;
    job->stamp++;
    struct ur_job_write *write = ur_job_write_create(&job->row, UR_JOB_UPDATE);
    if (!write) {
        ur_log(UR_LOG_ERROR, "job %s: no memory to write its state", job->row.id);
        return;
    }
    ur_job_write_event(write, "state", ur_event_state(supervisor, job), false);
    ur_store_put(supervisor->store, &write->base);
}

static void set_error(struct ur_job_row *row, const struct ur_error *error)
{
    free(row->error_detail);
    row->error_detail = NULL;
    row->error_code[0] = '\0';
    if (!error || error->status == UR_OK)
        return;
    char detail[UR_ERROR_DETAIL_BYTES];
    ur_copy_printable(detail, sizeof detail, error->detail);
    ur_copy(row->error_code, sizeof row->error_code, ur_status_code(error->status));
    row->error_detail = strdup(detail);
}

void ur_job_pause(struct ur_supervisor *supervisor, struct ur_job *job)
{
    job->row.command = UR_COMMAND_NONE;
    job->attempts = 0;
    job->retry_at_us = 0;
    ur_job_enter(supervisor, job, UR_JOB_PAUSED);
    ur_log(UR_LOG_INFO, "job %s is paused at step %d", job->row.id, (int)job->row.at.step);
}

static void leave_active(struct ur_supervisor *supervisor, const struct ur_job *job)
{
    for (int32_t i = 0; i < supervisor->n_active; i++)
        if (supervisor->active[i] == job) {
            supervisor->active[i] = supervisor->active[--supervisor->n_active];
            return;
        }
}

void ur_job_retire(struct ur_supervisor *supervisor, struct ur_job *job)
{
    leave_active(supervisor, job);
    free(job->spec);
    job->spec = NULL;
    ur_log(UR_LOG_INFO, "job %s: %s%s%s", job->row.id, ur_job_state_name(job->row.state),
           job->row.error_detail ? ": " : "",
           job->row.error_detail ? job->row.error_detail : "");
}

void ur_job_end(struct ur_supervisor *supervisor, struct ur_job *job, enum ur_job_state state,
                const struct ur_error *error)
{
    set_error(&job->row, error);
    job->row.state = state;
    job->row.command = UR_COMMAND_NONE;
    job->row.ended_us = ur_clock_wall_us();
    job->stamp++;
    struct ur_job_write *write = ur_job_write_create(&job->row, UR_JOB_UPDATE);
    if (write) {
        ur_job_write_event(write, "state", ur_event_state(supervisor, job), false);
        ur_job_write_event(write, "end", ur_event_end(supervisor, job), true);
        ur_store_put(supervisor->store, &write->base);
    } else {
        ur_log(UR_LOG_ERROR, "job %s: no memory to write its end", job->row.id);
    }
    ur_job_retire(supervisor, job);
}

static void insert_run(struct ur_supervisor *supervisor, struct ur_run *run)
{
    run->next = supervisor->runs;
    supervisor->runs = run;
    supervisor->n_runs++;
}

/* Starts the worker of a run in the job's folder, whose lock it inherits. */
static enum ur_status spawn(struct ur_supervisor *supervisor, struct ur_run *run, int folder,
                            int lock, struct ur_error *error)
{
    struct ur_job *job = run->job;
    char spec[UR_PATH_BYTES + 128], out[UR_PATH_BYTES + 128], threads[16];
    char parent[UR_PATH_BYTES + 128];
    snprintf(out, sizeof out, "%s/%s", supervisor->jobs_path, job->row.id);
    snprintf(spec, sizeof spec, "%s/%s/spec.json", supervisor->jobs_path, job->row.id);
    snprintf(parent, sizeof parent, "%s/%s/" UR_FILE_PARENT, supervisor->jobs_path,
             job->row.id);
    snprintf(threads, sizeof threads, "%d", (int)job->threads);
    const char *const arguments[] = {"--worker",
                                     "--spec",
                                     spec,
                                     "--out",
                                     out,
                                     "--resume",
                                     "--threads",
                                     threads,
                                     "--data-dir",
                                     supervisor->data_dir,
                                     job->row.parent[0] ? "--from" : NULL,
                                     parent,
                                     NULL};
    const struct ur_worker_request request = {.program = supervisor->config->worker,
                                              .arguments = arguments,
                                              .datasets = supervisor->config->datasets,
                                              .socket = -1,
                                              .held = lock};
    const enum ur_status status = ur_worker_spawn(&run->worker, &request, error);
    if (status != UR_OK)
        return status;
    return ur_linebuf_open(&run->worker.log, folder, "log.txt", error);
}

/*
 * Leaves the job as it is and tries again later, because its folder is not to be had: an
 * earlier worker still holds it, which is over in a second or so, or the disk is full, which
 * takes longer. Nothing has started, so nothing is counted and nobody is told but the log.
 */
static void postpone(struct ur_supervisor *supervisor, struct ur_job *job,
                     const struct ur_error *why)
{
    char id[UR_JOB_ID_BYTES];
    const int32_t doublings = job->postponed + (why->status == UR_CONFLICT ? 0 : 4);
    pthread_mutex_lock(&supervisor->mutex);
    int64_t pause = supervisor->patience.retry_us << (doublings < 12 ? doublings : 12);
    pause = pause < LONGEST_RETRY_US ? pause : LONGEST_RETRY_US;
    job->starting = false;
    job->postponed++;
    job->retry_at_us = ur_clock_us() + pause;
    const bool cancelled = job->row.command == UR_COMMAND_CANCEL;
    ur_copy(id, sizeof id, job->row.id); /* once it has ended, a client may remove it */
    if (cancelled)
        ur_job_end(supervisor, job, UR_JOB_CANCELLED, NULL);
    else if (job->row.command == UR_COMMAND_SUSPEND)
        ur_job_pause(supervisor, job);
    pthread_mutex_unlock(&supervisor->mutex);
    ur_log(UR_LOG_WARNING, "job %s waits for %.1f s: %s", id, (double)pause * 1e-6,
           why->detail);
    if (cancelled)
        ur_files_remove(supervisor, id, true);
}

static struct ur_run *make_run(struct ur_supervisor *supervisor, struct ur_job *job)
{
    struct ur_run *run = calloc(1, sizeof *run);
    if (!run)
        return NULL;
    run->worker = ur_worker_none();
    run->job = job;
    run->started_us = run->heard_us = ur_clock_us();
    pthread_mutex_lock(&supervisor->mutex);
    run->seen_step = job->row.at.step;
    job->run = run;
    job->starting = false;
    job->postponed = 0;
    job->phase = UR_PHASE_LOADING;
    job->phase_done = 0;
    ur_job_enter(supervisor, job, UR_JOB_STARTING);
    pthread_mutex_unlock(&supervisor->mutex);
    insert_run(supervisor, run);
    return run;
}

void ur_run_start(struct ur_supervisor *supervisor, struct ur_job *job)
{
    int folder, lock;
    struct ur_error error = {0};
    struct ur_run *run = NULL;
    const enum ur_status status = ur_files_prepare(supervisor, job, &folder, &lock, &error);
    if (status == UR_OK && !(run = make_run(supervisor, job)))
        ur_no_memory(&error);
    if (!run)
        postpone(supervisor, job, &error);
    else if (spawn(supervisor, run, folder, lock, &run->broken) != UR_OK)
        ur_run_finish(supervisor, run);
    if (folder >= 0)
        close(folder);
    if (lock >= 0)
        close(lock);
}

void ur_run_next_stage(struct ur_supervisor *supervisor, struct ur_run *run,
                       enum ur_ending stage, int64_t now_us)
{
    if (stage <= run->ending)
        return;
    run->ending = stage;
    run->ending_at_us = INT64_MAX;
    if (stage == UR_ENDING_TERM) {
        ur_worker_signal(&run->worker, SIGTERM);
        run->ending_at_us = now_us + supervisor->patience.term_us;
    } else if (stage == UR_ENDING_KILL) {
        ur_worker_signal(&run->worker, SIGKILL);
    }
}

/* How long a worker may be silent: what it was silent for before, with room to spare, because a
 * step of a large model on a busy machine takes long and always about as long. */
static int64_t silence_allowed(const struct ur_supervisor *supervisor, const struct ur_run *run)
{
    const struct ur_patience *patience = &supervisor->patience;
    if (!run->greeted)
        return patience->hello_us;
    int64_t allowed = run->longest_silence_us * 10;
    allowed = allowed < LONGEST_HEARTBEAT_US ? allowed : LONGEST_HEARTBEAT_US;
    return allowed > patience->heartbeat_us ? allowed : patience->heartbeat_us;
}

int64_t ur_run_deadline(const struct ur_supervisor *supervisor, const struct ur_run *run)
{
    int64_t deadline = run->ending != UR_ENDING_NO
                           ? run->ending_at_us
                           : run->heard_us + silence_allowed(supervisor, run);
    if ((run->has_news || run->n_points > 0) && run->flushed_us + UR_STEP_EVENT_US < deadline)
        deadline = run->flushed_us + UR_STEP_EVENT_US;
    return deadline;
}

/* Passes an order on, once, as soon as the worker can take it. */
static void pass_order(struct ur_supervisor *supervisor, struct ur_run *run, int64_t now_us)
{
    pthread_mutex_lock(&supervisor->mutex);
    enum ur_command order = run->job->row.command;
    if (supervisor->stopping && order != UR_COMMAND_CANCEL)
        order = UR_COMMAND_SUSPEND;
    const bool checkpoint = run->job->checkpoint_wanted;
    run->job->checkpoint_wanted = false;
    pthread_mutex_unlock(&supervisor->mutex);
    if (checkpoint)
        ur_worker_command(&run->worker, UR_COMMAND_CHECKPOINT);
    if (order == UR_COMMAND_NONE || order == run->sent || run->ended)
        return;
    run->sent = order;
    ur_worker_command(&run->worker, order);
    if (order == UR_COMMAND_CANCEL && run->ending == UR_ENDING_NO) {
        run->ending = UR_ENDING_ASKED;
        run->ending_at_us = now_us + supervisor->patience.command_us;
    }
}

static void note_hang(struct ur_run *run, int64_t now_us)
{
    ur_fail(&run->broken, UR_TIMEOUT, "The worker said nothing for %" PRId64 " s.",
            (now_us - run->heard_us) / 1000000);
    ur_log(UR_LOG_WARNING, "job %s: %s", run->job->row.id, run->broken.detail);
}

void ur_run_tend(struct ur_supervisor *supervisor, struct ur_run *run, int64_t now_us)
{
    pass_order(supervisor, run, now_us);
    if (now_us - run->flushed_us >= UR_STEP_EVENT_US)
        ur_run_flush(supervisor, run, now_us);
    if (run->ended && run->ending == UR_ENDING_NO) {
        run->ending = UR_ENDING_ASKED;
        run->ending_at_us = now_us + supervisor->patience.exit_us;
    }
    if (run->ending == UR_ENDING_NO &&
        now_us - run->heard_us > silence_allowed(supervisor, run)) {
        note_hang(run, now_us);
        ur_run_next_stage(supervisor, run, UR_ENDING_TERM, now_us);
    } else if (run->ending != UR_ENDING_NO && now_us >= run->ending_at_us) {
        ur_run_next_stage(supervisor, run,
                          run->ending == UR_ENDING_ASKED && !run->ended ? UR_ENDING_TERM
                                                                        : UR_ENDING_KILL,
                          now_us);
    }
}

/* What the worker left when it is gone: the last records, and the last lines of its log. */
static void drain(struct ur_supervisor *supervisor, struct ur_run *run)
{
    bool more = true, eof;
    while (more)
        ur_run_read(supervisor, run, &more);
    if (run->worker.log_fd >= 0)
        ur_linebuf_fill(&run->worker.log, run->worker.log_fd, &eof);
}

static bool ends_in_stop(const char *text)
{
    const size_t length = strlen(text);
    return length > 0 && text[length - 1] == '.';
}

/* Leaves the job to be started again, or ends it after too many restarts without a new step.
 * The mutex is held. */
static void interrupt(struct ur_supervisor *supervisor, struct ur_run *run,
                      const struct ur_error *cause)
{
    struct ur_job *job = run->job;

    if (job->row.command == UR_COMMAND_CANCEL) {
        ur_job_end(supervisor, job, UR_JOB_CANCELLED, NULL);
        return;
    }
    if (job->row.command == UR_COMMAND_SUSPEND) { /* the last checkpoint is where it rests */
        ur_job_pause(supervisor, job);
        return;
    }
    job->attempts = job->row.at.step > run->seen_step ? 0 : job->attempts + 1;
    if (supervisor->stopping)
        job->attempts = 0;
    if (job->attempts > supervisor->config->max_restarts) {
        struct ur_error error = {0};
        ur_fail(&error, cause->status == UR_OK ? UR_INTERRUPTED : cause->status,
                "%s%s It was started %d times without one step more; its log says why.",
                cause->detail, ends_in_stop(cause->detail) ? "" : ".", (int)job->attempts);
        ur_job_end(supervisor, job, UR_JOB_FAILED, &error);
        return;
    }
    if (!supervisor->stopping) {
        const int doublings = job->attempts < 8 ? job->attempts : 8;
        int64_t pause = supervisor->patience.retry_us << (doublings > 0 ? doublings - 1 : 0);
        pause = pause < LONGEST_RETRY_US ? pause : LONGEST_RETRY_US;
        job->retry_at_us = ur_clock_us() + pause;
        job->row.restarts++;
        supervisor->totals.worker_restarts_total++;
        ur_log(UR_LOG_WARNING, "job %s is interrupted at step %d: %s", job->row.id,
               (int)job->row.at.step, cause->detail);
    }
    ur_job_enter(supervisor, job, UR_JOB_INTERRUPTED);
}

/* The model answers before anybody is told that the job has ended. Without the mutex: the
 * registry waits for the disk. */
static enum ur_status register_model(struct ur_supervisor *supervisor, struct ur_run *run,
                                     char name[UR_NAME_BYTES], int32_t *version,
                                     struct ur_error *error)
{
    char path[UR_PATH_BYTES + 128];
    *version = 0;
    pthread_mutex_lock(&supervisor->mutex);
    const struct ur_job *job = run->job;
    const char *source = job->row.name[0] ? job->row.name : job->spec->dataset;
    ur_copy(name, UR_NAME_BYTES, source);
    const bool cancelled = job->row.command == UR_COMMAND_CANCEL;
    pthread_mutex_unlock(&supervisor->mutex);
    if (cancelled || run->end.status != UR_OK || !run->report ||
        !ur_files_have_model(supervisor, job->row.id, path))
        return UR_OK;
    return ur_predictor_register(supervisor->predictor, name, job->row.id, path, run->report,
                                 version, error);
}

static void take_report(struct ur_run *run)
{
    struct ur_job_row *row = &run->job->row;

    free(row->report);
    row->report = run->report;
    run->report = NULL;
    if (run->weights_sha256[0])
        ur_copy(row->at.weights_sha256, sizeof row->at.weights_sha256, run->weights_sha256);
}

/* Ends a job whose worker said how it ended. The mutex is held. */
static void conclude(struct ur_supervisor *supervisor, struct ur_run *run)
{
    struct ur_job *job = run->job;
    const struct ur_error said = {.status = (enum ur_status)run->end.status};
    struct ur_error error = {0};
    if (said.status != UR_OK)
        ur_fail(&error, said.status, "%s",
                run->end.detail[0] ? run->end.detail : ur_status_sentence(said.status));
    enum ur_job_state state = UR_JOB_FAILED;
    if (job->row.command == UR_COMMAND_CANCEL || said.status == UR_CANCELLED)
        state = UR_JOB_CANCELLED;
    else if (said.status == UR_OK)
        state = run->end.stopped ? UR_JOB_STOPPED : UR_JOB_SUCCEEDED;
    else if (said.status == UR_DIVERGED)
        state = UR_JOB_DIVERGED;
    if (state != UR_JOB_CANCELLED)
        take_report(run);
    ur_job_end(supervisor, job, state, state == UR_JOB_CANCELLED ? NULL : &error);
}

static void free_run(struct ur_supervisor *supervisor, struct ur_run *run)
{
    struct ur_run **link = &supervisor->runs;
    while (*link != run)
        link = &(*link)->next;
    *link = run->next;
    supervisor->n_runs--;
    ur_worker_release(&run->worker);
    free(run->points);
    free(run->report);
    free(run);
}

/* Gives the reason why a worker without an END is gone. */
static void find_cause(struct ur_run *run, const struct ur_worker_exit *how,
                       struct ur_error *cause)
{
    if (run->broken.status != UR_OK)
        *cause = run->broken;
    else if (run->ended)
        ur_fail(cause, UR_INTERRUPTED, "%s",
                run->end.detail[0] ? run->end.detail : "The worker was suspended.");
    else
        ur_fail(cause, UR_INTERRUPTED, "The worker ended without a report: %s.", how->words);
}

void ur_run_finish(struct ur_supervisor *supervisor, struct ur_run *run)
{
    struct ur_worker_exit how;
    struct ur_error cause = {0}, failed = {0};
    struct ur_job *job = run->job;
    char name[UR_NAME_BYTES], id[UR_JOB_ID_BYTES];
    int32_t version;
    drain(supervisor, run);
    ur_worker_reap(&run->worker, &how);
    ur_run_flush(supervisor, run, ur_clock_us());

    const bool protocol = run->broken.status == UR_PROTOCOL;
    const bool concluded = run->ended && !protocol && run->end.status != UR_INTERRUPTED;
    enum ur_status registered = UR_OK;
    if (concluded)
        registered = register_model(supervisor, run, name, &version, &failed);
    find_cause(run, &how, &cause);
    pthread_mutex_lock(&supervisor->mutex);
    ur_copy(id, sizeof id, job->row.id);
    if (concluded && registered == UR_OK && version > 0) {
        ur_copy(job->row.model_name, sizeof job->row.model_name, name);
        job->row.model_version = version;
    }
    if (protocol)
        ur_job_end(supervisor, job, UR_JOB_FAILED, &cause);
    else if (concluded && registered == UR_OK)
        conclude(supervisor, run);
    else
        interrupt(supervisor, run, concluded ? &failed : &cause);
    job->run = NULL;
    const bool cancelled = job->row.state == UR_JOB_CANCELLED;
    pthread_mutex_unlock(&supervisor->mutex);
    free_run(supervisor, run);
    if (cancelled)
        ur_files_remove(supervisor, id, true);
}
