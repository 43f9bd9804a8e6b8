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

/* Inks every pixel whose centre lies within radius of the point. */
static void stamp(struct ur_sheet *sheet, struct ur_pen_point point)
{
    const int32_t first = clamp(ceiling(point.y - point.radius));
    const int32_t end = clamp(flooring(point.y + point.radius) + 1);
    for (int32_t row = first; row < end; row++) {
        const float dy = (float)row - point.y;
        const float square = point.radius * point.radius - dy * dy;
        const float half = square > 0 ? sqrtf(square) : 0;
        const int32_t left = clamp(ceiling(point.x - half));
        const int32_t right = clamp(flooring(point.x + half) + 1);
        if (left < right)
            memset(&sheet->ink[row][left], 1, (size_t)(right - left));
    }
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

static void draw_piece(struct ur_sheet *sheet, struct ur_pen_point from, struct ur_pen_point to,
                       struct tangent leave, struct tangent arrive)
{
    const float chord = distance(from, to);
    const int32_t steps = (int32_t)(chord * 1.3f) + 1;
    for (int32_t i = 0; i <= steps; i++) {
        const float t = (float)i / (float)steps;
        stamp(sheet,
              (struct ur_pen_point){hermite(from.x, to.x, leave.x * chord, arrive.x * chord, t),
                                    hermite(from.y, to.y, leave.y * chord, arrive.y * chord, t),
                                    from.radius + (to.radius - from.radius) * t});
    }
}

void ur_pen_stroke(struct ur_sheet *sheet, const struct ur_pen_point *points,
                   const uint8_t *corner, int32_t n)
{
    for (int32_t i = 0; i + 1 < n; i++) {
        const int is_free_from = i == 0 || corner[i];
        const int is_free_to = i + 2 == n || corner[i + 1];
        struct tangent leave = tangent_at(points, corner, n, i);
        struct tangent arrive = tangent_at(points, corner, n, i + 1);
        if (is_free_from && is_free_to) {
            const float chord = distance(points[i], points[i + 1]) + 1e-3f;
            leave = (struct tangent){(points[i + 1].x - points[i].x) / chord,
                                     (points[i + 1].y - points[i].y) / chord};
            arrive = leave;
        } else if (is_free_from) {
            leave = free_end(points[i], points[i + 1], arrive);
        } else if (is_free_to) {
            arrive = free_end(points[i], points[i + 1], leave);
        }
        draw_piece(sheet, points[i], points[i + 1], leave, arrive);
    }
}
