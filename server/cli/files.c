#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/commands.h"
#include "unroll/text.h"

static enum ur_status read_all(int fd, struct ur_text *text, struct ur_error *error)
{
    char block[65536];
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got == 0)
            return UR_OK;
        if (got < 0 && errno != EINTR)
            return ur_fail_errno(error, errno, "Reading failed");
        if (got > 0)
            ur_text_append(text, block, (size_t)got);
        if (text->failed)
            return ur_fail(error, UR_TOO_LARGE, "The file is larger than %zu bytes.",
                           text->maximum);
    }
}

enum ur_status ur_read_file(const char *path, size_t maximum, char **bytes, size_t *n_bytes,
                            struct ur_error *error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ur_fail_errno(error, errno, "The file cannot be opened");
    struct ur_text text;
    ur_text_init(&text, maximum);
    enum ur_status status = read_all(fd, &text, error);
    if (!is_stdin)
        close(fd);
    *n_bytes = text.length;
    *bytes = status == UR_OK ? ur_text_take(&text) : NULL;
    ur_text_release(&text);
    if (status == UR_OK && *bytes == NULL)
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory for the file.");
    return status;
}

enum ur_status ur_read_named(const char *path, size_t maximum, char **bytes, size_t *n_bytes,
                             struct ur_error *error)
{
    struct ur_error own = {0};
    enum ur_status status = ur_read_file(path, maximum, bytes, n_bytes, &own);
    return status == UR_OK ? UR_OK : ur_fail(error, status, "%s: %s", path, own.detail);
}

enum ur_status ur_sibling(const char *program, char *out, size_t size, struct ur_error *error)
{
    char self[2048];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return ur_fail_errno(error, errno, "This program cannot find itself");
    self[length] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL)
        *slash = '\0';
    if ((size_t)snprintf(out, size, "%s/%s", self, program) >= size)
        return ur_fail(error, UR_IO, "This program lies too deep in the tree.");
    return UR_OK;
}
