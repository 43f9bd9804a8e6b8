/*
 * One number a pixel instead of three colours: the residuals from the paper are projected on
 * their own mean over the pixels that stand out most. A distance would fold the noise of three
 * colours into something that is always positive; along the ink's direction noise stays centred
 * on nought, and half of it, with the ringing of JPEG on the other side, is cut off below.
 */
#include "infer/ink.h"

#include <math.h>

#include "infer/background.h"

enum {
    LEVELS = 512,           /* histogram bins, one a grey level; distances end at 442 */
    FEW_PIXELS = 4,         /* specks: this many, or a two-thousandth of the picture, */
    SPECK_SHARE = 2000,     /* may stand out further than the ink */
    SMALLEST_SMOOTHED = 40, /* pixels a side: below, smoothing would eat the strokes */
    MAX_SMOOTHINGS = 3,
    NOISE_SAMPLES = 8192,
};

static const float least_contrast = 18.0f;       /* grey levels between paper and ink */
static const float noise_to_be_smoothed = 25.0f; /* of 255 */
static const float least_signal = 5.0f;          /* ink over noise */
static const float deviation_of_median = 1.4826f;

struct work {
    int32_t width, height, channels;
    size_t n_pixels;
    float *residual; /* [n][channels] */
};

static float length_of(const float *residual, int32_t channels)
{
    if (channels == 1)
        return fabsf(residual[0]);
    float sum = 0.0f;
    for (int32_t k = 0; k < channels; k++)
        sum += residual[k] * residual[k];
    return sqrtf(sum);
}

static int32_t bin_of(float value)
{
    return value < 0.0f ? 0 : value < (float)(LEVELS - 1) ? (int32_t)value : LEVELS - 1;
}

/* Counts what is not paper: adding one to the same bin for every pixel of paper would take
 * longer than all the rest, and nobody asks for that bin. */
static void count(uint32_t bins[LEVELS], float value)
{
    if (value >= 1.0f)
        bins[bin_of(value)]++;
}

/* Gives the level that all but `above` pixels lie under. */
static int32_t level_below(const uint32_t bins[LEVELS], size_t above)
{
    size_t seen = 0;
    int32_t bin = LEVELS - 1;
    for (; bin > 0; bin--) {
        seen += bins[bin];
        if (seen > above)
            break;
    }
    return bin;
}

static size_t specks_in(const struct work *work)
{
    const size_t share = work->n_pixels / SPECK_SHARE;
    return share > FEW_PIXELS ? share : FEW_PIXELS;
}

/* Writes the unit vector from paper to ink; false where nothing stands out. lengths is scratch
 * for one number a pixel. */
static bool find_direction(const struct work *work, float *lengths, float direction[3])
{
    uint32_t bins[LEVELS] = {0};
    const size_t channels = (size_t)work->channels;
    for (size_t at = 0; at < work->n_pixels; at++) {
        lengths[at] = length_of(work->residual + at * channels, work->channels);
        count(bins, lengths[at]);
    }
    const float strong = 0.5f * (float)level_below(bins, specks_in(work));

    float sum[3] = {0.0f};
    for (size_t at = 0; at < work->n_pixels; at++)
        for (size_t k = 0; lengths[at] >= strong && k < channels; k++)
            sum[k] += work->residual[at * channels + k];
    const float length = length_of(sum, work->channels);
    for (size_t k = 0; k < channels; k++)
        direction[k] = sum[k] / length;
    return strong > 0.0f && length > 0.0f;
}

/* Grey levels along the direction; three equal colours give what one would. */
static void project(const struct work *work, const float direction[3], float *level)
{
    const float scale = 1.0f / sqrtf((float)work->channels);
    for (size_t at = 0; at < work->n_pixels; at++) {
        float sum = 0.0f;
        for (int32_t k = 0; k < work->channels; k++)
            sum += work->residual[at * (size_t)work->channels + (size_t)k] * direction[k];
        level[at] = sum * scale;
    }
}

/* Gives the level of the strokes: three quarters of what clearly is ink lie under it. */
static float stroke_level(const struct work *work, const float *level)
{
    uint32_t bins[LEVELS] = {0};
    for (size_t at = 0; at < work->n_pixels; at++)
        count(bins, level[at]);
    const int32_t strong = level_below(bins, specks_in(work)) / 2;
    size_t inked = 0;
    for (int32_t bin = strong; bin < LEVELS; bin++)
        inked += bins[bin];
    return (float)level_below(bins, inked / 4) + 0.5f;
}

/* Gives the standard deviation of what lies about nought, to a quarter of a level. */
static float noise_of(const struct work *work, const float *level)
{
    uint32_t bins[LEVELS] = {0};
    const size_t stride = 1 + work->n_pixels / NOISE_SAMPLES;
    size_t seen = 0, taken = 0;
    int32_t bin = 0;
    for (size_t at = 0; at < work->n_pixels; at += stride, taken++)
        bins[bin_of(4.0f * fabsf(level[at]))]++;
    for (; bin < LEVELS - 1; bin++) {
        seen += bins[bin];
        if (2 * seen >= taken)
            break;
    }
    return deviation_of_median * 0.25f * (float)bin;
}

/* Averages 3 x 3 pixels; the residuals, no longer needed, are the scratch. */
static void smooth(const struct work *work, float *level)
{
    const int32_t width = work->width, height = work->height;
    float *rows = work->residual;
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            const float *row = level + (size_t)y * (size_t)width;
            const float left = row[x > 0 ? x - 1 : x], right = row[x + 1 < width ? x + 1 : x];
            rows[(size_t)y * (size_t)width + (size_t)x] = (left + row[x] + right) / 3.0f;
        }
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            const size_t at = (size_t)y * (size_t)width + (size_t)x;
            const float up = rows[y > 0 ? at - (size_t)width : at];
            const float down = rows[y + 1 < height ? at + (size_t)width : at];
            level[at] = (up + rows[at] + down) / 3.0f;
        }
}

/* Smooths what is noisy, and scales so that the strokes' level is 255. */
static enum ur_status settle(const struct work *work, struct ur_ink *ink,
                             struct ur_error *error)
{
    const bool large = work->width >= SMALLEST_SMOOTHED && work->height >= SMALLEST_SMOOTHED;
    float full = stroke_level(work, ink->level), noise = noise_of(work, ink->level);
    for (int k = 0; large && k < MAX_SMOOTHINGS && 255.0f * noise > noise_to_be_smoothed * full;
         k++) {
        smooth(work, ink->level);
        full = stroke_level(work, ink->level);
        noise = noise_of(work, ink->level);
    }
    if (full < least_contrast || full < least_signal * noise)
        return ur_fail(error, UR_NO_DIGIT, "The picture is blank: nothing stands out.");

    const float scale = 255.0f / full;
    for (size_t at = 0; at < work->n_pixels; at++) {
        const float level = ink->level[at] * scale;
        ink->level[at] = level > 255.0f ? 255.0f : level < -255.0f ? -255.0f : level;
    }
    ink->noise = noise * scale;
    return UR_OK;
}

static enum ur_status extract(const struct work *work, const struct ur_picture *picture,
                              struct ur_ink *ink, struct ur_error *error)
{
    struct ur_background background;
    float direction[3];
    ur_background_fit(&background, picture);
    for (int32_t y = 0; y < work->height; y++)
        ur_background_residual_row(&background, picture, y,
                                   work->residual +
                                       (size_t)y * (size_t)(work->width * work->channels));
    if (!find_direction(work, ink->level, direction))
        return ur_fail(error, UR_NO_DIGIT, "The picture is blank: nothing stands out.");
    project(work, direction, ink->level);
    return settle(work, ink, error);
}

enum ur_status ur_ink_extract(struct ur_ink *ink, const struct ur_picture *picture,
                              struct ur_error *error)
{
    struct work work = {picture->width, picture->height, picture->channels,
                        (size_t)picture->width * (size_t)picture->height, NULL};
    enum ur_status status = UR_OK;
    *ink = (struct ur_ink){.width = picture->width, .height = picture->height};
    work.residual = malloc(work.n_pixels * (size_t)work.channels * sizeof(float));
    ink->level = malloc(work.n_pixels * sizeof(float));
    if (work.residual == NULL || ink->level == NULL)
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory for the picture.");
    else
        status = extract(&work, picture, ink, error);
    free(work.residual);
    if (status != UR_OK)
        ur_ink_release(ink);
    return status;
}

void ur_ink_release(struct ur_ink *ink)
{
    if (ink == NULL)
        return;
    free(ink->level);
    *ink = (struct ur_ink){0};
}
