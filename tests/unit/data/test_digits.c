/* The built-in digits: same bytes always, balanced, normalised as MNIST, every style drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "data/digits.h"
#include "data/digits_fit.h"
#include "data/digits_pen.h"
#include "data/digits_shapes.h"
#include "unroll/digest.h"

enum { IMAGE = UR_DIGITS_SIDE * UR_DIGITS_SIDE, MANY = 3000 };

static uint8_t images[MANY * IMAGE], others[MANY * IMAGE];
static uint16_t labels[MANY], other_labels[MANY];

static void draw(uint64_t seed, enum ur_digits_split split, int32_t count, int32_t threads,
                 uint8_t *x, uint16_t *y)
{
    const struct ur_digits_job job = {
        .seed = seed, .split = split, .count = count, .threads = threads};
    ur_digits_draw_all(&job, x, y);
}

static int32_t draw_one(uint64_t seed, uint32_t epoch, uint32_t index, uint8_t image[IMAGE])
{
    const struct ur_digits_job job = {.seed = seed, .split = UR_DIGITS_TRAIN, .epoch = epoch};
    return ur_digits_draw(&job, index, image);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    draw(1, UR_DIGITS_TRAIN, 1000, 1, images, labels);
    for (int32_t threads = 0; threads <= 9; threads += 3) {
        memset(others, 1, sizeof others);
        draw(1, UR_DIGITS_TRAIN, 1000, threads, others, other_labels);
        assert_memory_equal(others, images, 1000 * IMAGE);
        assert_memory_equal(other_labels, labels, 1000 * sizeof *labels);
        assert_int_equal(others[1000 * IMAGE], 1); /* and nothing behind them */
    }
    for (uint32_t i = 0; i < 1000; i += 37) { /* one by one, too */
        uint8_t image[IMAGE];
        draw_one(1, 0, i, image);
        assert_memory_equal(image, images + i * IMAGE, IMAGE);
    }
}

/*
 * A data set's digest is part of a job's identity, so these bytes may differ neither by
 * compiler nor by CPU. Whoever changes the digits on purpose puts the new digest here.
 */
static void test_bytes_are_pinned(void **state)
{
    (void)state;
    char sha256[UR_SHA256_HEX_BYTES];
    draw(1, UR_DIGITS_TRAIN, 1000, 2, images, labels);
    ur_digest_hex(images, 1000 * IMAGE, sha256);
    assert_string_equal(sha256,
                        "b6c04f8182483cb0a04fbcaf37c7005f5247d4c23d9f0eac41700e5e5229c882");
}

static void test_classes_are_balanced(void **state)
{
    (void)state;
    int counts[UR_DIGITS_CLASSES] = {0};
    draw(2, UR_DIGITS_TEST, 1000, 2, images, labels);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(labels[i], i % UR_DIGITS_CLASSES);
        counts[labels[i]]++;
    }
    for (int digit = 0; digit < UR_DIGITS_CLASSES; digit++)
        assert_int_equal(counts[digit], 100);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, IMAGE);
}

/* Another epoch is another set, and any part of it can be drawn alone. */
static void test_epochs_and_samples(void **state)
{
    (void)state;
    static const uint32_t wanted[] = {7, 993, 0, 40};
    struct ur_digits_job job = {
        .seed = 1, .split = UR_DIGITS_TRAIN, .epoch = 3, .count = 1000, .threads = 2};
    draw(1, UR_DIGITS_TRAIN, 1000, 2, images, labels);
    ur_digits_draw_all(&job, others, other_labels);
    for (int i = 0; i < 1000; i++)
        assert_memory_not_equal(images + (size_t)i * IMAGE, others + (size_t)i * IMAGE, IMAGE);
    memset(images, 0, sizeof images);
    job.samples = wanted;
    job.count = 4;
    ur_digits_draw_all(&job, images, NULL);
    for (int i = 0; i < 4; i++) {
        uint8_t *image = images + (size_t)wanted[i] * IMAGE;
        assert_memory_equal(image, others + (size_t)wanted[i] * IMAGE, IMAGE);
        memset(image, 0, IMAGE);
    }
    for (size_t i = 0; i < sizeof images; i++)
        assert_int_equal(images[i], 0);
}

/* No image comes twice, not within a split, not in the other split, not with another seed. */
static void test_no_image_comes_twice(void **state)
{
    (void)state;
    draw(1, UR_DIGITS_TRAIN, 1000, 2, images, labels);
    draw(1, UR_DIGITS_TEST, 1000, 2, images + 1000 * IMAGE, labels + 1000);
    draw(2, UR_DIGITS_TRAIN, 1000, 2, images + 2000 * IMAGE, labels + 2000);
    qsort(images, MANY, IMAGE, by_bytes);
    for (int i = 1; i < MANY; i++)
        assert_memory_not_equal(images + (i - 1) * IMAGE, images + i * IMAGE, IMAGE);
}

/* Ink is grey at its edges and black inside; its box has 20 pixels on the longer side; its
 * centre of mass lies on pixel (14, 14) as nearly as whole pixels allow. Very lopsided digits
 * are cut by the edge when they are centred: 3 of MNIST's 10,000 test images, too. */
static void test_normalised_as_mnist(void **state)
{
    (void)state;
    int greys[256] = {0}, cut = 0;
    draw(3, UR_DIGITS_TRAIN, MANY, 2, images, labels);
    for (int i = 0; i < MANY; i++) {
        double mass = 0, down = 0, right = 0;
        int top = 28, bottom = -1, left = 28, last = -1, darkest = 0;
        for (int row = 0; row < 28; row++)
            for (int column = 0; column < 28; column++) {
                const int grey = images[i * IMAGE + row * 28 + column];
                greys[grey]++;
                mass += grey;
                down += grey * row;
                right += grey * column;
                darkest = grey > darkest ? grey : darkest;
                if (grey == 0)
                    continue;
                top = row < top ? row : top;
                bottom = row;
                left = column < left ? column : left;
                last = column > last ? column : last;
            }
        const int height = bottom - top + 1, width = last - left + 1;
        assert_true(darkest > 200);
        assert_true(height <= 20 && width <= 20);
        if (height < 20 && width < 20)
            cut++;
        else
            assert_true(fabs(down / mass - 14) <= 0.51 && fabs(right / mass - 14) <= 0.51);
    }
    assert_true(cut <= MANY / 500);
    int used = 0;
    for (int grey = 1; grey < 255; grey++)
        used += greys[grey] > 0;
    assert_true(used > 200);
    assert_true(greys[255] > greys[254]);
}

struct moments {
    double sum, squares;
};

static void add(struct moments *moments, double value)
{
    moments->sum += value;
    moments->squares += value * value;
}

static double mean_of(const struct moments *moments)
{
    return moments->sum / MANY;
}

static double deviation_of(const struct moments *moments)
{
    const double mean = mean_of(moments);
    return sqrt(moments->squares / MANY - mean * mean);
}

static double grey(const uint8_t *image, int row, int column)
{
    return row < 28 && column < 28 ? image[row * 28 + column] / 255.0 : 0;
}

/* A line's width: twice its area over the length of its edge, which is the sum of the grey's
 * gradients (differences to the right and downwards, beyond the edge 0). */
static double stroke_width(const uint8_t *image)
{
    double area = 0, edge = 0;
    for (int row = 0; row < 28; row++)
        for (int column = 0; column < 28; column++) {
            const double here = grey(image, row, column);
            area += here;
            edge +=
                hypot(grey(image, row, column + 1) - here, grey(image, row + 1, column) - here);
        }
    return 2 * area / edge;
}

/* The lean: by how much ink shifts to the right for each pixel upwards. */
static double slant(const uint8_t *image)
{
    double mass = 0, down = 0, right = 0, square = 0, product = 0;
    for (int row = 0; row < 28; row++)
        for (int column = 0; column < 28; column++) {
            const double ink = grey(image, row, column);
            mass += ink;
            down += ink * row;
            right += ink * column;
            square += ink * row * row;
            product += ink * row * column;
        }
    return -(product / mass - down / mass * (right / mass)) /
           (square / mass - down / mass * (down / mass));
}

static int box_width(const uint8_t *image)
{
    int width = 0;
    for (int column = 0; column < 28; column++) {
        int inked = 0;
        for (int row = 0; row < 28; row++)
            inked |= image[row * 28 + column] > 0;
        width += inked;
    }
    return width;
}

/*
 * The drawn digits against MNIST's: the numbers on the right are those of the first 10,000
 * images of its training set, by the same four formulas. Means lie near each other; the drawn
 * ones spread as widely or more widely, so that the real ones lie within them.
 */
static void test_statistics_are_mnists(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        double mean, deviation, near;
    } mnist[4] = {{"stroke width, pixels", 2.464, 0.627, 0.25},
                  {"mass, pixels of ink", 102.80, 34.23, 8},
                  {"slant", 0.128, 0.278, 0.05},
                  {"width of the box, pixels", 15.74, 3.81, 0.6}};
    struct moments ours[4] = {{0, 0}};
    draw(5, UR_DIGITS_TRAIN, MANY, 2, images, labels);
    for (int i = 0; i < MANY; i++) {
        const uint8_t *image = images + (size_t)i * IMAGE;
        double mass = 0;
        for (int k = 0; k < IMAGE; k++)
            mass += image[k] / 255.0;
        add(&ours[0], stroke_width(image));
        add(&ours[1], mass);
        add(&ours[2], slant(image));
        add(&ours[3], box_width(image));
    }
    for (int k = 0; k < 4; k++) {
        const double mean = mean_of(&ours[k]), deviation = deviation_of(&ours[k]);
        print_message("%s: %.3f +- %.3f, MNIST %.3f +- %.3f\n", mnist[k].what, mean, deviation,
                      mnist[k].mean, mnist[k].deviation);
        assert_true(fabs(mean - mnist[k].mean) < mnist[k].near);
        assert_true(deviation > 0.97 * mnist[k].deviation);
        assert_true(deviation < 1.45 * mnist[k].deviation);
    }
}

/* Each way to write each digit comes up about as often as its weight says. */
static void test_every_style_is_drawn(void **state)
{
    (void)state;
    enum { DRAWN = 20000 };
    static int counts[10][UR_MAX_STYLES];
    uint8_t image[IMAGE];
    for (uint32_t i = 0; i < DRAWN; i++)
        counts[i % 10][draw_one(4, 0, i, image)]++;
    for (int digit = 0; digit < 10; digit++) {
        const struct ur_digit_shape *shape = &ur_digit_shapes[digit];
        double total = 0;
        for (int style = 0; style < shape->n_styles; style++)
            total += shape->styles[style].weight;
        for (int style = 0; style < shape->n_styles; style++) {
            const double share = shape->styles[style].weight / total, n = DRAWN / 10.0;
            const double deviation = sqrt(n * share * (1 - share));
            assert_true(fabs(counts[digit][style] - n * share) < 5 * deviation);
        }
    }
}

/* The tables say what the code takes for granted. */
static void test_tables(void **state)
{
    (void)state;
    for (int digit = 0; digit < 10; digit++) {
        const struct ur_digit_shape *shape = &ur_digit_shapes[digit];
        assert_true(shape->n_styles >= 3 && shape->n_styles <= UR_MAX_STYLES);
        for (int style = 0; style < shape->n_styles; style++) {
            const struct ur_digit_style *item = &shape->styles[style];
            const size_t points = strlen(item->pen);
            assert_true(item->weight > 0);
            assert_true(item->n_poses >= 1 && item->n_poses <= UR_STYLE_POSES);
            assert_true(points >= 2 && points <= UR_STYLE_POINTS);
            assert_int_equal(strspn(item->pen, "M.^"), points);
            assert_true(item->pen[0] == 'M' && item->pen[points - 1] != 'M');
            assert_null(strstr(item->pen, "MM"));
            for (int pose = 0; pose < item->n_poses; pose++) { /* none was left out */
                const struct ur_style_point last = item->poses[pose][points - 1];
                assert_true(last.x != 0 || last.y != 0);
            }
        }
    }
}

/* Averaging by area keeps the mass: ink pixels / 16 where the box is 80 fine pixels long. */
static void test_fit_keeps_the_mass(void **state)
{
    (void)state;
    for (int width = 1; width <= 80; width++) {
        struct ur_sheet sheet = {{{0}}};
        uint8_t image[IMAGE];
        double mass = 0;
        for (int row = 0; row < 80; row++)
            memset(&sheet.ink[10 + row][5], 1, (size_t)width);
        ur_digits_fit(&sheet, image);
        for (int i = 0; i < IMAGE; i++)
            mass += image[i] / 255.0;
        /* The width is rounded to whole pixels; the ink stretches with it. */
        const int pixels = width < 2 ? 1 : (width + 2) / 4;
        assert_true(fabs(mass - 20.0 * pixels) < 0.1);
    }
    struct ur_sheet sheet = {{{0}}}, empty = {{{0}}};
    uint8_t image[IMAGE];
    for (int row = 0; row < 80; row++) /* a chequered cloth is grey */
        for (int column = 0; column < 80; column++)
            sheet.ink[row][column] = (uint8_t)((row + column) % 2);
    ur_digits_fit(&sheet, image);
    assert_int_equal(image[14 * 28 + 14], 128);
    ur_digits_fit(&empty, image);
    for (int i = 0; i < IMAGE; i++)
        assert_int_equal(image[i], 0);
}

static int ink_of(const struct ur_sheet *sheet)
{
    int count = 0;
    for (int row = 0; row < UR_SHEET_SIDE; row++)
        for (int column = 0; column < UR_SHEET_SIDE; column++)
            count += sheet->ink[row][column];
    return count;
}

static void test_pen(void **state)
{
    (void)state;
    struct ur_sheet sheet = {{{0}}};
    struct ur_pen pen = {.flat = 0};
    const uint8_t corner[3] = {0, 0, 0};
    const struct ur_pen_point line[2] = {{20, 50, 4.5f}, {80, 50, 4.5f}};
    ur_pen_stroke(&sheet, &pen, line, corner, 2);
    const double area = 9 * 60 + 3.1416 * 4.5 * 4.5;
    assert_true(fabs(ink_of(&sheet) - area) < 0.05 * area);
    assert_int_equal(sheet.ink[46][50], 1);
    assert_int_equal(sheet.ink[45][50], 0);
    assert_int_equal(sheet.ink[50][16], 1);
    assert_int_equal(sheet.ink[50][15], 0);

    /* A curve goes through its points; a corner keeps the chords straight. */
    const struct ur_pen_point bow[3] = {{20, 80, 1}, {50, 20, 1}, {80, 80, 1}};
    const uint8_t sharp[3] = {0, 1, 0};
    for (int is_sharp = 0; is_sharp < 2; is_sharp++) {
        memset(&sheet, 0, sizeof sheet);
        ur_pen_stroke(&sheet, &pen, bow, is_sharp ? sharp : corner, 3);
        for (int i = 0; i < 3; i++)
            assert_int_equal(sheet.ink[(int)bow[i].y][(int)bow[i].x], 1);
        assert_int_equal(sheet.ink[50][35], is_sharp);
    }

    /* What leaves the sheet is cut, far outside too. */
    memset(&sheet, 0, sizeof sheet);
    const struct ur_pen_point away[3] = {{-500, -300, 9}, {56, 56, 9}, {900, 400, 0}};
    ur_pen_stroke(&sheet, &pen, away, corner, 3);
    assert_true(ink_of(&sheet) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_bytes_are_pinned),
        cmocka_unit_test(test_classes_are_balanced),
        cmocka_unit_test(test_epochs_and_samples),
        cmocka_unit_test(test_no_image_comes_twice),
        cmocka_unit_test(test_normalised_as_mnist),
        cmocka_unit_test(test_statistics_are_mnists),
        cmocka_unit_test(test_every_style_is_drawn),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_fit_keeps_the_mass),
        cmocka_unit_test(test_pen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
