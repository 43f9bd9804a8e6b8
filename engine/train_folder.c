#include "train_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train/run.h"

static bool holds(int folder, const char *name)
{
    struct stat facts;
    return fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum ur_status claim(int folder, const char *name, bool resume, struct ur_error *error)
{
    /* Never closed: it is the run's until the process ends. Making it also shows, before any
     * work is done, that the folder can be written to. */
    const int lock = openat(folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return ur_fail_errno(error, errno, "Nothing can be written to the folder %s", name);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        close(lock);
        return ur_fail(error, UR_CONFLICT, "Another run is at work in the folder %s.", name);
    }
    const bool unfinished =
        holds(folder, UR_FILE_LAST) || holds(folder, UR_FILE_LAST ".previous");
    if (resume ? !unfinished && holds(folder, UR_FILE_FINAL)
               : unfinished || holds(folder, UR_FILE_FINAL))
        return ur_fail(error, UR_CONFLICT,
                       "The folder %s holds a run already: %sname another folder with --out.",
                       name, unfinished ? "go on with it by --resume, or " : "");
    return UR_OK;
}

enum ur_status ur_train_folder_claim(const char *name, bool resume, struct ur_error *error)
{
    if (mkdir(name, 0777) != 0 && errno != EEXIST)
        return ur_fail_errno(error, errno, "The folder %s cannot be made", name);
    const int folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return ur_fail_errno(error, errno, "The folder %s cannot be opened", name);
    enum ur_status status = claim(folder, name, resume, error);
    close(folder);
    return status;
}
