#include "train_verify.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* One replay. */
struct replay {
    const struct ur_verify_request *request;
    int32_t first_step, step, saved_step;
    char weights_sha256[UR_SHA256_HEX_BYTES]; /* of saved_step */
};

static void on_phase(void *context, enum ur_phase phase, float done)
{
    (void)context;
    (void)phase;
    (void)done;
}

static void on_start(void *context, const struct ur_train_start *start)
{
    struct replay *replay = context;
    replay->first_step = replay->step = start->first_step;
}

static void on_step(void *context, const struct ur_step_point *point)
{
    struct replay *replay = context;
    replay->step = point->step;
}

static void on_epoch(void *context, const struct ur_record_epoch *epoch)
{
    (void)context;
    (void)epoch;
}

static void on_checkpoint(void *context, const struct ur_record_checkpoint *checkpoint)
{
    struct replay *replay = context;
    if (checkpoint->kind != UR_CHECKPOINT_LAST)
        return;
    replay->saved_step = checkpoint->step;
    ur_copy(replay->weights_sha256, sizeof replay->weights_sha256, checkpoint->weights_sha256);
}

static void on_insight(void *context, int32_t step, const struct ur_insight *insight)
{
    (void)context;
    (void)step;
    (void)insight;
}

static void on_confusion(void *context, const struct ur_record_confusion *confusion)
{
    (void)context;
    (void)confusion;
}

static bool is_done(const struct replay *replay)
{
    return replay->step - replay->first_step >= replay->request->steps;
}

static enum ur_command on_poll(void *context)
{
    const struct replay *replay = context;
    return is_done(replay) || *replay->request->interrupted ? UR_COMMAND_SUSPEND
                                                            : UR_COMMAND_NONE;
}

static void on_report(void *context, const struct ur_train_result *result, struct ur_text *json)
{
    (void)context;
    (void)result;
    ur_text_append(json, "{}", 2);
}

/* Removes a folder of plain files. */
static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    for (const struct dirent *item = readdir(folder); item != NULL; item = readdir(folder))
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
            unlinkat(dirfd(folder), item->d_name, 0);
    closedir(folder);
    rmdir(path);
}

static enum ur_status replay_at(struct replay *replay, int32_t threads, const char *folder,
                                struct ur_error *error)
{
    struct ur_error why = {0};
    struct ur_train_result result;
    struct ur_train_request run = *replay->request->run;
    struct ur_spec spec = *run.spec;
    spec.train.time_budget_s = 0; /* what a clock ends is at no step that could be compared */
    run.spec = &spec;
    run.folder = folder;
    run.threads = threads;
    run.resume = false;
    const struct ur_train_observer observer = {.context = replay,
                                               .phase = on_phase,
                                               .start = on_start,
                                               .step = on_step,
                                               .epoch = on_epoch,
                                               .checkpoint = on_checkpoint,
                                               .insight = on_insight,
                                               .confusion = on_confusion,
                                               .poll = on_poll,
                                               .report = on_report};
    replay->saved_step = -1;
    enum ur_status status = ur_train(&run, &observer, &result, &why);
    ur_train_result_release(&result);
    if (status == UR_INTERRUPTED && is_done(replay) && replay->saved_step == replay->step)
        return UR_OK;
    return status == UR_OK ? UR_OK : ur_fail(error, status, "%s", why.detail);
}

/* Replays at each number of threads and prints what came out. */
static enum ur_status compare(const struct ur_verify_request *request, const char *folder,
                              struct ur_text *json, struct ur_error *error)
{
    char first[UR_SHA256_HEX_BYTES] = "";
    bool same = true;
    for (int32_t i = 0; i < request->n_threads; i++) {
        struct replay replay = {.request = request};
        const enum ur_status status = replay_at(&replay, request->threads[i], folder, error);
        if (status != UR_OK)
            return status;
        if (i == 0) {
            ur_copy(first, sizeof first, replay.weights_sha256);
            ur_text_format(json, "{\"steps\":%d,\"first_step\":%d,\"results\":[",
                           (int)(replay.saved_step - replay.first_step),
                           (int)replay.first_step);
        }
        same = same && strcmp(first, replay.weights_sha256) == 0;
        ur_text_format(json, "%s{\"threads\":%d,\"weights_sha256\":\"%s\"}", i > 0 ? "," : "",
                       (int)request->threads[i], replay.weights_sha256);
    }
    ur_text_format(json, "],\"same\":%s}", same ? "true" : "false");
    if (json->failed)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the answer.");
    return same ? UR_OK
                : ur_fail(error, UR_INTERNAL, "The weights depend on the number of threads.");
}

enum ur_status ur_verify(const struct ur_verify_request *request, struct ur_text *json,
                         struct ur_error *error)
{
    char folder[4096];
    const char *parent = getenv("TMPDIR");
    const int length = snprintf(folder, sizeof folder, "%s/unroll-verify-XXXXXX",
                                parent != NULL && parent[0] != '\0' ? parent : "/tmp");
    if (length >= (int)sizeof folder)
        return ur_fail(error, UR_USAGE, "TMPDIR is too long.");
    if (mkdtemp(folder) == NULL)
        return ur_fail_errno(error, errno, "A folder for the replays cannot be made");
    const enum ur_status status = compare(request, folder, json, error);
    remove_folder(folder);
    return status;
}
