#include "infer/picture.h"

#include <assert.h>

enum ur_status ur_picture_check_size(int64_t width, int64_t height, struct ur_error *error)
{
    if (width >= 1 && height >= 1 && width <= UR_IMAGE_MAX_SIDE &&
        height <= UR_IMAGE_MAX_SIDE && width * height <= UR_IMAGE_MAX_PIXELS)
        return UR_OK;
    return ur_fail(error, UR_BAD_IMAGE,
                   "The picture has %lld x %lld pixels; each side must be 1..%d.",
                   (long long)width, (long long)height, UR_IMAGE_MAX_SIDE);
}

enum ur_status ur_picture_begin(struct ur_picture *picture, int64_t width, int64_t height,
                                int32_t channels, struct ur_error *error)
{
    assert(picture->pixels == NULL && (channels == 1 || channels == 3));
    const enum ur_status status = ur_picture_check_size(width, height, error);
    if (status != UR_OK)
        return status;

    const int32_t longer = (int32_t)(width > height ? width : height);
    const bool keep = width == picture->keep_width && height == picture->keep_height;
    const int32_t factor = keep ? 1 : (longer + UR_PICTURE_SIDE - 1) / UR_PICTURE_SIDE;
    picture->source_width = (int32_t)width;
    picture->source_height = (int32_t)height;
    picture->width = (picture->source_width + factor - 1) / factor;
    picture->height = (picture->source_height + factor - 1) / factor;
    picture->channels = channels;
    picture->factor = factor;
    picture->rows_taken = 0;

    const size_t row = (size_t)picture->width * (size_t)channels;
    picture->pixels = calloc((size_t)picture->height, row);
    picture->sums = calloc(row, sizeof *picture->sums);
    if (picture->pixels != NULL && picture->sums != NULL)
        return UR_OK;
    ur_picture_release(picture);
    return ur_fail(error, UR_NO_MEMORY, "There is no memory for the picture.");
}

/* Writes the averages of the blocks; those at the right and lower edge may be smaller. */
static void finish_blocks(struct ur_picture *picture, int32_t rows_in_block)
{
    const int32_t channels = picture->channels, factor = picture->factor;
    const int32_t block_row = (picture->rows_taken - 1) / factor;
    uint8_t *out = picture->pixels + (size_t)block_row * (size_t)(picture->width * channels);
    for (int32_t x = 0; x < picture->width; x++) {
        const int32_t left = picture->source_width - x * factor;
        const uint32_t count = (uint32_t)((left < factor ? left : factor) * rows_in_block);
        for (int32_t k = 0; k < channels; k++) {
            uint32_t *sum = &picture->sums[x * channels + k];
            out[x * channels + k] = (uint8_t)((*sum + count / 2) / count);
            *sum = 0;
        }
    }
}

void ur_picture_add_row(struct ur_picture *picture, const uint8_t *row)
{
    assert(picture->rows_taken < picture->source_height);
    const int32_t channels = picture->channels, factor = picture->factor;
    picture->rows_taken++;
    if (factor == 1) {
        const size_t bytes = (size_t)picture->width * (size_t)channels;
        memcpy(picture->pixels + (size_t)(picture->rows_taken - 1) * bytes, row, bytes);
        return;
    }
    int32_t in_block = 0;
    uint32_t *sum = picture->sums;
    for (int32_t x = 0; x < picture->source_width; x++, row += channels) {
        for (int32_t k = 0; k < channels; k++)
            sum[k] += row[k];
        if (++in_block == factor) {
            in_block = 0;
            sum += channels;
        }
    }
    const int32_t rows_in_block = (picture->rows_taken - 1) % factor + 1;
    if (rows_in_block == factor || picture->rows_taken == picture->source_height)
        finish_blocks(picture, rows_in_block);
}

bool ur_picture_complete(const struct ur_picture *picture)
{
    return picture->pixels != NULL && picture->rows_taken == picture->source_height;
}

uint8_t ur_picture_grey(const struct ur_picture *picture, int32_t x, int32_t y)
{
    const size_t pixel = (size_t)y * (size_t)picture->width + (size_t)x;
    const uint8_t *at = picture->pixels + pixel * (size_t)picture->channels;
    if (picture->channels == 1)
        return at[0];
    return (uint8_t)((299u * at[0] + 587u * at[1] + 114u * at[2] + 500u) / 1000u);
}

void ur_picture_release(struct ur_picture *picture)
{
    if (picture == NULL)
        return;
    free(picture->pixels);
    free(picture->sums);
    *picture = (struct ur_picture){0};
}
