#include <math.h>

#include "train/run.h"
#include "unroll/clock.h"

void ur_run_tell_phase(const struct ur_run *run, enum ur_phase phase, float done)
{
    run->observer->phase(run->observer->context, phase, done);
}

enum ur_status ur_run_listen(struct ur_run *run)
{
    enum ur_command command = run->observer->poll(run->observer->context);
    if (command == UR_COMMAND_NONE)
        return UR_OK;
    if (command != UR_COMMAND_CHECKPOINT || run->pending == UR_COMMAND_NONE)
        run->pending = command;
    if (command == UR_COMMAND_SUSPEND)
        return UR_INTERRUPTED;
    return command == UR_COMMAND_CANCEL ? UR_CANCELLED : UR_OK;
}

static enum ur_status watch(void *context, float done)
{
    struct ur_run *run = context;
    ur_run_tell_phase(run, UR_PHASE_EVALUATING, done);
    return ur_run_listen(run);
}

enum ur_status ur_run_watch(struct ur_run *run, struct ur_evaluation *evaluation,
                            struct ur_error *error)
{
    const struct ur_watcher watcher = {.watch = watch, .context = run};
    ur_run_tell_phase(run, UR_PHASE_EVALUATING, 0);
    return ur_evaluate(&run->team, &watcher, evaluation, error);
}

enum ur_status ur_run_evaluate(struct ur_run *run, enum ur_split split, int32_t epoch,
                               struct ur_evaluation *evaluation, struct ur_error *error)
{
    evaluation->split = split;
    evaluation->n_first = UR_FIRST_IMAGES;
    evaluation->counts = run->counts;
    enum ur_status status = ur_run_watch(run, evaluation, error);
    if (status != UR_OK || evaluation->score.images == 0)
        return status;
    const struct ur_record_confusion confusion = {.epoch = epoch,
                                                  .split = split,
                                                  .classes = run->dataset.shape.classes,
                                                  .counts = run->counts};
    run->observer->confusion(run->observer->context, &confusion);
    return UR_OK;
}

int32_t ur_run_epoch(const struct ur_run *run)
{
    return run->info.step == 0 ? 0 : ur_order_epoch(&run->order, run->info.step - 1) + 1;
}

int32_t ur_run_model_step(const struct ur_run *run)
{
    return run->best_taken > 0 ? run->best_taken : run->info.step;
}

int32_t ur_run_model_epoch(const struct ur_run *run)
{
    const int32_t step = ur_run_model_step(run);
    return step == 0 ? 0 : ur_order_epoch(&run->order, step - 1) + 1;
}

enum ur_status ur_run_validate(struct ur_run *run, struct ur_error *error)
{
    if (run->validation_step == ur_run_model_step(run))
        return UR_OK;
    struct ur_evaluation evaluation = {0};
    enum ur_status status =
        ur_run_evaluate(run, UR_SPLIT_VALIDATION, ur_run_model_epoch(run), &evaluation, error);
    if (status != UR_OK)
        return status;
    run->validation = evaluation.score;
    run->validation_step = ur_run_model_step(run);
    return UR_OK;
}

struct ur_score ur_run_mean(const struct ur_run *run, const struct ur_history_sums *sums)
{
    int64_t images = (int64_t)sums->steps * run->request->spec->train.batch;
    if (images == 0)
        return (struct ur_score){.loss = (double)NAN, .accuracy = (double)NAN};
    return (struct ur_score){.loss = sums->loss / sums->steps,
                             .accuracy = (double)sums->correct / (double)images,
                             .images = (int32_t)(images > INT32_MAX ? INT32_MAX : images)};
}

bool ur_run_epoch_is_over(const struct ur_run *run)
{
    return run->history.sums.steps > 0 &&
           ur_order_epoch(&run->order, run->info.step) >= ur_run_epoch(run);
}

void ur_run_note_time(struct ur_run *run)
{
    run->history.seconds = (double)(ur_clock_us() - run->origin_us) * 1e-6;
}

static enum ur_status keep_if_best(struct ur_run *run, struct ur_error *error)
{
    float accuracy = (float)run->validation.accuracy;
    if (isnan(accuracy) || accuracy <= run->info.best_validation_accuracy)
        return UR_OK;
    run->info.best_validation_accuracy = accuracy;
    run->info.best_step = run->info.step;
    return ur_run_save_best(run, error);
}

enum ur_status ur_run_close_epoch(struct ur_run *run, struct ur_error *error)
{
    const struct ur_spec *spec = run->request->spec;
    const bool whole = ur_run_epoch_is_over(run);
    enum ur_status status = ur_run_validate(run, error);
    if (status != UR_OK)
        return status;
    ur_run_note_time(run);
    struct ur_history *history = &run->history;
    struct ur_score train = ur_run_mean(run, &history->sums);
    struct ur_record_epoch record = {.epoch = ur_run_epoch(run),
                                     .step = run->info.step,
                                     .train_loss = (float)train.loss,
                                     .train_accuracy = (float)train.accuracy,
                                     .validation_loss = (float)run->validation.loss,
                                     .validation_accuracy = (float)run->validation.accuracy,
                                     .seconds =
                                         (float)(history->seconds - history->epoch_seconds)};
    ur_params_digest(&run->model.params, ur_team_result(&run->team), record.weights_sha256);
    history->last = history->sums;
    history->sums = (struct ur_history_sums){0};
    history->epoch = record.epoch;
    history->epoch_seconds = history->seconds;
    if (whole) {
        ur_plateau_advance(&history->plateau, spec, run->validation.loss);
        ur_stopping_advance(&history->stopping, spec, run->validation.accuracy);
        run->team.rate_factor = history->plateau.factor;
    }
    run->observer->epoch(run->observer->context, &record);
    return whole || !spec->train.early_stopping.on ? keep_if_best(run, error) : UR_OK;
}
