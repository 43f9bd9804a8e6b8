/*
 * The log of a worker: what it writes to fd 2 goes into a file, line by line, escaped, and
 * never beyond a maximum, so that a worker that floods fills a pipe and not a disk.
 *
 * Format: UTF-8 text; control characters and bytes that are no UTF-8 become \xNN. Lines are cut
 * at UR_LOG_LINE_BYTES. Units: bytes. Errors: a log that cannot be written is dropped.
 * Ownership: the descriptor of the file belongs to the struct. Threads: one per struct.
 */
#ifndef UNROLL_SERVER_LINEBUF_H
#define UNROLL_SERVER_LINEBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "unroll/limits.h"
#include "unroll/status.h"

enum { UR_LOG_FILE_BYTES = 4 << 20 }; /* of one job: days of lines, and no more */

struct ur_linebuf {
    int fd; /* of the file; -1: lines go to the function below, or nowhere */
    /* instead of a file: called with each line, escaped, NUL-terminated */
    void (*line)(void *context, const char *text);
    void *context;
    size_t left; /* bytes that the file may still grow by */
    bool full;
    char data[UR_LOG_LINE_BYTES]; /* the line so far */
    size_t length;
    bool cutting; /* the rest of this line is dropped */
};

/* Opens (appending) or makes the file, 0600, in a folder. */
enum ur_status ur_linebuf_open(struct ur_linebuf *lines, int folder, const char *name,
                               struct ur_error *error);
/* Writes what is left of the last line and closes the file; accepts a zeroed struct. */
void ur_linebuf_close(struct ur_linebuf *lines);
/* Takes bytes as they come. */
void ur_linebuf_add(struct ur_linebuf *lines, const char *bytes, size_t count);
/* Reads what fd has, at most 64 KB so that a flood does not hold up others, and adds it. *eof
 * is set when the writer closed. */
void ur_linebuf_fill(struct ur_linebuf *lines, int fd, bool *eof);

#endif
