#include "train/trainer.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#include "train/memory.h"
#include "train/run.h"
#include "train/schedule.h"
#include "unroll/clock.h"

/* Getting ready. */

static enum ur_status watch_loading(void *context, float done)
{
    struct ur_run *run = context;
    ur_run_tell_phase(run, UR_PHASE_LOADING, done);
    return ur_run_listen(run);
}

enum ur_status ur_run_open(struct ur_run *run, const char *name, struct ur_dataset *dataset,
                           struct ur_error *error)
{
    const struct ur_train_request *request = run->request;
    const struct ur_dataset_request wanted = {.name = name,
                                              .count = request->spec->data.count,
                                              .seed = (uint64_t)request->spec->data.seed,
                                              .extra_folder = request->data_folder,
                                              .threads = request->threads,
                                              .progress = watch_loading,
                                              .context = run};
    ur_run_tell_phase(run, UR_PHASE_LOADING, 0);
    const enum ur_status status = ur_dataset_open(dataset, &wanted, error);
    if (status == UR_CANCELLED)
        return ur_run_cancel(run, error);
    if (status == UR_INTERRUPTED) /* a checkpoint of an earlier run stays the newest */
        return ur_fail(error, status, "The job was interrupted while its data were loaded.");
    return status;
}

static enum ur_status load(struct ur_run *run, struct ur_error *error)
{
    const struct ur_train_request *request = run->request;
    if (mkdir(request->folder, 0777) != 0 && errno != EEXIST)
        return ur_fail_errno(error, errno, "The folder for the results cannot be made");
    enum ur_status status = ur_run_transfer_open(run, error);
    if (status == UR_OK)
        status = ur_run_open(run, request->spec->dataset, &run->dataset, error);
    if (status == UR_OK)
        status = ur_plan_check_data(request->spec, &run->dataset.shape, NULL, error);
    if (status == UR_OK)
        status = ur_run_transfer_check(run, error);
    if (status == UR_OK)
        status = ur_order_init(&run->order, request->spec, &run->dataset.shape, error);
    if (status == UR_OK)
        status = ur_model_init(&run->model, request->spec, &run->dataset.shape, error);
    return status;
}

/* Looks whether there is the memory before any of it is taken; the data are there already. */
static enum ur_status admit(const struct ur_run *run, size_t *memory_bytes,
                            struct ur_error *error)
{
    struct ur_plan plan;
    enum ur_status status = ur_plan_job(run->request->spec, &run->dataset.shape,
                                        run->request->threads, &plan, error);
    if (status == UR_OK && run->transfer.name[0] != '\0')
        status = ur_plan_add_transfer(&plan, &run->transfer.shape, error);
    if (status != UR_OK)
        return status;
    *memory_bytes = plan.total_bytes;
    status = ur_memory_check(*memory_bytes, plan.data_bytes, error);
    return status == UR_OK ? ur_plan_check_model(&plan, error) : status;
}

static enum ur_status prepare(struct ur_run *run, size_t *memory_bytes, struct ur_error *error)
{
    const struct ur_subject subject = {.spec = run->request->spec,
                                       .model = &run->model,
                                       .order = &run->order,
                                       .dataset = &run->dataset};
    size_t classes = (size_t)run->dataset.shape.classes;
    assert(classes > 0); /* a data set without classes does not open */
    enum ur_status status = admit(run, memory_bytes, error);
    if (status == UR_OK)
        status = ur_team_init(&run->team, &subject, run->request->threads, error);
    if (status != UR_OK)
        return status;
    run->steps = ur_train_steps(run->request->spec, run->order.n_train);
    status = ur_fresh_init(&run->fresh, run->request->spec, run->steps, &run->order,
                           &run->dataset, error);
    if (status != UR_OK)
        return status;
    run->counts = calloc(classes * classes, sizeof *run->counts);
    run->result->confusion = calloc(classes * classes, sizeof *run->counts);
    if (run->counts == NULL || run->result->confusion == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a confusion matrix.");
    run->info.shape = run->dataset.shape;
    run->info.mean = run->dataset.mean;
    run->info.deviation = run->dataset.deviation;
    run->info.best_validation_accuracy = NAN;
    ur_copy(run->info.dataset_sha256, sizeof run->info.dataset_sha256, run->dataset.sha256);
    ur_copy(run->info.numerics_profile, sizeof run->info.numerics_profile,
            run->request->numerics_profile);
    ur_copy(run->info.program_version, sizeof run->info.program_version, UR_VERSION);
    return ur_run_files_init(run, error);
}

/* Takes the weights from a checkpoint, or draws them, and tells how the run begins. */
static enum ur_status begin(struct ur_run *run, size_t memory_bytes, struct ur_error *error)
{
    bool found = false, fell_back = false;
    run->history = ur_history_start();
    run->saved_step = -1;
    run->validation_step = -1;
    run->keep_previous = true;
    if (run->request->resume) {
        enum ur_status status = ur_run_resume(run, &found, &fell_back, error);
        if (status != UR_OK)
            return status;
    }
    if (!found && run->request->from != NULL) {
        const enum ur_status status = ur_run_fork(run, error);
        if (status != UR_OK)
            return status;
    } else if (!found) {
        ur_run_files_remove(run->request->folder);
        ur_params_init(&run->model.params, (uint64_t)run->request->spec->train.seed,
                       run->team.weights);
        if (run->team.mean != NULL)
            memcpy(run->team.mean, run->team.weights,
                   run->model.params.n_floats * sizeof *run->team.mean);
    }
    run->saved_us = ur_clock_us();
    run->origin_us = run->saved_us - (int64_t)(run->history.seconds * 1e6);
    const struct ur_train_start start = {.shape = run->dataset.shape,
                                         .dataset_sha256 = run->dataset.sha256,
                                         .threads = run->request->threads,
                                         .steps = run->steps,
                                         .first_step = run->info.step,
                                         .fell_back = fell_back,
                                         .n_parameters = run->model.params.n_parameters,
                                         .memory_bytes = memory_bytes};
    run->observer->start(run->observer->context, &start);
    return UR_OK;
}

/* Steps. */

/* Tells a step's point; a step that was not applied still shows the loss it failed at. */
static void tell_step(struct ur_run *run, int32_t number, const struct ur_step_outcome *outcome)
{
    float batch = (float)run->request->spec->train.batch;
    const struct ur_step_point point = {.step = number,
                                        .epoch = ur_order_epoch(&run->order, number - 1),
                                        .loss = (float)outcome->loss,
                                        .accuracy = (float)outcome->correct / batch,
                                        .learning_rate = (float)outcome->learning_rate,
                                        .gradient_norm = (float)outcome->gradient_norm,
                                        .images_per_second = batch / (float)run->pace,
                                        .seconds = (float)run->history.seconds};
    run->observer->step(run->observer->context, &point);
}

static enum ur_status step(struct ur_run *run, struct ur_error *error)
{
    int64_t began_us = ur_clock_us();
    struct ur_step_outcome outcome = ur_step_run(&run->team, run->info.step);
    /* A clock that stands still must not divide by zero. */
    double seconds = fmax((double)(ur_clock_us() - began_us), 1) * 1e-6;
    run->pace = run->pace > 0 ? 0.9 * run->pace + 0.1 * seconds : seconds;
    ur_run_note_time(run);
    tell_step(run, run->info.step + 1, &outcome);
    if (outcome.looked)
        run->observer->insight(run->observer->context, run->info.step + 1, &run->team.insight);
    if (!outcome.applied)
        return ur_fail(error, UR_DIVERGED, "Step %d was not applied: its %s is not finite.",
                       (int)run->info.step + 1,
                       isfinite(outcome.loss) ? "gradient, or the square of it," : "loss");
    run->info.step++;
    run->history.step_seconds += seconds;
    run->history.sums.loss += outcome.loss;
    run->history.sums.correct += outcome.correct;
    run->history.sums.steps++;
    return UR_OK;
}

static bool checkpoint_is_due(const struct ur_run *run)
{
    int64_t every_us = (int64_t)run->request->spec->run.checkpoint_s * 1000000;
    return ur_clock_us() - run->saved_us >= every_us;
}

static enum ur_command take_command(struct ur_run *run)
{
    enum ur_command command = run->pending;
    run->pending = UR_COMMAND_NONE;
    return command != UR_COMMAND_NONE ? command : run->observer->poll(run->observer->context);
}

/* True if no step is to follow; the result says why. Whoever stops early has no use for what
 * is asked at that moment, and steps that are done for the time that they took. */
static bool is_over(struct ur_run *run)
{
    const struct ur_spec *spec = run->request->spec;
    enum ur_ending *ended_by = &run->result->ended_by;
    if (ur_stopping_is_over(&run->history.stopping, spec))
        *ended_by = UR_ENDED_BY_EARLY_STOPPING;
    else if (run->info.step >= run->steps)
        *ended_by = UR_ENDED_BY_STEPS;
    else if (run->result->stopped)
        *ended_by = UR_ENDED_BY_COMMAND;
    else if (ur_stopping_is_late(spec, run->history.seconds))
        *ended_by = UR_ENDED_BY_TIME_BUDGET;
    else
        return false;
    return true;
}

/* Obeys a command between two steps: UR_OK goes on training. */
static enum ur_status obey(struct ur_run *run, enum ur_command command, struct ur_error *error)
{
    switch (command) {
    case UR_COMMAND_CANCEL:
        return UR_CANCELLED;
    case UR_COMMAND_SUSPEND:
        return UR_INTERRUPTED;
    case UR_COMMAND_CHECKPOINT:
        return ur_run_save_last(run, error);
    case UR_COMMAND_STOP:
        run->result->stopped = !is_over(run);
        return UR_OK;
    case UR_COMMAND_NONE:
        break;
    }
    return UR_OK;
}

static enum ur_status watch_drawing(void *context, float done)
{
    (void)done; /* the phase stays training: drawing is ahead of it most of the time */
    return ur_run_listen(context);
}

/* The images of the next step, where every epoch has its own. */
static enum ur_status draw_fresh(struct ur_run *run)
{
    const struct ur_fresh_watcher watcher = {.progress = watch_drawing, .context = run};
    return ur_fresh_before(&run->fresh, run->info.step, &watcher);
}

/* Trains until the steps are done, or until something or somebody wants it to end. */
static enum ur_status steps(struct ur_run *run, struct ur_error *error)
{
    ur_run_tell_phase(run, UR_PHASE_TRAINING, (float)run->info.step / (float)run->steps);
    for (;;) {
        enum ur_status status = UR_OK;
        if (ur_run_epoch_is_over(run)) {
            status = ur_run_close_epoch(run, error);
            if (status == UR_OK)
                status = ur_run_save_last(run, error);
            ur_run_tell_phase(run, UR_PHASE_TRAINING,
                              (float)run->info.step / (float)run->steps);
        } else if (checkpoint_is_due(run)) {
            status = ur_run_save_last(run, error);
        }
        if (status == UR_OK)
            status = obey(run, take_command(run), error);
        if (status != UR_OK || is_over(run))
            return status;
        status = draw_fresh(run);
        if (status == UR_OK)
            status = step(run, error);
        if (status != UR_OK)
            return status;
    }
}

static void release(struct ur_run *run)
{
    ur_run_files_release(run);
    ur_team_release(&run->team);
    ur_fresh_release(&run->fresh);
    ur_order_release(&run->order);
    ur_dataset_close(&run->dataset);
    ur_dataset_close(&run->transfer);
    free(run->counts);
}

enum ur_status ur_train(const struct ur_train_request *request,
                        const struct ur_train_observer *observer,
                        struct ur_train_result *result, struct ur_error *error)
{
    size_t memory_bytes = 0;
    *result = (struct ur_train_result){0};
    struct ur_run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a run.");
    run->request = request;
    run->observer = observer;
    run->result = result;
    enum ur_status status = load(run, error);
    if (status == UR_OK)
        status = prepare(run, &memory_bytes, error);
    if (status == UR_OK)
        status = begin(run, memory_bytes, error);
    if (status == UR_OK)
        status = ur_run_end(run, steps(run, error), error);
    release(run);
    free(run);
    return status;
}

void ur_train_result_release(struct ur_train_result *result)
{
    if (result == NULL)
        return;
    free(result->confusion);
    free(result->transfer.confusion);
    *result = (struct ur_train_result){0};
}
