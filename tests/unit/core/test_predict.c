/* What the daemon and its predictor say to each other, forth and back and broken. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unroll/predict.h"
#include "unroll/text.h"

static unsigned char buffer[8192];

static struct ur_frame frame_of(const struct ur_writer *writer, uint16_t type)
{
    assert_false(writer->failed);
    return (struct ur_frame){type, writer->data, writer->used};
}

static void test_hello(void **state)
{
    (void)state;
    const struct ur_predict_hello sent = {UR_PREDICT_VERSION, 1, 0};
    struct ur_predict_hello got;
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    ur_predict_hello_write(&writer, &sent);
    struct ur_frame frame = frame_of(&writer, UR_PREDICT_HELLO);
    assert_int_equal(ur_predict_hello_read(&frame, &got, NULL), UR_OK);
    assert_int_equal(got.version, UR_PREDICT_VERSION);
    assert_int_equal(got.seccomp, 1);
    assert_int_equal(got.landlock, 0);

    /* Another version is refused by its number, whatever its fields are. */
    struct ur_error error = {0};
    frame.bytes = 4;
    buffer[0] = UR_PREDICT_VERSION + 1;
    assert_int_equal(ur_predict_hello_read(&frame, &got, &error), UR_PROTOCOL);
    assert_non_null(strstr(error.detail, "version 2"));
}

static void test_classify(void **state)
{
    (void)state;
    const struct ur_predict_classify sent = {.request = 77,
                                             .slot = 63,
                                             .preprocess = UR_PREPROCESS_NONE,
                                             .want_image = 1,
                                             .body = (const unsigned char *)"picture",
                                             .body_bytes = 7};
    struct ur_predict_classify got;
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    ur_predict_classify_write(&writer, &sent);
    struct ur_frame frame = frame_of(&writer, UR_PREDICT_CLASSIFY);
    assert_int_equal(ur_predict_classify_read(&frame, &got, NULL), UR_OK);
    assert_int_equal(got.request, 77);
    assert_int_equal(got.slot, 63);
    assert_int_equal(got.preprocess, UR_PREPROCESS_NONE);
    assert_int_equal(got.want_image, 1);
    assert_int_equal(got.body_bytes, 7);
    assert_memory_equal(got.body, "picture", 7);

    for (size_t bytes = 0; bytes <= writer.used + 1; bytes++) {
        frame.bytes = bytes;
        assert_int_equal(ur_predict_classify_read(&frame, &got, NULL),
                         bytes == writer.used ? UR_OK : UR_PROTOCOL);
    }
}

static void test_classify_refuses_what_cannot_be(void **state)
{
    (void)state;
    const struct ur_predict_classify wrong[] = {
        {.slot = UR_PREDICT_SLOTS}, {.preprocess = 2}, {.want_image = 2}};
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
        ur_predict_classify_write(&writer, &wrong[k]);
        assert_true(writer.failed);
    }
    /* The same from a peer that is not ours: slot, preprocess and want_image by hand. */
    const size_t places[] = {4, 8, 9};
    for (size_t k = 0; k < 3; k++) {
        const struct ur_predict_classify sent = {.request = 1};
        struct ur_predict_classify got;
        struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
        ur_predict_classify_write(&writer, &sent);
        const struct ur_frame frame = frame_of(&writer, UR_PREDICT_CLASSIFY);
        buffer[places[k]] = UR_PREDICT_SLOTS;
        assert_int_equal(ur_predict_classify_read(&frame, &got, NULL), UR_PROTOCOL);
    }
}

static struct ur_predict_answer good_answer(void)
{
    struct ur_predict_answer answer = {.request = 5,
                                       .status = UR_OK,
                                       .classes = 3,
                                       .rows_read = 28,
                                       .probabilities = {0.25f, 0.75f, 0.0f},
                                       .latency_us = 140,
                                       .image = (const unsigned char *)"PNG",
                                       .image_bytes = 3};
    ur_copy(answer.detail, sizeof answer.detail, "fine");
    return answer;
}

static void test_answer(void **state)
{
    (void)state;
    const struct ur_predict_answer sent = good_answer();
    struct ur_predict_answer got;
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    ur_predict_answer_write(&writer, &sent);
    struct ur_frame frame = frame_of(&writer, UR_PREDICT_ANSWER);
    assert_int_equal(ur_predict_answer_read(&frame, &got, NULL), UR_OK);
    assert_int_equal(got.request, 5);
    assert_int_equal(got.status, UR_OK);
    assert_string_equal(got.detail, "fine");
    assert_int_equal(got.classes, 3);
    assert_int_equal(got.rows_read, 28);
    assert_memory_equal(got.probabilities, sent.probabilities, 3 * sizeof(float));
    assert_int_equal(got.latency_us, 140);
    assert_int_equal(got.image_bytes, 3);
    assert_memory_equal(got.image, "PNG", 3);

    for (size_t bytes = 0; bytes <= writer.used + 1; bytes++) {
        frame.bytes = bytes;
        assert_int_equal(ur_predict_answer_read(&frame, &got, NULL),
                         bytes == writer.used ? UR_OK : UR_PROTOCOL);
    }
}

static void test_answer_without_image(void **state)
{
    (void)state;
    struct ur_predict_answer sent = good_answer(), got;
    sent.image_bytes = 0;
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    ur_predict_answer_write(&writer, &sent);
    const struct ur_frame frame = frame_of(&writer, UR_PREDICT_ANSWER);
    assert_int_equal(ur_predict_answer_read(&frame, &got, NULL), UR_OK);
    assert_null(got.image);
}

static void spoil(struct ur_predict_answer *answer, int how)
{
    switch (how) {
    case 0:
        answer->status = UR_STATUS_COUNT;
        break;
    case 1:
        answer->classes = UR_MAX_CLASSES + 1;
        break;
    case 2:
        answer->classes = -1;
        break;
    case 3:
        answer->probabilities[1] = NAN;
        break;
    case 4:
        answer->probabilities[1] = 1.5f;
        break;
    case 5:
        answer->rows_read = UR_MAX_STEPS_PER_ROW + 1;
        break;
    default:
        ur_copy(answer->detail, sizeof answer->detail, "forged\nline");
    }
}

static void test_answer_refuses_what_cannot_be(void **state)
{
    (void)state;
    for (int how = 0; how <= 6; how++) {
        struct ur_predict_answer answer = good_answer();
        spoil(&answer, how);
        struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
        ur_predict_answer_write(&writer, &answer);
        assert_true(writer.failed);
    }
}

/* The reader checks by itself: the predictor is the one program that meets hostile bytes. */
static void test_answer_of_a_hostile_predictor(void **state)
{
    (void)state;
    static const struct {
        size_t place; /* of a u32 in the encoding of good_answer */
        uint32_t value;
    } forged[] = {{4, UR_STATUS_COUNT},     {8, UR_ERROR_DETAIL_BYTES},
                  {12, 0x0a0a0a0a},         {16, UR_MAX_STEPS_PER_ROW + 1},
                  {24, UR_MAX_CLASSES + 1}, {24, UINT32_MAX},
                  {28, 0x7fc00000},         {40, 4},
                  {40, UINT32_MAX}};
    for (size_t k = 0; k < sizeof forged / sizeof forged[0]; k++) {
        const struct ur_predict_answer sent = good_answer();
        struct ur_predict_answer got;
        struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
        ur_predict_answer_write(&writer, &sent);
        const struct ur_frame frame = frame_of(&writer, UR_PREDICT_ANSWER);
        struct ur_writer forger = ur_writer_of(buffer + forged[k].place, 4);
        ur_write_u32(&forger, forged[k].value);
        assert_int_equal(ur_predict_answer_read(&frame, &got, NULL), UR_PROTOCOL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_classify),
        cmocka_unit_test(test_classify_refuses_what_cannot_be),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_answer_without_image),
        cmocka_unit_test(test_answer_refuses_what_cannot_be),
        cmocka_unit_test(test_answer_of_a_hostile_predictor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
