/* Every kind of picture file, decoded to the pixels that were put in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "infer/image.h"
#include "near.h"
#include "pictures.h"

/* Dark at the left, light at the right, an odd size, and steps that one bit cannot show. */
static struct canvas ramp(void)
{
    struct canvas canvas = canvas_make(37, 23, white);
    for (int32_t y = 0; y < 23; y++)
        for (int32_t x = 0; x < 37; x++) {
            const uint8_t grey = (uint8_t)(x * 7);
            canvas_ink(&canvas, x, y, (struct colour){grey, grey, grey, 255}, 1.0);
        }
    return canvas;
}

static void check_decodes(const struct bytes *file, const struct canvas *canvas, int tolerance)
{
    struct ur_picture picture = {.keep_width = 28, .keep_height = 28};
    struct ur_error error = {0};
    if (ur_image_decode(file->data, file->size, &picture, &error) != UR_OK)
        fail_msg("%s", error.detail);
    assert_int_equal(picture.width, canvas->width);
    assert_int_equal(picture.height, canvas->height);
    for (int32_t y = 0; y < canvas->height; y++)
        for (int32_t x = 0; x < canvas->width; x++)
            assert_near(ur_picture_grey(&picture, x, y),
                        canvas->rgba[4 * (y * canvas->width + x)], tolerance);
    ur_picture_release(&picture);
}

static void test_png_of_every_kind(void **state)
{
    (void)state;
    static const struct {
        int type, depth, tolerance;
    } kinds[] = {
        {PNG_COLOR_TYPE_GRAY, 1, 128},      {PNG_COLOR_TYPE_GRAY, 2, 64},
        {PNG_COLOR_TYPE_GRAY, 4, 16},       {PNG_COLOR_TYPE_GRAY, 8, 0},
        {PNG_COLOR_TYPE_GRAY, 16, 0},       {PNG_COLOR_TYPE_PALETTE, 2, 64},
        {PNG_COLOR_TYPE_PALETTE, 8, 0},     {PNG_COLOR_TYPE_RGB, 8, 0},
        {PNG_COLOR_TYPE_RGB, 16, 0},        {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 16, 0}, {PNG_COLOR_TYPE_RGB_ALPHA, 8, 0},
        {PNG_COLOR_TYPE_RGB_ALPHA, 16, 0},
    };
    struct canvas canvas = ramp();
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (int interlaced = 0; interlaced <= 1; interlaced++) {
            struct bytes file = png_of(&canvas, kinds[k].type, kinds[k].depth, interlaced);
            check_decodes(&file, &canvas, kinds[k].tolerance);
            free(file.data);
        }
    canvas_free(&canvas);
}

static void test_alpha_lies_on_white(void **state)
{
    (void)state;
    struct canvas canvas = canvas_make(9, 9, (struct colour){0, 0, 0, 0});
    canvas_ink(&canvas, 4, 4, black, 1.0);
    canvas_ink(&canvas, 5, 4, (struct colour){0, 0, 0, 102}, 1.0);
    struct bytes file = png_rgba(&canvas);
    struct ur_picture picture = {0};
    assert_int_equal(ur_image_decode(file.data, file.size, &picture, NULL), UR_OK);
    assert_int_equal(ur_picture_grey(&picture, 0, 0), 255);
    assert_int_equal(ur_picture_grey(&picture, 4, 4), 0);
    assert_int_equal(ur_picture_grey(&picture, 5, 4), 153);
    ur_picture_release(&picture);
    free(file.data);
    canvas_free(&canvas);
}

static void test_jpeg_of_every_kind(void **state)
{
    (void)state;
    struct canvas canvas = ramp();
    const J_COLOR_SPACE spaces[] = {JCS_GRAYSCALE, JCS_RGB};
    for (int k = 0; k < 4; k++) {
        struct bytes file =
            jpeg_of(&canvas, spaces[k % 2], k / 2 == 1 ? MANY_SCANS : ONE_SCAN, 95);
        check_decodes(&file, &canvas, 6);
        free(file.data);
    }
    canvas_free(&canvas);
}

static void test_cmyk_is_refused(void **state)
{
    (void)state;
    struct canvas canvas = ramp();
    struct bytes file = jpeg_of(&canvas, JCS_CMYK, ONE_SCAN, 90);
    struct ur_picture picture = {0};
    struct ur_error error = {0};
    assert_int_equal(ur_image_decode(file.data, file.size, &picture, &error), UR_BAD_IMAGE);
    assert_non_null(strstr(error.detail, "RGB"));
    ur_picture_release(&picture);
    free(file.data);
    canvas_free(&canvas);
}

static void check_pgm(const char *text, size_t size, enum ur_status expected)
{
    struct ur_picture picture = {0};
    struct ur_error error = {0};
    const enum ur_status status =
        ur_image_decode((const unsigned char *)text, size, &picture, &error);
    if (status != expected)
        fail_msg("%s: %s", text, error.detail);
    if (status == UR_OK) {
        assert_int_equal(picture.width, 3);
        assert_int_equal(picture.height, 2);
        static const uint8_t pixels[] = {0, 51, 102, 153, 204, 255};
        assert_memory_equal(picture.pixels, pixels, sizeof pixels);
    }
    ur_picture_release(&picture);
}

static void test_pgm(void **state)
{
    (void)state;
#define CHECK(text, status) check_pgm(text, sizeof text - 1, status)
    CHECK("P5 3 2 255\n\0\63\146\231\314\377", UR_OK);
    CHECK("P5\n# by hand\n3 2\n#and\n5\n\0\1\2\3\4\5", UR_OK);
    CHECK("P2\n3 2 5\n0 1 2\n3 4 5", UR_OK);
    CHECK("P2\n3 2 5\n0 1 2\n3 4 # a comment\n5\n", UR_OK);
    CHECK("P5 3 2 1280\n\0\0\1\0\2\0\3\0\4\0\5\0", UR_OK); /* two bytes, big-endian */
    CHECK("P5 3 2 255\n\0\63\146\231\314", UR_BAD_IMAGE);
    CHECK("P5 3 2 5\n\0\1\2\3\4\6", UR_BAD_IMAGE);
    CHECK("P2 3 2 5\n0 1 2 3 4 6", UR_BAD_IMAGE);
    CHECK("P2 3 2 5\n0 1 2 3 4", UR_BAD_IMAGE);
    CHECK("P2 3 2 5\n0 1 2 3 4 x", UR_BAD_IMAGE);
    CHECK("P5 0 2 255\n", UR_BAD_IMAGE);
    CHECK("P5 3 2 0\n\0\0\0\0\0\0", UR_BAD_IMAGE);
    CHECK("P5 3 2 65536\n\0\0\0\0\0\0", UR_BAD_IMAGE);
    CHECK("P5 4097 1 255\n", UR_BAD_IMAGE);
    CHECK("P5 99999999999 2 255\n", UR_BAD_IMAGE);
    CHECK("P5 -3 2 255\n", UR_BAD_IMAGE);
    CHECK("P5 3", UR_BAD_IMAGE);
    CHECK("P5 ", UR_BAD_IMAGE);
#undef CHECK
}

static void test_raw_bytes(void **state)
{
    (void)state;
    uint8_t raw[785], out[784];
    struct ur_error error = {0};
    for (size_t k = 0; k < sizeof raw; k++)
        raw[k] = (uint8_t)k;
    assert_int_equal(ur_image_read(raw, 784, UR_PREPROCESS_NONE, 28, 28, out, NULL), UR_OK);
    assert_memory_equal(out, raw, 784);
    assert_int_equal(ur_image_read(raw, 785, UR_PREPROCESS_NONE, 28, 28, out, &error),
                     UR_BAD_IMAGE);
    assert_non_null(strstr(error.detail, "785"));
    assert_non_null(strstr(error.detail, "784"));
    assert_int_equal(ur_image_read(raw, 783, UR_PREPROCESS_NONE, 28, 28, out, NULL),
                     UR_BAD_IMAGE);
    assert_int_equal(ur_image_read(raw, 0, UR_PREPROCESS_AUTO, 28, 28, out, NULL),
                     UR_BAD_IMAGE);
    /* A sequence is no picture of a digit and is never centred. */
    assert_int_equal(ur_image_read(raw, 400, UR_PREPROCESS_AUTO, 400, 1, out, NULL), UR_OK);
    assert_memory_equal(out, raw, 400);
}

static void test_without_preprocessing_the_size_must_fit(void **state)
{
    (void)state;
    struct canvas canvas = ramp();
    struct bytes file = png_of(&canvas, PNG_COLOR_TYPE_GRAY, 8, false);
    uint8_t out[37 * 23];
    struct ur_error error = {0};
    assert_int_equal(
        ur_image_read(file.data, file.size, UR_PREPROCESS_NONE, 28, 28, out, &error),
        UR_BAD_IMAGE);
    assert_non_null(strstr(error.detail, "28 x 28"));
    assert_non_null(strstr(error.detail, "37 x 23"));
    assert_int_equal(ur_image_read(file.data, file.size, UR_PREPROCESS_NONE, 23, 37, out, NULL),
                     UR_OK);
    for (int32_t k = 0; k < 37 * 23; k++)
        assert_int_equal(out[k], canvas.rgba[4 * k]);
    free(file.data);
    canvas_free(&canvas);
}

/* Blocks are averaged, and those at the edge are smaller. */
static void test_large_pictures_are_reduced(void **state)
{
    (void)state;
    struct ur_picture picture = {0};
    static uint8_t row[1025];
    memset(row, 200, sizeof row);
    row[0] = 0;
    row[1024] = 17;
    assert_int_equal(ur_picture_begin(&picture, 1025, 4, 1, NULL), UR_OK);
    for (int k = 0; k < 4; k++)
        ur_picture_add_row(&picture, row);
    assert_true(ur_picture_complete(&picture));
    assert_int_equal(picture.factor, 3);
    assert_int_equal(picture.width, 342);
    assert_int_equal(picture.height, 2);
    assert_int_equal(ur_picture_grey(&picture, 0, 0), 133);
    assert_int_equal(ur_picture_grey(&picture, 1, 1), 200);
    assert_int_equal(ur_picture_grey(&picture, 341, 0), 109); /* (200 + 17) / 2 */
    ur_picture_release(&picture);
}

static void test_png_that_is_written_is_read(void **state)
{
    (void)state;
    uint8_t pixels[20 * 30], out[20 * 30];
    unsigned char png[4096];
    size_t n_bytes = 0;
    for (size_t k = 0; k < sizeof pixels; k++)
        pixels[k] = (uint8_t)(k * 2654435761u >> 16);
    const size_t room = ur_image_png_bytes(30, 20);
    assert_true(room <= sizeof png);
    assert_int_equal(ur_image_encode_png(pixels, 30, 20, png, room, &n_bytes, NULL), UR_OK);
    assert_int_equal(ur_image_read(png, n_bytes, UR_PREPROCESS_NONE, 20, 30, out, NULL), UR_OK);
    assert_memory_equal(out, pixels, sizeof pixels);
    assert_int_not_equal(ur_image_encode_png(pixels, 30, 20, png, 100, &n_bytes, NULL), UR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_of_every_kind),
        cmocka_unit_test(test_alpha_lies_on_white),
        cmocka_unit_test(test_jpeg_of_every_kind),
        cmocka_unit_test(test_cmyk_is_refused),
        cmocka_unit_test(test_pgm),
        cmocka_unit_test(test_raw_bytes),
        cmocka_unit_test(test_without_preprocessing_the_size_must_fit),
        cmocka_unit_test(test_large_pictures_are_reduced),
        cmocka_unit_test(test_png_that_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
