#include "train_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include "unroll/clock.h"
#include "unroll/log.h"

enum {
    NICE = 10,            /* a page or a classification goes first */
    OOM_SCORE = 800,      /* the daemon and its predictor live on */
    COMMAND_BYTES = 1024, /* commands have no payload; a little room for later versions */
    END_TIMEOUT_MS = 10000,
    PHASE_EVERY_US = 200000,
};

/* Raising one's own score needs no privilege, so a failure is worth no more than a line. */
static void offer_to_oom_killer(void)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "we");
    if (file == NULL)
        return;
    fprintf(file, "%d", (int)OOM_SCORE);
    if (fclose(file) != 0)
        ur_log(UR_LOG_WARNING, "oom_score_adj cannot be set");
}

enum ur_status ur_worker_settle(struct ur_error *error)
{
    pid_t daemon = getppid();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* A daemon that dies between the first and the last of these lines sends no signal; one
     * that died before them is told by EOF on the commands. */
    if (getppid() != daemon)
        return ur_fail(error, UR_INTERRUPTED, "The daemon is gone.");
    setpriority(PRIO_PROCESS, 0, NICE);
    offer_to_oom_killer();
    if (fcntl(UR_FD_RECORDS, F_GETFD) < 0)
        return ur_fail(error, UR_USAGE, "--worker needs descriptor %d for its records.",
                       (int)UR_FD_RECORDS);
    return UR_OK;
}

enum ur_status ur_worker_init(struct ur_worker *worker, struct ur_error *error)
{
    *worker = (struct ur_worker){0};
    ur_frame_reader_init(&worker->commands, COMMAND_BYTES);
    return ur_emit_init(&worker->emit, UR_FD_RECORDS, error);
}

void ur_worker_release(struct ur_worker *worker)
{
    if (worker->emit.refused > 0)
        ur_log(UR_LOG_WARNING, "%u records found no room in the queue",
               (unsigned)worker->emit.refused);
    ur_emit_release(&worker->emit);
    ur_frame_reader_release(&worker->commands);
}

/* Reads what there is; false when nothing will ever come again. */
static bool listen(struct ur_worker *worker)
{
    struct pollfd wait = {.fd = UR_FD_COMMANDS, .events = POLLIN};
    bool eof = false;
    if (poll(&wait, 1, 0) != 1)
        return true;
    return ur_frame_fill(&worker->commands, UR_FD_COMMANDS, &eof, NULL) == UR_OK && !eof;
}

enum ur_command ur_worker_poll(struct ur_worker *worker)
{
    struct ur_frame frame;
    bool have = false;
    ur_emit_pump(&worker->emit);
    bool open = listen(worker);
    if (ur_frame_next(&worker->commands, &frame, &have, NULL) != UR_OK)
        return UR_COMMAND_SUSPEND;
    if (!have)
        return open ? UR_COMMAND_NONE : UR_COMMAND_SUSPEND;
    if (frame.type >= UR_COMMAND_STOP && frame.type <= UR_COMMAND_SUSPEND)
        return (enum ur_command)frame.type;
    ur_log(UR_LOG_WARNING, "command %u is not known", (unsigned)frame.type);
    return UR_COMMAND_NONE;
}

void ur_worker_hello(struct ur_worker *worker, const struct ur_train_start *start,
                     const char *numerics_profile, const char *blas)
{
    struct ur_record_hello hello = {.version = UR_RECORD_VERSION,
                                    .shape = start->shape,
                                    .threads = start->threads,
                                    .steps = start->steps,
                                    .first_step = start->first_step,
                                    .n_parameters = start->n_parameters,
                                    .memory_bytes = start->memory_bytes};
    ur_copy(hello.program_version, sizeof hello.program_version, UR_VERSION);
    ur_copy(hello.numerics_profile, sizeof hello.numerics_profile, numerics_profile);
    ur_copy(hello.blas, sizeof hello.blas, blas);
    ur_copy(hello.dataset_sha256, sizeof hello.dataset_sha256, start->dataset_sha256);
    struct ur_writer writer = ur_emit_begin(&worker->emit);
    ur_record_hello_write(&writer, &hello);
    ur_emit_commit(&worker->emit, UR_RECORD_HELLO, &writer);
}

void ur_worker_phase(struct ur_worker *worker, enum ur_phase phase, float done)
{
    int64_t now_us = ur_clock_us();
    bool same = worker->told_phase == (uint32_t)phase && done > 0;
    if (same && now_us - worker->told_us < PHASE_EVERY_US)
        return;
    worker->told_us = now_us;
    worker->told_phase = phase;
    const struct ur_record_phase record = {.phase = phase, .done = done};
    struct ur_writer writer = ur_emit_begin(&worker->emit);
    ur_record_phase_write(&writer, &record);
    ur_emit_commit(&worker->emit, UR_RECORD_PHASE, &writer);
}

void ur_worker_step(struct ur_worker *worker, const struct ur_step_point *point)
{
    ur_emit_step(&worker->emit, point, ur_clock_us());
}

void ur_worker_epoch(struct ur_worker *worker, const struct ur_record_epoch *epoch)
{
    struct ur_writer writer = ur_emit_begin(&worker->emit);
    ur_record_epoch_write(&writer, epoch);
    ur_emit_commit(&worker->emit, UR_RECORD_EPOCH, &writer);
}

void ur_worker_checkpoint(struct ur_worker *worker,
                          const struct ur_record_checkpoint *checkpoint)
{
    struct ur_writer writer = ur_emit_begin(&worker->emit);
    ur_record_checkpoint_write(&writer, checkpoint);
    ur_emit_commit(&worker->emit, UR_RECORD_CHECKPOINT, &writer);
}

void ur_worker_confusion(struct ur_worker *worker, const struct ur_record_confusion *confusion)
{
    struct ur_writer writer = ur_emit_begin(&worker->emit);
    ur_record_confusion_write(&writer, confusion);
    ur_emit_commit(&worker->emit, UR_RECORD_CONFUSION, &writer);
}

void ur_worker_insight(struct ur_worker *worker, int32_t step, const char *json)
{
    const struct ur_record_insight record = {
        .step = step, .json = json, .json_bytes = strlen(json)};
    struct ur_writer writer = ur_emit_begin(&worker->emit);
    ur_record_insight_write(&writer, &record);
    ur_emit_commit(&worker->emit, UR_RECORD_INSIGHT, &writer);
}

void ur_worker_dataset(struct ur_worker *worker, const struct ur_record_dataset *dataset)
{
    struct ur_writer writer = ur_emit_begin(&worker->emit);
    ur_record_dataset_write(&writer, dataset);
    ur_emit_commit(&worker->emit, UR_RECORD_DATASET, &writer);
    ur_emit_drain(&worker->emit, END_TIMEOUT_MS);
}

void ur_worker_end(struct ur_worker *worker, enum ur_status status, bool stopped,
                   const char *detail, const char *report_json)
{
    struct ur_record_end end = {.status = status,
                                .stopped = stopped,
                                .report = report_json,
                                .report_bytes = strlen(report_json)};
    ur_copy(end.detail, sizeof end.detail, detail);
    struct ur_writer writer = ur_emit_begin(&worker->emit);
    ur_record_end_write(&writer, &end);
    if (writer.failed) { /* the report is too long: how it ended must still be told */
        end.report_bytes = 0;
        writer = ur_emit_begin(&worker->emit);
        ur_record_end_write(&writer, &end);
    }
    ur_emit_commit_last(&worker->emit, UR_RECORD_END, &writer, END_TIMEOUT_MS);
}
