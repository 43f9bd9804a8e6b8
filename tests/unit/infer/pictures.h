/*
 * Pictures for tests: drawn with a round pen, and written as PNG and JPEG of every kind.
 *
 * Shapes: struct canvas holds red, green, blue and alpha bytes. Ownership: encoders give a
 * block that the caller frees. Errors: whatever fails, fails the test.
 */
#ifndef UNROLL_TESTS_PICTURES_H
#define UNROLL_TESTS_PICTURES_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <png.h>
#include <stdio.h>

#include <jpeglib.h>

struct canvas {
    int32_t width, height;
    uint8_t *rgba;
};

struct colour {
    uint8_t r, g, b, a;
};

struct bytes {
    unsigned char *data;
    size_t size;
};

/* For initialisers, and as values. */
#define BLACK                                                                                  \
    {                                                                                          \
        0, 0, 0, 255                                                                           \
    }
#define WHITE                                                                                  \
    {                                                                                          \
        255, 255, 255, 255                                                                     \
    }
static const struct colour black = BLACK, white = WHITE;

static inline struct canvas canvas_make(int32_t width, int32_t height, struct colour paper)
{
    struct canvas canvas = {width, height, malloc((size_t)width * (size_t)height * 4)};
    assert_non_null(canvas.rgba);
    for (int32_t k = 0; k < width * height; k++)
        memcpy(canvas.rgba + 4 * k, &paper, 4);
    return canvas;
}

static inline void canvas_free(struct canvas *canvas)
{
    free(canvas->rgba);
    *canvas = (struct canvas){0};
}

/* Lays ink over a pixel, alpha included, `cover` of it. */
static inline void canvas_ink(struct canvas *canvas, int32_t x, int32_t y, struct colour ink,
                              double cover)
{
    uint8_t *pixel = canvas->rgba + 4 * (y * canvas->width + x);
    const uint8_t *colour = &ink.r;
    for (int k = 0; k < 4; k++)
        pixel[k] = (uint8_t)lround(pixel[k] + (colour[k] - pixel[k]) * cover);
}

static inline double segment_distance(double x, double y, const double a[2], const double b[2])
{
    const double dx = b[0] - a[0], dy = b[1] - a[1];
    double t = ((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return hypot(x - a[0] - t * dx, y - a[1] - t * dy);
}

/* Draws a line of points in 0..1 into the square at (left, top), with a pen of that radius and
 * an edge one pixel soft. */
static inline void canvas_draw(struct canvas *canvas, const double (*points)[2], int32_t count,
                               double left, double top, double side, double radius,
                               struct colour ink)
{
    for (int32_t y = 0; y < canvas->height; y++)
        for (int32_t x = 0; x < canvas->width; x++) {
            const double u = (x + 0.5 - left) / side, v = (y + 0.5 - top) / side;
            double distance = 1e9;
            for (int32_t k = 0; k + 1 < count; k++)
                distance = fmin(distance, segment_distance(u, v, points[k], points[k + 1]));
            const double cover = radius + 0.5 - distance * side;
            if (cover > 0)
                canvas_ink(canvas, x, y, ink, cover < 1 ? cover : 1);
        }
}

static const double seven[][2] = {{0.1, 0.05}, {0.8, 0.05}, {0.35, 0.95}};
static const double four[][2] = {{0.6, 0.95}, {0.6, 0.05}, {0.1, 0.65}, {0.85, 0.65}};
static const double two[][2] = {{0.15, 0.25}, {0.3, 0.08},  {0.6, 0.08},
                                {0.75, 0.3},  {0.15, 0.92}, {0.85, 0.92}};
static const double one[][2] = {{0.5, 0.05}, {0.45, 0.95}};

static inline void png_take(png_structp png, png_bytep data, size_t size)
{
    struct bytes *out = png_get_io_ptr(png);
    out->data = realloc(out->data, out->size + size);
    assert_non_null(out->data);
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static inline void png_flush_nothing(png_structp png)
{
    (void)png;
}

/* Packs one pixel as the colour type says; depth 16 repeats the byte. */
static inline uint8_t *png_pixel(uint8_t *out, const uint8_t *rgba, int type, int depth)
{
    const uint8_t grey = (uint8_t)((rgba[0] + rgba[1] + rgba[2]) / 3);
    const bool colour = (type & PNG_COLOR_MASK_COLOR) != 0;
    const uint8_t samples[4] = {colour ? rgba[0] : grey, rgba[1], rgba[2], rgba[3]};
    const int colours = colour ? 3 : 1, all = colours + ((type & PNG_COLOR_MASK_ALPHA) != 0);
    for (int k = 0; k < all; k++) {
        *out++ = k < colours ? samples[k] : rgba[3];
        if (depth == 16) {
            out[0] = out[-1];
            out++;
        }
    }
    return out;
}

/* Writes bits of grey, 1 to 4 of them a pixel; a palette uses them as its index. */
static inline void png_bits(uint8_t *row, const struct canvas *canvas, int32_t y, int depth)
{
    for (int32_t x = 0; x < canvas->width; x++) {
        const uint8_t *rgba = canvas->rgba + 4 * (y * canvas->width + x);
        const int place = x * depth;
        row[place / 8] |= (uint8_t)(rgba[0] >> (8 - depth) << (8 - depth - place % 8));
    }
}

/* Encodes by colour type (PNG_COLOR_TYPE_*), bits a sample, and interlace. */
static inline struct bytes png_of(const struct canvas *canvas, int type, int depth,
                                  bool interlaced)
{
    struct bytes out = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t **rows = calloc((size_t)canvas->height, sizeof *rows);
    assert_non_null(rows);
    png_set_write_fn(png, &out, png_take, png_flush_nothing);
    png_set_IHDR(png, info, (png_uint_32)canvas->width, (png_uint_32)canvas->height, depth,
                 type, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_color palette[256];
        const int n = 1 << depth;
        for (int k = 0; k < n; k++)
            palette[k].red = palette[k].green = palette[k].blue = (png_byte)(k * 255 / (n - 1));
        png_set_PLTE(png, info, palette, n);
    }
    for (int32_t y = 0; y < canvas->height; y++) {
        rows[y] = calloc((size_t)canvas->width, 8);
        assert_non_null(rows[y]);
        uint8_t *at = rows[y];
        if (depth < 8 || type == PNG_COLOR_TYPE_PALETTE)
            png_bits(rows[y], canvas, y, depth);
        else
            for (int32_t x = 0; x < canvas->width; x++)
                at = png_pixel(at, canvas->rgba + 4 * (y * canvas->width + x), type, depth);
    }
    png_set_rows(png, info, rows);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    for (int32_t y = 0; y < canvas->height; y++)
        free(rows[y]);
    free(rows);
    return out;
}

static inline struct bytes png_rgba(const struct canvas *canvas)
{
    return png_of(canvas, PNG_COLOR_TYPE_RGB_ALPHA, 8, false);
}

/* How a JPEG's coefficients are cut into scans: one; as cameras do; or two of full precision,
 * of which the second may be repeated without contradiction. */
enum scans { ONE_SCAN, MANY_SCANS, TWO_SCANS };

/* Encodes as JPEG in a colour space of libjpeg's; CMYK takes the four bytes as they are. */
static inline struct bytes jpeg_of(const struct canvas *canvas, J_COLOR_SPACE space,
                                   enum scans scans, int quality)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    const int channels = space == JCS_CMYK ? 4 : space == JCS_GRAYSCALE ? 1 : 3;
    uint8_t *row = malloc((size_t)canvas->width * 4);
    assert_non_null(row);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = (JDIMENSION)canvas->width;
    jpeg.image_height = (JDIMENSION)canvas->height;
    jpeg.input_components = channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    static const jpeg_scan_info two_scans[] = {{1, {0}, 0, 0, 0, 0}, {1, {0}, 1, 63, 0, 0}};
    if (scans == MANY_SCANS)
        jpeg_simple_progression(&jpeg);
    if (scans == TWO_SCANS) {
        jpeg.scan_info = two_scans;
        jpeg.num_scans = 2;
    }
    jpeg_start_compress(&jpeg, TRUE);
    for (int32_t y = 0; y < canvas->height; y++) {
        for (int32_t x = 0; x < canvas->width; x++)
            memcpy(row + x * channels, canvas->rgba + 4 * (y * canvas->width + x),
                   (size_t)channels);
        JSAMPROW rows[1] = {row};
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    return (struct bytes){data, size};
}

#endif
