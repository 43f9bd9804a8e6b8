#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "io/checkpoint.h"
#include "train/run.h"

/* Where the parent's files lie. */
struct origin {
    char folder[4096];
    const char *name; /* of the checkpoint, without its folder */
};

static enum ur_status find_origin(struct origin *origin, const char *path,
                                  struct ur_error *error)
{
    const char *slash = strrchr(path, '/');
    origin->name = slash != NULL ? slash + 1 : path;
    const size_t length = slash != NULL ? (size_t)(slash - path) : 1;
    if (length >= sizeof origin->folder)
        return ur_fail(error, UR_USAGE, "The path of the checkpoint is too long.");
    snprintf(origin->folder, sizeof origin->folder, "%.*s", (int)length,
             slash == path   ? "/"
             : slash != NULL ? path
                             : ".");
    return UR_OK;
}

/* The end of a run closes its last epoch after the last checkpoint was written: what that found
 * to be the best lies beyond what the checkpoint knows of. */
static bool is_best_of(const struct ur_run *run, const struct ur_checkpoint_file *file)
{
    return file->kind == UR_FILE_CHECKPOINT && file->info.step >= run->info.best_step &&
           file->info.step <= run->info.step &&
           strcmp(file->info.dataset_sha256, run->dataset.sha256) == 0;
}

/* Opens the file of the parent's best epoch; false where there is none, or only one from behind
 * the checkpoint. */
static bool open_best(const struct ur_run *run, const struct origin *origin,
                      struct ur_checkpoint_file *best)
{
    char beside[256];
    if (isnan(run->info.best_validation_accuracy))
        return false;
    if (snprintf(beside, sizeof beside, "%s.best", origin->name) >= (int)sizeof beside ||
        ur_checkpoint_open(best, origin->folder, beside, NULL) != UR_OK)
        if (ur_checkpoint_open(best, origin->folder, UR_FILE_BEST, NULL) != UR_OK)
            return false;
    if (is_best_of(run, best))
        return true;
    ur_checkpoint_close(best);
    return false;
}

/* Durable like every other file of a run. */
static enum ur_status write_best(const char *folder, const struct ur_checkpoint_file *best,
                                 struct ur_error *error)
{
    char path[4096], beside[4096 + 8];
    snprintf(path, sizeof path, "%s/" UR_FILE_BEST, folder);
    snprintf(beside, sizeof beside, "%s.tmp", path);
    FILE *file = fopen(beside, "we");
    if (file == NULL)
        return ur_fail_errno(error, errno, "best.ckpt cannot be written");
    const bool good = fwrite(best->bytes, 1, best->n_bytes, file) == best->n_bytes &&
                      fflush(file) == 0 && fsync(fileno(file)) == 0;
    int saved = errno;
    if (fclose(file) == 0 && good && rename(beside, path) == 0)
        return UR_OK;
    saved = good ? errno : saved;
    unlink(beside);
    return ur_fail_errno(error, saved, "best.ckpt cannot be written");
}

/* Everything is read before the run's own leftovers go: the checkpoint may lie among them. */
enum ur_status ur_run_fork(struct ur_run *run, struct ur_error *error)
{
    struct origin origin;
    struct ur_checkpoint_file file = {0}, best = {0};
    enum ur_status status = find_origin(&origin, run->request->from, error);
    if (status == UR_OK)
        status = ur_checkpoint_open(&file, origin.folder, origin.name, error);
    if (status != UR_OK)
        return status;
    status = ur_run_take_over(run, &file, true, error);
    ur_checkpoint_close(&file);
    if (status != UR_OK)
        return status;
    const bool has_best = open_best(run, &origin, &best);
    ur_run_files_remove(run->request->folder);
    if (has_best) {
        run->info.best_validation_accuracy = best.info.best_validation_accuracy;
        run->info.best_step = best.info.best_step;
        status = write_best(run->request->folder, &best, error);
        ur_checkpoint_close(&best);
    } else {
        run->info.best_validation_accuracy = NAN;
        run->info.best_step = 0;
        run->history.stopping = ur_stopping_start();
    }
    return status;
}
