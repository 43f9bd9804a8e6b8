/* However a digit was drawn, the network gets it as MNIST was made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "infer/centre.h"
#include "infer/image.h"
#include "near.h"
#include "pictures.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE };

static const struct {
    const double (*points)[2];
    int32_t count;
} digits[] = {{seven, 3}, {four, 4}, {two, 6}, {one, 2}};

enum { DIGITS = sizeof digits / sizeof digits[0] };

/* Where and how a digit stands on its paper. */
struct drawing {
    int32_t width, height;
    double left, top, side, radius;
    struct colour ink, paper;
};

static const struct drawing plain = {280, 280, 60, 60, 160, 11, BLACK, WHITE};

static struct canvas draw(const struct drawing *drawing, int digit)
{
    struct canvas canvas = canvas_make(drawing->width, drawing->height, drawing->paper);
    canvas_draw(&canvas, digits[digit].points, digits[digit].count, drawing->left, drawing->top,
                drawing->side, drawing->radius, drawing->ink);
    return canvas;
}

static void read_body(struct bytes file, uint8_t *out)
{
    struct ur_error error = {0};
    if (ur_image_read(file.data, file.size, UR_PREPROCESS_AUTO, SIDE, SIDE, out, &error))
        fail_msg("%s", error.detail);
    free(file.data);
}

static void read_canvas(struct canvas *canvas, uint8_t *out)
{
    read_body(png_rgba(canvas), out);
    canvas_free(canvas);
}

static void read_drawing(const struct drawing *drawing, int digit, uint8_t *out)
{
    struct canvas canvas = draw(drawing, digit);
    read_canvas(&canvas, out);
}

/* Mean difference of a from b moved by (dx, dy), in grey levels. */
static double difference_moved(const uint8_t *a, const uint8_t *b, int dx, int dy)
{
    double sum = 0.0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const int from_x = x + dx, from_y = y + dy;
            const bool inside = from_x >= 0 && from_y >= 0 && from_x < SIDE && from_y < SIDE;
            sum += abs(a[y * SIDE + x] - (inside ? b[from_y * SIDE + from_x] : 0));
        }
    return sum / PIXELS;
}

/* The same, of the best of nine places: a centre of mass halfway between two pixels goes to
 * either. A digit of MNIST is 33 from an empty picture. */
static double difference(const uint8_t *a, const uint8_t *b)
{
    double best = 255.0;
    for (int place = 0; place < 9; place++)
        best = fmin(best, difference_moved(a, b, place % 3 - 1, place / 3 - 1));
    return best;
}

static void check_like(const uint8_t *got, const uint8_t *reference, double most, int what)
{
    const double off = difference(got, reference);
    if (!(off <= most))
        fail_msg("digit %d is %.2f levels off, more than %.2f", what, off, most);
}

/* As measured on MNIST's own files: 20 pixels long, its centre of mass on (14, 14). */
static void test_the_measures_of_mnist(void **state)
{
    (void)state;
    for (int digit = 0; digit < DIGITS; digit++) {
        uint8_t out[PIXELS];
        double sum = 0.0, x_sum = 0.0, y_sum = 0.0;
        int32_t left = SIDE, right = 0, top = SIDE, bottom = 0, most = 0;
        read_drawing(&plain, digit, out);
        for (int32_t y = 0; y < SIDE; y++)
            for (int32_t x = 0; x < SIDE; x++) {
                const int32_t level = out[y * SIDE + x];
                sum += level;
                x_sum += level * x;
                y_sum += level * y;
                most = level > most ? level : most;
                if (level == 0)
                    continue;
                left = x < left ? x : left;
                right = x + 1 > right ? x + 1 : right;
                top = y < top ? y : top;
                bottom = y + 1;
            }
        assert_int_equal(right - left > bottom - top ? right - left : bottom - top, 20);
        assert_true(most >= 250);
        assert_near(x_sum / sum, 14.0, 0.5001);
        assert_near(y_sum / sum, 14.0, 0.5001);
        assert_true(ur_centre_done(out, SIDE, SIDE));
    }
}

static void test_size_place_and_colours_do_not_matter(void **state)
{
    (void)state;
    static const struct drawing same_size[] = {
        {280, 280, 60, 60, 160, 11, WHITE, BLACK},
        {280, 280, 60, 60, 160, 11, BLACK, {0, 0, 0, 0}}, /* on transparent paper */
        {280, 280, 110, 5, 160, 11, BLACK, WHITE},        /* in a corner */
        {280, 280, 60, 60, 160, 11, {200, 30, 30, 255}, {60, 120, 60, 255}},
        {280, 280, 60, 60, 160, 11, {90, 90, 110, 255}, {120, 120, 120, 255}}, /* pale */
        {280, 280, 60, 60, 160, 11, {250, 240, 20, 255}, {20, 30, 120, 255}},
    };
    /* The box is whole pixels of the picture, so a small one may end half a pixel elsewhere. */
    static const struct drawing resized[] = {
        {1500, 1100, 300, 200, 800, 55, BLACK, WHITE},
        {100, 100, 20, 30, 60, 4.125, BLACK, WHITE},
        {700, 90, 300, 5, 80, 5.5, BLACK, WHITE},
    };
    for (int digit = 0; digit < DIGITS; digit++) {
        uint8_t reference[PIXELS], out[PIXELS];
        read_drawing(&plain, digit, reference);
        for (size_t k = 0; k < sizeof same_size / sizeof same_size[0]; k++) {
            read_drawing(&same_size[k], digit, out);
            check_like(out, reference, 0.1, digit);
        }
        for (size_t k = 0; k < sizeof resized / sizeof resized[0]; k++) {
            read_drawing(&resized[k], digit, out);
            check_like(out, reference, 10.0, digit);
        }
    }
}

static void test_jpeg(void **state)
{
    (void)state;
    for (int digit = 0; digit < DIGITS; digit++) {
        uint8_t reference[PIXELS], out[PIXELS];
        read_drawing(&plain, digit, reference);
        for (int quality = 30; quality <= 90; quality += 30) {
            struct canvas canvas = draw(&plain, digit);
            read_body(jpeg_of(&canvas, JCS_RGB, ONE_SCAN, quality), out);
            check_like(out, reference, quality > 30 ? 0.5 : 10.0, digit);
            canvas_free(&canvas);
        }
    }
}

/* Light from one side, darker corners, and grain. */
static void shade(struct canvas *canvas)
{
    for (int32_t y = 0; y < canvas->height; y++)
        for (int32_t x = 0; x < canvas->width; x++) {
            const double u = 2.0 * x / canvas->width - 1, v = 2.0 * y / canvas->height - 1;
            const uint32_t grain = ((uint32_t)(y * 977 + x) * 2654435761u) >> 16 & 15;
            const double light = 0.8 + 0.12 * u - 0.1 * v - 0.08 * (u * u + v * v);
            for (int k = 0; k < 3; k++) {
                uint8_t *at = &canvas->rgba[4 * (y * canvas->width + x) + k];
                *at = (uint8_t)(*at * light * 0.93 + grain);
            }
        }
}

static void test_paper(void **state)
{
    (void)state;
    for (int digit = 0; digit < DIGITS; digit++) {
        uint8_t reference[PIXELS], out[PIXELS];
        struct canvas canvas = draw(&plain, digit);
        read_drawing(&plain, digit, reference);
        shade(&canvas);
        read_body(jpeg_of(&canvas, JCS_RGB, ONE_SCAN, 70), out);
        check_like(out, reference, 5.0, digit);
        canvas_free(&canvas);
    }
}

/* Dust in a corner and a dark edge of the photo, heavier than the digit, neither widen the box
 * nor move the centre. */
static void test_specks_are_not_the_digit(void **state)
{
    (void)state;
    for (int digit = 0; digit < DIGITS; digit++) {
        uint8_t reference[PIXELS], out[PIXELS];
        struct canvas canvas = draw(&plain, digit);
        read_drawing(&plain, digit, reference);
        for (int32_t k = 0; k < 9; k++)
            canvas_ink(&canvas, 10 + k % 3, 8 + k / 3, black, 1.0);
        for (int32_t y = 0; y < 280; y++)
            for (int32_t x = 250; x < 280; x++)
                canvas_ink(&canvas, x, y, black, 1.0);
        read_canvas(&canvas, out);
        check_like(out, reference, 0.5, digit);
    }
}

/* A 5 whose bar stands apart, a 4 of two strokes: what is near and not light stays. */
static void test_broken_strokes_stay_together(void **state)
{
    (void)state;
    static const double bar[][2] = {{0.75, 0.1}, {0.95, 0.1}};
    struct canvas canvas = canvas_make(280, 280, white);
    uint8_t out[PIXELS];
    canvas_draw(&canvas, one, 2, 60, 60, 160, 11, black);
    canvas_draw(&canvas, bar, 2, 60, 60, 160, 11, black);
    read_canvas(&canvas, out);
    int32_t stretches = 0; /* of ink in the row with the bar: the stroke's and the bar's */
    for (int32_t x = 1; x < SIDE; x++)
        stretches += out[9 * SIDE + x] > 128 && out[9 * SIDE + x - 1] <= 128;
    assert_int_equal(stretches, 2);
}

/* Two digits are no digit, but both are shown: the picture that was seen says what went
 * wrong. */
static void test_a_second_digit_is_not_hidden(void **state)
{
    (void)state;
    struct canvas canvas = canvas_make(600, 200, white);
    uint8_t out[PIXELS];
    canvas_draw(&canvas, one, 2, 20, 20, 160, 11, black);
    canvas_draw(&canvas, one, 2, 420, 20, 160, 11, black);
    read_canvas(&canvas, out);
    int32_t thirds[3] = {0};
    for (int32_t k = 0; k < PIXELS; k++)
        thirds[k % SIDE * 3 / SIDE] += out[k];
    assert_true(thirds[0] > 0 && thirds[1] == 0 && thirds[2] > 0);
}

/* A hairline is drawn as black as a pen's stroke, and no thicker than one. */
static void test_hairlines(void **state)
{
    (void)state;
    for (int digit = 0; digit < DIGITS; digit++) {
        const struct drawing thin = {400, 400, 80, 80, 240, 0.5, BLACK, WHITE};
        uint8_t reference[PIXELS], out[PIXELS];
        double ink = 0.0, usual = 0.0;
        read_drawing(&plain, digit, reference);
        read_drawing(&thin, digit, out);
        int most = 0;
        for (int k = 0; k < PIXELS; k++) {
            ink += out[k];
            usual += reference[k];
            most = out[k] > most ? out[k] : most;
        }
        assert_true(most >= 200);
        assert_true(ink > 0.5 * usual && ink < 1.3 * usual);
    }
}

/* What is as MNIST already comes out as it went in; turned round or moved, nearly so. */
static void test_finished_pictures_stay(void **state)
{
    (void)state;
    for (int digit = 0; digit < DIGITS; digit++) {
        uint8_t reference[PIXELS], turned[PIXELS], moved[PIXELS] = {0}, out[PIXELS];
        read_drawing(&plain, digit, reference);
        assert_int_equal(
            ur_image_read(reference, PIXELS, UR_PREPROCESS_AUTO, SIDE, SIDE, out, NULL), UR_OK);
        assert_memory_equal(out, reference, PIXELS);

        for (int k = 0; k < PIXELS; k++)
            turned[k] = (uint8_t)(255 - reference[k]);
        assert_int_equal(
            ur_image_read(turned, PIXELS, UR_PREPROCESS_AUTO, SIDE, SIDE, out, NULL), UR_OK);
        check_like(out, reference, 2.0, digit);

        for (int y = 0; y < SIDE - 3; y++)
            memcpy(moved + y * SIDE, reference + (y + 3) * SIDE + 2, SIDE - 2);
        assert_int_equal(
            ur_image_read(moved, PIXELS, UR_PREPROCESS_AUTO, SIDE, SIDE, out, NULL), UR_OK);
        check_like(out, reference, 2.0, digit);
    }
}

static void expect_blank(struct canvas *canvas)
{
    uint8_t out[PIXELS];
    struct ur_error error = {0};
    struct bytes file = png_rgba(canvas);
    assert_int_equal(
        ur_image_read(file.data, file.size, UR_PREPROCESS_AUTO, SIDE, SIDE, out, &error),
        UR_NO_DIGIT);
    assert_true(error.detail[0] != '\0');
    free(file.data);
    canvas_free(canvas);
}

static void test_blank(void **state)
{
    (void)state;
    static const struct colour papers[] = {WHITE, BLACK, {0, 0, 0, 0}, {250, 245, 230, 255}};
    for (size_t k = 0; k < sizeof papers / sizeof papers[0]; k++) {
        struct canvas canvas = canvas_make(280, 280, papers[k]);
        expect_blank(&canvas);
    }
    struct canvas paper = canvas_make(280, 280, white);
    shade(&paper);
    expect_blank(&paper);
    struct canvas speck = canvas_make(280, 280, white);
    canvas_ink(&speck, 100, 100, black, 1.0);
    expect_blank(&speck);
    struct canvas faint =
        draw(&(struct drawing){280, 280, 60, 60, 160, 11, {247, 247, 247, 255}, WHITE}, 0);
    expect_blank(&faint);
    struct canvas noise = canvas_make(200, 200, white);
    for (uint32_t k = 0; k < 200 * 200; k++)
        memset(noise.rgba + 4 * k, (int)(k * 2654435761u >> 24), 3);
    expect_blank(&noise);
    struct canvas dot = canvas_make(1, 1, black);
    expect_blank(&dot);

    uint8_t raw[PIXELS], out[PIXELS];
    for (int level = 0; level <= 255; level += 51) {
        memset(raw, level, sizeof raw);
        assert_int_equal(ur_image_read(raw, PIXELS, UR_PREPROCESS_AUTO, SIDE, SIDE, out, NULL),
                         UR_NO_DIGIT);
    }
}

/* Other shapes keep the proportion: the digit in the middle, five sevenths of the smaller
 * side. */
static void test_other_shapes(void **state)
{
    (void)state;
    static const int32_t shapes[][2] = {{8, 8}, {14, 14}, {56, 56}, {20, 40}, {64, 16}};
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        const int32_t steps = shapes[k][0], width = shapes[k][1];
        struct canvas canvas = draw(&plain, 0);
        struct bytes file = png_rgba(&canvas);
        uint8_t out[64 * 64];
        double sum = 0.0, x_sum = 0.0, y_sum = 0.0;
        assert_int_equal(
            ur_image_read(file.data, file.size, UR_PREPROCESS_AUTO, steps, width, out, NULL),
            UR_OK);
        for (int32_t at = 0; at < steps * width; at++) {
            sum += out[at];
            x_sum += out[at] * (at % width);
            y_sum += out[at] * (at / width);
        }
        assert_near(x_sum / sum, width / 2, 0.5001);
        assert_near(y_sum / sum, steps / 2, 0.5001);
        free(file.data);
        canvas_free(&canvas);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_measures_of_mnist),
        cmocka_unit_test(test_size_place_and_colours_do_not_matter),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_paper),
        cmocka_unit_test(test_specks_are_not_the_digit),
        cmocka_unit_test(test_broken_strokes_stay_together),
        cmocka_unit_test(test_a_second_digit_is_not_hidden),
        cmocka_unit_test(test_hairlines),
        cmocka_unit_test(test_finished_pictures_stay),
        cmocka_unit_test(test_blank),
        cmocka_unit_test(test_other_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
