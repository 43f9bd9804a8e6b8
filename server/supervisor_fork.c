/*
 * A fork's checkpoint. Files of checkpoints are replaced by renaming and never written again,
 * so a hard link is a copy that costs nothing: it is taken while the parent trains, and stays
 * whole whatever becomes of the parent. What was linked is looked at afterwards, because
 * between a look and a link the parent may have written the next one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "fail.h"
#include "supervisor.h"
#include "supervisor_inside.h"
#include "unroll/checkpoint_fmt.h"
#include "unroll/wire.h"

enum {
    HEAD_BYTES =
        UR_CHECKPOINT_HEADER_BYTES + UR_CHECKPOINT_MAX_SECTIONS * UR_CHECKPOINT_ENTRY_BYTES,
    SHA_BYTES = 32
};

/* The newest first: where the parent swaps two names at this moment, the second look finds what
 * the first missed. */
static const char *const newest[] = {"last.ckpt", "last.ckpt.previous", "last.ckpt", NULL};
static const char *const best[] = {"best.ckpt", NULL};
static const char *const any[] = {"last.ckpt", "last.ckpt.previous", "best.ckpt", NULL};

/* Finds the section INFO in the head of a file; its first numbers are its layout and the step.
 * The worker checks the whole file, digests included. */
static bool find_info(const unsigned char *head, size_t n_head, uint64_t *offset)
{
    struct ur_reader reader = ur_reader_of(head, n_head);
    char magic[8], tag[8];
    ur_read_bytes(&reader, magic, sizeof magic);
    const uint32_t version = ur_read_u32(&reader), kind = ur_read_u32(&reader);
    ur_read_u64(&reader);
    const uint32_t count = ur_read_u32(&reader);
    ur_read_view(&reader, UR_CHECKPOINT_HEADER_BYTES - 28);
    if (reader.failed || memcmp(magic, UR_CHECKPOINT_MAGIC, sizeof magic) != 0 ||
        version != UR_CHECKPOINT_VERSION || kind != UR_FILE_CHECKPOINT)
        return false;
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        ur_read_bytes(&reader, tag, sizeof tag);
        *offset = ur_read_u64(&reader);
        ur_read_view(&reader, 8 + SHA_BYTES);
        if (!reader.failed && memcmp(tag, "INFO\0\0\0", sizeof tag) == 0)
            return *offset <= INT32_MAX;
    }
    return false;
}

/* Gives the step of a checkpoint; -1 for what is none. */
static int32_t step_of(int folder, const char *name)
{
    unsigned char head[HEAD_BYTES], info[8];
    uint64_t offset = 0;
    int32_t step = -1;
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    const ssize_t got = pread(fd, head, sizeof head, 0);
    if (got > 0 && find_info(head, (size_t)got, &offset) &&
        pread(fd, info, sizeof info, (off_t)offset) == (ssize_t)sizeof info) {
        struct ur_reader reader = ur_reader_of(info, sizeof info);
        ur_read_u32(&reader);
        step = (int32_t)ur_read_u32(&reader);
    }
    close(fd);
    return step;
}

struct families {
    int parent, child; /* folders */
};

/* Links the first of some files that fits (step -1: any that is a checkpoint) into the child's
 * folder. Gives its step; -1 where none fits. */
static int32_t link_first(const struct families *at, const char *const *names, int32_t step,
                          const char *as, struct ur_error *error)
{
    for (; *names; names++) {
        if (linkat(at->parent, *names, at->child, as, 0) != 0) {
            if (errno != ENOENT)
                ur_fail_errno(error, errno, "The checkpoint cannot be linked");
            continue;
        }
        const int32_t found = step_of(at->child, as);
        if (found >= 0 && (step < 0 || found == step))
            return found;
        unlinkat(at->child, as, 0);
    }
    return -1;
}

/* Says which steps there are. */
static enum ur_status none_fits(const struct families *at, const struct ur_fork *fork,
                                struct ur_error *error)
{
    char steps[64] = "";
    int32_t seen[3] = {-1, -1, -1};
    if (error->status != UR_OK)
        return error->status;
    for (int i = 0; any[i]; i++) {
        seen[i] = step_of(at->parent, any[i]);
        bool fresh = seen[i] >= 0;
        for (int k = 0; k < i; k++)
            fresh = fresh && seen[k] != seen[i];
        const size_t used = strlen(steps);
        if (fresh)
            snprintf(steps + used, sizeof steps - used, "%s%" PRId32, used ? ", " : "",
                     seen[i]);
    }
    if (!steps[0])
        return ur_fail(error, UR_CONFLICT, "The job has no checkpoint to fork from.");
    if (fork->from == UR_FORK_BEST)
        return ur_fail(error, UR_CONFLICT,
                       "The job has no best epoch yet; it can be forked at the steps %s.",
                       steps);
    return ur_fail(error, UR_CONFLICT,
                   "The job has no checkpoint of step %" PRId32
                   "; it can be forked at the steps %s.",
                   fork->step, steps);
}

/* The child's way must go on from there. */
static enum ur_status check_steps(struct ur_supervisor *supervisor, const struct ur_job *job,
                                  int32_t step, struct ur_field_errors *fields,
                                  struct ur_error *error)
{
    struct ur_dataset_facts facts;
    const struct ur_spec *spec = job->spec;
    const char *field = spec->train.epochs ? "/train/epochs" : "/train/steps";
    int64_t steps = spec->train.steps;
    if (spec->train.epochs) {
        if (ur_catalogue_find(supervisor->catalogue, spec, &facts, NULL) != UR_OK ||
            facts.state != UR_DATASET_READY)
            return UR_OK; /* the worker looks again */
        const int64_t images = facts.shape.n_train - spec->train.validation;
        steps = (spec->train.epochs * images + spec->train.batch - 1) / spec->train.batch;
    }
    if (steps >= step)
        return UR_OK;
    if (fields)
        ur_field_error_add(fields, field, "must reach step %" PRId32 ", where the fork begins",
                           step);
    return ur_fail(error, UR_INVALID_SPEC,
                   "%s must reach step %" PRId32 ", where the fork begins.", field, step);
}

/* The mutex is not held: linking waits for the disk. */
static enum ur_status take(const struct families *at, const struct ur_fork *fork, int32_t *step,
                           struct ur_error *error)
{
    struct ur_error failed = {0};
    const bool exact = fork->from == UR_FORK_STEP;
    const char *const *names = exact ? any : fork->from == UR_FORK_BEST ? best : newest;
    *step = link_first(at, names, exact ? fork->step : -1, UR_FILE_PARENT, &failed);
    if (*step < 0) {
        const enum ur_status status = none_fits(at, fork, &failed);
        return ur_fail(error, status, "%s", failed.detail);
    }
    link_first(at, best, -1, UR_FILE_PARENT ".best", NULL);
    if (fsync(at->child) != 0)
        return ur_fail_errno(error, errno, "The job's folder cannot be brought to disk");
    return UR_OK;
}

enum ur_status ur_fork_take(struct ur_supervisor *supervisor, const struct ur_fork *fork,
                            struct ur_job *job, struct ur_field_errors *fields,
                            struct ur_error *error)
{
    struct families at = {-1, -1};
    int32_t step = -1;
    struct ur_job_row *row = &job->row;
    enum ur_status status = ur_files_make(supervisor, row->id, &at.child, error);
    if (status == UR_OK) {
        at.parent = openat(supervisor->jobs_folder, fork->parent,
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        status = at.parent < 0 && errno != ENOENT
                     ? ur_fail_errno(error, errno, "The parent's folder cannot be opened")
                 : at.parent < 0
                     ? ur_fail(error, UR_CONFLICT, "The job has no checkpoint to fork from.")
                     : take(&at, fork, &step, error);
    }
    if (at.parent >= 0)
        close(at.parent);
    if (at.child >= 0)
        close(at.child);
    if (status == UR_OK && fsync(supervisor->jobs_folder) != 0)
        status = ur_fail_errno(error, errno, "The job's folder cannot be brought to disk");
    if (status == UR_OK)
        status = check_steps(supervisor, job, step, fields, error);
    if (status != UR_OK)
        return status;
    ur_copy(row->parent, sizeof row->parent, fork->parent);
    row->parent_step = step;
    row->at.step = step;
    return UR_OK;
}
