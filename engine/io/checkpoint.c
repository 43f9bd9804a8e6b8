#include "io/checkpoint.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/checkpoint_sections.h"
#include "unroll/wire.h"

/* No network of this program comes near it, so a longer file is not ours: past this nothing is
 * even allocated. */
#define UR_CHECKPOINT_MAX_BYTES ((size_t)16 << 30)

enum { UR_FILE_NAME_BYTES = 256 };

static int open_folder(const char *folder)
{
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void with_suffix(char out[UR_FILE_NAME_BYTES], const char *name, const char *suffix)
{
    const int length = snprintf(out, UR_FILE_NAME_BYTES, "%s%s", name, suffix);
    assert(length > 0 && length < UR_FILE_NAME_BYTES && !strchr(name, '/'));
    (void)length;
}

static enum ur_status write_all(int fd, const unsigned char *bytes, size_t count,
                                struct ur_error *error)
{
    while (count > 0) {
        const ssize_t done = write(fd, bytes, count);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return ur_fail_errno(error, errno, "The file cannot be written");
        bytes += done;
        count -= (size_t)done;
    }
    return UR_OK;
}

/* After a failed fsync the kernel may have dropped the dirty pages, and a second one would say
 * that all is well: the file is given up, never synced again. */
static enum ur_status write_durably(int folder, const char *name, const unsigned char *bytes,
                                    size_t count, struct ur_error *error)
{
    const int fd =
        openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ur_fail_errno(error, errno, "The file %s cannot be made", name);
    enum ur_status status = write_all(fd, bytes, count, error);
    if (status == UR_OK && fsync(fd) != 0)
        status = ur_fail_errno(error, errno, "The file %s cannot be brought to disk", name);
    if (close(fd) != 0 && status == UR_OK)
        status = ur_fail_errno(error, errno, "The file %s cannot be closed", name);
    return status;
}

/*
 * Puts temporary in name's place and name's file in previous's. The two swap names in one step,
 * so that the new, good file is in place before the old previous one goes: name may have been
 * damaged, and previous what the run was resumed from. Where the file system cannot swap,
 * the old file is moved away first; the reader then finds it as previous.
 */
static int publish(int folder, const char *temporary, const char *name, const char *previous)
{
    if (!previous || faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return renameat(folder, temporary, folder, name);
    if (renameat2(folder, temporary, folder, name, RENAME_EXCHANGE) == 0)
        return renameat(folder, temporary, folder, previous);
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (renameat(folder, name, folder, previous) != 0)
        return -1;
    return renameat(folder, temporary, folder, name);
}

enum ur_status ur_checkpoint_write(const char *folder, const char *name, bool keep_previous,
                                   const struct ur_checkpoint_content *content,
                                   unsigned char *buffer, size_t buffer_bytes,
                                   struct ur_error *error)
{
    char temporary[UR_FILE_NAME_BYTES], previous[UR_FILE_NAME_BYTES];
    const size_t n_bytes = ur_checkpoint_bytes(content);
    assert(n_bytes <= buffer_bytes);
    (void)buffer_bytes;
    with_suffix(temporary, name, ".tmp");
    with_suffix(previous, name, ".previous");
    enum ur_status status = ur_checkpoint_encode(content, buffer, error);
    if (status != UR_OK)
        return status;
    const int fd = open_folder(folder);
    if (fd < 0)
        return ur_fail_errno(error, errno, "The folder for checkpoints cannot be opened");
    status = write_durably(fd, temporary, buffer, n_bytes, error);
    if (status == UR_OK && publish(fd, temporary, name, keep_previous ? previous : NULL) != 0)
        status = ur_fail_errno(error, errno, "The file %s cannot be put in place", name);
    if (status != UR_OK)
        unlinkat(fd, temporary, 0);
    else if (fsync(fd) != 0)
        status =
            ur_fail_errno(error, errno, "The folder of %s cannot be brought to disk", name);
    close(fd);
    return status;
}

static enum ur_status read_all(int fd, unsigned char *bytes, size_t count,
                               struct ur_error *error)
{
    for (size_t filled = 0; filled < count;) {
        const ssize_t got = read(fd, bytes + filled, count - filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ur_fail_errno(error, errno, "The file cannot be read");
        if (got == 0)
            return ur_fail(error, UR_BAD_CHECKPOINT, "The file became shorter under way.");
        filled += (size_t)got;
    }
    return UR_OK;
}

/* Looks at a file's first bytes, so that no memory is taken for gigabytes of something else. */
static enum ur_status check_beginning(int fd, size_t n_bytes, struct ur_error *error)
{
    unsigned char header[UR_CHECKPOINT_HEADER_BYTES];
    char magic[sizeof UR_CHECKPOINT_MAGIC - 1];
    enum ur_status status = read_all(fd, header, sizeof header, error);
    if (status != UR_OK)
        return status;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return ur_fail_errno(error, errno, "The file cannot be read");
    struct ur_reader reader = ur_reader_of(header, sizeof header);
    ur_read_bytes(&reader, magic, sizeof magic);
    const uint32_t version = ur_read_u32(&reader);
    ur_read_u32(&reader); /* its kind */
    const uint64_t claimed = ur_read_u64(&reader);
    if (memcmp(magic, UR_CHECKPOINT_MAGIC, sizeof magic) != 0)
        return ur_fail(error, UR_BAD_CHECKPOINT,
                       "The file is damaged or not of Unroll: it does not begin with %s.",
                       UR_CHECKPOINT_MAGIC);
    if (version == UR_CHECKPOINT_VERSION && claimed != n_bytes)
        return ur_fail(error, UR_BAD_CHECKPOINT,
                       "The file is damaged or not of Unroll: it has not the length that its "
                       "header says.");
    return UR_OK;
}

static enum ur_status read_and_parse(struct ur_checkpoint_file *file, int fd,
                                     struct ur_error *error)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return ur_fail_errno(error, errno, "The file cannot be read");
    const size_t n_bytes = about.st_size > 0 ? (size_t)about.st_size : 0;
    if (!S_ISREG(about.st_mode) || n_bytes < UR_CHECKPOINT_HEADER_BYTES ||
        n_bytes > UR_CHECKPOINT_MAX_BYTES)
        return ur_fail(error, UR_BAD_CHECKPOINT,
                       "The file is damaged or not of Unroll: %zu bytes are not %d..%zu.",
                       n_bytes, UR_CHECKPOINT_HEADER_BYTES, UR_CHECKPOINT_MAX_BYTES);
    enum ur_status status = check_beginning(fd, n_bytes, error);
    if (status != UR_OK)
        return status;
    unsigned char *bytes = malloc(n_bytes);
    if (!bytes)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a file of %zu bytes.",
                       n_bytes);
    status = read_all(fd, bytes, n_bytes, error);
    if (status == UR_OK)
        status = ur_checkpoint_parse(file, bytes, n_bytes, error);
    if (status != UR_OK)
        free(bytes);
    return status;
}

enum ur_status ur_checkpoint_open(struct ur_checkpoint_file *file, const char *folder,
                                  const char *name, struct ur_error *error)
{
    *file = (struct ur_checkpoint_file){.bytes = NULL};
    const int parent = open_folder(folder);
    const int fd =
        parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const int why = errno;
    if (parent >= 0)
        close(parent);
    if (fd < 0 && why == ENOENT)
        return ur_fail(error, UR_NOT_FOUND, "There is no file %s.", name);
    if (fd < 0)
        return ur_fail_errno(error, why, "The file %s cannot be opened", name);
    enum ur_status status = read_and_parse(file, fd, error);
    close(fd);
    return status;
}

enum ur_status ur_checkpoint_open_newest(struct ur_checkpoint_file *file, const char *folder,
                                         const char *name, bool *fell_back,
                                         struct ur_error *error)
{
    char previous[UR_FILE_NAME_BYTES];
    struct ur_error first = {.status = UR_OK}, second = {.status = UR_OK};
    with_suffix(previous, name, ".previous");
    *fell_back = false;
    const enum ur_status newest = ur_checkpoint_open(file, folder, name, &first);
    if (newest == UR_OK || newest == UR_NO_MEMORY)
        return newest == UR_OK ? UR_OK : ur_fail(error, newest, "%s", first.detail);
    const enum ur_status older = ur_checkpoint_open(file, folder, previous, &second);
    *fell_back = older == UR_OK;
    if (older == UR_OK)
        return UR_OK;
    return older == UR_NOT_FOUND ? ur_fail(error, newest, "%s", first.detail)
                                 : ur_fail(error, older, "%s", second.detail);
}

void ur_checkpoint_close(struct ur_checkpoint_file *file)
{
    if (!file)
        return;
    free(file->bytes);
    *file = (struct ur_checkpoint_file){.bytes = NULL};
}
