#include "data/digits_paper.h"

/* Gives the lines their place on the sheet, and their size: `box`, ink included. */
static void place(struct ur_line *line, float box, float radius)
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
    const float room = 0.25f * shorter * scale;
    if (line->n > 4 && radius > room && room > 0.5f)
        for (int32_t i = 0; i < line->n; i++)
            line->points[i].radius *= room / radius;
    const float middle = (float)(UR_SHEET_SIDE - 1) / 2;
    for (int32_t i = 0; i < line->n; i++) {
        line->points[i].x = middle + (line->points[i].x - (low_x + high_x) / 2) * scale;
        line->points[i].y = middle + (line->points[i].y - (low_y + high_y) / 2) * scale;
    }
}

static void ink(const struct ur_line *line, struct ur_pen *pen, struct ur_sheet *sheet)
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
static void take_pen(struct ur_pen *pen, float fine, struct ur_draws *draws)
{
    const float square = ur_draw_uniform(draws, -0.6f, 1);
    const float stretch = 0.7f * fine * ur_draw_uniform(draws, 0, 1);
    pen->flat = ur_draw_normal(draws, 0, 0.12f);
    pen->skew = ur_draw_normal(draws, 0, 0.25f);
    pen->square = square > 0 ? square : 0;
    pen->tremor = 0.5f * fine * ur_draw_uniform(draws, 0, 1) * ur_draw_uniform(draws, 0, 1);
    pen->rough = 0.2f * ur_draw_uniform(draws, 0, 1);
    pen->noise = ur_draw_word(draws);
    for (int32_t i = 0; i < UR_WARP_NODES * UR_WARP_NODES; i++)
        for (int32_t k = 0; k < 2; k++)
            pen->warp[i / UR_WARP_NODES][i % UR_WARP_NODES][k] =
                stretch * (ur_draw_uniform(draws, -1, 1) + ur_draw_uniform(draws, -1, 1));
}

/* The line's width, in the final picture's pixels, and how it changes under way. */
static float press(struct ur_line *line, float fine, struct ur_draws *draws)
{
    const float share = ur_draw_uniform(draws, 0, 1) * ur_draw_uniform(draws, 0.35f, 1);
    const float extra = ur_draw_uniform(draws, 0, 1);
    const float width = 1.4f + 2.6f * share + (extra > 0.94f ? (extra - 0.94f) * 25 : 0);
    const float radius = 0.5f * width * fine;
    const float pressure = ur_draw_uniform(draws, 0, 0.18f);
    for (int32_t i = 0; i < line->n; i++)
        line->points[i].radius = radius * (1 + ur_draw_normal(draws, 0, pressure));
    return radius;
}

/* A dot on one sheet of thirty, and with each half of those that have some, one more. */
static int32_t dot_count(float fate)
{
    int32_t n = 0;
    float share = 0.035f;
    while (fate < share) {
        share *= 0.5f;
        n++;
    }
    return n;
}

/* Dirt beside the digit, as scanners see it. */
static void soil(struct ur_sheet *sheet, struct ur_pen *pen, float fine, struct ur_draws *draws)
{
    const float fate = ur_draw_uniform(draws, 0, 1);
    const float middle = (float)(UR_SHEET_SIDE - 1) / 2, reach = 11 * fine;
    for (int32_t dots = dot_count(fate); dots > 0; dots--) {
        const float radius = ur_draw_uniform(draws, 0.15f, 0.6f) * fine;
        const struct ur_pen_point dot[2] = {{middle + ur_draw_uniform(draws, -reach, reach),
                                             middle + ur_draw_uniform(draws, -reach, reach),
                                             radius},
                                            {middle, middle, radius}};
        const struct ur_pen_point two[2] = {
            dot[0], {dot[0].x + ur_draw_uniform(draws, -fine, fine), dot[0].y, radius}};
        const uint8_t corner[2] = {0, 0};
        ur_pen_stroke(sheet, pen, two, corner, 2);
    }
}

void ur_paper_ink(struct ur_line *line, struct ur_sheet *sheet, struct ur_draws *draws)
{
    struct ur_pen pen;
    const float fine = ur_draw_uniform(draws, 2.0f, UR_SHEET_FINE);
    take_pen(&pen, fine, draws);
    const float radius = press(line, fine, draws);
    place(line, 20 * fine, radius);
    ink(line, &pen, sheet);
    soil(sheet, &pen, fine, draws);
}
