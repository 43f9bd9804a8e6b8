#include "linebuf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unroll/text.h"

static const char full_line[] = "the log is full; what follows is dropped\n";

enum { FILL_BYTES = 64 << 10 };

enum ur_status ur_linebuf_open(struct ur_linebuf *lines, int folder, const char *name,
                               struct ur_error *error)
{
    struct stat about;
    *lines = (struct ur_linebuf){
        .fd =
            openat(folder, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (lines->fd < 0)
        return ur_fail_errno(error, errno, "The worker's log cannot be opened");
    const size_t size = fstat(lines->fd, &about) == 0 ? (size_t)about.st_size : 0;
    lines->full = size >= UR_LOG_FILE_BYTES;
    lines->left = lines->full ? 0 : UR_LOG_FILE_BYTES - size;
    return UR_OK;
}

/* A short write, as on a full disk, loses a piece of a log and nothing else. */
static void write_out(struct ur_linebuf *lines, const char *text, size_t length)
{
    const ssize_t written = write(lines->fd, text, length);
    if (written > 0)
        lines->left -= (size_t)written < lines->left ? (size_t)written : lines->left;
}

static void end_line(struct ur_linebuf *lines)
{
    char text[UR_LOG_LINE_BYTES + 2];
    const size_t length = lines->length;
    memcpy(text, lines->data, length);
    lines->length = 0;
    lines->cutting = false;
    text[length] = '\0';
    if (lines->line) {
        lines->line(lines->context, text);
        return;
    }
    if (lines->fd < 0 || lines->full)
        return;
    text[length] = '\n';
    if (length + 1 + sizeof full_line > lines->left) {
        lines->full = true;
        write_out(lines, full_line, sizeof full_line - 1);
        return;
    }
    write_out(lines, text, length + 1);
}

/* Adds a piece that must not be cut in two. */
static void add_piece(struct ur_linebuf *lines, const char *piece, size_t count)
{
    if (lines->cutting)
        return;
    if (lines->length + count > sizeof lines->data) {
        lines->cutting = true;
        return;
    }
    memcpy(lines->data + lines->length, piece, count);
    lines->length += count;
}

/* Gives the length of the character at the front, 0 if it is none to print. A character that
 * was cut by the end of a read is escaped byte by byte: rare, and still readable. */
static size_t printable(const char *bytes, size_t count)
{
    for (size_t length = 1; length <= 4 && length <= count; length++)
        if (ur_text_printable(bytes, length))
            return length;
    return 0;
}

void ur_linebuf_add(struct ur_linebuf *lines, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count;) {
        if (bytes[i] == '\n') {
            end_line(lines);
            i++;
            continue;
        }
        size_t length = printable(bytes + i, count - i);
        if (length > 0) {
            add_piece(lines, bytes + i, length);
            i += length;
            continue;
        }
        char escape[8];
        const int written = snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)bytes[i]);
        add_piece(lines, escape, (size_t)written);
        i++;
    }
}

void ur_linebuf_fill(struct ur_linebuf *lines, int fd, bool *eof)
{
    char bytes[4096];
    *eof = false;
    for (size_t total = 0; total < FILL_BYTES;) {
        const ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            *eof = true;
        if (got <= 0)
            return;
        total += (size_t)got;
        ur_linebuf_add(lines, bytes, (size_t)got);
    }
}

void ur_linebuf_close(struct ur_linebuf *lines)
{
    if (lines->length > 0)
        end_line(lines);
    if (lines->fd > 0)
        close(lines->fd);
    *lines = (struct ur_linebuf){.fd = -1};
}
