#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor_inside.h"
#include "unroll/log.h"

static enum ur_status write_spec(int folder, const char *spec, struct ur_error *error)
{
    enum ur_status status = UR_OK;
    const size_t length = strlen(spec);
    const int fd = openat(folder, "spec.json.new",
                          O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ur_fail_errno(error, errno, "The job's spec cannot be written");
    errno = ENOSPC; /* what a short write means */
    if (write(fd, spec, length) != (ssize_t)length || fsync(fd) != 0)
        status = ur_fail_errno(error, errno, "The job's spec cannot be written");
    if (close(fd) != 0 && status == UR_OK)
        status = ur_fail_errno(error, errno, "The job's spec cannot be written");
    if (status == UR_OK && renameat(folder, "spec.json.new", folder, "spec.json") != 0)
        status = ur_fail_errno(error, errno, "The job's spec cannot be written");
    return status;
}

enum ur_status ur_files_make(const struct ur_supervisor *supervisor, const char *id,
                             int *folder, struct ur_error *error)
{
    *folder = -1;
    if (mkdirat(supervisor->jobs_folder, id, 0700) != 0 && errno != EEXIST)
        return ur_fail_errno(error, errno, "The job's folder cannot be made");
    *folder =
        openat(supervisor->jobs_folder, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (*folder < 0)
        return ur_fail_errno(error, errno, "The job's folder cannot be opened");
    return UR_OK;
}

enum ur_status ur_files_prepare(const struct ur_supervisor *supervisor,
                                const struct ur_job *job, int *folder, int *lock,
                                struct ur_error *error)
{
    *lock = -1;
    const enum ur_status status = ur_files_make(supervisor, job->row.id, folder, error);
    if (status != UR_OK)
        return status;
    *lock = openat(*folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*lock < 0)
        return ur_fail_errno(error, errno, "The job's folder cannot be locked");
    if (flock(*lock, LOCK_EX | LOCK_NB) != 0)
        return ur_fail(error, UR_CONFLICT, "An earlier worker of the job is still there.");
    return write_spec(*folder, job->row.spec, error);
}

void ur_files_remove(const struct ur_supervisor *supervisor, const char *id, bool keep_log)
{
    const int fd =
        openat(supervisor->jobs_folder, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *item = readdir(folder); item; item = readdir(folder)) {
        const bool log = strcmp(item->d_name, "log.txt") == 0;
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0 ||
            (keep_log && log))
            continue;
        if (unlinkat(fd, item->d_name, 0) != 0)
            ur_log(UR_LOG_WARNING, "job %s: %s cannot be removed", id, item->d_name);
    }
    closedir(folder);
    if (!keep_log)
        unlinkat(supervisor->jobs_folder, id, AT_REMOVEDIR);
}

/* A fork's folder is made before its row is committed; a kill in between leaves the folder. */
void ur_files_sweep(struct ur_supervisor *supervisor)
{
    const int fd = dup(supervisor->jobs_folder);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *item = readdir(folder); item; item = readdir(folder)) {
        if (item->d_name[0] != 'j' || ur_job_find(supervisor, item->d_name))
            continue;
        ur_log(UR_LOG_INFO, "the folder of %s, which never became a job, is removed",
               item->d_name);
        ur_files_remove(supervisor, item->d_name, false);
    }
    rewinddir(folder); /* the descriptor shares its place with the one that stays */
    closedir(folder);
}

bool ur_files_have_model(const struct ur_supervisor *supervisor, const char *id,
                         char path[UR_PATH_BYTES + 128])
{
    snprintf(path, UR_PATH_BYTES + 128, "%s/%s/model.unroll", supervisor->jobs_path, id);
    return access(path, R_OK) == 0;
}
