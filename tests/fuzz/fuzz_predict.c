/*
 * The predictor's messages in both directions: a stream of frames as either end might get it
 * from a peer gone wrong. A message that is taken encodes to the bytes it was decoded from, so
 * nothing that matters is lost on the way, and nothing that was there is ignored.
 */
#include <stdint.h>

#include "unroll/predict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Takes one payload as the type says; false where it was refused or has no struct. */
static bool decode_and_encode(const struct ur_frame *frame, struct ur_writer *writer)
{
    static struct ur_predict_answer answer;
    struct ur_predict_hello hello;
    struct ur_predict_classify classify;
    struct ur_error error = {0};
    switch (frame->type) {
    case UR_PREDICT_HELLO:
        if (ur_predict_hello_read(frame, &hello, &error) != UR_OK)
            break;
        ur_predict_hello_write(writer, &hello);
        return true;
    case UR_PREDICT_CLASSIFY:
        if (ur_predict_classify_read(frame, &classify, &error) != UR_OK)
            break;
        ur_predict_classify_write(writer, &classify);
        return true;
    case UR_PREDICT_ANSWER:
        if (ur_predict_answer_read(frame, &answer, &error) != UR_OK)
            break;
        ur_predict_answer_write(writer, &answer);
        return true;
    default:
        return false;
    }
    require(error.status == UR_PROTOCOL);
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ur_frame_reader reader;
    ur_frame_reader_init(&reader, UR_PREDICT_MAX_BYTES);
    reader.data = malloc(size > 0 ? size : 1);
    unsigned char *encoded = malloc(size > 0 ? size : 1);
    require(reader.data != NULL && encoded != NULL);
    if (size > 0)
        memcpy(reader.data, data, size);
    reader.end = reader.capacity = size;

    struct ur_frame frame;
    bool have = true;
    while (ur_frame_next(&reader, &frame, &have, NULL) == UR_OK && have) {
        struct ur_writer writer = ur_writer_of(encoded, size);
        if (!decode_and_encode(&frame, &writer))
            continue;
        require(!writer.failed && writer.used == frame.bytes);
        require(frame.bytes == 0 || memcmp(encoded, frame.payload, frame.bytes) == 0);
    }
    ur_frame_reader_release(&reader);
    free(encoded);
    return 0;
}
