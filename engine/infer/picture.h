/*
 * A decoded picture, made smaller while it is decoded: rows come in one after another at full
 * size, blocks of factor x factor pixels are averaged, and only the averages are kept. So a
 * picture of 16 million pixels takes 800 KB, and whatever follows costs the same for a photo
 * and for a drawing.
 *
 * Shapes: pixels [height][width][channels], 1 (grey) or 3 (red green blue) bytes. The longer
 * side is at most UR_PICTURE_SIDE, unless the picture has exactly the size that is asked for.
 * Cost: one addition a byte. Errors: UR_BAD_IMAGE for a size outside 1..UR_IMAGE_MAX_SIDE or
 * UR_IMAGE_MAX_PIXELS, before anything is allocated; UR_NO_MEMORY. Ownership: _release frees
 * the pixels; NULL and a zeroed struct are fine. Threads: one per struct.
 */
#ifndef UNROLL_INFER_PICTURE_H
#define UNROLL_INFER_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "unroll/limits.h"
#include "unroll/status.h"

/* A digit of a tenth of the picture's side still has 51 pixels, more than twice what a network
 * sees of it. */
enum { UR_PICTURE_SIDE = 512 };

struct ur_picture {
    int32_t keep_width, keep_height;     /* a picture of this size is never made smaller */
    int32_t source_width, source_height; /* as it came */
    int32_t width, height, channels;     /* as it is kept */
    int32_t factor;                      /* source pixels in one kept pixel, a side */
    int32_t rows_taken;                  /* of source_height */
    uint8_t *pixels;
    uint32_t *sums; /* [width][channels]: the row of blocks in the making */
};

/* Says whether a picture of that size is taken at all. */
enum ur_status ur_picture_check_size(int64_t width, int64_t height, struct ur_error *error);

/* Starts a picture of that many pixels. */
enum ur_status ur_picture_begin(struct ur_picture *picture, int64_t width, int64_t height,
                                int32_t channels, struct ur_error *error);

/* Takes the next row, source_width * channels bytes. */
void ur_picture_add_row(struct ur_picture *picture, const uint8_t *row);

/* True when every row has come. */
bool ur_picture_complete(const struct ur_picture *picture);

/* Gives the brightness of pixel (x, y): its luma (ITU-R BT.601) where it has colours. */
uint8_t ur_picture_grey(const struct ur_picture *picture, int32_t x, int32_t y);

void ur_picture_release(struct ur_picture *picture);

#endif
