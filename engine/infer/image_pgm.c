/* Portable grey maps, plain (P2) and raw (P5): netpbm's pgm(5). */
#include "infer/deadline.h"
#include "infer/image.h"

enum { LARGEST_VALUE = 65535 };

struct pgm {
    const unsigned char *at;
    size_t left;
    uint32_t largest; /* the value that means white */
    bool plain;
};

static bool is_blank(unsigned char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static void skip(struct pgm *pgm)
{
    pgm->at++;
    pgm->left--;
}

/* Skips blanks, and comments from # to the end of the line. */
static void skip_blanks(struct pgm *pgm)
{
    bool comment = false;
    while (pgm->left > 0 && (comment || is_blank(*pgm->at) || *pgm->at == '#')) {
        if (*pgm->at == '#')
            comment = true;
        if (*pgm->at == '\n' || *pgm->at == '\r')
            comment = false;
        skip(pgm);
    }
}

/* Reads a decimal number up to high; false for anything else. */
static bool read_number(struct pgm *pgm, uint32_t high, uint32_t *out)
{
    uint32_t value = 0;
    skip_blanks(pgm);
    if (pgm->left == 0 || *pgm->at < '0' || *pgm->at > '9')
        return false;
    while (pgm->left > 0 && *pgm->at >= '0' && *pgm->at <= '9') {
        value = value * 10 + (uint32_t)(*pgm->at - '0');
        if (value > high)
            return false;
        skip(pgm);
    }
    *out = value;
    return true;
}

static bool read_raw(struct pgm *pgm, uint32_t *out)
{
    const size_t bytes = pgm->largest > 255 ? 2 : 1;
    if (pgm->left < bytes)
        return false;
    *out = bytes == 2 ? (uint32_t)pgm->at[0] << 8 | pgm->at[1] : pgm->at[0];
    pgm->at += bytes;
    pgm->left -= bytes;
    return *out <= pgm->largest;
}

/* Reads width, height and the largest value; a raw map's pixels begin after one blank. */
static enum ur_status read_header(struct pgm *pgm, struct ur_picture *picture,
                                  struct ur_error *error)
{
    uint32_t width = 0, height = 0;
    pgm->plain = pgm->at[1] == '2';
    pgm->at += 2;
    pgm->left -= 2;
    if (!read_number(pgm, INT32_MAX, &width) || !read_number(pgm, INT32_MAX, &height) ||
        !read_number(pgm, LARGEST_VALUE, &pgm->largest) || pgm->largest == 0 ||
        pgm->left == 0 || !is_blank(*pgm->at))
        return ur_fail(error, UR_BAD_IMAGE,
                       "The PGM's header is not \"P5 width height 1..%d\".", LARGEST_VALUE);
    skip(pgm);
    return ur_picture_begin(picture, width, height, 1, error);
}

enum ur_status ur_image_decode_pgm(const unsigned char *body, size_t n_bytes,
                                   struct ur_picture *picture, struct ur_error *error)
{
    struct pgm pgm = {.at = body, .left = n_bytes};
    uint8_t row[UR_IMAGE_MAX_SIDE];
    enum ur_status status = read_header(&pgm, picture, error);

    for (int32_t y = 0; status == UR_OK && y < picture->source_height; y++) {
        for (int32_t x = 0; status == UR_OK && x < picture->source_width; x++) {
            uint32_t value = 0;
            const bool good =
                pgm.plain ? read_number(&pgm, pgm.largest, &value) : read_raw(&pgm, &value);
            if (!good)
                status = ur_fail(error, UR_BAD_IMAGE,
                                 "The PGM ends early or has a value above %u, at row %d.",
                                 (unsigned)pgm.largest, (int)y);
            row[x] = (uint8_t)((value * 255 + pgm.largest / 2) / pgm.largest);
        }
        if (status == UR_OK)
            ur_picture_add_row(picture, row);
        if (status == UR_OK && y % 16 == 0)
            status = ur_deadline_check(error);
    }
    return status;
}
