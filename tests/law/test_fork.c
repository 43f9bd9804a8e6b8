/*
 * A fork on the real program: without changes it ends with its parent's bits, and what may not
 * change is refused.
 */
#include "child.h"
#include "folder.h"

#include "unroll/limits.h"
#include "unroll/text.h"

static const char spec_format[] =
    "{\"dataset\":\"digits\",\"data\":{\"count\":600},\"model\":{\"hidden\":16},"
    "\"train\":{\"steps\":%d,\"batch\":48,\"shard_rows\":16,\"validation\":100%s},"
    "\"run\":{\"checkpoint_s\":600}}";

static struct ur_test_folder folder;
static char spec_path[UR_TEST_PATH_BYTES];
static char told[1 << 18]; /* by the last run */

static int set_up(void **state)
{
    (void)state;
    folder = ur_test_folder_make();
    ur_test_path(&folder, "spec.json", spec_path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ur_test_folder_remove(&folder);
    return 0;
}

static void write_spec_of(int steps, const char *train)
{
    char text[1024];
    const int length = snprintf(text, sizeof text, spec_format, steps, train);
    ur_test_write(spec_path, text, (size_t)length);
}

static void write_spec(const char *train)
{
    write_spec_of(90, train);
}

/* Runs the spec into a folder of that name; from is a path below the test's folder, "" for a
 * run of its own. Gives the exit code. */
static int run(const char *out, const char *from, const char *threads, bool resume,
               char digest[UR_SHA256_HEX_BYTES])
{
    char program[] = "unroll-train", spec[] = "--spec", into[] = "--out", cores[] = "--threads";
    char origin[] = "--from", again[] = "--resume", count[8];
    char out_path[UR_TEST_PATH_BYTES], from_path[UR_TEST_PATH_BYTES];
    char *argv[11] = {program,  spec,  spec_path, into,
                      out_path, cores, count,     resume ? again : NULL};
    int n = resume ? 8 : 7;
    ur_copy(count, sizeof count, threads);
    ur_test_path(&folder, out, out_path);
    ur_test_path(&folder, from, from_path);
    if (from[0]) {
        argv[n++] = origin;
        argv[n++] = from_path;
    }
    argv[n] = NULL;
    struct child child = child_start(argv);
    child_read(&child, told, sizeof told);
    const char *key = "\"weights_sha256\":\"", *at = strstr(told, key);
    digest[0] = '\0';
    if (at != NULL)
        ur_copy(digest, UR_SHA256_HEX_BYTES, at + strlen(key));
    return child_wait(&child);
}

/* Gives a number of the last run's report. */
static int told_number(const char *key)
{
    const char *at = strstr(told, key);
    assert_non_null(at);
    return (int)strtol(at + strlen(key), NULL, 10);
}

static void copy(const char *from, const char *to)
{
    static char bytes[1 << 20];
    char path[UR_TEST_PATH_BYTES];
    FILE *file = fopen(ur_test_path(&folder, from, path), "re");
    assert_non_null(file);
    const size_t length = fread(bytes, 1, sizeof bytes, file);
    assert_true(length > 0 && length < sizeof bytes);
    fclose(file);
    ur_test_write(ur_test_path(&folder, to, path), bytes, length);
}

static void test_a_fork_without_changes_is_its_parent(void **state)
{
    (void)state;
    char expected[UR_SHA256_HEX_BYTES], digest[UR_SHA256_HEX_BYTES], path[UR_TEST_PATH_BYTES];
    write_spec("");
    assert_int_equal(run("parent", "", "2", false, expected), 0);
    assert_int_equal(strlen(expected), UR_SHA256_HEX_BYTES - 1);
    /* The best epoch is one of the nine, and seldom the last; where it is, or not, the rest of
     * the way leads to the same place. */
    assert_int_equal(run("best", "parent/best.ckpt", "3", false, digest), 0);
    assert_string_equal(digest, expected);
    assert_int_equal(run("before", "parent/last.ckpt.previous", "1", false, digest), 0);
    assert_string_equal(digest, expected);
    assert_int_equal(run("last", "parent/last.ckpt", "1", false, digest), 0);
    assert_string_equal(digest, expected);
    assert_int_equal(access(ur_test_path(&folder, "last/best.ckpt", path), F_OK), 0);
    /* A fork goes on from its own checkpoint once it has one, whatever became of its parent. */
    copy("parent/last.ckpt.previous", "away.ckpt");
    assert_int_equal(run("before", "no-such.ckpt", "2", true, digest), 0);
    assert_string_equal(digest, expected);
    assert_int_equal(run("fresh", "away.ckpt", "2", true, digest), 0);
    assert_string_equal(digest, expected);
}

static void test_changes_change_the_rest_of_the_way_alone(void **state)
{
    (void)state;
    static const char *const changes[] = {
        ",\"optimizer\":{\"learning_rate\":0.01}",
        ",\"optimizer\":{\"name\":\"momentum\",\"learning_rate\":0.01}",
        ",\"clip_norm\":0.1",
        ",\"label_smoothing\":0.2",
        ",\"schedule\":{\"name\":\"cosine\"}",
    };
    char before[UR_SHA256_HEX_BYTES], one[UR_SHA256_HEX_BYTES], two[UR_SHA256_HEX_BYTES];
    char name[16];
    write_spec("");
    assert_int_equal(run("parent", "", "2", false, before), 0);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        write_spec(changes[i]);
        snprintf(name, sizeof name, "one%zu", i);
        assert_int_equal(run(name, "parent/last.ckpt.previous", "1", false, one), 0);
        snprintf(name, sizeof name, "two%zu", i);
        assert_int_equal(run(name, "parent/last.ckpt.previous", "3", false, two), 0);
        assert_string_equal(one, two);
        assert_string_not_equal(one, before);
    }
}

static void test_what_the_weights_stand_on_cannot_change(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "{\"dataset\":\"digits\",\"data\":{\"count\":600,\"seed\":2},\"model\":{\"hidden\":16},"
        "\"train\":{\"steps\":90,\"batch\":48,\"shard_rows\":16,\"validation\":100}}",
        "{\"dataset\":\"digits\",\"data\":{\"count\":600},\"model\":{\"hidden\":17},"
        "\"train\":{\"steps\":90,\"batch\":48,\"shard_rows\":16,\"validation\":100}}",
        "{\"dataset\":\"digits\",\"data\":{\"count\":600},\"model\":{\"hidden\":16},"
        "\"train\":{\"steps\":90,\"batch\":48,\"shard_rows\":16,\"validation\":0}}",
        "{\"dataset\":\"digits\",\"data\":{\"count\":600},\"model\":{\"hidden\":16},"
        "\"train\":{\"steps\":9,\"batch\":48,\"shard_rows\":16,\"validation\":100}}",
    };
    char digest[UR_SHA256_HEX_BYTES], path[UR_TEST_PATH_BYTES];
    write_spec("");
    assert_int_equal(run("parent", "", "2", false, digest), 0);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        ur_test_write(spec_path, specs[i], strlen(specs[i]));
        assert_int_equal(run("child", "parent/best.ckpt", "1", false, digest), 2);
        assert_int_not_equal(access(ur_test_path(&folder, "child/last.ckpt", path), F_OK), 0);
    }
    write_spec("");
    assert_int_equal(run("child", "parent/model.unroll", "1", false, digest), 3);
    assert_int_not_equal(run("child", "parent/no-such.ckpt", "1", false, digest), 0);
}

/* A run that stopped early has waited long enough; a fork that does something else has not. */
static void test_a_fork_of_an_early_stopped_run_waits_anew(void **state)
{
    (void)state;
    char digest[UR_SHA256_HEX_BYTES];
    write_spec(",\"early_stopping\":{\"patience\":1,\"min_delta\":1}");
    assert_int_equal(run("parent", "", "2", false, digest), 0);
    const int steps = told_number("\"steps\":");
    assert_in_range(steps, 1, 89);

    assert_int_equal(run("same", "parent/last.ckpt", "2", false, digest), 0);
    assert_int_equal(told_number("\"steps\":"), steps);
    copy("parent/last.ckpt", "away.ckpt"); /* without the best beside it */
    assert_int_equal(run("away", "away.ckpt", "2", false, digest), 0);
    assert_true(told_number("\"steps\":") > steps);
    write_spec(",\"optimizer\":{\"learning_rate\":0.002},"
               "\"early_stopping\":{\"patience\":1,\"min_delta\":1}");
    assert_int_equal(run("other", "parent/last.ckpt", "2", false, digest), 0);
    assert_true(told_number("\"steps\":") > steps);
}

/* The best epoch's accuracy is that of the mean, so its model is the mean, whether or not the
 * fork has one of its own. The parent ends with its seventh epoch; rates of 1000 see to it that
 * no later one is better. */
static void test_the_best_of_a_run_with_a_mean_is_its_mean(void **state)
{
    (void)state;
    char with[UR_SHA256_HEX_BYTES], without[UR_SHA256_HEX_BYTES];
    write_spec_of(73, ",\"ema\":0.9,\"optimizer\":{\"learning_rate\":0.01}");
    assert_int_equal(run("parent", "", "2", false, with), 0);
    write_spec_of(400, ",\"ema\":0.9,\"optimizer\":{\"learning_rate\":1000},"
                       "\"early_stopping\":{\"patience\":1,\"min_delta\":1}");
    assert_int_equal(run("with", "parent/last.ckpt", "2", false, with), 0);
    assert_in_range(told_number("\"model_step\":"), 1, 73);
    write_spec_of(400, ",\"optimizer\":{\"learning_rate\":1000},"
                       "\"early_stopping\":{\"patience\":1,\"min_delta\":1}");
    assert_int_equal(run("without", "parent/last.ckpt", "2", false, without), 0);
    assert_in_range(told_number("\"model_step\":"), 1, 73);
    assert_string_equal(with, without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_fork_without_changes_is_its_parent, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_changes_change_the_rest_of_the_way_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_the_weights_stand_on_cannot_change, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_fork_of_an_early_stopped_run_waits_anew, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_best_of_a_run_with_a_mean_is_its_mean, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
