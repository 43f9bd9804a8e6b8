#include "unroll/frame.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "unroll/wire.h"

enum { FIRST_CAPACITY = 4096 };

void ur_frame_header(unsigned char out[UR_FRAME_HEADER_BYTES], uint16_t type, size_t bytes)
{
    assert(bytes <= UINT32_MAX);
    struct ur_writer writer = ur_writer_of(out, UR_FRAME_HEADER_BYTES);
    ur_write_u32(&writer, (uint32_t)bytes);
    ur_write_u16(&writer, type);
    ur_write_u16(&writer, 0);
}

void ur_frame_reader_init(struct ur_frame_reader *reader, size_t maximum)
{
    assert(maximum <= UINT32_MAX);
    *reader = (struct ur_frame_reader){.maximum = maximum};
}

void ur_frame_reader_release(struct ur_frame_reader *reader)
{
    if (reader == NULL)
        return;
    free(reader->data);
    *reader = (struct ur_frame_reader){0};
}

/* Moves what is unread to the front, and doubles a buffer that is still full. It grows with the
 * bytes that came and not with the length that a peer claims. */
static enum ur_status make_room(struct ur_frame_reader *reader, struct ur_error *error)
{
    size_t unread = reader->end - reader->begin;
    if (reader->begin > 0 && unread > 0)
        memmove(reader->data, reader->data + reader->begin, unread);
    reader->begin = 0;
    reader->end = unread;
    if (unread < reader->capacity)
        return UR_OK;

    size_t largest = reader->maximum + UR_FRAME_HEADER_BYTES;
    size_t capacity = reader->capacity > 0 ? reader->capacity * 2 : FIRST_CAPACITY;
    if (capacity > largest)
        capacity = largest;
    if (capacity == reader->capacity)
        return UR_OK;
    unsigned char *data = realloc(reader->data, capacity);
    if (data == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a message of a peer.");
    reader->data = data;
    reader->capacity = capacity;
    return UR_OK;
}

static enum ur_status broken_peer(struct ur_frame_reader *reader, struct ur_error *error)
{
    reader->failed = true;
    return ur_fail(error, UR_PROTOCOL, "A peer process sent a malformed frame.");
}

enum ur_status ur_frame_fill(struct ur_frame_reader *reader, int fd, bool *eof,
                             struct ur_error *error)
{
    *eof = false;
    if (reader->failed)
        return broken_peer(reader, error);
    enum ur_status status = make_room(reader, error);
    if (status != UR_OK)
        return status;
    if (reader->end == reader->capacity) /* a whole frame of the largest size waits in there */
        return UR_OK;

    ssize_t got;
    do
        got = read(fd, reader->data + reader->end, reader->capacity - reader->end);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        reader->end += (size_t)got;
    else if (got == 0 ||
             errno == ECONNRESET) /* killed with our bytes unread: gone all the same */
        *eof = true;
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
        return ur_fail_errno(error, errno, "Reading from a peer process failed");
    return UR_OK;
}

enum ur_status ur_frame_next(struct ur_frame_reader *reader, struct ur_frame *frame, bool *have,
                             struct ur_error *error)
{
    *have = false;
    if (reader->failed)
        return broken_peer(reader, error);
    size_t unread = reader->end - reader->begin;
    if (unread < UR_FRAME_HEADER_BYTES)
        return UR_OK;

    const unsigned char *start = reader->data + reader->begin;
    struct ur_reader header = ur_reader_of(start, UR_FRAME_HEADER_BYTES);
    size_t bytes = ur_read_u32(&header);
    uint16_t type = ur_read_u16(&header);
    uint16_t zero = ur_read_u16(&header);
    if (bytes > reader->maximum || zero != 0)
        return broken_peer(reader, error);
    if (unread - UR_FRAME_HEADER_BYTES < bytes)
        return UR_OK;

    *frame = (struct ur_frame){type, start + UR_FRAME_HEADER_BYTES, bytes};
    reader->begin += UR_FRAME_HEADER_BYTES + bytes;
    *have = true;
    return UR_OK;
}

/* Drops the first count bytes from the pieces that are still to be written. */
static void advance(struct iovec pieces[2], size_t count)
{
    for (int i = 0; i < 2; i++) {
        size_t step = count < pieces[i].iov_len ? count : pieces[i].iov_len;
        if (step == 0)
            continue;
        pieces[i].iov_base = (char *)pieces[i].iov_base + step;
        pieces[i].iov_len -= step;
        count -= step;
    }
}

enum ur_status ur_frame_send(int fd, uint16_t type, const void *payload, size_t bytes,
                             struct ur_error *error)
{
    unsigned char header[UR_FRAME_HEADER_BYTES];
    ur_frame_header(header, type, bytes);
    union {
        const void *read_only;
        void *any;
    } body = {payload}; /* writev wants a pointer without const and never writes through it */
    struct iovec pieces[2] = {{header, sizeof header}, {body.any, bytes}};

    while (pieces[0].iov_len + pieces[1].iov_len > 0) {
        ssize_t written = writev(fd, pieces, 2);
        if (written >= 0) {
            advance(pieces, (size_t)written);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd waiting = {.fd = fd, .events = POLLOUT};
            poll(&waiting, 1, -1);
        } else if (errno != EINTR) {
            return ur_fail_errno(error, errno, "Writing to a peer process failed");
        }
    }
    return UR_OK;
}
