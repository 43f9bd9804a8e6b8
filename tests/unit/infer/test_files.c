/* unroll-predict as a person uses it: a model, pictures, lines of JSON. */
#include "child.h"
#include "folder.h"
#include "infer/image.h"
#include "model_file.h"
#include "pictures.h"

static const struct ur_data_shape shape = {28, 28, 10, 100, 10, 0};
static struct ur_test_folder folder;
static char model_path[UR_TEST_PATH_BYTES], digit_path[UR_TEST_PATH_BYTES],
    blank_path[UR_TEST_PATH_BYTES], seen_path[UR_TEST_PATH_BYTES];

static int set_up(void **state)
{
    (void)state;
    struct model_file model;
    struct canvas canvas = canvas_make(280, 280, white);
    folder = ur_test_folder_make();
    model_file_make(&model, 16, shape, UR_READOUT_MEAN, 2);
    ur_test_write(ur_test_path(&folder, "model.unroll", model_path), model.bytes,
                  model.n_bytes);
    struct bytes blank = png_rgba(&canvas);
    ur_test_write(ur_test_path(&folder, "blank.png", blank_path), blank.data, blank.size);
    canvas_draw(&canvas, seven, 3, 60, 60, 160, 11, black);
    struct bytes digit = jpeg_of(&canvas, JCS_RGB, ONE_SCAN, 90);
    ur_test_write(ur_test_path(&folder, "seven \"7\".jpg", digit_path), digit.data, digit.size);
    ur_test_path(&folder, "seen.png", seen_path);
    free(blank.data);
    free(digit.data);
    canvas_free(&canvas);
    model_file_free(&model);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ur_test_folder_remove(&folder);
    return 0;
}

static char name[] = "unroll-predict", model_flag[] = "--model", seen_flag[] = "--write-seen";

static void test_one_line_a_picture(void **state)
{
    (void)state;
    char missing[UR_TEST_PATH_BYTES], text[8192];
    ur_test_path(&folder, "missing", missing);
    char *const argv[] = {name,       model_flag, model_path, digit_path,
                          blank_path, missing,    digit_path, NULL};
    struct child child = child_start(argv);
    child_read(&child, text, sizeof text);
    assert_int_equal(child_wait(&child), ur_status_exit(UR_NO_DIGIT)); /* the first failure */

    char *rest = text, *line;
    const char *const expected[] = {"\"label\":\"", "\"code\":\"no-digit\"",
                                    "\"code\":\"io-error\"", "\"top\":[[\""};
    for (int k = 0; k < 4; k++) {
        line = strsep(&rest, "\n");
        assert_non_null(rest);
        assert_non_null(strstr(line, expected[k]));
        assert_int_equal(line[0], '{');
        assert_int_equal(line[strlen(line) - 1], '}');
    }
    assert_string_equal(rest, "");
}

static void test_the_picture_it_saw(void **state)
{
    (void)state;
    uint8_t expected[784], seen[784];
    size_t size;
    char *const argv[] = {name, model_flag, model_path, seen_flag, seen_path, digit_path, NULL};
    struct child child = child_start(argv);
    assert_int_equal(child_wait(&child), 0);
    unsigned char *file = ur_test_read(digit_path, &size);
    assert_int_equal(ur_image_read(file, size, UR_PREPROCESS_AUTO, 28, 28, expected, NULL),
                     UR_OK);
    free(file);
    file = ur_test_read(seen_path, &size);
    assert_int_equal(ur_image_read(file, size, UR_PREPROCESS_NONE, 28, 28, seen, NULL), UR_OK);
    free(file);
    assert_memory_equal(seen, expected, sizeof seen);
}

static void check_exit(char *const argv[], enum ur_status status)
{
    struct child child = child_start(argv);
    assert_int_equal(child_wait(&child), ur_status_exit(status));
}

static void test_the_command_line(void **state)
{
    (void)state;
    static char help[] = "--help", version[] = "--version", wrong[] = "--wrong";
    check_exit((char *const[]){name, help, NULL}, UR_OK);
    check_exit((char *const[]){name, version, NULL}, UR_OK);
    check_exit((char *const[]){name, wrong, NULL}, UR_USAGE);
    check_exit((char *const[]){name, model_flag, model_path, NULL}, UR_USAGE);
    check_exit((char *const[]){name, digit_path, NULL}, UR_USAGE);
    check_exit((char *const[]){name, model_flag, digit_path, digit_path, NULL}, UR_BAD_MODEL);
    check_exit((char *const[]){name, model_flag, model_path, seen_flag, seen_path, digit_path,
                               digit_path, NULL},
               UR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_line_a_picture),
        cmocka_unit_test(test_the_picture_it_saw),
        cmocka_unit_test(test_the_command_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
