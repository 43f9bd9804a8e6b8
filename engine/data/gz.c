#include "data/gz.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

enum { UR_GZ_BUFFER_BYTES = 64 << 10 }; /* past this, read(2) costs nothing beside inflate */

/* Makes sure that at least one packed byte is at hand, unless the file has ended. */
static enum ur_status gz_fill(struct ur_gz *gz, struct ur_error *error)
{
    if (gz->n_packed > 0 || gz->at_end)
        return UR_OK;
    const enum ur_status wish = gz->watch ? gz->watch(gz->context) : UR_OK;
    if (wish != UR_OK)
        return wish;
    ssize_t got;
    do
        got = read(gz->fd, gz->buffer, UR_GZ_BUFFER_BYTES);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return ur_fail_errno(error, errno, "%s cannot be read", gz->name);
    gz->packed = gz->buffer;
    gz->n_packed = (size_t)got;
    gz->at_end = got == 0;
    return UR_OK;
}

/* The first buffer holds both magic bytes, unless somebody feeds a pipe byte by byte; data sets
 * are regular files. */
static enum ur_status gz_detect(struct ur_gz *gz, struct ur_error *error)
{
    enum ur_status status = gz_fill(gz, error);
    if (status != UR_OK || gz->n_packed < 2 || gz->packed[0] != 0x1f || gz->packed[1] != 0x8b)
        return status;
    gz->is_gzip = true;
    gz->between = true;
    /* 16 + 15: gzip only, the largest window. */
    if (inflateInit2(&gz->stream, 16 + 15) != Z_OK)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to unpack %s.", gz->name);
    gz->zlib_begun = true;
    return UR_OK;
}

enum ur_status ur_gz_open(struct ur_gz *gz, int fd, const char *name, struct ur_error *error)
{
    *gz = (struct ur_gz){.fd = fd, .name = name};
    gz->buffer = malloc(UR_GZ_BUFFER_BYTES);
    if (!gz->buffer)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to read %s.", name);
    enum ur_status status = gz_detect(gz, error);
    if (status != UR_OK)
        ur_gz_close(gz);
    return status;
}

enum ur_status ur_gz_open_memory(struct ur_gz *gz, const void *bytes, size_t count,
                                 const char *name, struct ur_error *error)
{
    *gz = (struct ur_gz){.fd = -1, .name = name, .packed = bytes, .n_packed = count};
    gz->at_end = true; /* of what could be read on; n_packed bytes are still there */
    enum ur_status status = gz_detect(gz, error);
    if (status != UR_OK)
        ur_gz_close(gz);
    return status;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Runs zlib once over what is at hand; *made tells how many bytes came out. */
static enum ur_status gz_inflate(struct ur_gz *gz, unsigned char *out, size_t room,
                                 size_t *made, struct ur_error *error)
{
    gz->stream.next_in = (z_const Bytef *)(uintptr_t)gz->packed;
    gz->stream.avail_in = (uInt)least(gz->n_packed, UR_GZ_BUFFER_BYTES);
    gz->stream.next_out = out;
    gz->stream.avail_out = (uInt)least(room, 1u << 30);
    const uInt in_before = gz->stream.avail_in, out_before = gz->stream.avail_out;
    const int result = inflate(&gz->stream, Z_NO_FLUSH);
    const size_t used = in_before - gz->stream.avail_in;
    gz->packed += used;
    gz->n_packed -= used;
    *made = out_before - gz->stream.avail_out;
    if (result == Z_STREAM_END)
        gz->between = true;
    else if (result == Z_MEM_ERROR)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to unpack %s.", gz->name);
    else if (result != Z_OK && result != Z_BUF_ERROR)
        return ur_fail(error, UR_BAD_DATASET, "%s is damaged: its gzip data is not valid (%s).",
                       gz->name, gz->stream.msg ? gz->stream.msg : "no reason given");
    return UR_OK;
}

/* Unpacks some bytes; *made stays 0 only at the end of the last member. */
static enum ur_status gz_unpack(struct ur_gz *gz, unsigned char *out, size_t room, size_t *made,
                                struct ur_error *error)
{
    *made = 0;
    while (*made == 0) {
        enum ur_status status = gz_fill(gz, error);
        if (status != UR_OK)
            return status;
        if (gz->n_packed == 0 && gz->between)
            return UR_OK;
        if (gz->n_packed == 0)
            return ur_fail(error, UR_BAD_DATASET,
                           "%s is cut off in the middle of its gzip data.", gz->name);
        if (gz->between) {
            const int reset = inflateReset(&gz->stream);
            assert(reset == Z_OK);
            (void)reset;
            gz->between = false;
        }
        status = gz_inflate(gz, out, room, made, error);
        if (status != UR_OK)
            return status;
    }
    return UR_OK;
}

static enum ur_status gz_copy(struct ur_gz *gz, unsigned char *out, size_t room, size_t *made,
                              struct ur_error *error)
{
    *made = 0;
    enum ur_status status = gz_fill(gz, error);
    if (status != UR_OK || gz->n_packed == 0)
        return status;
    *made = least(room, gz->n_packed);
    memcpy(out, gz->packed, *made);
    gz->packed += *made;
    gz->n_packed -= *made;
    return UR_OK;
}

enum ur_status ur_gz_read(struct ur_gz *gz, void *out, size_t count, size_t *got,
                          struct ur_error *error)
{
    unsigned char *bytes = out;
    *got = 0;
    while (*got < count) {
        size_t made;
        enum ur_status status = gz->is_gzip
                                    ? gz_unpack(gz, bytes + *got, count - *got, &made, error)
                                    : gz_copy(gz, bytes + *got, count - *got, &made, error);
        if (status != UR_OK)
            return status;
        if (made == 0)
            return UR_OK;
        *got += made;
    }
    return UR_OK;
}

void ur_gz_close(struct ur_gz *gz)
{
    if (!gz)
        return;
    if (gz->zlib_begun)
        inflateEnd(&gz->stream);
    free(gz->buffer);
    *gz = (struct ur_gz){.fd = -1};
}
