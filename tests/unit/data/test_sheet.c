/* The contact sheet: a PNG that says what it is, each image in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "data/digits.h"
#include "data/sheet.h"

enum { SIDE = 28, STEP = 30, WIDTH = 2 + UR_SHEET_COLUMNS * STEP, HEIGHT = 2 + 10 * STEP };

static uint8_t pixels[HEIGHT][1 + WIDTH];

static uint32_t read_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static struct ur_dataset open_digits(void)
{
    struct ur_dataset dataset;
    const struct ur_dataset_request request = {.name = "digits", .count = 300, .seed = 3};
    assert_int_equal(ur_dataset_open(&dataset, &request, NULL), UR_OK);
    return dataset;
}

/* Checks signature and checksums, and unpacks the lines. */
static void read_png(const unsigned char *png, size_t n_bytes)
{
    static const char *const names[] = {"IHDR", "IDAT", "IEND"};
    size_t at = 8;
    assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
    for (int k = 0; k < 3; k++) {
        const uint32_t length = read_u32(png + at);
        assert_memory_equal(png + at + 4, names[k], 4);
        assert_int_equal(read_u32(png + at + 8 + length),
                         (uint32_t)crc32(0, png + at + 4, length + 4));
        if (k == 0) {
            assert_int_equal(read_u32(png + at + 8), WIDTH);
            assert_int_equal(read_u32(png + at + 12), HEIGHT);
        }
        if (k == 1) {
            uLongf room = sizeof pixels;
            assert_int_equal(uncompress(&pixels[0][0], &room, png + at + 8, length), Z_OK);
            assert_int_equal(room, sizeof pixels);
        }
        at += 12 + length;
    }
    assert_int_equal(at, n_bytes);
}

static void check_place(const struct ur_dataset *dataset, int32_t sample, int row, int column)
{
    const uint8_t *image = dataset->train_x + (size_t)sample * SIDE * SIDE;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            assert_int_equal(pixels[2 + row * STEP + y][1 + 2 + column * STEP + x],
                             255 - image[y * SIDE + x]);
}

static void test_all_classes(void **state)
{
    (void)state;
    unsigned char *png = NULL;
    size_t n_bytes = 0;
    struct ur_dataset dataset = open_digits();
    assert_int_equal(ur_sheet_png(&dataset, UR_SHEET_ALL_CLASSES, &png, &n_bytes, NULL), UR_OK);
    read_png(png, n_bytes);
    for (int row = 0; row < 10; row++)
        for (int column = 0; column < UR_SHEET_COLUMNS; column++)
            check_place(&dataset, column * 10 + row, row, column);
    free(png);
    ur_dataset_close(&dataset);
}

/* Thirty images of a class fill a row and a part of the next; the rest is white. */
static void test_one_class(void **state)
{
    (void)state;
    unsigned char *png = NULL;
    size_t n_bytes = 0;
    struct ur_dataset dataset = open_digits();
    assert_int_equal(ur_sheet_png(&dataset, 7, &png, &n_bytes, NULL), UR_OK);
    read_png(png, n_bytes);
    for (int i = 0; i < 30; i++)
        check_place(&dataset, i * 10 + 7, i / UR_SHEET_COLUMNS, i % UR_SHEET_COLUMNS);
    for (int x = 1; x <= WIDTH; x++)
        assert_int_equal(pixels[2 + 2 * STEP + 10][x], 255);
    free(png);
    ur_dataset_close(&dataset);
}

static void test_refusals(void **state)
{
    (void)state;
    unsigned char *png = NULL;
    size_t n_bytes = 0;
    struct ur_dataset dataset = open_digits();
    assert_int_equal(ur_sheet_png(&dataset, 10, &png, &n_bytes, NULL), UR_BAD_DATASET);
    dataset.shape.series = 1;
    assert_int_equal(ur_sheet_png(&dataset, 0, &png, &n_bytes, NULL), UR_BAD_DATASET);
    assert_null(png);
    ur_dataset_close(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_classes),
        cmocka_unit_test(test_one_class),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
