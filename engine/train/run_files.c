#include <inttypes.h>
#include <unistd.h>

#include "io/checkpoint.h"
#include "train/run.h"
#include "unroll/clock.h"

/* What a file of this run holds; history points into the caller's bytes. */
static struct ur_checkpoint_content content_of(const struct ur_run *run,
                                               const unsigned char *history)
{
    return (struct ur_checkpoint_content){
        .kind = UR_FILE_CHECKPOINT,
        .spec_json = ur_text_get(&run->spec_json),
        .info = run->info,
        .params = &run->model.params,
        .weights = run->team.weights,
        .adam_m = run->team.first_moment,
        .adam_v = run->team.second_moment,
        .ema = run->team.mean,
        .history = history,
        .history_bytes = UR_HISTORY_BYTES,
    };
}

enum ur_status ur_run_files_init(struct ur_run *run, struct ur_error *error)
{
    ur_text_init(&run->spec_json, UR_JSON_MAX_BYTES);
    ur_spec_print(run->request->spec, &run->spec_json);
    if (run->spec_json.failed)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the specification.");
    unsigned char history[UR_HISTORY_BYTES] = {0};
    struct ur_checkpoint_content content = content_of(run, history);
    run->file_bytes = ur_checkpoint_bytes(&content);
    run->file = malloc(run->file_bytes);
    if (run->file == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a checkpoint of %zu bytes.",
                       run->file_bytes);
    return UR_OK;
}

void ur_run_files_release(struct ur_run *run)
{
    ur_text_release(&run->spec_json);
    free(run->file);
    run->file = NULL;
}

void ur_run_files_remove(const char *folder)
{
    static const char *const names[] = {UR_FILE_LAST, UR_FILE_PREVIOUS, UR_FILE_BEST,
                                        UR_FILE_FINAL, "report.json"};
    char path[4096];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) < (int)sizeof path)
            unlink(path);
}

static void tell(const struct ur_run *run, enum ur_checkpoint_kind kind, size_t bytes)
{
    struct ur_record_checkpoint record = {
        .step = ur_run_model_step(run), .kind = kind, .bytes = bytes};
    ur_params_digest(&run->model.params, ur_team_result(&run->team), record.weights_sha256);
    run->observer->checkpoint(run->observer->context, &record);
}

static enum ur_status save(struct ur_run *run, const char *name, bool keep_previous,
                           enum ur_checkpoint_kind kind, struct ur_error *error)
{
    unsigned char history[UR_HISTORY_BYTES];
    run->info.seconds = run->history.seconds;
    ur_history_encode(&run->history, history);
    struct ur_checkpoint_content content = content_of(run, history);
    enum ur_status status = ur_checkpoint_write(run->request->folder, name, keep_previous,
                                                &content, run->file, run->file_bytes, error);
    if (status == UR_OK)
        tell(run, kind, run->file_bytes);
    return status;
}

enum ur_status ur_run_save_last(struct ur_run *run, struct ur_error *error)
{
    if (run->saved_step == run->info.step)
        return UR_OK;
    enum ur_status status =
        save(run, UR_FILE_LAST, run->keep_previous, UR_CHECKPOINT_LAST, error);
    if (status != UR_OK)
        return status;
    run->saved_step = run->info.step;
    run->saved_us = ur_clock_us();
    run->keep_previous = true;
    return UR_OK;
}

enum ur_status ur_run_save_best(struct ur_run *run, struct ur_error *error)
{
    return save(run, UR_FILE_BEST, false, UR_CHECKPOINT_BEST, error);
}

enum ur_status ur_run_save_model(struct ur_run *run, const char *report_json,
                                 struct ur_error *error)
{
    struct ur_checkpoint_content content = content_of(run, NULL);
    content.kind = UR_FILE_MODEL;
    content.weights = ur_team_result(&run->team);
    content.adam_m = content.adam_v = content.ema = NULL;
    content.history_bytes = 0;
    content.report_json = report_json;
    content.info.step = ur_run_model_step(run);
    size_t bytes = ur_checkpoint_bytes(&content);
    unsigned char *buffer = malloc(bytes);
    if (buffer == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a model of %zu bytes.",
                       bytes);
    enum ur_status status = ur_checkpoint_write(run->request->folder, UR_FILE_FINAL, false,
                                                &content, buffer, bytes, error);
    free(buffer);
    if (status == UR_OK)
        tell(run, UR_CHECKPOINT_MODEL, bytes);
    return status;
}

/* Compares what decides the result in two specs. */
static enum ur_status same_job(const struct ur_spec *ours, const struct ur_spec *theirs,
                               struct ur_error *error)
{
    struct ur_text a, b;
    ur_text_init(&a, UR_JSON_MAX_BYTES);
    ur_text_init(&b, UR_JSON_MAX_BYTES);
    ur_spec_print_result_part(ours, &a);
    ur_spec_print_result_part(theirs, &b);
    enum ur_status status = UR_OK;
    if (a.failed || b.failed)
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory for the specification.");
    else if (strcmp(ur_text_get(&a), ur_text_get(&b)) != 0)
        status = ur_fail(error, UR_CONFLICT,
                         "The checkpoint belongs to a job with another specification; go on "
                         "with that one, or start afresh without --resume.");
    ur_text_release(&a);
    ur_text_release(&b);
    return status;
}

/* Checks that a checkpoint is of this job, or of one that it may be a fork of, on these data,
 * with these numerics; *spec is what the checkpoint was trained with. */
static enum ur_status belongs(const struct ur_run *run, const struct ur_checkpoint_file *file,
                              bool fork, struct ur_spec *spec, struct ur_error *error)
{
    const bool mean_fits = fork || (file->ema != NULL) == (run->team.mean != NULL);
    if (file->kind != UR_FILE_CHECKPOINT || file->adam_m == NULL || file->adam_v == NULL ||
        !mean_fits || file->history == NULL)
        return ur_fail(error, UR_BAD_CHECKPOINT, "The file is no checkpoint to resume from.");
    if (ur_spec_parse(spec, file->spec_json, file->spec_bytes, NULL, NULL) != UR_OK)
        return ur_fail(error, UR_CONFLICT,
                       "The checkpoint's specification is not one of this version.");
    enum ur_status status = fork ? ur_spec_check_fork(spec, run->request->spec, NULL, error)
                                 : same_job(run->request->spec, spec, error);
    if (status != UR_OK)
        return status;
    if (strcmp(file->info.dataset_sha256, run->dataset.sha256) != 0)
        return ur_fail(error, UR_CONFLICT,
                       "The checkpoint was trained on other data: its data set has the digest "
                       "%.16s..., this one %.16s...",
                       file->info.dataset_sha256, run->dataset.sha256);
    if (strcmp(file->info.numerics_profile, run->request->numerics_profile) != 0)
        return ur_fail(error, UR_CONFLICT,
                       "The checkpoint was made with the numerics profile %s, this run has %s.",
                       file->info.numerics_profile, run->request->numerics_profile);
    if (fork && file->info.step > run->steps)
        return ur_fail(error, UR_INVALID_SPEC,
                       "/train/steps must reach beyond the checkpoint, which stands at step "
                       "%" PRId32 ", and ends at %" PRId32 ".",
                       file->info.step, run->steps);
    if (file->info.step < 0 || file->info.step > run->steps)
        return ur_fail(error, UR_BAD_CHECKPOINT,
                       "The checkpoint stands at step %" PRId32 " of %" PRId32 ".",
                       file->info.step, run->steps);
    return UR_OK;
}

/* Takes over what answers: the weights and, where there is one, their mean, which in a fork of
 * a run without one begins at them. */
static enum ur_status take_weights(struct ur_run *run, const struct ur_checkpoint_file *file,
                                   struct ur_error *error)
{
    const struct ur_params *params = &run->model.params;
    const unsigned char *mean = file->ema != NULL ? file->ema : file->weights;
    enum ur_status status =
        ur_checkpoint_unpack(file, params, file->weights, run->team.weights, error);
    if (status == UR_OK && run->team.mean != NULL)
        status = ur_checkpoint_unpack(file, params, mean, run->team.mean, error);
    return status;
}

/* A fork's best epoch may be its parent's. */
enum ur_status ur_run_take_best(struct ur_run *run, struct ur_error *error)
{
    const struct ur_team *team = &run->team;
    struct ur_checkpoint_file file = {0};
    struct ur_spec theirs;
    enum ur_status status =
        ur_checkpoint_open(&file, run->request->folder, UR_FILE_BEST, error);
    if (status != UR_OK)
        return status;
    status = belongs(run, &file, true, &theirs, error);
    if (status == UR_OK && file.info.step != run->info.best_step)
        status = ur_fail(error, UR_BAD_CHECKPOINT,
                         "best.ckpt stands at step %" PRId32
                         ", the best epoch ended at %" PRId32 ".",
                         file.info.step, run->info.best_step);
    /* What was best is what answered, and it is to answer again: a mean, even if a fork keeps
     * none itself. */
    if (status == UR_OK)
        status = ur_checkpoint_unpack(&file, &run->model.params, ur_checkpoint_result(&file),
                                      team->mean != NULL ? team->mean : team->weights, error);
    ur_checkpoint_close(&file);
    if (status == UR_OK)
        run->best_taken = run->info.best_step;
    return status;
}

/* The moments mean what they meant only to the same optimizer, a sum of an epoch only to the
 * same minibatches, a rate that fell only to the same schedule, and only who does the same
 * again has waited in vain already. */
static enum ur_status take_state(struct ur_run *run, const struct ur_checkpoint_file *file,
                                 const struct ur_spec *theirs, struct ur_error *error)
{
    const struct ur_params *params = &run->model.params;
    const struct ur_spec *ours = run->request->spec;
    enum ur_status status = take_weights(run, file, error);
    if (status == UR_OK && theirs->train.optimizer == ours->train.optimizer) {
        status =
            ur_checkpoint_unpack(file, params, file->adam_m, run->team.first_moment, error);
        if (status == UR_OK)
            status = ur_checkpoint_unpack(file, params, file->adam_v, run->team.second_moment,
                                          error);
    }
    if (status == UR_OK)
        status = ur_history_decode(&run->history, file->history, file->history_bytes, error);
    if (status == UR_OK && theirs->train.batch != ours->train.batch)
        run->history.sums = (struct ur_history_sums){0};
    if (status == UR_OK && theirs->train.schedule != ours->train.schedule)
        run->history.plateau = ur_plateau_start();
    if (status == UR_OK && same_job(ours, theirs, NULL) != UR_OK)
        run->history.stopping.waited = 0;
    return status;
}

enum ur_status ur_run_take_over(struct ur_run *run, const struct ur_checkpoint_file *file,
                                bool fork, struct ur_error *error)
{
    struct ur_spec theirs;
    enum ur_status status = belongs(run, file, fork, &theirs, error);
    if (status == UR_OK)
        status = take_state(run, file, &theirs, error);
    if (status != UR_OK)
        return status;
    char digest[UR_SHA256_HEX_BYTES];
    ur_params_digest(&run->model.params, run->team.weights, digest);
    if (strcmp(digest, file->info.weights_sha256) != 0)
        return ur_fail(error, UR_BAD_CHECKPOINT,
                       "The checkpoint's weights do not have the digest that it names.");
    run->team.rate_factor = run->history.plateau.factor;
    run->info.step = file->info.step;
    run->info.best_validation_accuracy = file->info.best_validation_accuracy;
    run->info.best_step = file->info.best_step;
    return UR_OK;
}

enum ur_status ur_run_resume(struct ur_run *run, bool *found, bool *fell_back,
                             struct ur_error *error)
{
    struct ur_checkpoint_file file = {0};
    struct ur_error missing = {0};
    *found = false;
    *fell_back = false;
    enum ur_status status = ur_checkpoint_open_newest(&file, run->request->folder, UR_FILE_LAST,
                                                      fell_back, &missing);
    if (status == UR_NOT_FOUND)
        return UR_OK;
    if (status != UR_OK)
        return ur_fail(error, status, "%s", missing.detail);
    status = ur_run_take_over(run, &file, false, error);
    ur_checkpoint_close(&file);
    if (status != UR_OK)
        return status;
    *found = true;
    run->keep_previous = !*fell_back;
    run->saved_step = *fell_back ? -1 : run->info.step;
    return UR_OK;
}
