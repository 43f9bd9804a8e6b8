#include "io/emit.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "unroll/clock.h"
#include "unroll/frame.h"

enum ur_status ur_emit_init(struct ur_emit *emit, int fd, struct ur_error *error)
{
    *emit = (struct ur_emit){.fd = fd};
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return ur_fail_errno(error, errno, "Descriptor %d takes no records", fd);
    emit->queue = malloc(UR_EMIT_QUEUE_BYTES);
    emit->record = malloc(UR_RECORD_MAX_BYTES);
    if (emit->queue != NULL && emit->record != NULL)
        return UR_OK;
    ur_emit_release(emit);
    return ur_fail(error, UR_NO_MEMORY, "There is no memory for the records' queue.");
}

void ur_emit_release(struct ur_emit *emit)
{
    if (emit == NULL)
        return;
    free(emit->queue);
    free(emit->record);
    *emit = (struct ur_emit){.fd = -1};
}

struct ur_writer ur_emit_begin(struct ur_emit *emit)
{
    return ur_writer_of(emit->record, UR_RECORD_MAX_BYTES);
}

void ur_emit_pump(struct ur_emit *emit)
{
    while (emit->fd >= 0 && emit->begin < emit->end) {
        ssize_t sent = write(emit->fd, emit->queue + emit->begin, emit->end - emit->begin);
        if (sent > 0)
            emit->begin += (size_t)sent;
        else if (sent < 0 && errno == EAGAIN)
            return;
        else if (sent < 0 && errno != EINTR)
            emit->fd = -1;
    }
    emit->begin = emit->end = 0;
}

/* Makes room for a frame behind what is queued; false if there is none. */
static bool has_room(struct ur_emit *emit, size_t bytes)
{
    size_t queued = emit->end - emit->begin;
    if (bytes > UR_EMIT_QUEUE_BYTES - queued)
        return false;
    if (bytes > UR_EMIT_QUEUE_BYTES - emit->end) {
        memmove(emit->queue, emit->queue + emit->begin, queued);
        emit->begin = 0;
        emit->end = queued;
    }
    return true;
}

static bool enqueue(struct ur_emit *emit, enum ur_record_type type,
                    const struct ur_writer *payload)
{
    if (emit->fd < 0)
        return true;
    if (payload->failed || !has_room(emit, UR_FRAME_HEADER_BYTES + payload->used))
        return false;
    ur_frame_header(emit->queue + emit->end, (uint16_t)type, payload->used);
    emit->end += UR_FRAME_HEADER_BYTES;
    memcpy(emit->queue + emit->end, payload->data, payload->used);
    emit->end += payload->used;
    return true;
}

/* Turns the points into a record. They need a buffer of their own: a payload that is being
 * committed still lies in emit->record. */
static void enqueue_steps(struct ur_emit *emit)
{
    unsigned char bytes[8 + UR_MAX_STEP_POINTS * UR_STEP_POINT_BYTES];
    if (emit->steps.count == 0)
        return;
    struct ur_writer writer = ur_writer_of(bytes, sizeof bytes);
    ur_record_steps_write(&writer, &emit->steps);
    assert(!writer.failed); /* or these points would stay here for ever */
    if (!enqueue(emit, UR_RECORD_STEPS, &writer))
        return;
    emit->steps.count = 0;
    emit->steps.dropped = 0;
}

void ur_emit_commit(struct ur_emit *emit, enum ur_record_type type,
                    const struct ur_writer *payload)
{
    enqueue_steps(emit);
    if (!enqueue(emit, type, payload))
        emit->refused++;
    ur_emit_pump(emit);
}

/* Drops every second point of the older half; the newest points stay as they are. */
static void thin(struct ur_record_steps *steps)
{
    uint32_t half = steps->count / 2, kept = 0;
    for (uint32_t i = 0; i < steps->count; i++)
        if (i >= half || i % 2 == 1)
            steps->points[kept++] = steps->points[i];
    steps->dropped += steps->count - kept;
    steps->count = kept;
}

void ur_emit_step(struct ur_emit *emit, const struct ur_step_point *point, int64_t now_us)
{
    if (emit->steps.count == UR_MAX_STEP_POINTS)
        thin(&emit->steps);
    emit->steps.points[emit->steps.count++] = *point;
    ur_emit_pump(emit);
    bool free_again = emit->begin == emit->end;
    if (free_again && now_us - emit->sent_us >= UR_EMIT_EVERY_US) {
        emit->sent_us = now_us;
        enqueue_steps(emit);
        ur_emit_pump(emit);
    }
}

void ur_emit_drain(struct ur_emit *emit, int timeout_ms)
{
    int64_t end_us = ur_clock_us() + (int64_t)timeout_ms * 1000;
    enqueue_steps(emit);
    for (;;) {
        ur_emit_pump(emit);
        int64_t left_us = end_us - ur_clock_us();
        if (emit->fd < 0 || emit->begin == emit->end || left_us <= 0)
            return;
        struct pollfd wait = {.fd = emit->fd, .events = POLLOUT};
        poll(&wait, 1, (int)(left_us / 1000) + 1);
    }
}

void ur_emit_commit_last(struct ur_emit *emit, enum ur_record_type type,
                         const struct ur_writer *payload, int timeout_ms)
{
    ur_emit_drain(emit, timeout_ms);
    ur_emit_commit(emit, type, payload);
    ur_emit_drain(emit, timeout_ms);
}
