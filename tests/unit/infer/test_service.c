/* The real predictor, in its own process and locked in, through good and bad requests. */
#include "predictor.h"

#include "infer/forward.h"
#include "infer/image.h"
#include "model_file.h"
#include "pictures.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE };

static const struct ur_data_shape shape = {SIDE, SIDE, 10, 100, 10, 0};
static struct ur_predict_answer answer;

static struct bytes drawing(void)
{
    struct canvas canvas = canvas_make(280, 280, white);
    canvas_draw(&canvas, seven, 3, 60, 60, 160, 11, black);
    struct bytes file = png_rgba(&canvas);
    canvas_free(&canvas);
    return file;
}

static void load(struct predictor *predictor, uint32_t request, uint32_t slot, uint32_t seed)
{
    struct model_file model;
    model_file_make(&model, 24, shape, UR_READOUT_LAST, seed);
    predictor_send_model(predictor, UR_PREDICT_LOAD, request, slot, model.bytes, model.n_bytes);
    predictor_answer(predictor, request, &answer);
    assert_int_equal(answer.status, UR_OK);
    assert_int_equal(answer.classes, 10);
    model_file_free(&model);
}

static void test_a_day_in_its_life(void **state)
{
    (void)state;
    struct predictor predictor;
    struct model_file model;
    struct ur_forward forward;
    struct bytes file = drawing();
    uint8_t seen[PIXELS], shown[PIXELS];
    float expected[10];
    model_file_make(&model, 24, shape, UR_READOUT_LAST, 4);
    assert_int_equal(ur_forward_load(&forward, model.bytes, model.n_bytes, 1, NULL), UR_OK);
    assert_int_equal(
        ur_image_read(file.data, file.size, UR_PREPROCESS_AUTO, SIDE, SIDE, seen, NULL), UR_OK);
    ur_forward_run(&forward, seen, 1, expected);

    predictor_start(&predictor);
    load(&predictor, 1, 3, 4);
    predictor_send_picture(&predictor, &(struct ur_predict_classify){.request = 2,
                                                                     .slot = 3,
                                                                     .want_image = 1,
                                                                     .body = file.data,
                                                                     .body_bytes = file.size});
    predictor_answer(&predictor, 2, &answer);
    assert_int_equal(answer.status, UR_OK);
    assert_int_equal(answer.classes, 10);
    assert_int_equal(answer.rows_read, SIDE);
    assert_memory_equal(answer.probabilities, expected, sizeof expected);
    assert_int_equal(ur_image_read(answer.image, answer.image_bytes, UR_PREPROCESS_NONE, SIDE,
                                   SIDE, shown, NULL),
                     UR_OK);
    assert_memory_equal(shown, seen, PIXELS);

    predictor_send_model(&predictor, UR_PREDICT_UNLOAD, 3, 3, "", 0);
    predictor_answer(&predictor, 3, &answer);
    assert_int_equal(answer.status, UR_OK);
    predictor_send_picture(&predictor,
                           &(struct ur_predict_classify){
                               .request = 4, .slot = 3, .body = seen, .body_bytes = PIXELS});
    predictor_answer(&predictor, 4, &answer);
    assert_int_equal(answer.status, UR_NOT_FOUND);
    assert_int_equal(predictor_stop(&predictor), 0);
    ur_forward_release(&forward);
    model_file_free(&model);
    free(file.data);
}

/* Bad models and pictures are answers; whoever comes next is served as if nothing had been. */
static void test_errors_are_answers(void **state)
{
    (void)state;
    struct predictor predictor;
    uint8_t blank[PIXELS] = {0};
    struct bytes file = drawing();
    predictor_start(&predictor);
    predictor_send_model(&predictor, UR_PREDICT_LOAD, 1, 0, "garbage", 7);
    predictor_answer(&predictor, 1, &answer);
    assert_int_equal(answer.status, UR_BAD_MODEL);
    assert_int_equal(answer.classes, 0);
    assert_true(answer.detail[0] != '\0');
    predictor_send_model(&predictor, UR_PREDICT_LOAD, 2, 0, "", 0);
    predictor_answer(&predictor, 2, &answer);
    assert_int_equal(answer.status, UR_BAD_MODEL);

    load(&predictor, 3, 0, 1);
    predictor_send_model(&predictor, UR_PREDICT_LOAD, 4, 0, "garbage", 7);
    predictor_answer(&predictor, 4, &answer);
    assert_int_equal(answer.status, UR_BAD_MODEL); /* and the model before it stays */

    const struct {
        const unsigned char *body;
        size_t size;
        enum ur_status status;
    } bodies[] = {
        {blank, PIXELS, UR_NO_DIGIT},
        {blank, PIXELS - 1, UR_BAD_IMAGE},
        {NULL, 0, UR_BAD_IMAGE},
        {file.data, file.size / 2, UR_BAD_IMAGE},
        {(const unsigned char *)"\xff\xd8\xff\n\x1b[2J", 8, UR_BAD_IMAGE},
        {file.data, file.size, UR_OK},
    };
    for (uint32_t k = 0; k < sizeof bodies / sizeof bodies[0]; k++) {
        predictor_send_picture(&predictor,
                               &(struct ur_predict_classify){.request = 10 + k,
                                                             .body = bodies[k].body,
                                                             .body_bytes = bodies[k].size});
        predictor_answer(&predictor, 10 + k, &answer);
        assert_int_equal(answer.status, bodies[k].status);
        assert_true((answer.detail[0] != '\0') == (bodies[k].status != UR_OK));
    }
    assert_int_equal(predictor_stop(&predictor), 0);
    free(file.data);
}

/* A model of series is loaded like any other, and has no answer to a picture. */
static void test_series_are_not_asked_with_pictures(void **state)
{
    (void)state;
    const struct ur_data_shape series = {120, 1, 6, 100, 10, 1};
    struct predictor predictor;
    struct model_file model;
    struct bytes file = drawing();
    model_file_make(&model, 24, series, UR_READOUT_LAST, 4);
    predictor_start(&predictor);
    predictor_send_model(&predictor, UR_PREDICT_LOAD, 1, 0, model.bytes, model.n_bytes);
    predictor_answer(&predictor, 1, &answer);
    assert_int_equal(answer.status, UR_OK);
    predictor_send_picture(&predictor, &(struct ur_predict_classify){.request = 2,
                                                                     .body = file.data,
                                                                     .body_bytes = file.size});
    predictor_answer(&predictor, 2, &answer);
    assert_int_equal(answer.status, UR_WRONG_INPUT);
    assert_non_null(strstr(answer.detail, "series of up to 120 values"));
    assert_int_equal(predictor_stop(&predictor), 0);
    model_file_free(&model);
    free(file.data);
}

/* Many requests at once, on two models: every answer has the bits it has alone. */
static void test_company_changes_no_bit(void **state)
{
    (void)state;
    enum { REQUESTS = 200 };
    static float alone[REQUESTS][10];
    struct predictor predictor;
    predictor_start(&predictor);
    load(&predictor, 1, 0, 1);
    load(&predictor, 2, 63, 2);
    for (int together = 0; together <= 1; together++) {
        for (uint32_t k = 0; k < REQUESTS; k++) {
            uint8_t raw[PIXELS];
            for (uint32_t i = 0; i < PIXELS; i++)
                raw[i] = (uint8_t)((i + k * 977) * 2654435761u >> 24);
            predictor_send_picture(
                &predictor, &(struct ur_predict_classify){.request = k,
                                                          .slot = k % 3 == 0 ? 63 : 0,
                                                          .preprocess = UR_PREPROCESS_NONE,
                                                          .body = raw,
                                                          .body_bytes = PIXELS});
            if (together)
                continue;
            predictor_answer(&predictor, k, &answer);
            assert_int_equal(answer.status, UR_OK);
            memcpy(alone[k], answer.probabilities, sizeof alone[k]);
        }
        for (uint32_t k = 0; together && k < REQUESTS; k++) {
            predictor_answer(&predictor, k, &answer);
            assert_memory_equal(answer.probabilities, alone[k], sizeof alone[k]);
        }
    }
    assert_int_equal(predictor_stop(&predictor), 0);
}

/* A peer that breaks the protocol is not served further. */
static void check_protocol_error(uint16_t type, const void *payload, size_t size)
{
    struct predictor predictor;
    predictor_start(&predictor);
    predictor_send(&predictor, type, payload, size);
    int status = child_wait(&predictor.child);
    assert_int_equal(status, ur_status_exit(UR_PROTOCOL));
    close(predictor.fd);
    ur_frame_reader_release(&predictor.reader);
}

static void test_a_broken_protocol_ends_it(void **state)
{
    (void)state;
    check_protocol_error(99, "", 0);
    check_protocol_error(UR_PREDICT_HELLO, "\1\0\0\0\1\1", 6);
    check_protocol_error(UR_PREDICT_LOAD, "\1\0\0\0", 4);
    check_protocol_error(UR_PREDICT_LOAD, "\1\0\0\0\100\0\0\0x", 9); /* slot 64 */
    check_protocol_error(UR_PREDICT_UNLOAD, "\1\0\0\0\0\0\0\0x", 9);
    check_protocol_error(UR_PREDICT_CLASSIFY, "\1\0\0\0", 4);
}

static void test_a_frame_too_long_ends_it(void **state)
{
    (void)state;
    struct predictor predictor;
    unsigned char header[UR_FRAME_HEADER_BYTES];
    predictor_start(&predictor);
    ur_frame_header(header, UR_PREDICT_LOAD, UR_PREDICT_MAX_BYTES + 1);
    assert_int_equal(write(predictor.fd, header, sizeof header), sizeof header);
    assert_int_equal(child_wait(&predictor.child), ur_status_exit(UR_PROTOCOL));
    close(predictor.fd);
    ur_frame_reader_release(&predictor.reader);
}

static void test_the_end_of_the_daemon_is_its_own(void **state)
{
    (void)state;
    struct predictor predictor;
    predictor_start(&predictor);
    assert_int_equal(predictor_stop(&predictor), 0);
    predictor_start(&predictor);
    assert_int_equal(write(predictor.fd, "\1\2", 2), 2); /* in the middle of a frame */
    assert_int_equal(predictor_stop(&predictor), 0);
}

static void test_hello_tells_what_holds(void **state)
{
    (void)state;
    struct predictor predictor;
    predictor_start(&predictor);
    char path[64], text[4096] = "";
    snprintf(path, sizeof path, "/proc/%d/status", (int)predictor.child.pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    const char *mode = strstr(text, "Seccomp:\t");
    if (mode != NULL)
        assert_int_equal(predictor.hello.seccomp, mode[9] == '2');
    assert_non_null(strstr(text, "NoNewPrivs:\t1"));
    assert_int_equal(predictor_stop(&predictor), 0);
}

static void test_fd_0_must_be_a_socket(void **state)
{
    (void)state;
    static char name[] = "unroll-predict";
    char *const argv[] = {name, NULL};
    struct child child = child_start(argv);
    assert_int_equal(child_wait(&child), ur_status_exit(UR_USAGE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series_are_not_asked_with_pictures),
        cmocka_unit_test(test_a_day_in_its_life),
        cmocka_unit_test(test_errors_are_answers),
        cmocka_unit_test(test_company_changes_no_bit),
        cmocka_unit_test(test_a_broken_protocol_ends_it),
        cmocka_unit_test(test_a_frame_too_long_ends_it),
        cmocka_unit_test(test_the_end_of_the_daemon_is_its_own),
        cmocka_unit_test(test_hello_tells_what_holds),
        cmocka_unit_test(test_fd_0_must_be_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
