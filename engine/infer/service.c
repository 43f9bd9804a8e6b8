#include "infer/service.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "infer/deadline.h"
#include "infer/forward.h"
#include "infer/image.h"
#include "unroll/clock.h"
#include "unroll/text.h"
#include "unroll/wire.h"

enum {
    FIRST_ROOM = 64 << 10,
    ANSWER_ROOM = UR_FRAME_HEADER_BYTES + 64 + UR_ERROR_DETAIL_BYTES + 4 * UR_MAX_CLASSES,
};

struct slot {
    bool loaded;
    struct ur_forward forward;
    uint8_t *seen;      /* [steps][width]: the picture that the network reads */
    unsigned char *png; /* room for it as PNG */
    size_t png_room;
};

struct service {
    int fd;
    bool gone; /* the peer closed its end */
    struct ur_frame_reader reader;
    unsigned char *out; /* answers of this turn */
    size_t used, room;
    struct slot slots[UR_PREDICT_SLOTS];
};

static void slot_release(struct slot *slot)
{
    ur_forward_release(&slot->forward);
    free(slot->seen);
    free(slot->png);
    *slot = (struct slot){0};
}

/* Writes what has gathered; a peer that is gone ends the loop and is no error. */
static enum ur_status flush(struct service *service, struct ur_error *error)
{
    size_t done = 0;
    while (done < service->used && !service->gone) {
        const ssize_t written = write(service->fd, service->out + done, service->used - done);
        if (written > 0) {
            done += (size_t)written;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd waiting = {.fd = service->fd, .events = POLLOUT};
            poll(&waiting, 1, -1);
        } else if (errno == EPIPE || errno == ECONNRESET) {
            service->gone = true;
        } else if (errno != EINTR) {
            return ur_fail_errno(error, errno, "Writing to the daemon failed");
        }
    }
    service->used = 0;
    return UR_OK;
}

static enum ur_status make_room(struct service *service, size_t bytes, struct ur_error *error)
{
    if (service->room - service->used >= bytes)
        return UR_OK;
    size_t room = service->room > 0 ? service->room : FIRST_ROOM;
    while (room - service->used < bytes)
        room *= 2;
    unsigned char *out = realloc(service->out, room);
    if (out == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for an answer.");
    service->out = out;
    service->room = room;
    return UR_OK;
}

/* Appends a frame that was written behind the room for its header. */
static enum ur_status append(struct service *service, uint16_t type,
                             const struct ur_writer *payload, struct ur_error *error)
{
    if (payload->failed)
        return ur_fail(error, UR_INTERNAL, "An answer does not keep to the protocol.");
    ur_frame_header(service->out + service->used, type, payload->used);
    service->used += UR_FRAME_HEADER_BYTES + payload->used;
    return UR_OK;
}

static struct ur_writer payload_writer(const struct service *service)
{
    const size_t start = service->used + UR_FRAME_HEADER_BYTES;
    return ur_writer_of(service->out + start, service->room - start);
}

static enum ur_status say_hello(struct service *service, const struct ur_predict_hello *hello,
                                struct ur_error *error)
{
    enum ur_status status = make_room(service, ANSWER_ROOM, error);
    if (status != UR_OK)
        return status;
    struct ur_writer writer = payload_writer(service);
    ur_predict_hello_write(&writer, hello);
    status = append(service, UR_PREDICT_HELLO, &writer, error);
    return status == UR_OK ? flush(service, error) : status;
}

/* Appends an answer. cause holds the words of what failed, if anything did; libraries may have
 * put bytes of the picture into them. */
static enum ur_status answer_with(struct service *service, struct ur_predict_answer *answer,
                                  const struct ur_error *cause, struct ur_error *error)
{
    if (answer->status != UR_OK) {
        ur_copy_printable(answer->detail, sizeof answer->detail, cause->detail);
        answer->classes = 0;
        answer->image_bytes = 0;
    }
    const enum ur_status status = make_room(service, ANSWER_ROOM + answer->image_bytes, error);
    if (status != UR_OK)
        return status;
    struct ur_writer writer = payload_writer(service);
    ur_predict_answer_write(&writer, answer);
    return append(service, UR_PREDICT_ANSWER, &writer, error);
}

/* A slot keeps its old model where the new one fails. */
static enum ur_status load(struct slot *slot, const unsigned char *bytes, size_t n_bytes,
                           struct ur_error *error)
{
    struct slot fresh = {.loaded = true};
    enum ur_status status = ur_forward_load(&fresh.forward, bytes, n_bytes, 1, error);
    if (status != UR_OK)
        return status;
    fresh.png_room =
        ur_image_png_bytes(fresh.forward.picture_width, fresh.forward.picture_height);
    fresh.seen = malloc((size_t)fresh.forward.steps * (size_t)fresh.forward.width);
    fresh.png = malloc(fresh.png_room);
    if (fresh.seen == NULL || fresh.png == NULL) {
        slot_release(&fresh);
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for one more model.");
    }
    slot_release(slot);
    *slot = fresh;
    return UR_OK;
}

/* LOAD and UNLOAD. */
static enum ur_status on_model(struct service *service, const struct ur_frame *frame,
                               struct ur_error *error)
{
    const int64_t start = ur_clock_us();
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    struct ur_predict_answer answer = {.request = ur_read_u32(&reader)};
    const uint32_t index = ur_read_u32(&reader);
    const bool unload = frame->type == UR_PREDICT_UNLOAD;
    if (reader.failed || index >= UR_PREDICT_SLOTS || (unload && reader.left > 0))
        return ur_fail(error, UR_PROTOCOL, "The daemon sent a malformed request on a model.");

    struct ur_error cause = {0};
    struct slot *slot = &service->slots[index];
    if (unload) {
        slot_release(slot);
    } else {
        answer.status = (uint32_t)load(slot, reader.at, reader.left, &cause);
        answer.classes = slot->forward.classes;
        answer.rows_read = slot->forward.steps;
    }
    answer.latency_us = (uint32_t)(ur_clock_us() - start);
    return answer_with(service, &answer, &cause, error);
}

static enum ur_status classify(struct slot *slot, const struct ur_predict_classify *request,
                               struct ur_predict_answer *answer, struct ur_error *error)
{
    if (!slot->loaded)
        return ur_fail(error, UR_NOT_FOUND, "There is no model in slot %u.",
                       (unsigned)request->slot);
    struct ur_forward *forward = &slot->forward;
    enum ur_status status = ur_forward_check_pictures(forward, error);
    if (status != UR_OK)
        return status;
    ur_deadline_start();
    status = ur_image_read(request->body, request->body_bytes,
                           (enum ur_preprocess)request->preprocess, forward->picture_height,
                           forward->picture_width, slot->seen, error);
    ur_deadline_stop();
    if (status != UR_OK)
        return status;

    ur_forward_run(forward, slot->seen, 1, answer->probabilities);
    if (!(answer->probabilities[0] >= 0.0f)) /* one NaN makes them all NaN */
        return ur_fail(error, UR_BAD_MODEL, "The model's answer is not a number.");
    answer->classes = forward->classes;
    answer->rows_read = forward->steps;
    if (request->want_image) {
        status =
            ur_image_encode_png(slot->seen, forward->picture_width, forward->picture_height,
                                slot->png, slot->png_room, &answer->image_bytes, error);
        answer->image = slot->png;
    }
    return status;
}

static enum ur_status on_classify(struct service *service, const struct ur_frame *frame,
                                  struct ur_error *error)
{
    const int64_t start = ur_clock_us();
    struct ur_predict_classify request;
    const enum ur_status status = ur_predict_classify_read(frame, &request, error);
    if (status != UR_OK)
        return status;
    struct ur_error cause = {0};
    struct ur_predict_answer answer = {.request = request.request};
    answer.status =
        (uint32_t)classify(&service->slots[request.slot], &request, &answer, &cause);
    answer.latency_us = (uint32_t)(ur_clock_us() - start);
    return answer_with(service, &answer, &cause, error);
}

static enum ur_status dispatch(struct service *service, const struct ur_frame *frame,
                               struct ur_error *error)
{
    switch (frame->type) {
    case UR_PREDICT_LOAD:
    case UR_PREDICT_UNLOAD:
        return on_model(service, frame, error);
    case UR_PREDICT_CLASSIFY:
        return on_classify(service, frame, error);
    default:
        return ur_fail(error, UR_PROTOCOL, "The daemon sent a frame of unknown type %u.",
                       (unsigned)frame->type);
    }
}

/* One turn: wait for bytes, work off every whole frame, write the answers. */
static enum ur_status turn(struct service *service, struct ur_error *error)
{
    struct ur_frame frame;
    bool have = true;
    enum ur_status status = ur_frame_fill(&service->reader, service->fd, &service->gone, error);
    while (status == UR_OK && have) {
        status = ur_frame_next(&service->reader, &frame, &have, error);
        if (status == UR_OK && have)
            status = dispatch(service, &frame, error);
    }
    /* What was answered before the peer broke the protocol is still worth sending. */
    const enum ur_status flushed = flush(service, error);
    return status == UR_OK ? flushed : status;
}

static void wait_for_bytes(const struct service *service)
{
    struct pollfd waiting = {.fd = service->fd, .events = POLLIN};
    poll(&waiting, 1, -1); /* so that a non-blocking socket does not spin */
}

enum ur_status ur_service_run(int fd, const struct ur_predict_hello *hello,
                              struct ur_error *error)
{
    struct service *service = calloc(1, sizeof *service);
    if (service == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the predictor.");
    service->fd = fd;
    ur_frame_reader_init(&service->reader, UR_PREDICT_MAX_BYTES);

    enum ur_status status = say_hello(service, hello, error);
    while (status == UR_OK && !service->gone) {
        wait_for_bytes(service);
        status = turn(service, error);
    }
    for (size_t k = 0; k < UR_PREDICT_SLOTS; k++)
        slot_release(&service->slots[k]);
    ur_frame_reader_release(&service->reader);
    free(service->out);
    free(service);
    return status;
}
