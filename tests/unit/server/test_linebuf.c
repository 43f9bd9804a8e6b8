/* Lines of a log: escaped, cut, whole however they arrive, and bounded. */
#include "folder.h"

#include <fcntl.h>

#include "linebuf.h"

static char lines[8][UR_LOG_LINE_BYTES + 1];
static int n_lines;

static void keep(void *context, const char *text)
{
    (void)context;
    assert_true(n_lines < 8);
    snprintf(lines[n_lines++], sizeof lines[0], "%s", text);
}

static int clear(void **state)
{
    (void)state;
    n_lines = 0;
    return 0;
}

static struct ur_linebuf fresh(void)
{
    return (struct ur_linebuf){.fd = -1, .line = keep};
}

static void test_lines_are_whole_however_they_come(void **state)
{
    (void)state;
    static const char text[] = "one\ntwo\n\nfour";
    for (size_t cut = 0; cut <= sizeof text - 1; cut++) {
        struct ur_linebuf buffer = fresh();
        n_lines = 0;
        ur_linebuf_add(&buffer, text, cut);
        ur_linebuf_add(&buffer, text + cut, sizeof text - 1 - cut);
        ur_linebuf_close(&buffer);
        assert_int_equal(n_lines, 4);
        assert_string_equal(lines[0], "one");
        assert_string_equal(lines[1], "two");
        assert_string_equal(lines[2], "");
        assert_string_equal(lines[3], "four");
    }
}

static void test_what_could_talk_to_a_terminal_is_escaped(void **state)
{
    (void)state;
    struct ur_linebuf buffer = fresh();
    static const char text[] = "a\x1b[2J\r\t\x7f\0b \xc2\x9b \xff \xc3\xa9 \xe2\x82\xac\n";
    ur_linebuf_add(&buffer, text, sizeof text - 1);
    assert_string_equal(
        lines[0], "a\\x1b[2J\\x0d\\x09\\x7f\\x00b \\xc2\\x9b \\xff \xc3\xa9 \xe2\x82\xac");
}

static void test_a_long_line_is_cut_and_the_next_is_not(void **state)
{
    (void)state;
    struct ur_linebuf buffer = fresh();
    for (int i = 0; i < 3 * UR_LOG_LINE_BYTES; i++)
        ur_linebuf_add(&buffer, "\x01", 1);
    ur_linebuf_add(&buffer, "\nnext\n", 6);
    assert_int_equal(n_lines, 2);
    assert_int_equal(strlen(lines[0]), UR_LOG_LINE_BYTES);
    assert_string_equal(lines[1], "next");
    /* What does not fit ends the line, and what comes after it is not pulled forward. */
    for (int i = 0; i < UR_LOG_LINE_BYTES - 2; i++)
        ur_linebuf_add(&buffer, "a", 1);
    ur_linebuf_add(&buffer, "\x01z\n", 3);
    assert_int_equal(strlen(lines[2]), UR_LOG_LINE_BYTES - 2);
}

static void test_a_file_stops_growing(void **state)
{
    (void)state;
    struct ur_test_folder folder = ur_test_folder_make();
    struct ur_error error = {0};
    struct ur_linebuf buffer;
    struct stat about;
    static char line[1000];
    memset(line, 'y', sizeof line);
    line[sizeof line - 1] = '\n';
    const int fd = open(folder.path, O_RDONLY | O_DIRECTORY);
    /* Over three openings, as by three workers of one job. */
    for (int opening = 0; opening < 3; opening++) {
        assert_int_equal(ur_linebuf_open(&buffer, fd, "log.txt", &error), UR_OK);
        for (int i = 0; i < 3000; i++)
            ur_linebuf_add(&buffer, line, sizeof line);
        ur_linebuf_close(&buffer);
    }
    assert_int_equal(fstatat(fd, "log.txt", &about, 0), 0);
    assert_true(about.st_size <= UR_LOG_FILE_BYTES);
    assert_true(about.st_size > UR_LOG_FILE_BYTES - 2000);
    close(fd);
    ur_test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_lines_are_whole_however_they_come, clear),
        cmocka_unit_test_setup(test_what_could_talk_to_a_terminal_is_escaped, clear),
        cmocka_unit_test_setup(test_a_long_line_is_cut_and_the_next_is_not, clear),
        cmocka_unit_test_setup(test_a_file_stops_growing, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
