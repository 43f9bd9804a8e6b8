/*
 * As in record.c, one function says what may be in a message, and its writer and its reader
 * both ask it: what a reader would refuse is never sent.
 */
#include "unroll/predict.h"

#include "unroll/text.h"

static enum ur_status finish(const struct ur_reader *reader, bool valid, const char *what,
                             struct ur_error *error)
{
    if (ur_reader_done(reader) && valid)
        return UR_OK;
    return ur_fail(error, UR_PROTOCOL, "A malformed %s came over the predictor's socket.",
                   what);
}

static void refuse_unless(struct ur_writer *writer, bool valid)
{
    if (!valid)
        writer->failed = true;
}

/* HELLO. The version comes first and alone decides: another version's fields may be others. */

static bool hello_valid(const struct ur_predict_hello *hello)
{
    return hello->version == UR_PREDICT_VERSION && hello->seccomp <= 1 && hello->landlock <= 1;
}

void ur_predict_hello_write(struct ur_writer *writer, const struct ur_predict_hello *hello)
{
    refuse_unless(writer, hello_valid(hello));
    ur_write_u32(writer, hello->version);
    ur_write_u8(writer, hello->seccomp);
    ur_write_u8(writer, hello->landlock);
}

enum ur_status ur_predict_hello_read(const struct ur_frame *frame,
                                     struct ur_predict_hello *hello, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    *hello = (struct ur_predict_hello){.version = ur_read_u32(&reader)};
    if (!reader.failed && hello->version != UR_PREDICT_VERSION)
        return ur_fail(error, UR_PROTOCOL,
                       "The predictor speaks version %u of the protocol, this program %d.",
                       (unsigned)hello->version, UR_PREDICT_VERSION);
    hello->seccomp = ur_read_u8(&reader);
    hello->landlock = ur_read_u8(&reader);
    return finish(&reader, hello_valid(hello), "hello", error);
}

/* CLASSIFY. */

static bool classify_valid(const struct ur_predict_classify *request)
{
    return request->slot < UR_PREDICT_SLOTS && request->preprocess <= UR_PREPROCESS_NONE &&
           request->want_image <= 1;
}

void ur_predict_classify_write(struct ur_writer *writer,
                               const struct ur_predict_classify *request)
{
    refuse_unless(writer, classify_valid(request) && request->body_bytes <= UINT32_MAX);
    ur_write_u32(writer, request->request);
    ur_write_u32(writer, request->slot);
    ur_write_u8(writer, request->preprocess);
    ur_write_u8(writer, request->want_image);
    ur_write_u32(writer, (uint32_t)request->body_bytes);
    ur_write_bytes(writer, request->body, request->body_bytes);
}

enum ur_status ur_predict_classify_read(const struct ur_frame *frame,
                                        struct ur_predict_classify *request,
                                        struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    *request = (struct ur_predict_classify){.request = ur_read_u32(&reader)};
    request->slot = ur_read_u32(&reader);
    request->preprocess = ur_read_u8(&reader);
    request->want_image = ur_read_u8(&reader);
    request->body_bytes = ur_read_u32(&reader);
    request->body = ur_read_view(&reader, request->body_bytes);
    return finish(&reader, classify_valid(request), "classify request", error);
}

/* ANSWER. */

static bool probabilities_valid(const float *probabilities, int32_t count)
{
    bool valid = true;
    for (int32_t k = 0; k < count; k++)
        valid = valid && probabilities[k] >= 0.0f && probabilities[k] <= 1.0f;
    return valid;
}

static bool answer_valid(const struct ur_predict_answer *answer)
{
    return answer->status < UR_STATUS_COUNT &&
           ur_text_printable(answer->detail, strlen(answer->detail)) && answer->classes >= 0 &&
           answer->classes <= UR_MAX_CLASSES && answer->rows_read >= 0 &&
           answer->rows_read <= UR_MAX_STEPS_PER_ROW &&
           probabilities_valid(answer->probabilities, answer->classes);
}

void ur_predict_answer_write(struct ur_writer *writer, const struct ur_predict_answer *answer)
{
    if (!answer_valid(answer) || answer->image_bytes > UINT32_MAX) {
        writer->failed = true;
        return;
    }
    ur_write_u32(writer, answer->request);
    ur_write_u32(writer, answer->status);
    ur_write_string(writer, answer->detail);
    ur_write_u32(writer, (uint32_t)answer->rows_read);
    ur_write_u32(writer, answer->latency_us);
    ur_write_u32(writer, (uint32_t)answer->classes);
    for (int32_t k = 0; k < answer->classes; k++)
        ur_write_f32(writer, answer->probabilities[k]);
    ur_write_u32(writer, (uint32_t)answer->image_bytes);
    ur_write_bytes(writer, answer->image, answer->image_bytes);
}

enum ur_status ur_predict_answer_read(const struct ur_frame *frame,
                                      struct ur_predict_answer *answer, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    memset(answer, 0, sizeof *answer);
    answer->request = ur_read_u32(&reader);
    answer->status = ur_read_u32(&reader);
    ur_read_string(&reader, answer->detail, sizeof answer->detail);
    const uint32_t rows_read = ur_read_u32(&reader);
    answer->latency_us = ur_read_u32(&reader);
    const uint32_t classes = ur_read_u32(&reader);
    if (reader.failed || classes > UR_MAX_CLASSES || rows_read > UR_MAX_STEPS_PER_ROW)
        return finish(&reader, false, "answer", error);

    answer->rows_read = (int32_t)rows_read;
    answer->classes = (int32_t)classes;
    for (uint32_t k = 0; k < classes; k++)
        answer->probabilities[k] = ur_read_f32(&reader);
    answer->image_bytes = ur_read_u32(&reader);
    const unsigned char *image = ur_read_view(&reader, answer->image_bytes);
    answer->image = answer->image_bytes > 0 ? image : NULL;
    return finish(&reader, answer_valid(answer), "answer", error);
}
