/* Pictures made to hurt: cut off, corrupted, or far larger than they look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>

#include "infer/image.h"
#include "pictures.h"
#include "unroll/wire.h"

static const unsigned char png_magic[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static enum ur_status decode(const unsigned char *data, size_t size, struct ur_error *error)
{
    struct ur_picture picture = {.keep_width = 28, .keep_height = 28};
    const enum ur_status status = ur_image_decode(data, size, &picture, error);
    ur_picture_release(&picture);
    return status;
}

/* Every prefix is refused; the block ends where the prefix does, for whoever looks past it. */
static void check_prefixes(const struct bytes *file)
{
    assert_int_equal(decode(file->data, file->size, NULL), UR_OK);
    for (size_t n = 0; n < file->size; n++) {
        struct ur_error error = {0};
        unsigned char *exact = malloc(n > 0 ? n : 1);
        assert_non_null(exact);
        memcpy(exact, file->data, n);
        assert_int_equal(decode(exact, n, &error), UR_BAD_IMAGE);
        assert_true(error.detail[0] != '\0');
        free(exact);
    }
}

/* Any byte changed to anything: a verdict, never more. */
static void check_corruption(const struct bytes *file)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff, 0x5a};
    for (size_t n = 0; n < file->size; n++)
        for (size_t k = 0; k < sizeof masks; k++) {
            unsigned char *copy = malloc(file->size);
            assert_non_null(copy);
            memcpy(copy, file->data, file->size);
            copy[n] ^= masks[k];
            const enum ur_status status = decode(copy, file->size, NULL);
            assert_true(status == UR_OK || status == UR_BAD_IMAGE);
            free(copy);
        }
}

static struct canvas drawing(void)
{
    struct canvas canvas = canvas_make(31, 29, white);
    canvas_draw(&canvas, seven, 3, 4, 3, 22, 2, (struct colour){20, 20, 160, 255});
    return canvas;
}

static void test_png_cut_or_corrupted_anywhere(void **state)
{
    (void)state;
    struct canvas canvas = drawing();
    for (int k = 0; k < 4; k++) {
        struct bytes file =
            png_of(&canvas, k % 2 ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_GRAY, 8, k >= 2);
        check_prefixes(&file);
        check_corruption(&file);
        free(file.data);
    }
    canvas_free(&canvas);
}

static void test_jpeg_cut_or_corrupted_anywhere(void **state)
{
    (void)state;
    struct canvas canvas = drawing();
    for (int k = 0; k < 2; k++) {
        struct bytes file = jpeg_of(&canvas, JCS_RGB, k == 1 ? MANY_SCANS : ONE_SCAN, 80);
        check_prefixes(&file);
        check_corruption(&file);
        free(file.data);
    }
    canvas_free(&canvas);
}

/* PNG chunks by hand. */

static unsigned char made[1 << 20];
static struct ur_writer maker;

static void big_endian(uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        ur_write_u8(&maker, (uint8_t)(value >> shift));
}

static uint32_t crc_of(const unsigned char *data, size_t size)
{
    uint32_t crc = 0xffffffffu;
    for (size_t n = 0; n < size; n++) {
        crc ^= data[n];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void chunk(const char *type, const void *data, size_t size)
{
    big_endian((uint32_t)size);
    const size_t start = maker.used;
    ur_write_bytes(&maker, type, 4);
    ur_write_bytes(&maker, data, size);
    big_endian(crc_of(made + start, maker.used - start));
}

static void begin_png(uint32_t width, uint32_t height, uint8_t depth, uint8_t type)
{
    unsigned char header[13];
    maker = ur_writer_of(header, sizeof header);
    big_endian(width);
    big_endian(height);
    ur_write_u8(&maker, depth);
    ur_write_u8(&maker, type);
    ur_write_bytes(&maker, "\0\0\0", 3);
    maker = ur_writer_of(made, sizeof made);
    ur_write_bytes(&maker, png_magic, sizeof png_magic);
    chunk("IHDR", header, sizeof header);
}

struct bits {
    unsigned char *out;
    size_t n_bits;
};

/* Huffman codes go out from their highest bit on. */
static void put_bits(struct bits *bits, uint32_t code, int count)
{
    for (int k = count - 1; k >= 0; k--, bits->n_bits++)
        bits->out[bits->n_bits / 8] |= (unsigned char)((code >> k & 1) << bits->n_bits % 8);
}

/* Writes front, then a zlib stream of 1 + 258 * runs zeros: one block with RFC 1951's fixed
 * codes, a zero, and copies of 258 bytes from one byte back, 13 bits each. Gives its size. */
static size_t deflated_zeros(const char *front, size_t front_size, size_t runs,
                             unsigned char *out, size_t room)
{
    assert_true(front_size + 16 + runs * 13 / 8 < room);
    memset(out, 0, room);
    memcpy(out, front, front_size);
    memcpy(out + front_size, "\x78\x9c", 2);
    struct bits bits = {out + front_size + 2, 0};
    put_bits(&bits, 1, 1);    /* the last block */
    put_bits(&bits, 2, 2);    /* fixed codes, 01 from its lowest bit on */
    put_bits(&bits, 0x30, 8); /* a zero byte */
    for (size_t k = 0; k < runs; k++) {
        put_bits(&bits, 0xc5, 8); /* length 258 */
        put_bits(&bits, 0, 5);    /* distance 1 */
    }
    put_bits(&bits, 0, 7); /* the end */
    unsigned char *sum = bits.out + (bits.n_bits + 7) / 8;
    maker = ur_writer_of(sum, 4);
    big_endian((uint32_t)((1 + 258 * runs) % 65521) << 16 | 1); /* Adler-32 of zeros */
    return (size_t)(sum + 4 - out);
}

static long peak_kilobytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* 50,000 x 50,000 pixels of one bit, 310 MB unpacked: refused by its header alone. */
static void test_giant_png(void **state)
{
    (void)state;
    static unsigned char packed[1 << 13];
    static const struct {
        uint32_t width, height;
    } sizes[] = {{50000, 50000},      {65536, 1}, {1, 65536}, {4097, 4},
                 {4096, 0x7fffffffu}, {0, 5},     {5, 0},     {0xffffffffu, 0xffffffffu}};
    const size_t size = deflated_zeros("", 0, 4000, packed, sizeof packed);
    const long before = peak_kilobytes();
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct ur_error error = {0};
        begin_png(sizes[k].width, sizes[k].height, 1, PNG_COLOR_TYPE_GRAY);
        chunk("IDAT", packed, size);
        chunk("IEND", "", 0);
        assert_false(maker.failed);
        assert_int_equal(decode(made, maker.used, &error), UR_BAD_IMAGE);
        assert_non_null(strstr(error.detail, "1..4096"));
    }
    assert_true(peak_kilobytes() - before < 4096);
}

/* Text of 50 MB and a colour profile as large, in 320 KB: skipped, so the picture is fine. */
static void test_chunks_that_swell(void **state)
{
    (void)state;
    static unsigned char packed[400000], pixels[64];
    static const char *const names[] = {"zTXt", "iCCP", "iTXt"};
    const size_t n_pixels = deflated_zeros("", 0, 1, pixels, sizeof pixels);
    const size_t size = deflated_zeros("a\0\0", 3, 200000, packed, sizeof packed);
    const long before = peak_kilobytes();
    for (size_t k = 0; k < 3; k++) {
        begin_png(36, 7, 8, PNG_COLOR_TYPE_GRAY); /* 7 x (1 + 36) = 259 = 1 + 258 */
        chunk(names[k], packed, size);
        chunk("IDAT", pixels, n_pixels);
        chunk("IEND", "", 0);
        assert_false(maker.failed);
        assert_int_equal(decode(made, maker.used, NULL), UR_OK);
    }
    assert_true(peak_kilobytes() - before < 4096);
}

/* More rows than the header says are not unpacked into anything. */
static void test_png_with_more_data_than_pixels(void **state)
{
    (void)state;
    static unsigned char packed[400000];
    const size_t size = deflated_zeros("", 0, 200000, packed, sizeof packed);
    const long before = peak_kilobytes();
    begin_png(8, 8, 8, PNG_COLOR_TYPE_GRAY);
    chunk("IDAT", packed, size);
    chunk("IEND", "", 0);
    const enum ur_status status = decode(made, maker.used, NULL);
    assert_true(status == UR_OK || status == UR_BAD_IMAGE);
    assert_true(peak_kilobytes() - before < 4096);
}

/* Gives where the first segment of that marker begins. */
static size_t find_marker(const struct bytes *file, unsigned char marker)
{
    for (size_t n = 0; n + 1 < file->size; n++)
        if (file->data[n] == 0xff && file->data[n + 1] == marker)
            return n;
    fail_msg("no marker %x", marker);
    return 0;
}

/* A JPEG header may claim 65,535 x 65,535 pixels in a file of a kilobyte. */
static void test_giant_jpeg(void **state)
{
    (void)state;
    struct canvas canvas = drawing();
    for (int k = 0; k < 2; k++) {
        struct ur_error error = {0};
        struct bytes file = jpeg_of(&canvas, JCS_GRAYSCALE, k == 1 ? MANY_SCANS : ONE_SCAN, 80);
        memset(file.data + find_marker(&file, k == 1 ? 0xc2 : 0xc0) + 5, 0xff, 4);
        const long before = peak_kilobytes();
        assert_int_equal(decode(file.data, file.size, &error), UR_BAD_IMAGE);
        assert_true(peak_kilobytes() - before < 4096);
        assert_true(error.detail[0] != '\0');
        free(file.data);
    }
    canvas_free(&canvas);
}

/* The last scan of a progressive file, 5,000 times: each would walk over all pixels. */
static void test_jpeg_of_many_scans(void **state)
{
    (void)state;
    struct canvas canvas = drawing();
    struct bytes file = jpeg_of(&canvas, JCS_GRAYSCALE, TWO_SCANS, 80);
    size_t scan = 0;
    for (size_t n = 0; n + 1 < file.size; n++)
        if (file.data[n] == 0xff && file.data[n + 1] == 0xda)
            scan = n;
    const size_t scan_size = file.size - 2 - scan, total = file.size + 5000 * scan_size;
    unsigned char *bomb = malloc(total);
    assert_non_null(bomb);
    memcpy(bomb, file.data, file.size - 2);
    for (size_t k = 0; k < 5000; k++)
        memcpy(bomb + file.size - 2 + k * scan_size, file.data + scan, scan_size);
    memcpy(bomb + total - 2, "\xff\xd9", 2);
    struct ur_error error = {0};
    assert_int_equal(decode(bomb, total, &error), UR_BAD_IMAGE);
    assert_non_null(strstr(error.detail, "scans"));
    free(bomb);
    free(file.data);
    canvas_free(&canvas);
}

static void test_bodies_that_are_nothing(void **state)
{
    (void)state;
    struct ur_error error = {0};
    assert_int_equal(decode((const unsigned char *)"", 0, NULL), UR_BAD_IMAGE);
    assert_int_equal(decode((const unsigned char *)"GIF89a", 6, &error), UR_BAD_IMAGE);
    assert_non_null(strstr(error.detail, "neither PNG, JPEG nor PGM"));
    unsigned char *large = calloc(UR_IMAGE_MAX_BYTES + 1, 1);
    assert_non_null(large);
    assert_int_equal(decode(large, UR_IMAGE_MAX_BYTES + 1, NULL), UR_TOO_LARGE);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_giant_png),
        cmocka_unit_test(test_chunks_that_swell),
        cmocka_unit_test(test_png_with_more_data_than_pixels),
        cmocka_unit_test(test_giant_jpeg),
        cmocka_unit_test(test_jpeg_of_many_scans),
        cmocka_unit_test(test_png_cut_or_corrupted_anywhere),
        cmocka_unit_test(test_jpeg_cut_or_corrupted_anywhere),
        cmocka_unit_test(test_bodies_that_are_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
