#include "data/digits_hand.h"

#include <stdbool.h>

static int32_t choose_style(const struct ur_digit_shape *shape, struct ur_draws *draws)
{
    int32_t total = 0, style = 0;
    for (int32_t i = 0; i < shape->n_styles; i++)
        total += shape->styles[i].weight;
    int32_t left = (int32_t)(ur_draw_uniform(draws, 0, 1) * (float)total);
    while (style + 1 < shape->n_styles && left >= shape->styles[style].weight)
        left -= shape->styles[style++].weight;
    return style;
}

/*
 * A shape between the style's poses, with each point shaken a little. Shares of the poses come
 * from numbers that may be a little below zero, so that a shape can also lie just outside.
 */
static void set_points(const struct ur_digit_style *style, struct ur_line *line,
                       struct ur_draws *draws)
{
    float shares[UR_STYLE_POSES] = {0}, total = 0;
    for (int32_t pose = 0; pose < style->n_poses; pose++) {
        const float share = ur_draw_uniform(draws, 0, 1);
        shares[pose] = share * share - 0.06f;
        total += shares[pose] + 0.08f;
    }
    const float shake = ur_draw_uniform(draws, 0.02f, 0.10f);
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
        line->points[i].x = x / 50 - 1 + ur_draw_normal(draws, 0, shake);
        line->points[i].y = y / 50 - 1 + ur_draw_normal(draws, 0, shake);
    }
    memcpy(line->pen, style->pen, (size_t)line->n);
}

/* A hasty hand rounds the corners; sometimes. */
static void round_corners(struct ur_line *line, struct ur_draws *draws)
{
    const float haste = ur_draw_uniform(draws, 0, 1) * ur_draw_uniform(draws, 0, 1);
    for (int32_t i = 0; i < line->n; i++)
        if (line->pen[i] == '^' && ur_draw_uniform(draws, 0, 1) < 0.5f * haste)
            line->pen[i] = '.';
}

static bool begins(const struct ur_line *line, int32_t i)
{
    return line->pen[i] == 'M';
}

static bool ends(const struct ur_line *line, int32_t i)
{
    return i + 1 == line->n || line->pen[i + 1] == 'M';
}

/* Strokes end a little before or behind where they were meant to. */
static void stray_ends(struct ur_line *line, struct ur_draws *draws)
{
    const float deviation = ur_draw_uniform(draws, 0, 0.2f);
    for (int32_t i = 0; i < line->n; i++) {
        const int32_t inner = begins(line, i) ? i + 1 : ends(line, i) ? i - 1 : -1;
        if (inner < 0)
            continue;
        const float share = ur_draw_normal(draws, 0, deviation);
        line->points[i].x += share * (line->points[i].x - line->points[inner].x);
        line->points[i].y += share * (line->points[i].y - line->points[inner].y);
    }
}

/* Some strokes begin or end with a flick, a short piece in any direction. */
static void flick(struct ur_line *line, struct ur_draws *draws)
{
    struct ur_line out = {.n = 0};
    const float habit = 0.6f * ur_draw_uniform(draws, 0, 1) * ur_draw_uniform(draws, 0, 1);
    for (int32_t i = 0; i < line->n; i++) {
        const bool before = begins(line, i) && ur_draw_uniform(draws, 0, 1) < habit;
        const bool after = ends(line, i) && ur_draw_uniform(draws, 0, 1) < habit;
        const struct ur_pen_point here = line->points[i];
        const struct ur_pen_point away = {here.x + ur_draw_normal(draws, 0, 0.13f),
                                          here.y + ur_draw_normal(draws, 0, 0.13f), 0};
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

static void widen(const struct ur_digit_shape *shape, struct ur_line *line,
                  struct ur_draws *draws)
{
    float width = shape->width * (1 + ur_draw_normal(draws, 0, shape->spread));
    if (width < 0.08f)
        width = 0.08f;
    for (int32_t i = 0; i < line->n; i++)
        line->points[i].x *= width;
}

/* Bends the sheet as a whole: a random polynomial of the third degree in x and y. */
static void bend(struct ur_line *line, struct ur_draws *draws)
{
    float cx[6], cy[6];
    for (int32_t k = 0; k < 6; k++) {
        const float deviation = k < 3 ? 0.14f : 0.09f;
        cx[k] = ur_draw_normal(draws, 0, deviation);
        cy[k] = ur_draw_normal(draws, 0, deviation);
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
static void lean(const struct ur_digit_shape *shape, struct ur_line *line,
                 struct ur_draws *draws)
{
    const float slant = ur_draw_normal(draws, shape->slant, 0.25f);
    const float turn = ur_draw_normal(draws, 0, 0.11f);
    for (int32_t i = 0; i < line->n; i++) {
        const float x = line->points[i].x - slant * line->points[i].y;
        const float y = line->points[i].y;
        line->points[i].x = x - turn * y;
        line->points[i].y = y + turn * x;
    }
}

int32_t ur_hand_write(const struct ur_digit_shape *shape, struct ur_line *line,
                      struct ur_draws *draws)
{
    const int32_t style = choose_style(shape, draws);
    set_points(&shape->styles[style], line, draws);
    round_corners(line, draws);
    stray_ends(line, draws);
    flick(line, draws);
    widen(shape, line, draws);
    bend(line, draws);
    lean(shape, line, draws);
    return style;
}
