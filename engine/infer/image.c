#include "infer/image.h"

#include "infer/centre.h"
#include "infer/ink.h"
#include "infer/strokes.h"

/* Below this a side is no picture of a digit but a sequence, and nothing is centred. */
enum { LEAST_SIDE = 8 };

static bool starts_with(const unsigned char *body, size_t n_bytes, const char *magic,
                        size_t length)
{
    return n_bytes >= length && memcmp(body, magic, length) == 0;
}

static bool is_png(const unsigned char *body, size_t n_bytes)
{
    return starts_with(body, n_bytes, "\x89PNG\r\n\x1a\n", 8);
}

static bool is_jpeg(const unsigned char *body, size_t n_bytes)
{
    return starts_with(body, n_bytes, "\xff\xd8\xff", 3);
}

static bool is_pgm(const unsigned char *body, size_t n_bytes)
{
    const bool magic =
        starts_with(body, n_bytes, "P5", 2) || starts_with(body, n_bytes, "P2", 2);
    return magic && n_bytes > 2 && (body[2] == '#' || memchr(" \t\r\n", body[2], 4) != NULL);
}

/* Takes the body's bytes as the pixels of a grey picture. */
static enum ur_status take_raw(const unsigned char *body, struct ur_picture *picture,
                               struct ur_error *error)
{
    const int32_t width = picture->keep_width, height = picture->keep_height;
    const enum ur_status status = ur_picture_begin(picture, width, height, 1, error);
    for (int32_t y = 0; status == UR_OK && y < height; y++)
        ur_picture_add_row(picture, body + (size_t)y * (size_t)width);
    return status;
}

enum ur_status ur_image_decode(const unsigned char *body, size_t n_bytes,
                               struct ur_picture *picture, struct ur_error *error)
{
    const size_t raw_bytes = (size_t)picture->keep_width * (size_t)picture->keep_height;
    if (n_bytes > UR_IMAGE_MAX_BYTES)
        return ur_fail(error, UR_TOO_LARGE, "The picture has %zu bytes; the limit is %d.",
                       n_bytes, UR_IMAGE_MAX_BYTES);
    if (is_png(body, n_bytes))
        return ur_image_decode_png(body, n_bytes, picture, error);
    if (is_jpeg(body, n_bytes))
        return ur_image_decode_jpeg(body, n_bytes, picture, error);
    if (is_pgm(body, n_bytes))
        return ur_image_decode_pgm(body, n_bytes, picture, error);
    if (n_bytes == raw_bytes && n_bytes > 0)
        return take_raw(body, picture, error);
    return ur_fail(error, UR_BAD_IMAGE,
                   "The body has %zu bytes and is neither PNG, JPEG nor PGM, nor %d x %d = %zu "
                   "raw bytes.",
                   n_bytes, (int)picture->keep_height, (int)picture->keep_width, raw_bytes);
}

static void copy_grey(const struct ur_picture *picture, uint8_t *out)
{
    for (int32_t y = 0; y < picture->height; y++)
        for (int32_t x = 0; x < picture->width; x++)
            out[y * picture->width + x] = ur_picture_grey(picture, x, y);
}

static enum ur_status normalise(const struct ur_picture *picture, int32_t steps, int32_t width,
                                uint8_t *out, struct ur_error *error)
{
    struct ur_ink ink;
    struct ur_box box;
    enum ur_status status = ur_ink_extract(&ink, picture, error);
    if (status != UR_OK)
        return status;
    status = ur_strokes_isolate(&ink, &box, error);
    if (status == UR_OK)
        status = ur_centre(&ink, &box, steps, width, out, error);
    ur_ink_release(&ink);
    return status;
}

/* Chooses between the pixels as they are and the digit in them. */
static enum ur_status prepare(const struct ur_picture *picture, enum ur_preprocess preprocess,
                              int32_t steps, int32_t width, uint8_t *out,
                              struct ur_error *error)
{
    const bool same_size = picture->source_width == width && picture->source_height == steps;
    const bool sequence = steps < LEAST_SIDE || width < LEAST_SIDE;
    if ((preprocess == UR_PREPROCESS_NONE || sequence) && !same_size)
        return ur_fail(error, UR_BAD_IMAGE,
                       "Without preprocessing the picture must have %d x %d pixels; it has "
                       "%d x %d.",
                       (int)width, (int)steps, (int)picture->source_width,
                       (int)picture->source_height);
    if (same_size)
        copy_grey(picture, out);
    if (preprocess == UR_PREPROCESS_NONE || sequence ||
        (same_size && ur_centre_done(out, steps, width)))
        return UR_OK;
    return normalise(picture, steps, width, out, error);
}

enum ur_status ur_image_read(const unsigned char *body, size_t n_bytes,
                             enum ur_preprocess preprocess, int32_t steps, int32_t width,
                             uint8_t *out, struct ur_error *error)
{
    struct ur_picture picture = {.keep_width = width, .keep_height = steps};
    enum ur_status status = ur_image_decode(body, n_bytes, &picture, error);
    if (status == UR_OK)
        status = prepare(&picture, preprocess, steps, width, out, error);
    ur_picture_release(&picture);
    return status;
}
