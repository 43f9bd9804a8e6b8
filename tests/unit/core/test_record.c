/* Every record: there and back, cut at every length, one byte too long, and each field
 * wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "unroll/record.h"

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct ur_record_hello hello = {.version = UR_RECORD_VERSION,
                                             .program_version = "0.1.0",
                                             .numerics_profile = "avx2",
                                             .blas = "OpenBLAS 0.3.21 Haswell",
                                             .dataset_sha256 = SHA,
                                             .shape = {28, 28, 10, 60000, 10000, 0},
                                             .threads = 2,
                                             .steps = 781,
                                             .first_step = 12,
                                             .n_parameters = 81674,
                                             .memory_bytes = (uint64_t)1 << 33};
static const struct ur_record_phase phase = {UR_PHASE_EVALUATING, 0.25f};
static const struct ur_record_steps steps = {
    .dropped = 3,
    .count = 2,
    .points = {{1, 0, 2.3f, 0.1f, 1e-3f, 4.5f, 9000.0f, 0.5f},
               {7, 1, NAN, 1.0f, 0.0f, INFINITY, 0.0f, 0.0f}}};
static const struct ur_record_epoch epoch = {1, 430, 0.5f, 0.9f, NAN, NAN, 6.5f, SHA};
static const struct ur_record_checkpoint checkpoint = {781, UR_CHECKPOINT_BEST, 980000, SHA};
static const uint32_t counts[] = {5, 0, 0xffffffff, 7};
static const struct ur_record_confusion confusion = {2, UR_SPLIT_TEST, 2, counts};
static const struct ur_record_end ending = {
    UR_DIVERGED, 0, "The loss at step 3 is \xe2\x88\x9e.", "{\"state\":\"diverged\"}", 20};
static const struct ur_record_insight insight = {30, "{\"step\":30}", 11};
static const struct ur_record_dataset dataset = {
    "mnist", "idx", SHA, {28, 28, 10, 60000, 0, 0}};

/* The kind alone says that a set is one of series. */
static void test_series(void **state)
{
    (void)state;
    struct ur_record_dataset told = dataset, heard;
    unsigned char bytes[512];
    struct ur_writer writer = ur_writer_of(bytes, sizeof bytes);
    ur_copy(told.kind, sizeof told.kind, UR_KIND_SERIES);
    ur_record_dataset_write(&writer, &told);
    assert_false(writer.failed);
    const struct ur_frame frame = {
        .type = UR_RECORD_DATASET, .payload = bytes, .bytes = (uint32_t)writer.used};
    assert_int_equal(ur_record_dataset_read(&frame, &heard, NULL), UR_OK);
    assert_int_equal(heard.shape.series, 1);
    assert_int_equal(heard.shape.n_train, told.shape.n_train);
}

/* Decodes a frame of the given type and encodes what it read once more. */
static enum ur_status again(uint16_t type, const struct ur_frame *frame,
                            struct ur_writer *writer, struct ur_error *error)
{
    union {
        struct ur_record_hello hello;
        struct ur_record_phase phase;
        struct ur_record_steps steps;
        struct ur_record_epoch epoch;
        struct ur_record_checkpoint checkpoint;
        struct ur_record_confusion confusion;
        struct ur_record_end ending;
        struct ur_record_dataset dataset;
        struct ur_record_insight insight;
    } r;
    uint32_t room[4];
    enum ur_status status = UR_INTERNAL;
    switch ((enum ur_record_type)type) {
    case UR_RECORD_HELLO:
        if ((status = ur_record_hello_read(frame, &r.hello, error)) == UR_OK)
            ur_record_hello_write(writer, &r.hello);
        break;
    case UR_RECORD_PHASE:
        if ((status = ur_record_phase_read(frame, &r.phase, error)) == UR_OK)
            ur_record_phase_write(writer, &r.phase);
        break;
    case UR_RECORD_STEPS:
        if ((status = ur_record_steps_read(frame, &r.steps, error)) == UR_OK)
            ur_record_steps_write(writer, &r.steps);
        break;
    case UR_RECORD_EPOCH:
        if ((status = ur_record_epoch_read(frame, &r.epoch, error)) == UR_OK)
            ur_record_epoch_write(writer, &r.epoch);
        break;
    case UR_RECORD_CHECKPOINT:
        if ((status = ur_record_checkpoint_read(frame, &r.checkpoint, error)) == UR_OK)
            ur_record_checkpoint_write(writer, &r.checkpoint);
        break;
    case UR_RECORD_CONFUSION:
        if ((status = ur_record_confusion_read(frame, &r.confusion, room, 4, error)) == UR_OK)
            ur_record_confusion_write(writer, &r.confusion);
        break;
    case UR_RECORD_END:
        if ((status = ur_record_end_read(frame, &r.ending, error)) == UR_OK)
            ur_record_end_write(writer, &r.ending);
        break;
    case UR_RECORD_DATASET:
        if ((status = ur_record_dataset_read(frame, &r.dataset, error)) == UR_OK)
            ur_record_dataset_write(writer, &r.dataset);
        break;
    case UR_RECORD_INSIGHT:
        if ((status = ur_record_insight_read(frame, &r.insight, error)) == UR_OK)
            ur_record_insight_write(writer, &r.insight);
        break;
    }
    return status;
}

/* Writes the sample of a type. */
static size_t sample(uint16_t type, unsigned char *out, size_t size)
{
    struct ur_writer writer = ur_writer_of(out, size);
    switch ((enum ur_record_type)type) {
    case UR_RECORD_HELLO:
        ur_record_hello_write(&writer, &hello);
        break;
    case UR_RECORD_PHASE:
        ur_record_phase_write(&writer, &phase);
        break;
    case UR_RECORD_STEPS:
        ur_record_steps_write(&writer, &steps);
        break;
    case UR_RECORD_EPOCH:
        ur_record_epoch_write(&writer, &epoch);
        break;
    case UR_RECORD_CHECKPOINT:
        ur_record_checkpoint_write(&writer, &checkpoint);
        break;
    case UR_RECORD_CONFUSION:
        ur_record_confusion_write(&writer, &confusion);
        break;
    case UR_RECORD_END:
        ur_record_end_write(&writer, &ending);
        break;
    case UR_RECORD_DATASET:
        ur_record_dataset_write(&writer, &dataset);
        break;
    case UR_RECORD_INSIGHT:
        ur_record_insight_write(&writer, &insight);
        break;
    }
    assert_false(writer.failed);
    return writer.used;
}

/* The payload is copied to a block of exactly its size, so that a sanitizer sees a read past
 * its end. */
static enum ur_status decode(uint16_t type, const unsigned char *bytes, size_t count,
                             struct ur_writer *writer)
{
    struct ur_error error = {0};
    unsigned char *exact = malloc(count > 0 ? count : 1);
    assert_non_null(exact);
    if (count > 0)
        memcpy(exact, bytes, count);
    const struct ur_frame frame = {type, exact, count};
    enum ur_status status = again(type, &frame, writer, &error);
    assert_int_equal(error.status, status);
    free(exact);
    return status;
}

static void test_round_trips_and_every_wrong_length(void **state)
{
    (void)state;
    for (uint16_t type = UR_RECORD_HELLO; type <= UR_RECORD_INSIGHT; type++) {
        unsigned char bytes[1024], second[1024];
        size_t count = sample(type, bytes, sizeof bytes);
        struct ur_writer writer = ur_writer_of(second, sizeof second);
        assert_int_equal(decode(type, bytes, count, &writer), UR_OK);
        assert_false(writer.failed);
        assert_int_equal(writer.used, count);
        assert_memory_equal(bytes, second, count);

        for (size_t cut = 0; cut < count; cut++)
            assert_int_equal(decode(type, bytes, cut, &writer), UR_PROTOCOL);
        bytes[count] = 0;
        assert_int_equal(decode(type, bytes, count + 1, &writer), UR_PROTOCOL);
    }
}

/* A writer without room fails and leaves the bytes behind its end alone. */
static void test_every_short_buffer(void **state)
{
    (void)state;
    unsigned char bytes[1024];
    size_t count = sample(UR_RECORD_STEPS, bytes, sizeof bytes);
    for (size_t size = 0; size < count; size++) {
        memset(bytes, 0xaa, sizeof bytes);
        struct ur_writer writer = ur_writer_of(bytes, size);
        ur_record_steps_write(&writer, &steps);
        assert_true(writer.failed);
        assert_int_equal(bytes[size], 0xaa);
    }
}

/* Changes one field of a copy; the writer must refuse it, and so must the reader: the bytes of
 * the wrong record are made by patching the good ones at offset. */
#define REFUSED(kind, member, wrong)                                                           \
    do {                                                                                       \
        struct ur_record_##kind copy = kind;                                                   \
        copy.member = (wrong);                                                                 \
        unsigned char bytes[1024];                                                             \
        struct ur_writer writer = ur_writer_of(bytes, sizeof bytes);                           \
        ur_record_##kind##_write(&writer, &copy);                                              \
        if (!writer.failed)                                                                    \
            fail_msg("%s: %s was not refused", #member, #wrong);                               \
    } while (0)

static void test_every_wrong_field(void **state)
{
    (void)state;
    REFUSED(hello, version, 2);
    REFUSED(hello, program_version[0], '\n');
    REFUSED(hello, blas[0], '\x80');
    REFUSED(hello, dataset_sha256[0], 'E');
    REFUSED(hello, dataset_sha256[63], '\0');
    REFUSED(hello, shape.steps, 0);
    REFUSED(hello, shape.width, UR_MAX_WIDTH + 1);
    REFUSED(hello, shape.classes, UR_MAX_CLASSES + 1);
    REFUSED(hello, shape.n_train, 0);
    REFUSED(hello, shape.n_test, -1);
    REFUSED(hello, threads, 0);
    REFUSED(hello, steps, 0);
    REFUSED(hello, first_step, 782);
    REFUSED(hello, first_step, -1);
    REFUSED(hello, n_parameters, 0);
    REFUSED(phase, phase, UR_PHASE_SAVING + 1);
    REFUSED(phase, done, NAN);
    REFUSED(phase, done, 1.5f);
    REFUSED(phase, done, -0.1f);
    REFUSED(steps, count, UR_MAX_STEP_POINTS + 1);
    REFUSED(steps, points[0].step, 0);
    REFUSED(steps, points[1].step, 1);
    REFUSED(steps, points[1].epoch, -1);
    REFUSED(steps, points[1].accuracy, NAN);
    REFUSED(steps, points[1].learning_rate, INFINITY);
    REFUSED(steps, points[1].images_per_second, -1.0f);
    REFUSED(steps, points[1].seconds, NAN);
    REFUSED(epoch, epoch, 0);
    REFUSED(epoch, step, 0);
    REFUSED(epoch, train_accuracy, NAN);
    REFUSED(epoch, validation_accuracy, 1.01f);
    REFUSED(epoch, seconds, INFINITY);
    REFUSED(epoch, weights_sha256[5], 'g');
    REFUSED(checkpoint, step, -1);
    REFUSED(checkpoint, kind, UR_CHECKPOINT_MODEL + 1);
    REFUSED(checkpoint, bytes, 0);
    REFUSED(confusion, split, UR_SPLIT_TEST + 1);
    REFUSED(confusion, classes, 0);
    REFUSED(confusion, classes, UR_MAX_CLASSES + 1);
    REFUSED(dataset, name[0], '/');
    REFUSED(dataset, kind[0], '\0');
    REFUSED(dataset, shape.width, 0);
}

static void patched(uint16_t type, size_t offset, uint32_t value)
{
    unsigned char bytes[1024], out[1024];
    size_t count = sample(type, bytes, sizeof bytes);
    struct ur_writer patch = ur_writer_of(bytes + offset, 4), writer = ur_writer_of(out, 1024);
    ur_write_u32(&patch, value);
    assert_int_equal(decode(type, bytes, count, &writer), UR_PROTOCOL);
}

/* The same questions are asked of bytes that no writer of ours would make. */
static void test_hostile_bytes(void **state)
{
    (void)state;
    patched(UR_RECORD_HELLO, 0, 2);
    patched(UR_RECORD_HELLO, 4, 0xffffffff);
    patched(UR_RECORD_PHASE, 0, 4);
    patched(UR_RECORD_PHASE, 4, 0x7fc00000);
    patched(UR_RECORD_STEPS, 4, 257);
    patched(UR_RECORD_STEPS, 4, 0xffffffff);
    patched(UR_RECORD_STEPS, 8, 0x80000000);
    patched(UR_RECORD_EPOCH, 4, 0);
    patched(UR_RECORD_CHECKPOINT, 4, 3);
    patched(UR_RECORD_CONFUSION, 8, 3);
    patched(UR_RECORD_CONFUSION, 8, 0x10001); /* squared, it overflows 32 bits to a small one */
    patched(UR_RECORD_END, 0, UR_STATUS_COUNT);
    patched(UR_RECORD_DATASET, 4, '/');
}

/* More points than any reader has room for, each of them good. */
static void test_too_many_points(void **state)
{
    (void)state;
    enum { POINTS = UR_MAX_STEP_POINTS + 1 };
    static unsigned char bytes[8 + POINTS * UR_STEP_POINT_BYTES], out[sizeof bytes];
    struct ur_writer writer = ur_writer_of(bytes, sizeof bytes), again_writer;
    ur_write_u32(&writer, 0);
    ur_write_u32(&writer, POINTS);
    for (uint32_t i = 0; i < POINTS; i++) {
        ur_write_u32(&writer, i + 1);
        ur_write_u32(&writer, 0);
        for (int k = 0; k < 6; k++)
            ur_write_f32(&writer, 0.5f);
    }
    assert_int_equal(writer.used, sizeof bytes);
    again_writer = ur_writer_of(out, sizeof out);
    assert_int_equal(decode(UR_RECORD_STEPS, bytes, sizeof bytes, &again_writer), UR_PROTOCOL);

    writer = ur_writer_of(bytes + 4, 4); /* one fewer is taken */
    ur_write_u32(&writer, UR_MAX_STEP_POINTS);
    assert_int_equal(
        decode(UR_RECORD_STEPS, bytes, sizeof bytes - UR_STEP_POINT_BYTES, &again_writer),
        UR_OK);
}

static void test_end_arrives_whatever_it_says(void **state)
{
    (void)state;
    struct ur_record_end record = ending, read;
    memcpy(record.detail, "a\x1b[2J\xff", 7);
    unsigned char bytes[1024];
    struct ur_writer writer = ur_writer_of(bytes, sizeof bytes);
    ur_record_end_write(&writer, &record);
    assert_false(writer.failed);
    const struct ur_frame frame = {UR_RECORD_END, bytes, writer.used};
    assert_int_equal(ur_record_end_read(&frame, &read, NULL), UR_OK);
    assert_string_equal(read.detail, "a?[2J?");
    assert_int_equal(read.status, UR_DIVERGED);
    assert_int_equal(read.report_bytes, 20);
    assert_memory_equal(read.report, ending.report, 20);

    record = ending;
    record.stopped = 1; /* only a job that ended well can have been stopped */
    writer = ur_writer_of(bytes, sizeof bytes);
    ur_record_end_write(&writer, &record);
    assert_true(writer.failed);

    record = (struct ur_record_end){.status = UR_OK, .stopped = 1};
    writer = ur_writer_of(bytes, sizeof bytes);
    ur_record_end_write(&writer, &record);
    assert_false(writer.failed);
}

static void test_confusion_needs_room(void **state)
{
    (void)state;
    unsigned char bytes[64];
    size_t count = sample(UR_RECORD_CONFUSION, bytes, sizeof bytes);
    const struct ur_frame frame = {UR_RECORD_CONFUSION, bytes, count};
    struct ur_record_confusion read;
    uint32_t room[4] = {0};
    assert_int_equal(ur_record_confusion_read(&frame, &read, room, 3, NULL), UR_PROTOCOL);
    assert_int_equal(ur_record_confusion_read(&frame, &read, room, 4, NULL), UR_OK);
    assert_ptr_equal(read.counts, room);
    assert_memory_equal(room, counts, sizeof room);
}

static void test_nan_survives(void **state)
{
    (void)state;
    unsigned char bytes[256];
    size_t count = sample(UR_RECORD_STEPS, bytes, sizeof bytes);
    const struct ur_frame frame = {UR_RECORD_STEPS, bytes, count};
    struct ur_record_steps read;
    assert_int_equal(ur_record_steps_read(&frame, &read, NULL), UR_OK);
    assert_true(isnan(read.points[1].loss));
    assert_true(isinf(read.points[1].gradient_norm));
    assert_int_equal(read.dropped, 3);
    assert_int_equal(read.points[1].step, 7);
    assert_true(read.points[0].images_per_second == 9000.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_round_trips_and_every_wrong_length),
        cmocka_unit_test(test_every_short_buffer),
        cmocka_unit_test(test_every_wrong_field),
        cmocka_unit_test(test_hostile_bytes),
        cmocka_unit_test(test_too_many_points),
        cmocka_unit_test(test_end_arrives_whatever_it_says),
        cmocka_unit_test(test_confusion_needs_room),
        cmocka_unit_test(test_nan_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
