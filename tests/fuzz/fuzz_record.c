/*
 * What a worker gone wrong could write into its pipe: a stream of frames. A record that is
 * taken encodes to the bytes it was decoded from, so nothing that matters is lost on the way,
 * and nothing that was there is ignored.
 */
#include <stdint.h>

#include "unroll/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Takes one payload as the type says; false where it was refused or the type is unknown. */
static bool decode_and_encode(const struct ur_frame *frame, struct ur_writer *writer)
{
    static union {
        struct ur_record_hello hello;
        struct ur_record_phase phase;
        struct ur_record_steps steps;
        struct ur_record_epoch epoch;
        struct ur_record_checkpoint checkpoint;
        struct ur_record_confusion confusion;
        struct ur_record_end end;
        struct ur_record_dataset dataset;
        struct ur_record_insight insight;
    } r;
    static uint32_t counts[64 * 64];
    struct ur_error error = {0};

#define CASE(TYPE, name)                                                                       \
    case UR_RECORD_##TYPE:                                                                     \
        if (ur_record_##name##_read(frame, &r.name, &error) != UR_OK)                          \
            break;                                                                             \
        ur_record_##name##_write(writer, &r.name);                                             \
        return true;

    switch (frame->type) {
        CASE(HELLO, hello)
        CASE(PHASE, phase)
        CASE(STEPS, steps)
        CASE(EPOCH, epoch)
        CASE(CHECKPOINT, checkpoint)
        CASE(END, end)
        CASE(DATASET, dataset)
        CASE(INSIGHT, insight)
    case UR_RECORD_CONFUSION:
        if (ur_record_confusion_read(frame, &r.confusion, counts, 64 * 64, &error) != UR_OK)
            break;
        ur_record_confusion_write(writer, &r.confusion);
        return true;
    default:
        return false;
    }
#undef CASE
    require(error.status == UR_PROTOCOL);
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char encoded[UR_RECORD_MAX_BYTES];
    struct ur_frame_reader reader;
    ur_frame_reader_init(&reader, UR_RECORD_MAX_BYTES);
    reader.data = malloc(size > 0 ? size : 1);
    if (reader.data == NULL)
        return 0;
    if (size > 0)
        memcpy(reader.data, data, size);
    reader.end = reader.capacity = size;

    struct ur_frame frame;
    bool have = true;
    while (ur_frame_next(&reader, &frame, &have, NULL) == UR_OK && have) {
        struct ur_writer writer = ur_writer_of(encoded, sizeof encoded);
        if (!decode_and_encode(&frame, &writer))
            continue;
        require(!writer.failed);
        require(writer.used == frame.bytes);
        require(frame.bytes == 0 || memcmp(encoded, frame.payload, frame.bytes) == 0);
    }
    require(!have);
    ur_frame_reader_release(&reader);
    return 0;
}
