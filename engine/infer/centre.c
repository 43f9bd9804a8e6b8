#include "infer/centre.h"

#include <math.h>

#include "infer/thicken.h"

enum {
    SIDE_OF = 20,
    SIDE_IN = 28,
    FINE = 4, /* a hairline is thickened at this many times the final size */
};

static const uint8_t dark = 64;         /* the border of a finished picture is below */
static const uint8_t faint = 8;         /* levels that do not count as ink */
static const double off_centre = 1.0;   /* pixels; whole shifts leave half of one */
static const float largest_gain = 2.5f; /* for strokes that averaging made grey */
/* Widths of strokes where the digit is 20 pixels long: 999 of 1000 digits of MNIST's test set
 * are above the first, their median is 2.55. */
static const float hairline = 1.1f;
static const float pen = 2.2f;
static const float ragged = 12.0f; /* noise past which outlines say nothing about widths */

/* A picture of part of the ink, resampled. */
struct part {
    int32_t width, height;
    float *level;
};

int32_t ur_centre_side(int32_t steps, int32_t width)
{
    const int32_t smaller = steps < width ? steps : width;
    const int32_t side = smaller * SIDE_OF / SIDE_IN;
    return side > 0 ? side : 1;
}

/* Gives the length of the overlap of source pixel s with target pixel t, in source pixels. */
static double overlap(int32_t s, int32_t t, double offset, double scale)
{
    const double begin = ((double)t - offset) / scale, end = begin + 1.0 / scale;
    const double low = begin > (double)s ? begin : (double)s;
    const double high = end < (double)s + 1.0 ? end : (double)s + 1.0;
    return high > low ? high - low : 0.0;
}

/* Averages n pixels, `stride` apart, into `n_out`. The grids are centred on each other. */
static void average_line(const float *in, int32_t n, size_t stride, float *out, int32_t n_out,
                         size_t out_stride, double scale)
{
    const double offset = 0.5 * ((double)n_out - (double)n * scale);
    for (int32_t t = 0; t < n_out; t++) {
        double sum = 0.0;
        int32_t s = (int32_t)floor(((double)t - offset) / scale);
        for (s = s > 0 ? s : 0; s < n && (double)s < ((double)t + 1.0 - offset) / scale; s++)
            sum += (double)in[(size_t)s * stride] * overlap(s, t, offset, scale);
        out[(size_t)t * out_stride] = (float)(sum * scale);
    }
}

static int32_t scaled(int32_t pixels, double scale)
{
    const int32_t out = (int32_t)ceil((double)pixels * scale - 1e-9);
    return out > 0 ? out : 1;
}

/* Resamples the box so that its longer side has `side` pixels. */
static enum ur_status reduce(const struct ur_ink *ink, const struct ur_box *box, int32_t side,
                             struct part *part, struct ur_error *error)
{
    const int32_t width = box->right - box->left, height = box->bottom - box->top;
    const double scale = (double)side / (double)(width > height ? width : height);
    const float *first = ink->level + (size_t)box->top * (size_t)ink->width + box->left;
    part->width = scaled(width, scale);
    part->height = scaled(height, scale);
    const size_t across = (size_t)part->width;

    float *rows = malloc(across * (size_t)height * sizeof *rows);
    part->level = malloc(across * (size_t)part->height * sizeof *part->level);
    if (rows == NULL || part->level == NULL) {
        free(rows);
        free(part->level);
        part->level = NULL;
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the picture.");
    }
    for (int32_t y = 0; y < height; y++)
        average_line(first + (size_t)y * (size_t)ink->width, width, 1,
                     rows + (size_t)y * across, part->width, 1, scale);
    for (size_t x = 0; x < across; x++)
        average_line(rows + x, height, across, part->level + x, part->height, across, scale);
    free(rows);
    return UR_OK;
}

/* Stretches so that the darkest pixel of the ink is black again. */
static void stretch(struct part *part, float most_gain)
{
    const size_t n = (size_t)part->width * (size_t)part->height;
    float most = 1.0f;
    for (size_t at = 0; at < n; at++)
        most = part->level[at] > most ? part->level[at] : most;
    const float gain = 255.0f / most < most_gain ? 255.0f / most : most_gain;
    for (size_t at = 0; at < n; at++)
        part->level[at] *= gain;
}

struct point {
    double x, y;
};

static struct point mass_centre(const struct part *part)
{
    double sum = 0.0, x_sum = 0.0, y_sum = 0.0;
    for (int32_t y = 0; y < part->height; y++)
        for (int32_t x = 0; x < part->width; x++) {
            const double level = (double)part->level[y * part->width + x];
            sum += level;
            x_sum += level * x;
            y_sum += level * y;
        }
    if (!(sum > 0.0))
        return (struct point){0.5 * part->width, 0.5 * part->height};
    return (struct point){x_sum / sum, y_sum / sum};
}

static void paste(const struct part *part, int32_t steps, int32_t width, uint8_t *out)
{
    const struct point centre = mass_centre(part);
    const int32_t left = (int32_t)lround((double)(width / 2) - centre.x);
    const int32_t top = (int32_t)lround((double)(steps / 2) - centre.y);
    memset(out, 0, (size_t)steps * (size_t)width);
    for (int32_t y = 0; y < part->height; y++)
        for (int32_t x = 0; x < part->width; x++) {
            const int32_t to_x = left + x, to_y = top + y;
            if (to_x < 0 || to_y < 0 || to_x >= width || to_y >= steps)
                continue;
            const long level = lroundf(part->level[y * part->width + x]);
            out[to_y * width + to_x] = (uint8_t)(level > 255 ? 255 : level);
        }
}

/* Gives how thick the strokes would be at the final size. */
static float final_stroke(const struct ur_ink *ink, const struct ur_box *box, int32_t side)
{
    const int32_t width = box->right - box->left, height = box->bottom - box->top;
    return ur_stroke_width(ink, box) * (float)side / (float)(width > height ? width : height);
}

/* Makes a larger picture of the box with a margin, and lets the ink spread into it. */
static enum ur_status thickened(const struct ur_ink *ink, const struct ur_box *box,
                                int32_t side, int32_t pixels, struct ur_ink *thick,
                                struct ur_error *error)
{
    struct part part = {0};
    enum ur_status status = reduce(ink, box, FINE * side, &part, error);
    if (status != UR_OK)
        return status;
    stretch(&part, 255.0f);
    thick->width = part.width + 2 * pixels;
    thick->height = part.height + 2 * pixels;
    const size_t n = (size_t)thick->width * (size_t)thick->height;
    float *scratch = malloc(n * sizeof *scratch);
    thick->level = calloc(n, sizeof *thick->level);
    if (scratch == NULL || thick->level == NULL) {
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory for the picture.");
        goto out;
    }
    for (int32_t y = 0; y < part.height; y++)
        memcpy(thick->level + (size_t)((y + pixels) * thick->width + pixels),
               part.level + (size_t)(y * part.width), (size_t)part.width * sizeof(float));
    ur_stroke_thicken(thick->level, scratch, thick->width, thick->height, pixels);
out:
    free(scratch);
    free(part.level);
    return status;
}

enum ur_status ur_centre(const struct ur_ink *ink, const struct ur_box *box, int32_t steps,
                         int32_t width, uint8_t *out, struct ur_error *error)
{
    struct part part = {0};
    struct ur_ink thick = {0};
    struct ur_box whole = *box;
    const int32_t side = ur_centre_side(steps, width);
    const float stroke = final_stroke(ink, box, side);
    enum ur_status status = UR_OK;
    if (stroke < hairline && ink->noise < ragged) {
        const int32_t pixels = (int32_t)lroundf((pen - stroke) * FINE / 2);
        status = thickened(ink, box, side, pixels, &thick, error);
        whole = (struct ur_box){0, 0, thick.width, thick.height};
        ink = &thick;
    }
    if (status == UR_OK)
        status = reduce(ink, &whole, side, &part, error);
    if (status == UR_OK) {
        stretch(&part, largest_gain);
        paste(&part, steps, width, out);
    }
    free(part.level);
    ur_ink_release(&thick);
    return status;
}

/* Looks at the mean of the outermost pixels: a top-heavy 7 may touch the border with its
 * foot. */
static bool border_dark(const uint8_t *picture, int32_t steps, int32_t width)
{
    int32_t sum = 0;
    for (int32_t x = 0; x < width; x++)
        sum += picture[x] + picture[(steps - 1) * width + x];
    for (int32_t y = 0; y < steps; y++)
        sum += picture[y * width] + picture[y * width + width - 1];
    return sum < dark * 2 * (steps + width);
}

bool ur_centre_done(const uint8_t *picture, int32_t steps, int32_t width)
{
    struct ur_box box = {width, steps, 0, 0};
    double sum = 0.0, x_sum = 0.0, y_sum = 0.0;
    for (int32_t y = 0; y < steps; y++)
        for (int32_t x = 0; x < width; x++) {
            const uint8_t level = picture[y * width + x];
            sum += level;
            x_sum += level * x;
            y_sum += level * y;
            if (level < faint)
                continue;
            box.left = x < box.left ? x : box.left;
            box.right = x + 1 > box.right ? x + 1 : box.right;
            box.top = y < box.top ? y : box.top;
            box.bottom = y + 1;
        }
    const int32_t high = box.bottom - box.top, wide = box.right - box.left;
    const int32_t side = high > wide ? high : wide, wanted = ur_centre_side(steps, width);
    return sum > 0.0 && border_dark(picture, steps, width) && side * 20 >= wanted * 17 &&
           side * 20 <= wanted * 21 && fabs(x_sum / sum - width / 2) <= off_centre &&
           fabs(y_sum / sum - steps / 2) <= off_centre;
}
