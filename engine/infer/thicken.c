#include "infer/thicken.h"

static const float inked = 127.0f;

static bool is_ink(const struct ur_ink *ink, const struct ur_box *box, int32_t x, int32_t y)
{
    return x >= box->left && y >= box->top && x < box->right && y < box->bottom &&
           ink->level[y * ink->width + x] > inked;
}

/* The outline of a slanted stroke runs along a staircase, longer than it by 4 / pi on average
 * over all directions; a stroke of width w and length l has the area w l and the outline 2
 * l. */
float ur_stroke_width(const struct ur_ink *ink, const struct ur_box *box)
{
    int64_t area = 0, edges = 0;
    for (int32_t y = box->top; y < box->bottom; y++)
        for (int32_t x = box->left; x < box->right; x++) {
            if (!is_ink(ink, box, x, y))
                continue;
            area++;
            edges += !is_ink(ink, box, x - 1, y) + !is_ink(ink, box, x + 1, y) +
                     !is_ink(ink, box, x, y - 1) + !is_ink(ink, box, x, y + 1);
        }
    const float staircase = 1.2732395f;
    return edges > 0 ? 2.0f * staircase * (float)area / (float)edges : 0.0f;
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

/* Takes the most of each pixel and its four neighbours. */
static void spread_once(const float *in, float *out, int32_t width, int32_t height)
{
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            const int32_t at = y * width + x;
            float most = in[at];
            most = larger(most, x > 0 ? in[at - 1] : 0.0f);
            most = larger(most, x + 1 < width ? in[at + 1] : 0.0f);
            most = larger(most, y > 0 ? in[at - width] : 0.0f);
            most = larger(most, y + 1 < height ? in[at + width] : 0.0f);
            out[at] = most;
        }
}

void ur_stroke_thicken(float *level, float *scratch, int32_t width, int32_t height,
                       int32_t pixels)
{
    const size_t bytes = (size_t)width * (size_t)height * sizeof *level;
    for (int32_t k = 0; k < pixels; k++) {
        spread_once(level, scratch, width, height);
        memcpy(level, scratch, bytes);
    }
}
