#include "infer/background.h"

#include <math.h>

enum {
    GRID = 40,   /* samples a side, of the whole picture */
    BORDER = 64, /* samples on each of the four sides */
    MAX_SAMPLES = GRID * GRID + 4 * BORDER,
    REFITS = 5,
    BINS = 256,
    PLANE_TERMS = 3,
};

/* Noise is taken to reach 3 of its standard deviations, but never to be less than this. */
static const double least_cut = 6.0;
static const double deviation_of_median =
    1.4826; /* of a normal distribution's absolute value */

struct samples {
    int32_t count, channels;
    float u[MAX_SAMPLES], v[MAX_SAMPLES];
    uint8_t colour[MAX_SAMPLES][3];
    float distance[MAX_SAMPLES]; /* from the surface, root mean square over colours */
};

static float coordinate(int32_t at, int32_t size)
{
    return size > 1 ? 2.0f * (float)at / (float)(size - 1) - 1.0f : 0.0f;
}

static void take(struct samples *samples, const struct ur_picture *picture, int32_t x,
                 int32_t y)
{
    const size_t pixel = (size_t)y * (size_t)picture->width + (size_t)x;
    const int32_t at = samples->count++;
    samples->u[at] = coordinate(x, picture->width);
    samples->v[at] = coordinate(y, picture->height);
    for (int32_t k = 0; k < picture->channels; k++)
        samples->colour[at][k] = picture->pixels[pixel * (size_t)picture->channels + (size_t)k];
}

/* Gives the place of sample k of n over size pixels. */
static int32_t spread(int32_t k, int32_t n, int32_t size)
{
    return (int32_t)(((int64_t)2 * k + 1) * size / (2 * (int64_t)n));
}

static void take_border(struct samples *samples, const struct ur_picture *picture)
{
    const int32_t width = picture->width, height = picture->height;
    const int32_t across = width < BORDER ? width : BORDER;
    const int32_t down = height < BORDER ? height : BORDER;
    samples->count = 0;
    samples->channels = picture->channels;
    for (int32_t k = 0; k < across; k++) {
        take(samples, picture, spread(k, across, width), 0);
        take(samples, picture, spread(k, across, width), height - 1);
    }
    for (int32_t k = 0; k < down; k++) {
        take(samples, picture, 0, spread(k, down, height));
        take(samples, picture, width - 1, spread(k, down, height));
    }
}

static void take_grid(struct samples *samples, const struct ur_picture *picture)
{
    const int32_t across = picture->width < GRID ? picture->width : GRID;
    const int32_t down = picture->height < GRID ? picture->height : GRID;
    samples->count = 0;
    samples->channels = picture->channels;
    for (int32_t j = 0; j < down; j++)
        for (int32_t i = 0; i < across; i++)
            take(samples, picture, spread(i, across, picture->width),
                 spread(j, down, picture->height));
}

static void basis(float u, float v, double out[UR_BACKGROUND_TERMS])
{
    const double du = (double)u, dv = (double)v;
    out[0] = 1.0;
    out[1] = du;
    out[2] = dv;
    out[3] = du * du;
    out[4] = du * dv;
    out[5] = dv * dv;
}

static void measure(struct samples *samples, const struct ur_background *background)
{
    for (int32_t at = 0; at < samples->count; at++) {
        double row[UR_BACKGROUND_TERMS], sum = 0.0;
        basis(samples->u[at], samples->v[at], row);
        for (int32_t k = 0; k < samples->channels; k++) {
            double off = (double)samples->colour[at][k];
            for (int i = 0; i < UR_BACKGROUND_TERMS; i++)
                off -= background->terms[k][i] * row[i];
            sum += off * off;
        }
        samples->distance[at] = (float)sqrt(sum / samples->channels);
    }
}

/* Gives the distance past which a sample is ink. */
static double cut_of(const struct samples *samples)
{
    int32_t bins[BINS] = {0}, seen = 0, bin = 0;
    for (int32_t at = 0; at < samples->count; at++) {
        const float distance = samples->distance[at];
        bins[distance < (float)(BINS - 1) ? (int32_t)distance : BINS - 1]++;
    }
    for (bin = 0; bin < BINS - 1; bin++) {
        seen += bins[bin];
        if (2 * seen >= samples->count)
            break;
    }
    /* Within the first bin the median is as good as nought. */
    const double cut = 3.0 * deviation_of_median * (double)bin;
    return cut > least_cut ? cut : least_cut;
}

/* Solves a x = b for three right-hand sides by elimination; a is symmetric and positive. */
static void solve(double a[UR_BACKGROUND_TERMS][UR_BACKGROUND_TERMS],
                  double b[3][UR_BACKGROUND_TERMS], int terms)
{
    for (int p = 0; p < terms; p++)
        for (int r = p + 1; r < terms; r++) {
            const double factor = a[r][p] / a[p][p];
            for (int k = p; k < terms; k++)
                a[r][k] -= factor * a[p][k];
            for (int k = 0; k < 3; k++)
                b[k][r] -= factor * b[k][p];
        }
    for (int k = 0; k < 3; k++)
        for (int r = terms - 1; r >= 0; r--) {
            for (int i = r + 1; i < terms; i++)
                b[k][r] -= a[r][i] * b[k][i];
            b[k][r] /= a[r][r];
        }
}

/* Fits the surface to the samples within cut, by least squares. */
static void refit(struct ur_background *background, const struct samples *samples, double cut,
                  int terms)
{
    double a[UR_BACKGROUND_TERMS][UR_BACKGROUND_TERMS] = {{0}};
    double b[3][UR_BACKGROUND_TERMS] = {{0}};
    for (int32_t at = 0; at < samples->count; at++) {
        if ((double)samples->distance[at] > cut)
            continue;
        double row[UR_BACKGROUND_TERMS];
        basis(samples->u[at], samples->v[at], row);
        for (int i = 0; i < terms; i++) {
            for (int j = 0; j < terms; j++)
                a[i][j] += row[i] * row[j];
            for (int32_t k = 0; k < samples->channels; k++)
                b[k][i] += row[i] * (double)samples->colour[at][k];
        }
    }
    /* A ridge keeps a picture of one row, or samples on one line, from dividing by nought. */
    const double ridge = 1e-6 * (double)samples->count + 1e-9;
    for (int i = 1; i < terms; i++)
        a[i][i] += ridge;
    if (!(a[0][0] >= 1.0))
        return;
    solve(a, b, terms);
    *background = (struct ur_background){0};
    for (int32_t k = 0; k < samples->channels; k++)
        memcpy(background->terms[k], b[k], (size_t)terms * sizeof(double));
}

/* Starts from the median of each colour. */
static void start_flat(struct ur_background *background, const struct samples *samples)
{
    *background = (struct ur_background){0};
    for (int32_t k = 0; k < samples->channels; k++) {
        int32_t bins[BINS] = {0}, seen = 0, bin = 0;
        for (int32_t at = 0; at < samples->count; at++)
            bins[samples->colour[at][k]]++;
        for (; bin < BINS - 1; bin++) {
            seen += bins[bin];
            if (2 * seen >= samples->count)
                break;
        }
        background->terms[k][0] = (double)bin;
    }
}

static void fit_rounds(struct ur_background *background, struct samples *samples, int terms)
{
    for (int round = 0; round < REFITS; round++) {
        measure(samples, background);
        refit(background, samples, cut_of(samples), terms);
    }
}

void ur_background_fit(struct ur_background *background, const struct ur_picture *picture)
{
    struct samples samples; /* 30 KB */
    take_border(&samples, picture);
    start_flat(background, &samples);
    fit_rounds(background, &samples, PLANE_TERMS);
    take_grid(&samples, picture);
    fit_rounds(background, &samples, UR_BACKGROUND_TERMS);
}

void ur_background_residual_row(const struct ur_background *background,
                                const struct ur_picture *picture, int32_t y, float *out)
{
    const int32_t channels = picture->channels;
    const size_t first = (size_t)y * (size_t)(picture->width * channels);
    const uint8_t *row = picture->pixels + first;
    const float v = coordinate(y, picture->height);
    for (int32_t k = 0; k < channels; k++) {
        const double *c = background->terms[k];
        const double dv = (double)v;
        const float start = (float)(c[0] + dv * (c[2] + dv * c[5]));
        const float slope = (float)(c[1] + dv * c[4]);
        const float bend = (float)c[3];
        for (int32_t x = 0; x < picture->width; x++) {
            const float u = coordinate(x, picture->width);
            out[x * channels + k] =
                (float)row[x * channels + k] - (start + u * (slope + u * bend));
        }
    }
}
