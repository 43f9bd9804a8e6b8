#include "data/digits.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "data/digits_fit.h"
#include "data/digits_pen.h"
#include "data/digits_shapes.h"
#include "unroll/rng.h"

#ifndef WARP
#define WARP 0.7f
#define TREMOR 0.5f
#define ROUGH 0.2f
#define FINE 2.0f
#define ENDS 0.2f
#define FLICK 0.6f
#define THIN 0.25f
#endif
enum { UR_IMAGE_BYTES = UR_DIGITS_SIDE * UR_DIGITS_SIDE, UR_DIGITS_MAX_THREADS = 64 };

/* The numbers of one image, in the order in which they are drawn. */
struct draws {
    struct ur_rng_key key;
    uint32_t split, index, next; /* next counts words */
    uint32_t words[4];
};

static uint32_t draw_word(struct draws *draws)
{
    if (draws->next % 4 == 0)
        ur_rng_words(draws->key, draws->split, draws->index, draws->next / 4, draws->words);
    return draws->words[draws->next++ % 4];
}

static float uniform(struct draws *draws, float low, float high)
{
    return low + (high - low) * ur_rng_unit(draw_word(draws));
}

/* Normal, cut at two and a half deviations: a hand does not stray further. */
static float normal(struct draws *draws, float mean, float deviation)
{
    const uint32_t first = draw_word(draws);
    float z = ur_rng_normal(first, draw_word(draws));
    z = z > 2.5f ? 2.5f : z < -2.5f ? -2.5f : z;
    return mean + deviation * z;
}

static int32_t choose_style(const struct ur_digit_shape *shape, struct draws *draws)
{
    int32_t total = 0, style = 0;
    for (int32_t i = 0; i < shape->n_styles; i++)
        total += shape->styles[i].weight;
    int32_t left = (int32_t)(uniform(draws, 0, 1) * (float)total);
    while (style + 1 < shape->n_styles && left >= shape->styles[style].weight)
        left -= shape->styles[style++].weight;
    return style;
}

enum { UR_LINE_POINTS = 2 * UR_STYLE_POINTS };

struct line {
    int32_t n;
    struct ur_pen_point points[UR_LINE_POINTS]; /* x, y in -1..1 of the sheet of shapes */
    char pen[UR_LINE_POINTS];                   /* a letter a point, as in a style */
};

/*
 * A shape between the style's poses, with each point shaken a little. Shares of the poses come
 * from numbers that may be a little below zero, so that a shape can also lie just outside.
 */
static void set_points(const struct ur_digit_style *style, struct line *line,
                       struct draws *draws)
{
    float shares[UR_STYLE_POSES] = {0}, total = 0;
    for (int32_t pose = 0; pose < style->n_poses; pose++) {
        const float share = uniform(draws, 0, 1);
        shares[pose] = share * share - 0.06f;
        total += shares[pose] + 0.08f;
    }
    const float shake = uniform(draws, 0.02f, 0.10f);
    float sum = 0;
    for (int32_t pose = 1; pose < style->n_poses; pose++)
        sum += shares[pose] / total;
    line->n = (int32_t)strlen(style->pen);
    for (int32_t i = 0; i < line->n; i++) {
        float x = (1 - sum) * (float)style->poses[0][i].x;
        float y = (1 - sum) * (float)style->poses[0][i].y;
        for (int32_t pose = 1; pose < style->n_poses; pose++) {
            x += shares[pose] / total * (float)style->poses[pose][i].x;
            y += shares[pose] / total * (float)style->poses[pose][i].y;
        }
        line->points[i].x = x / 50 - 1 + normal(draws, 0, shake);
        line->points[i].y = y / 50 - 1 + normal(draws, 0, shake);
    }
    memcpy(line->pen, style->pen, (size_t)line->n);
}

/* A hasty hand rounds the corners; sometimes. */
static void round_corners(struct line *line, struct draws *draws)
{
    const float haste = uniform(draws, 0, 1) * uniform(draws, 0, 1);
    for (int32_t i = 0; i < line->n; i++)
        if (line->pen[i] == '^' && uniform(draws, 0, 1) < 0.5f * haste)
            line->pen[i] = '.';
}

static bool begins(const struct line *line, int32_t i)
{
    return line->pen[i] == 'M';
}

static bool ends(const struct line *line, int32_t i)
{
    return i + 1 == line->n || line->pen[i + 1] == 'M';
}

/* Strokes end a little before or behind where they were meant to. */
static void stray_ends(struct line *line, struct draws *draws)
{
    const float deviation = uniform(draws, 0, ENDS);
    for (int32_t i = 0; i < line->n; i++) {
        const int32_t inner = begins(line, i) ? i + 1 : ends(line, i) ? i - 1 : -1;
        if (inner < 0)
            continue;
        const float share = normal(draws, 0, deviation);
        line->points[i].x += share * (line->points[i].x - line->points[inner].x);
        line->points[i].y += share * (line->points[i].y - line->points[inner].y);
    }
}

/* Some strokes begin or end with a flick, a short piece in any direction. */
static void flick(struct line *line, struct draws *draws)
{
    struct line out = {.n = 0};
    const float habit = FLICK * uniform(draws, 0, 1) * uniform(draws, 0, 1);
    for (int32_t i = 0; i < line->n; i++) {
        const bool before = begins(line, i) && uniform(draws, 0, 1) < habit;
        const bool after = ends(line, i) && uniform(draws, 0, 1) < habit;
        const struct ur_pen_point here = line->points[i];
        const struct ur_pen_point away = {here.x + normal(draws, 0, 0.13f),
                                          here.y + normal(draws, 0, 0.13f), 0};
        if (before) {
            out.pen[out.n] = 'M';
            out.points[out.n++] = away;
        }
        out.pen[out.n] = before || after ? '^' : line->pen[i];
        if (!before && begins(line, i))
            out.pen[out.n] = 'M';
        out.points[out.n++] = here;
        if (after && !before) {
            out.pen[out.n] = '.';
            out.points[out.n++] = away;
        }
    }
    *line = out;
}

static void widen(const struct ur_digit_shape *shape, struct line *line, struct draws *draws)
{
    float width = shape->width * (1 + normal(draws, 0, shape->spread));
    if (width < 0.08f)
        width = 0.08f;
    for (int32_t i = 0; i < line->n; i++)
        line->points[i].x *= width;
}

/* Bends the sheet as a whole: a random polynomial of the third degree in x and y. */
static void bend(struct line *line, struct draws *draws)
{
    float cx[6], cy[6];
    for (int32_t k = 0; k < 6; k++) {
        const float deviation = k < 3 ? 0.14f : 0.09f;
        cx[k] = normal(draws, 0, deviation);
        cy[k] = normal(draws, 0, deviation);
    }
    for (int32_t i = 0; i < line->n; i++) {
        const float x = line->points[i].x, y = line->points[i].y;
        const float basis[6] = {x * x - 0.5f,       y * y - 0.5f,       x * y,
                                (x * x - 0.5f) * y, (y * y - 0.5f) * x, (y * y - 0.5f) * y};
        for (int32_t k = 0; k < 6; k++) {
            line->points[i].x += cx[k] * basis[k];
            line->points[i].y += cy[k] * basis[k];
        }
    }
}

/* Slant and turn. A small turn is a pair of shears: no sine decides a pixel. */
static void lean(const struct ur_digit_shape *shape, struct line *line, struct draws *draws)
{
    const float slant = normal(draws, shape->slant, 0.25f);
    const float turn = normal(draws, 0, 0.11f);
    for (int32_t i = 0; i < line->n; i++) {
        const float x = line->points[i].x - slant * line->points[i].y;
        const float y = line->points[i].y;
        line->points[i].x = x - turn * y;
        line->points[i].y = y + turn * x;
    }
}

/* Gives the lines their place on the sheet, and their size: `box`, ink included. */
static void place(struct line *line, float box, float radius)
{
    float low_x = line->points[0].x, high_x = low_x, low_y = line->points[0].y, high_y = low_y;
    for (int32_t i = 1; i < line->n; i++) {
        const struct ur_pen_point p = line->points[i];
        low_x = p.x < low_x ? p.x : low_x;
        high_x = p.x > high_x ? p.x : high_x;
        low_y = p.y < low_y ? p.y : low_y;
        high_y = p.y > high_y ? p.y : high_y;
    }
    const float side = high_x - low_x > high_y - low_y ? high_x - low_x : high_y - low_y;
    const float scale = (box - 2 * radius) / side;
    const float shorter = high_x - low_x < high_y - low_y ? high_x - low_x : high_y - low_y;
    const float room = THIN * shorter * scale;
    if (line->n > 4 && radius > room && room > 0.5f)
        for (int32_t i = 0; i < line->n; i++)
            line->points[i].radius *= room / radius;
    const float middle = (float)(UR_SHEET_SIDE - 1) / 2;
    for (int32_t i = 0; i < line->n; i++) {
        line->points[i].x = middle + (line->points[i].x - (low_x + high_x) / 2) * scale;
        line->points[i].y = middle + (line->points[i].y - (low_y + high_y) / 2) * scale;
    }
}

static void ink(const struct line *line, struct ur_pen *pen, struct ur_sheet *sheet)
{
    uint8_t corner[UR_LINE_POINTS];
    for (int32_t begin = 0; begin < line->n;) {
        int32_t end = begin + 1;
        while (end < line->n && line->pen[end] != 'M') {
            corner[end] = line->pen[end] == '^';
            end++;
        }
        ur_pen_stroke(sheet, pen, line->points + begin, corner + begin, end - begin);
        begin = end;
    }
}

/* Chooses the pen and how the paper is stretched under it. */
static void take_pen(struct ur_pen *pen, float fine, struct draws *draws)
{
    const float square = uniform(draws, -0.6f, 1);
    const float stretch = WARP * fine * uniform(draws, 0, 1);
    pen->flat = normal(draws, 0, 0.12f);
    pen->skew = normal(draws, 0, 0.25f);
    pen->square = square > 0 ? square : 0;
    pen->tremor = TREMOR * fine * uniform(draws, 0, 1) * uniform(draws, 0, 1);
    pen->rough = ROUGH * uniform(draws, 0, 1);
    pen->noise = draw_word(draws);
    for (int32_t i = 0; i < UR_WARP_NODES * UR_WARP_NODES; i++)
        for (int32_t k = 0; k < 2; k++)
            pen->warp[i / UR_WARP_NODES][i % UR_WARP_NODES][k] =
                stretch * (uniform(draws, -1, 1) + uniform(draws, -1, 1));
}

/* The line's width, in the final picture's pixels, and how it changes under way. */
static float press(struct line *line, float fine, struct draws *draws)
{
    const float share = uniform(draws, 0, 1) * uniform(draws, 0.35f, 1);
    const float extra = uniform(draws, 0, 1);
    const float width = 1.4f + 3.0f * share + (extra > 0.94f ? (extra - 0.94f) * 25 : 0);
    const float radius = 0.5f * width * fine;
    const float pressure = uniform(draws, 0, 0.18f);
    for (int32_t i = 0; i < line->n; i++)
        line->points[i].radius = radius * (1 + normal(draws, 0, pressure));
    return radius;
}

/* Dirt beside the digit, as scanners see it: a dot or two, on one sheet of thirty. */
static void soil(struct ur_sheet *sheet, struct ur_pen *pen, float fine, struct draws *draws)
{
    const float fate = uniform(draws, 0, 1);
    const float middle = (float)(UR_SHEET_SIDE - 1) / 2, reach = 11 * fine;
    for (float dots = 0.035f; fate < dots; dots *= 0.5f) {
        const float radius = uniform(draws, 0.15f, 0.6f) * fine;
        const struct ur_pen_point dot[2] = {
            {middle + uniform(draws, -reach, reach), middle + uniform(draws, -reach, reach),
             radius},
            {middle, middle, radius}};
        const struct ur_pen_point two[2] = {
            dot[0], {dot[0].x + uniform(draws, -fine, fine), dot[0].y, radius}};
        const uint8_t corner[2] = {0, 0};
        ur_pen_stroke(sheet, pen, two, corner, 2);
    }
}

int32_t ur_digits_draw(uint64_t seed, enum ur_digits_split split, uint32_t index,
                       uint8_t image[UR_DIGITS_SIDE * UR_DIGITS_SIDE])
{
    const struct ur_digit_shape *shape = &ur_digit_shapes[index % UR_DIGITS_CLASSES];
    struct draws draws = {.key = {.seed = seed, .purpose = UR_RNG_DIGITS},
                          .split = (uint32_t)split,
                          .index = index};
    const int32_t style = choose_style(shape, &draws);
    struct line line;
    struct ur_sheet sheet = {{{0}}};
    struct ur_pen pen;
    set_points(&shape->styles[style], &line, &draws);
    round_corners(&line, &draws);
    stray_ends(&line, &draws);
    flick(&line, &draws);
    widen(shape, &line, &draws);
    bend(&line, &draws);
    lean(shape, &line, &draws);
    const float fine = uniform(&draws, FINE, UR_SHEET_FINE);
    take_pen(&pen, fine, &draws);
    const float radius = press(&line, fine, &draws);
    place(&line, 20 * fine, radius);
    ink(&line, &pen, &sheet);
    soil(&sheet, &pen, fine, &draws);
    ur_digits_fit(&sheet, image);
    return style;
}

/* All threads take chunks of images until none is left; who draws an image changes nothing. */
enum { UR_CHUNK = 256 };

struct crew {
    const struct ur_digits_job *job;
    uint8_t *images;
    uint16_t *labels;
    atomic_int next;  /* chunk */
    atomic_bool over; /* nobody wants the rest */
};

static bool draw_chunk(struct crew *crew)
{
    const struct ur_digits_job *job = crew->job;
    const int64_t first = (int64_t)atomic_fetch_add(&crew->next, 1) * UR_CHUNK;
    for (int64_t i = first; i < first + UR_CHUNK && i < job->count; i++) {
        ur_digits_draw(job->seed, job->split, (uint32_t)i, crew->images + i * UR_IMAGE_BYTES);
        crew->labels[i] = (uint16_t)(i % UR_DIGITS_CLASSES);
    }
    return first + UR_CHUNK < job->count && !atomic_load(&crew->over);
}

static void *draw_chunks(void *argument)
{
    while (draw_chunk(argument)) {
    }
    return NULL;
}

/* A thread that cannot be started is no error: the others draw its share. */
enum ur_status ur_digits_draw_all(const struct ur_digits_job *job, uint8_t *images,
                                  uint16_t *labels)
{
    enum ur_status status = UR_OK;
    struct crew crew = {.job = job, .images = images, .labels = labels};
    pthread_t threads[UR_DIGITS_MAX_THREADS];
    int32_t n_threads = 0;
    while (n_threads + 1 < job->threads && n_threads < UR_DIGITS_MAX_THREADS &&
           pthread_create(&threads[n_threads], NULL, draw_chunks, &crew) == 0)
        n_threads++;
    while (status == UR_OK && draw_chunk(&crew)) {
        const float done = (float)atomic_load(&crew.next) * UR_CHUNK / (float)job->count;
        if (job->progress)
            status = job->progress(job->context, done < 1 ? done : 1);
    }
    atomic_store(&crew.over, status != UR_OK);
    for (int32_t i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    return status;
}
