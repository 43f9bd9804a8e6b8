/*
 * Bytes of a file, plain or gzip, read from front to back.
 *
 * Format: RFC 1952, told from plain bytes by its two magic bytes; several members after one
 * another are one stream. Units: bytes. Cost: one 64 KiB buffer, and zlib's window where the
 * file is packed; nothing is ever unpacked that was not asked for, so a small file that
 * unpacks to a huge one costs only what the caller reads. Errors: UR_BAD_DATASET for a damaged
 * or cut gzip file or bytes after its end, UR_IO, UR_NO_MEMORY. Ownership: the descriptor or
 * the memory is borrowed; _close frees the rest (zeroed struct and NULL are fine). Threads:
 * one per struct.
 */
#ifndef UNROLL_DATA_GZ_H
#define UNROLL_DATA_GZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "unroll/status.h"

struct ur_gz {
    int fd;                      /* -1: the bytes are in memory */
    const char *name;            /* for messages; borrowed */
    unsigned char *buffer;       /* what was read from fd; NULL for memory */
    const unsigned char *packed; /* the next byte not yet used */
    size_t n_packed;
    bool at_end;     /* fd or memory has no more */
    bool is_gzip;    /* else plain */
    bool between;    /* no gzip member is open */
    bool zlib_begun; /* stream holds memory */
    z_stream stream;
    /* called before each buffer is read from fd, if it is set after opening; anything but UR_OK
     * ends the reading with that status */
    enum ur_status (*watch)(void *context);
    void *context;
};

/* Starts at fd's position. name is what messages call the file. */
enum ur_status ur_gz_open(struct ur_gz *gz, int fd, const char *name, struct ur_error *error);

/* The same over count bytes in memory. */
enum ur_status ur_gz_open_memory(struct ur_gz *gz, const void *bytes, size_t count,
                                 const char *name, struct ur_error *error);

/* Reads count bytes, or fewer at the end of the file: *got tells. */
enum ur_status ur_gz_read(struct ur_gz *gz, void *out, size_t count, size_t *got,
                          struct ur_error *error);

void ur_gz_close(struct ur_gz *gz);

#endif
