/*
 * The end of a run: what is evaluated and written, and in which order.
 */
#include <math.h>

#include "train/run.h"

/* Fills in the result from an evaluation on the test split. */
static enum ur_status conclude(struct ur_run *run, struct ur_error *error)
{
    struct ur_train_result *result = run->result;
    struct ur_evaluation test = {0};
    enum ur_status status = ur_run_validate(run, error);
    if (status == UR_OK)
        status = ur_run_evaluate(run, UR_SPLIT_TEST, ur_run_model_epoch(run), &test, error);
    if (status == UR_OK)
        status = ur_run_transfer_score(run, error);
    if (status != UR_OK)
        return status;
    size_t classes = (size_t)run->dataset.shape.classes;
    memcpy(result->confusion, run->counts, classes * classes * sizeof *run->counts);
    int32_t first = test.score.images < UR_FIRST_IMAGES ? test.score.images : UR_FIRST_IMAGES;
    double images = (double)run->info.step * run->request->spec->train.batch;
    result->spec = run->request->spec;
    result->numerics_profile = run->request->numerics_profile;
    result->steps = run->info.step;
    result->model_step = ur_run_model_step(run);
    result->epochs = ur_run_epoch(run);
    result->train = ur_run_mean(run, &run->history.last);
    result->validation = run->validation;
    result->test = test.score;
    result->test_first_128 = first > 0 ? (double)test.first_correct / first : (double)NAN;
    result->seconds = run->history.seconds;
    result->images_per_second = images / fmax(run->history.step_seconds, 1e-6);
    result->series = !ur_dataset_is_image(&run->dataset);
    result->classes = run->dataset.shape.classes;
    ur_params_digest(&run->model.params, ur_team_result(&run->team), result->weights_sha256);
    return UR_OK;
}

/*
 * Ends a run that has something to show. The checkpoint comes first and before the unfinished
 * epoch is closed, so that a run killed from here on can be resumed and does all of this again,
 * with the same numbers; what stopped it early is in that checkpoint.
 */
static enum ur_status finish(struct ur_run *run, enum ur_status how, struct ur_error *error)
{
    struct ur_error failure = {0};
    struct ur_text report;
    ur_text_init(&report, UR_JSON_MAX_BYTES);
    enum ur_status status = ur_run_save_last(run, &failure);
    if (status == UR_OK && run->history.sums.steps > 0)
        status = ur_run_close_epoch(run, &failure);
    if (status == UR_OK && run->result->ended_by == UR_ENDED_BY_EARLY_STOPPING)
        status = ur_run_take_best(run, &failure);
    if (status == UR_OK)
        status = conclude(run, &failure);
    if (status == UR_OK) {
        ur_run_tell_phase(run, UR_PHASE_SAVING, 0);
        run->result->status = how;
        run->observer->report(run->observer->context, run->result, &report);
        if (report.failed)
            status = ur_fail(&failure, UR_NO_MEMORY, "There is no memory for the report.");
    }
    if (status == UR_OK)
        status = ur_run_save_model(run, ur_text_get(&report), &failure);
    ur_text_release(&report);
    if (status == UR_OK)
        return how;
    if (error != NULL)
        *error = failure;
    return status;
}

enum ur_status ur_run_cancel(const struct ur_run *run, struct ur_error *error)
{
    ur_run_files_remove(run->request->folder);
    return ur_fail(error, UR_CANCELLED, "The job was cancelled.");
}

enum ur_status ur_run_end(struct ur_run *run, enum ur_status status, struct ur_error *error)
{
    if (status == UR_DIVERGED)
        run->result->ended_by = UR_ENDED_BY_DIVERGENCE;
    if (status == UR_OK || status == UR_DIVERGED)
        status = finish(run, status, error);
    if (status == UR_CANCELLED)
        return ur_run_cancel(run, error);
    if (status != UR_INTERRUPTED)
        return status;
    status = ur_run_save_last(run, error);
    if (status != UR_OK)
        return status;
    return ur_fail(error, UR_INTERRUPTED, "The job was interrupted after step %d of %d.",
                   (int)run->info.step, (int)run->steps);
}
