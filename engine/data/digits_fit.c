#include "data/digits_fit.h"

#include <stdbool.h>
#include <string.h>

struct box {
    int32_t top, left, height, width;
};

static bool has_ink(const uint8_t *pixels, int32_t count)
{
    return memchr(pixels, 1, (size_t)count) != NULL;
}

static struct box ink_box(const struct ur_sheet *sheet)
{
    int32_t top = UR_SHEET_SIDE, bottom = -1, left = UR_SHEET_SIDE, right = -1;
    for (int32_t row = 0; row < UR_SHEET_SIDE; row++) {
        const uint8_t *pixels = sheet->ink[row];
        if (!has_ink(pixels, UR_SHEET_SIDE))
            continue;
        if (bottom < 0)
            top = row;
        bottom = row;
        for (int32_t column = 0; column < left; column++)
            if (pixels[column])
                left = column;
        for (int32_t column = UR_SHEET_SIDE - 1; column > right; column--)
            if (pixels[column])
                right = column;
    }
    return (struct box){top, left, bottom - top + 1, right - left + 1};
}

/*
 * Averages n values, stride apart, into m values: value j is the mean of the source over
 * [j * n / m, (j + 1) * n / m). With m > n it repeats values in the same proportions.
 */
static void average_line(const float *in, int32_t n, int32_t in_stride, float *out, int32_t m,
                         int32_t out_stride)
{
    /* In units of 1 / m of a source value, so that all borders are whole numbers. */
    for (int32_t j = 0; j < m; j++) {
        const int32_t begin = j * n, end = begin + n;
        int32_t source = begin / m;
        float sum = 0;
        for (int32_t at = begin; at < end; source++) {
            const int32_t next = (source + 1) * m < end ? (source + 1) * m : end;
            sum += in[source * in_stride] * (float)(next - at);
            at = next;
        }
        out[j * out_stride] = sum / (float)n;
    }
}

/* Gives the shorter side's pixels: the nearest whole number, at least one. */
static int32_t scaled(int32_t side, int32_t longer)
{
    const int32_t pixels = (2 * side * UR_FIT_BOX + longer) / (2 * longer);
    return pixels < 1 ? 1 : pixels;
}

struct small {
    int32_t height, width;
    float grey[UR_FIT_BOX][UR_FIT_BOX]; /* 0..1 */
};

static void shrink(const struct ur_sheet *sheet, struct box box, struct small *small)
{
    float line[UR_SHEET_SIDE], rows[UR_SHEET_SIDE][UR_FIT_BOX];
    const int32_t longer = box.height > box.width ? box.height : box.width;
    small->height = scaled(box.height, longer);
    small->width = scaled(box.width, longer);
    for (int32_t row = 0; row < box.height; row++) {
        for (int32_t column = 0; column < box.width; column++)
            line[column] = sheet->ink[box.top + row][box.left + column];
        average_line(line, box.width, 1, rows[row], small->width, 1);
    }
    for (int32_t column = 0; column < small->width; column++)
        average_line(&rows[0][column], box.height, UR_FIT_BOX, &small->grey[0][column],
                     small->height, UR_FIT_BOX);
}

/* Gives by how many pixels to shift so that the centre of mass comes nearest to the middle. */
static int32_t shift_to_centre(float moment, float mass)
{
    const float shift = (float)UR_FIT_CENTRE - moment / mass;
    return (int32_t)(shift + 100.5f) - 100; /* rounds to nearest below zero too */
}

static void lay(const struct small *small, uint8_t image[UR_DIGITS_SIDE * UR_DIGITS_SIDE])
{
    float mass = 0, moment_row = 0, moment_column = 0;
    for (int32_t row = 0; row < small->height; row++)
        for (int32_t column = 0; column < small->width; column++) {
            mass += small->grey[row][column];
            moment_row += small->grey[row][column] * (float)row;
            moment_column += small->grey[row][column] * (float)column;
        }
    const int32_t down = shift_to_centre(moment_row, mass);
    const int32_t right = shift_to_centre(moment_column, mass);
    for (int32_t row = 0; row < small->height && row + down < UR_DIGITS_SIDE; row++)
        for (int32_t column = 0; column < small->width && column + right < UR_DIGITS_SIDE;
             column++) {
            const float grey = small->grey[row][column] * 255.0f + 0.5f;
            if (row + down >= 0 && column + right >= 0)
                image[(row + down) * UR_DIGITS_SIDE + column + right] = (uint8_t)grey;
        }
}

void ur_digits_fit(const struct ur_sheet *sheet, uint8_t image[UR_DIGITS_SIDE * UR_DIGITS_SIDE])
{
    memset(image, 0, UR_DIGITS_SIDE * UR_DIGITS_SIDE);
    const struct box box = ink_box(sheet);
    if (box.height < 1)
        return;
    struct small small;
    shrink(sheet, box, &small);
    lay(&small, image);
}
