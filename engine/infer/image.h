/*
 * From a posted body to what a network reads: decode, then make it look as MNIST was made.
 *
 *     body -> PNG | JPEG | PGM | raw bytes -> picture (picture.h) -> ink (ink.h) ->
 *     the digit alone (strokes.h) -> steps x width bytes (centre.h)
 *
 * Shapes: out [steps][width], 0 background, 255 ink. Cost: 1.4 ms for a drawing of 280x280, 0.5
 * s for the largest PNG; at most UR_DECODE_CPU_MS and 256 MB. Errors: UR_BAD_IMAGE says what is
 * wrong and the limit, UR_NO_DIGIT for a blank picture, UR_TOO_LARGE past UR_IMAGE_MAX_BYTES,
 * UR_NO_MEMORY. Ownership: bodies are borrowed. Threads: one at a time (deadline.h).
 * Source: docs/inference.md.
 *
 * Every byte here is hostile. The libraries run without their simplified interfaces, with
 * limits checked from the header before a pixel is allocated, in a process that has nothing to
 * steal.
 */
#ifndef UNROLL_INFER_IMAGE_H
#define UNROLL_INFER_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "infer/picture.h"
#include "unroll/predict.h"
#include "unroll/status.h"

enum {
    UR_JPEG_MAX_SCANS = 100,        /* honest progressive files have about ten */
    UR_JPEG_MAX_MEMORY = 64 << 20,  /* bytes inside libjpeg */
    UR_PNG_MAX_CHUNKS = 128,        /* chunks that libpng may cache */
    UR_PNG_MAX_CHUNK = 1 << 20,     /* bytes that one chunk may unpack to */
    UR_IMAGE_PNG_SPARE_BYTES = 1024 /* what a PNG takes beyond its pixels */
};

/* Reads a body for a network of that shape. Bytes of exactly steps * width that are no PNG,
 * JPEG or PGM are pixels themselves. */
enum ur_status ur_image_read(const unsigned char *body, size_t n_bytes,
                             enum ur_preprocess preprocess, int32_t steps, int32_t width,
                             uint8_t *out, struct ur_error *error);

/* Decodes a body into *picture, which has keep_width and keep_height set; the caller releases
 * it, after a failure too. */
enum ur_status ur_image_decode(const unsigned char *body, size_t n_bytes,
                               struct ur_picture *picture, struct ur_error *error);

/* The decoders behind it, one library each. */
enum ur_status ur_image_decode_png(const unsigned char *body, size_t n_bytes,
                                   struct ur_picture *picture, struct ur_error *error);
enum ur_status ur_image_decode_jpeg(const unsigned char *body, size_t n_bytes,
                                    struct ur_picture *picture, struct ur_error *error);
enum ur_status ur_image_decode_pgm(const unsigned char *body, size_t n_bytes,
                                   struct ur_picture *picture, struct ur_error *error);

/* Gives room enough for the PNG of a grey picture. */
size_t ur_image_png_bytes(int32_t width, int32_t height);

/* Writes a grey picture as PNG into out (ur_image_png_bytes of room) and its size to
 * *n_bytes. */
enum ur_status ur_image_encode_png(const uint8_t *pixels, int32_t width, int32_t height,
                                   unsigned char *out, size_t room, size_t *n_bytes,
                                   struct ur_error *error);

#endif
