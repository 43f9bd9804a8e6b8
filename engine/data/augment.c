/*
 * An output pixel asks where it came from: the inverse of the affine map, plus the field, gives
 * a place between four input pixels, which are mixed by their distances. The image is first
 * copied into words that hold a pixel, its right neighbour and the two below, with background
 * around: then one load fetches all four, no index is ever outside, and everything but that
 * load is a loop over a row that the compiler turns into vectors.
 *
 * Why floats: + - * / and conversions of IEEE 754 give the same bits on every CPU,
 * -ffp-contract =off keeps them apart, and they are vectors on the oldest x86-64, where
 * products of 32-bit integers are not. Sine and cosine of the C library differ by CPU, so they
 * are written here.
 */
#include "data/augment.h"

#include <assert.h>
#include <string.h>

#include "unroll/rng.h"

enum {
    SIDE = UR_AUGMENT_MAX_SIDE,
    POINTS = UR_AUGMENT_POINTS,
    WORDS = 4, /* that the generator gives at a time */
    MAP_DRAWS = 8,
    FIELD_DRAWS = (POINTS * POINTS + WORDS - 1) / WORDS * WORDS
};

/* Cubic B-spline: the weights of the four points around a place at share f of its cell. */
static void set_weights(float weights[POINTS][SIDE], int32_t side)
{
    for (int32_t i = 0; i < side; i++) {
        const double place = ((double)i + 0.5) * UR_AUGMENT_CELLS / (double)side;
        const int32_t cell = (int32_t)place;
        const double f = place - cell, g = 1 - f;
        weights[cell][i] = (float)(g * g * g / 6);
        weights[cell + 1][i] = (float)((3 * f * f * f - 6 * f * f + 4) / 6);
        weights[cell + 2][i] = (float)((3 * g * g * g - 6 * g * g + 4) / 6);
        weights[cell + 3][i] = (float)(f * f * f / 6);
    }
}

enum ur_status ur_augment_init(struct ur_augment *augment, const struct ur_spec *spec,
                               const struct ur_data_shape *shape, struct ur_error *error)
{
    memset(augment, 0, sizeof *augment);
    if (!spec->train.augment.on)
        return UR_OK;
    const enum ur_status status = ur_plan_check_data(spec, shape, NULL, error);
    if (status != UR_OK)
        return status;
    augment->on = true;
    augment->height = shape->steps;
    augment->width = shape->width;
    augment->seed = (uint64_t)spec->train.seed;
    augment->shift = spec->train.augment.shift;
    augment->rotate = spec->train.augment.rotate;
    augment->scale = spec->train.augment.scale;
    augment->shear = spec->train.augment.shear;
    augment->elastic = spec->train.augment.elastic;
    set_weights(augment->down, shape->steps);
    set_weights(augment->across, shape->width);
    return UR_OK;
}

/* A source pixel's place is (xx x + xy y + x0, yx x + yy y + y0) for the pixel (x, y). */
struct map {
    float xx, xy, x0;
    float yx, yy, y0;
};

static struct ur_rng_key key_of(const struct ur_augment *augment)
{
    return (struct ur_rng_key){.seed = augment->seed, .purpose = UR_RNG_AUGMENT};
}

/* A word as a number in -1..1, below 1. */
static double signed_unit(uint32_t word)
{
    return ((double)word - 0x1p31) * 0x1p-31;
}

/* Taylor series for a quarter of the angle, which is at most pi/4: what is left out is below
 * 2^-55. Doubling it twice gives the whole. */
static void turn(double degrees, double *sine, double *cosine)
{
    const double x = degrees * (0x1.921fb54442d18p+1 / 720), square = x * x;
    double s = 1, c = 1;
    for (int k = 18; k >= 2; k -= 2) {
        s = 1 - s * square / (k * (k + 1));
        c = 1 - c * square / (k * (k - 1));
    }
    s *= x;
    for (int twice = 0; twice < 2; twice++) {
        const double next = 2 * s * c;
        c = 1 - 2 * s * s;
        s = next;
    }
    *sine = s;
    *cosine = c;
}

/*
 * Forward: scale, then shear (x += k y), then rotate, all about the centre, then shift. With s
 * and c for sine and cosine the inverse of the linear part is [(c + s k) / sx, (s - c k) / sx],
 * [-s / sy, c / sy].
 */
static struct map draw_map(const struct ur_augment *augment, uint32_t epoch, uint32_t sample)
{
    uint32_t words[MAP_DRAWS];
    for (uint32_t n = 0; n < MAP_DRAWS / WORDS; n++)
        ur_rng_words(key_of(augment), epoch, sample, n, words + (size_t)WORDS * n);
    const double shift_x = augment->shift * signed_unit(words[0]);
    const double shift_y = augment->shift * signed_unit(words[1]);
    const double scale_x = 1 + augment->scale * signed_unit(words[2]);
    const double scale_y = 1 + augment->scale * signed_unit(words[3]);
    const double k = augment->shear * signed_unit(words[4]);
    double s, c;
    turn(augment->rotate * signed_unit(words[5]), &s, &c);

    const double xx = (c + s * k) / scale_x, xy = (s - c * k) / scale_x;
    const double yx = -s / scale_y, yy = c / scale_y;
    const double centre_x = 0.5 * (augment->width - 1), centre_y = 0.5 * (augment->height - 1);
    const double from_x = centre_x + shift_x, from_y = centre_y + shift_y;
    return (struct map){
        .xx = (float)xx,
        .xy = (float)xy,
        .x0 = (float)(centre_x - (xx * from_x + xy * from_y)),
        .yx = (float)yx,
        .yy = (float)yy,
        .y0 = (float)(centre_y - (yx * from_x + yy * from_y)),
    };
}

/* The elastic field's control points: displacements in pixels. One word makes both. */
struct field {
    float x[FIELD_DRAWS], y[FIELD_DRAWS];
};

static void draw_field(const struct ur_augment *augment, uint32_t epoch, uint32_t sample,
                       struct field *field)
{
    uint32_t words[FIELD_DRAWS];
    for (uint32_t n = 0; n < FIELD_DRAWS / WORDS; n++)
        ur_rng_words(key_of(augment), epoch, sample, MAP_DRAWS / WORDS + n,
                     words + (size_t)WORDS * n);
    const float unit = (float)(augment->elastic * 0x1p-15);
    for (int k = 0; k < FIELD_DRAWS; k++) {
        field->x[k] = unit * (float)((int32_t)(words[k] & 0xffff) - 0x8000);
        field->y[k] = unit * (float)((int32_t)(words[k] >> 16) - 0x8000);
    }
}

/* The places that a row of pixels comes from. */
struct places {
    float x[SIDE], y[SIDE];
};

static void map_row(const struct ur_augment *augment, const struct map *map, int32_t row,
                    struct places *places)
{
    const float y = (float)row;
    const float x0 = map->xy * y + map->x0, y0 = map->yy * y + map->y0;
    for (int32_t k = 0; k < augment->width; k++) {
        places->x[k] = map->xx * (float)k + x0;
        places->y[k] = map->yx * (float)k + y0;
    }
}

/* Adds a spline through POINTS values to a row of places. */
static void add_spline(const struct ur_augment *augment, const float values[POINTS],
                       float places[SIDE])
{
    for (int32_t k = 0; k < augment->width; k++) {
        float sum = augment->across[0][k] * values[0];
        for (int j = 1; j < POINTS; j++)
            sum += augment->across[j][k] * values[j];
        places[k] += sum;
    }
}

/* Adds the field: first down the columns of control points, then along the row of pixels. */
static void bend_row(const struct ur_augment *augment, const struct field *field, int32_t row,
                     struct places *places)
{
    float x[POINTS] = {0}, y[POINTS] = {0};
    for (int i = 0; i < POINTS; i++)
        for (int j = 0; j < POINTS; j++) {
            x[j] += augment->down[i][row] * field->x[i * POINTS + j];
            y[j] += augment->down[i][row] * field->y[i * POINTS + j];
        }
    add_spline(augment, x, places->x);
    add_spline(augment, y, places->y);
}

/* The image in words of four pixels; word (y, x) holds the pixels (y - 1, x - 1), (y - 1, x),
 * (y, x - 1) and (y, x), the lowest byte first, background outside. */
struct quads {
    size_t stride;
    uint32_t word[(SIDE + 2) * (SIDE + 2)];
};

static void set_quads(const struct ur_augment *augment, const uint8_t *image,
                      struct quads *quads)
{
    const size_t height = (size_t)augment->height, width = (size_t)augment->width;
    uint8_t lines[2][SIDE + 3] = {{0}}; /* above and below, background at both ends */
    quads->stride = width + 2;
    for (size_t y = 0; y < height + 2; y++) {
        const uint8_t *above = lines[y % 2];
        uint8_t *below = lines[(y + 1) % 2];
        uint32_t *word = quads->word + y * quads->stride;
        if (y < height)
            memcpy(below + 1, image + y * width, width);
        else
            memset(below + 1, 0, width);
        for (size_t x = 0; x < width + 2; x++)
            word[x] = (uint32_t)above[x] | (uint32_t)above[x + 1] << 8 |
                      (uint32_t)below[x] << 16 | (uint32_t)below[x + 1] << 24;
    }
}

static float clamp(float value, float low, float high)
{
    const float raised = value < low ? low : value;
    return raised > high ? high : raised;
}

/* Mixes four pixels for each place. Places further out than one pixel are background like those
 * at one pixel, so clamping loses nothing; after it whole parts are not negative, and cutting
 * off is rounding down. */
static void sample_row(const struct ur_augment *augment, const struct quads *quads,
                       const struct places *places, float *out)
{
    const int32_t n = augment->width, stride = (int32_t)quads->stride;
    const float high_x = (float)augment->width, high_y = (float)augment->height;
    float right[SIDE], lower[SIDE];
    int32_t at[SIDE];
    uint32_t word[SIDE];
    for (int32_t k = 0; k < n; k++) {
        const float x = clamp(places->x[k], -1, high_x) + 1;
        const float y = clamp(places->y[k], -1, high_y) + 1;
        const int32_t column = (int32_t)x, row = (int32_t)y;
        right[k] = x - (float)column;
        lower[k] = y - (float)row;
        at[k] = row * stride + column;
    }
    for (int32_t k = 0; k < n; k++)
        word[k] = quads->word[at[k]];
    for (int32_t k = 0; k < n; k++) {
        const float a = (float)(int32_t)(word[k] & 255),
                    b = (float)(int32_t)(word[k] >> 8 & 255);
        const float c = (float)(int32_t)(word[k] >> 16 & 255);
        const float d = (float)(int32_t)(word[k] >> 24);
        const float above = a + right[k] * (b - a), below = c + right[k] * (d - c);
        out[k] = (above + lower[k] * (below - above)) / 255.0f;
    }
}

void ur_augment_draw(const struct ur_augment *augment, const uint8_t *image, uint32_t epoch,
                     uint32_t sample, struct ur_pixels out)
{
    assert(augment->on);
    const bool bends = augment->elastic > 0;
    const struct map map = draw_map(augment, epoch, sample);
    struct field field;
    struct places places;
    struct quads quads;
    float line[SIDE];
    set_quads(augment, image, &quads);
    if (bends)
        draw_field(augment, epoch, sample, &field);
    for (int32_t row = 0; row < augment->height; row++) {
        map_row(augment, &map, row, &places);
        if (bends)
            bend_row(augment, &field, row, &places);
        sample_row(augment, &quads, &places, line);
        float *to = out.first + (size_t)row * out.down;
        for (int32_t k = 0; k < augment->width; k++)
            to[(size_t)k * out.across] = line[k];
    }
}
