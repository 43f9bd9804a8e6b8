/* Augmentation: against a twin in double, with bits that are pinned, and no more ink than there
 * was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "data/augment.h"
#include "unroll/digest.h"
#include "unroll/rng.h"

enum { HEIGHT = 28, WIDTH = 24, PIXELS = HEIGHT * WIDTH, SEED = 5 };

static uint8_t noise[PIXELS]; /* every pixel another one */
static uint8_t blot[PIXELS];  /* smooth ink in the middle, background around */

static int set_up(void **state)
{
    (void)state;
    const struct ur_rng_key key = {.seed = 1, .purpose = UR_RNG_TEST};
    for (int k = 0; k < PIXELS; k++) {
        uint32_t words[4];
        const int y = k / WIDTH - HEIGHT / 2, x = k % WIDTH - WIDTH / 2;
        ur_rng_words(key, 0, (uint64_t)k, 0, words);
        noise[k] = (uint8_t)words[0];
        const int distance = 2 * x * x + 3 * y * y + x * y;
        blot[k] = (uint8_t)(distance < 102 ? 255 - distance * 5 / 2 : 0);
    }
    return 0;
}

struct amounts {
    double shift, rotate, scale, shear, elastic;
};

static void make(struct ur_augment *augment, struct amounts amounts)
{
    static const struct ur_data_shape shape = {HEIGHT, WIDTH, 10, 100, 10, 0};
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.train.seed = SEED;
    spec.train.augment.on = 1;
    spec.train.augment.shift = amounts.shift;
    spec.train.augment.rotate = amounts.rotate;
    spec.train.augment.scale = amounts.scale;
    spec.train.augment.shear = amounts.shear;
    spec.train.augment.elastic = amounts.elastic;
    assert_int_equal(ur_augment_init(augment, &spec, &shape, NULL), UR_OK);
}

static void draw(const struct ur_augment *augment, const uint8_t *image, uint32_t epoch,
                 uint32_t sample, float out[PIXELS])
{
    ur_augment_draw(augment, image, epoch, sample, (struct ur_pixels){out, WIDTH, 1});
}

/* Number n in -1..1 of an image's stream. */
static double unit(uint32_t epoch, uint32_t sample, uint32_t n)
{
    const struct ur_rng_key key = {.seed = SEED, .purpose = UR_RNG_AUGMENT};
    uint32_t words[4];
    ur_rng_words(key, epoch, sample, n / 4, words);
    return (double)words[n % 4] / 0x1p31 - 1;
}

/* Half a word as a number in -1..1: the displacement of control point n, across or down. */
static double push(uint32_t epoch, uint32_t sample, uint32_t n, bool down)
{
    const struct ur_rng_key key = {.seed = SEED, .purpose = UR_RNG_AUGMENT};
    uint32_t words[4];
    ur_rng_words(key, epoch, sample, 2 + n / 4, words);
    return (double)(down ? words[n % 4] >> 16 : words[n % 4] & 0xffff) / 32768 - 1;
}

/* The cubic B-spline around 0, by its definition. */
static double spline(double x)
{
    const double a = fabs(x);
    if (a >= 2)
        return 0;
    return a >= 1 ? pow(2 - a, 3) / 6 : 2.0 / 3 - a * a + a * a * a / 2;
}

static double ink_at(const uint8_t *image, int y, int x)
{
    return y < 0 || x < 0 || y >= HEIGHT || x >= WIDTH ? 0 : image[y * WIDTH + x] / 255.0;
}

static double mixed(const uint8_t *image, double y, double x)
{
    const double top = floor(y), left = floor(x), down = y - top, right = x - left;
    const int j = (int)top, i = (int)left;
    return (1 - down) * ((1 - right) * ink_at(image, j, i) + right * ink_at(image, j, i + 1)) +
           down * ((1 - right) * ink_at(image, j + 1, i) + right * ink_at(image, j + 1, i + 1));
}

/* Where the ink of pixel (y, x) comes from: solves the forward map for it. */
static double twin(const uint8_t *image, struct amounts amounts, uint32_t epoch,
                   uint32_t sample, int y, int x)
{
    const double to_x = x - (WIDTH - 1) / 2.0 - amounts.shift * unit(epoch, sample, 0);
    const double to_y = y - (HEIGHT - 1) / 2.0 - amounts.shift * unit(epoch, sample, 1);
    const double angle = amounts.rotate * unit(epoch, sample, 5) * acos(-1) / 180;
    const double turned_x = cos(angle) * to_x + sin(angle) * to_y;
    const double turned_y = cos(angle) * to_y - sin(angle) * to_x;
    const double upright_x = turned_x - amounts.shear * unit(epoch, sample, 4) * turned_y;
    double from_x = upright_x / (1 + amounts.scale * unit(epoch, sample, 2));
    double from_y = turned_y / (1 + amounts.scale * unit(epoch, sample, 3));
    for (int j = 0; j < 7; j++)
        for (int i = 0; i < 7; i++) {
            const double weight = spline((y + 0.5) * 4 / HEIGHT - (j - 1)) *
                                  spline((x + 0.5) * 4 / WIDTH - (i - 1));
            const uint32_t point = (uint32_t)(7 * j + i);
            from_x += amounts.elastic * weight * push(epoch, sample, point, false);
            from_y += amounts.elastic * weight * push(epoch, sample, point, true);
        }
    return mixed(image, from_y + (HEIGHT - 1) / 2.0, from_x + (WIDTH - 1) / 2.0);
}

static void check_twin(struct amounts amounts)
{
    struct ur_augment augment;
    float got[PIXELS];
    make(&augment, amounts);
    for (uint32_t sample = 0; sample < 20; sample++) {
        draw(&augment, noise, sample % 3, sample, got);
        for (int k = 0; k < PIXELS; k++) {
            const double expected =
                twin(noise, amounts, sample % 3, sample, k / WIDTH, k % WIDTH);
            /* places are floats of up to 28: 2e-6 of a pixel, and noise changes by 1 a pixel */
            assert_true(fabs((double)got[k] - expected) < 5e-5);
        }
    }
}

static void test_against_a_twin_in_double(void **state)
{
    (void)state;
    check_twin((struct amounts){.shift = 3});
    check_twin((struct amounts){.rotate = 180});
    check_twin((struct amounts){.scale = 0.5});
    check_twin((struct amounts){.shear = 1});
    check_twin((struct amounts){.elastic = 4});
    check_twin((struct amounts){1.5, 10, 0.1, 0.15, 1});
    check_twin((struct amounts){14, 180, 0.5, 1, 14});
}

static void test_nothing_asked_changes_no_bit(void **state)
{
    (void)state;
    struct ur_augment augment;
    float got[PIXELS];
    make(&augment, (struct amounts){0});
    draw(&augment, noise, 2, 3, got);
    for (int k = 0; k < PIXELS; k++)
        assert_true(got[k] == (float)noise[k] / 255.0f);
}

/* The amount is set so that one axis moves by whole pixels; stripes do not see the other. */
static void test_whole_pixels_are_a_shifted_image(void **state)
{
    (void)state;
    uint8_t stripes[PIXELS];
    struct ur_augment augment;
    float got[PIXELS];
    for (uint32_t sample = 0; sample < 8; sample++) {
        const int pixels = (int)sample - 4;
        make(&augment, (struct amounts){.shift = pixels / unit(1, sample, 0)});
        if (fabs(augment.shift) > 10) /* the other axis would leave the image */
            continue;
        for (int k = 0; k < PIXELS; k++)
            stripes[k] = noise[k % WIDTH];
        draw(&augment, stripes, 1, sample, got);
        for (int x = 0; x < WIDTH; x++) {
            const int from = x - pixels;
            const float expected =
                from < 0 || from >= WIDTH ? 0.0f : (float)noise[from] / 255.0f;
            assert_true(got[HEIGHT / 2 * WIDTH + x] == expected);
        }
    }
}

static void test_range_and_ink(void **state)
{
    (void)state;
    struct ur_augment augment;
    float got[PIXELS];
    double before = 0, after = 0;
    make(&augment, (struct amounts){1.5, 10, 0.1, 0.15, 1});
    for (uint32_t sample = 0; sample < 400; sample++) {
        draw(&augment, noise, 0, sample, got);
        for (int k = 0; k < PIXELS; k++)
            assert_true(got[k] >= 0.0f && got[k] <= 1.0f);
        draw(&augment, blot, 0, sample, got);
        for (int k = 0; k < PIXELS; k++) {
            before += blot[k] / 255.0;
            after += (double)got[k];
        }
    }
    assert_true(fabs(after / before - 1) < 0.02);
}

/* Epoch, sample and seed each make another image; the same three the same one. */
static void test_each_draw_is_its_own(void **state)
{
    (void)state;
    struct ur_augment augment;
    float first[PIXELS], other[PIXELS];
    make(&augment, (struct amounts){1.5, 10, 0.1, 0.15, 1});
    draw(&augment, blot, 0, 0, first);
    draw(&augment, blot, 0, 0, other);
    assert_memory_equal(first, other, sizeof first);
    draw(&augment, blot, 1, 0, other);
    assert_memory_not_equal(first, other, sizeof first);
    draw(&augment, blot, 0, 1, other);
    assert_memory_not_equal(first, other, sizeof first);
    augment.seed++;
    draw(&augment, blot, 0, 0, other);
    assert_memory_not_equal(first, other, sizeof first);
}

/* Places and strides: a column-wise layout holds the same pixels. */
static void test_layouts_hold_the_same(void **state)
{
    (void)state;
    struct ur_augment augment;
    float rows[PIXELS], columns[PIXELS];
    make(&augment, (struct amounts){1.5, 10, 0.1, 0.15, 1});
    draw(&augment, noise, 4, 9, rows);
    ur_augment_draw(&augment, noise, 4, 9, (struct ur_pixels){columns, 1, HEIGHT});
    for (int k = 0; k < PIXELS; k++)
        assert_true(columns[k % WIDTH * HEIGHT + k / WIDTH] == rows[k]);
}

/* The bits are the same on every machine, with every compiler; changing them makes every
 * augmented run another one. */
static void test_bits_are_pinned(void **state)
{
    (void)state;
    struct ur_augment augment;
    struct ur_digest digest;
    unsigned char sum[UR_SHA256_BYTES];
    char hex[UR_SHA256_HEX_BYTES];
    float got[PIXELS];
    make(&augment, (struct amounts){1.5, 10, 0.1, 0.15, 1});
    ur_digest_init(&digest);
    for (uint32_t sample = 0; sample < 100; sample++) {
        draw(&augment, sample % 2 ? noise : blot, sample / 10, sample, got);
        ur_digest_update(&digest, got, sizeof got);
    }
    ur_digest_final(&digest, sum);
    ur_hex(sum, sizeof sum, hex);
    assert_string_equal(hex,
                        "ad7ae89760c1285c3bf1f69bd65f732f0755c52213b285cbac150e408e8753b4");
}

/* The largest image fits; one pixel more is refused, by the field's name. */
static void test_large_images(void **state)
{
    (void)state;
    enum { SIDE = UR_AUGMENT_MAX_SIDE };
    static uint8_t image[SIDE * SIDE];
    static float got[SIDE * SIDE];
    struct ur_data_shape shape = {SIDE, SIDE, 10, 100, 10, 0};
    struct ur_augment augment;
    struct ur_error error = {0};
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.train.augment.on = 1;
    memset(image, 255, sizeof image);
    assert_int_equal(ur_augment_init(&augment, &spec, &shape, &error), UR_OK);
    ur_augment_draw(&augment, image, 0, 0, (struct ur_pixels){got, SIDE, 1});
    assert_true(got[SIDE / 2 * SIDE + SIDE / 2] == 1.0f);
    for (int which = 0; which < 2; which++) {
        shape.steps = which == 0 ? SIDE + 1 : 1;
        shape.width = which == 1 ? SIDE + 1 : 1;
        memset(&error, 0, sizeof error);
        assert_int_equal(ur_augment_init(&augment, &spec, &shape, &error), UR_INVALID_SPEC);
        assert_non_null(strstr(error.detail, "/train/augment must be null"));
        assert_false(augment.on);
    }
    spec.train.augment.on = 0;
    assert_int_equal(ur_augment_init(&augment, &spec, &shape, &error), UR_OK);
    assert_false(augment.on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_twin_in_double),
        cmocka_unit_test(test_nothing_asked_changes_no_bit),
        cmocka_unit_test(test_whole_pixels_are_a_shifted_image),
        cmocka_unit_test(test_range_and_ink),
        cmocka_unit_test(test_each_draw_is_its_own),
        cmocka_unit_test(test_layouts_hold_the_same),
        cmocka_unit_test(test_bits_are_pinned),
        cmocka_unit_test(test_large_images),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
