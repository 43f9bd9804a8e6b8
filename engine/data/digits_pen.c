#include "data/digits_pen.h"

#include <math.h>
#include <string.h>

/* Rounds towards plus and minus infinity; lrintf would ask the CPU's rounding mode. */
static int32_t ceiling(float value)
{
    const int32_t whole = (int32_t)value;
    return (float)whole < value ? whole + 1 : whole;
}

static int32_t flooring(float value)
{
    const int32_t whole = (int32_t)value;
    return (float)whole > value ? whole - 1 : whole;
}

static int32_t clamp(int32_t value)
{
    return value < 0 ? 0 : value > UR_SHEET_SIDE ? UR_SHEET_SIDE : value;
}

/*
 * Inks every pixel whose centre lies under the nib at a point. Half the nib's width in a row is
 * between a circle's and a constant.
 */
static void stamp(struct ur_sheet *sheet, const struct ur_pen *pen, struct ur_pen_point point)
{
    const float wide = point.radius * (1 + pen->flat), high = point.radius * (1 - pen->flat);
    const int32_t first = clamp(ceiling(point.y - high));
    const int32_t end = clamp(flooring(point.y + high) + 1);
    for (int32_t row = first; row < end; row++) {
        const float dy = (float)row - point.y, share = dy / high;
        const float round = share * share < 1 ? sqrtf(1 - share * share) : 0;
        const float half = wide * (round + pen->square * (1 - round));
        const float middle = point.x + pen->skew * dy;
        const int32_t left = clamp(ceiling(middle - half));
        const int32_t right = clamp(flooring(middle + half) + 1);
        if (left < right)
            memset(&sheet->ink[row][left], 1, (size_t)(right - left));
    }
}

/* Gives a number in -1..1. Xorshift: Marsaglia, "Xorshift RNGs", 2003. */
static float noise(uint32_t *state)
{
    uint32_t word = *state | 1;
    word ^= word << 13;
    word ^= word >> 17;
    word ^= word << 5;
    *state = word;
    return (float)(word >> 8) * 0x1p-23f - 1;
}

/* Moves a point as the paper is stretched there: between the four nodes around it. */
static struct ur_pen_point warp(const struct ur_pen *pen, struct ur_pen_point point)
{
    const float most = (float)UR_SHEET_SIDE - 1;
    const float x = point.x < 0 ? 0 : point.x > most ? most : point.x;
    const float y = point.y < 0 ? 0 : point.y > most ? most : point.y;
    const int32_t column = (int32_t)x / UR_WARP_STEP, row = (int32_t)y / UR_WARP_STEP;
    const float u = x / UR_WARP_STEP - (float)column, v = y / UR_WARP_STEP - (float)row;
    const float *a = pen->warp[row][column], *b = pen->warp[row][column + 1];
    const float *c = pen->warp[row + 1][column], *d = pen->warp[row + 1][column + 1];
    point.x += (1 - v) * (a[0] + u * (b[0] - a[0])) + v * (c[0] + u * (d[0] - c[0]));
    point.y += (1 - v) * (a[1] + u * (b[1] - a[1])) + v * (c[1] + u * (d[1] - c[1]));
    return point;
}

/* A cubic by its end points and tangents (Hermite): value at t in 0..1. */
static float hermite(float from, float to, float tangent_from, float tangent_to, float t)
{
    const float t2 = t * t, t3 = t2 * t;
    const float h01 = 3 * t2 - 2 * t3;
    return from + (to - from) * h01 + tangent_from * (t3 - 2 * t2 + t) + tangent_to * (t3 - t2);
}

static float distance(struct ur_pen_point a, struct ur_pen_point b)
{
    const float dx = a.x - b.x, dy = a.y - b.y;
    return sqrtf(dx * dx + dy * dy);
}

struct tangent {
    float x, y;
};

/*
 * The direction of the curve at point i, per unit of chord, as seen from the chord on one side
 * of it. Where chords differ much in length the shorter one says more about the direction
 * (a circle through the three points), which keeps the curve from swinging out.
 */
static struct tangent tangent_at(const struct ur_pen_point *points, const uint8_t *corner,
                                 int32_t n, int32_t i)
{
    if (i == 0 || i == n - 1 || corner[i])
        return (struct tangent){0, 0};
    const struct ur_pen_point a = points[i - 1], b = points[i], c = points[i + 1];
    const float before = distance(a, b) + 1e-3f, after = distance(b, c) + 1e-3f;
    const float total = before + after;
    return (struct tangent){
        ((b.x - a.x) / before * after + (c.x - b.x) / after * before) / total,
        ((b.y - a.y) / before * after + (c.y - b.y) / after * before) / total};
}

/* At an end or a corner the curve leaves along the parabola that the other end's tangent and
 * the chord ask for. */
static struct tangent free_end(struct ur_pen_point from, struct ur_pen_point to,
                               struct tangent other)
{
    const float chord = distance(from, to) + 1e-3f;
    return (struct tangent){1.5f * (to.x - from.x) / chord - 0.5f * other.x,
                            1.5f * (to.y - from.y) / chord - 0.5f * other.y};
}

/* One cubic piece of a stroke, by its ends and the tangents there. */
struct piece {
    struct ur_pen_point from, to;
    struct tangent leave, arrive;
};

/* The hand's deviation from the line that it means to draw. */
struct shake {
    float x, y, radius;
};

static struct shake next_shake(struct ur_pen *pen)
{
    return (struct shake){pen->tremor * noise(&pen->noise), pen->tremor * noise(&pen->noise),
                          pen->rough * noise(&pen->noise)};
}

/* The deviation changes evenly between two values, which are UR_SHAKE_STAMPS stamps apart. */
enum { UR_SHAKE_STAMPS = 6 };

static void draw_piece(struct ur_sheet *sheet, struct ur_pen *pen, const struct piece *piece)
{
    const struct ur_pen_point from = piece->from, to = piece->to;
    const float chord = distance(from, to);
    const int32_t steps = (int32_t)(chord * 1.3f) + 1;
    struct shake last = {0}, next = next_shake(pen);
    for (int32_t i = 0; i <= steps; i++) {
        const float t = (float)i / (float)steps;
        const float s = (float)(i % UR_SHAKE_STAMPS) / UR_SHAKE_STAMPS;
        if (i > 0 && i % UR_SHAKE_STAMPS == 0) {
            last = next;
            next = next_shake(pen);
        }
        struct ur_pen_point point = {
            hermite(from.x, to.x, piece->leave.x * chord, piece->arrive.x * chord, t),
            hermite(from.y, to.y, piece->leave.y * chord, piece->arrive.y * chord, t),
            from.radius + (to.radius - from.radius) * t};
        point = warp(pen, point);
        point.x += last.x + (next.x - last.x) * s;
        point.y += last.y + (next.y - last.y) * s;
        point.radius *= 1 + last.radius + (next.radius - last.radius) * s;
        stamp(sheet, pen, point);
    }
}

void ur_pen_stroke(struct ur_sheet *sheet, struct ur_pen *pen,
                   const struct ur_pen_point *points, const uint8_t *corner, int32_t n)
{
    for (int32_t i = 0; i + 1 < n; i++) {
        const int is_free_from = i == 0 || corner[i];
        const int is_free_to = i + 2 == n || corner[i + 1];
        struct piece piece = {points[i], points[i + 1], tangent_at(points, corner, n, i),
                              tangent_at(points, corner, n, i + 1)};
        if (is_free_from && is_free_to) {
            const float chord = distance(points[i], points[i + 1]) + 1e-3f;
            piece.leave = (struct tangent){(points[i + 1].x - points[i].x) / chord,
                                           (points[i + 1].y - points[i].y) / chord};
            piece.arrive = piece.leave;
        } else if (is_free_from) {
            piece.leave = free_end(points[i], points[i + 1], piece.arrive);
        } else if (is_free_to) {
            piece.arrive = free_end(points[i], points[i + 1], piece.leave);
        }
        draw_piece(sheet, pen, &piece);
    }
}
