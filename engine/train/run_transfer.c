/*
 * How the model does on the test images of another data set. The set is opened at the start:
 * a name with a typo is told before hours of training and not after them.
 */
#include "train/run.h"

/* Says in which field the data set is that could not be opened. */
static enum ur_status name_field(enum ur_status status, const struct ur_error *failure,
                                 struct ur_error *error)
{
    if (status == UR_OK || status == UR_INTERRUPTED || status == UR_CANCELLED) {
        if (error != NULL && status != UR_OK)
            *error = *failure;
        return status;
    }
    return ur_fail(error, status, "/train/evaluate_on: %s", failure->detail);
}

enum ur_status ur_run_transfer_open(struct ur_run *run, struct ur_error *error)
{
    const char *name = run->request->spec->train.evaluate_on;
    struct ur_error failure = {0};
    if (name[0] == '\0')
        return UR_OK;
    const enum ur_status status = ur_run_open(run, name, &run->transfer, &failure);
    if (status != UR_OK)
        return name_field(status, &failure, error);
    free(run->transfer.train_x);
    free(run->transfer.train_y);
    run->transfer.train_x = NULL;
    run->transfer.train_y = NULL;
    return UR_OK;
}

enum ur_status ur_run_transfer_check(struct ur_run *run, struct ur_error *error)
{
    const struct ur_dataset *set = &run->transfer;
    struct ur_transfer *transfer = &run->result->transfer;
    const size_t classes = (size_t)run->dataset.shape.classes;
    if (set->name[0] == '\0')
        return UR_OK;
    const enum ur_status status =
        ur_plan_check_transfer(&run->dataset.shape, &set->shape, error);
    if (status != UR_OK)
        return status;
    transfer->confusion = calloc(classes * classes, sizeof *transfer->confusion);
    if (transfer->confusion == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a confusion matrix.");
    ur_copy(transfer->dataset, sizeof transfer->dataset, set->name);
    ur_copy(transfer->dataset_sha256, sizeof transfer->dataset_sha256, set->sha256);
    return UR_OK;
}

enum ur_status ur_run_transfer_score(struct ur_run *run, struct ur_error *error)
{
    struct ur_transfer *transfer = &run->result->transfer;
    struct ur_evaluation evaluation = {
        .split = UR_SPLIT_TEST, .dataset = &run->transfer, .counts = transfer->confusion};
    if (transfer->dataset[0] == '\0')
        return UR_OK;
    const enum ur_status status = ur_run_watch(run, &evaluation, error);
    transfer->score = evaluation.score;
    return status;
}
