/* `unroll-train --verify` on the real program: it tells the digests that whole runs have. */
#include "child.h"
#include "folder.h"

#include "unroll/limits.h"
#include "unroll/text.h"

static const char spec_json[] =
    "{\"dataset\":\"digits\",\"data\":{\"count\":600},\"model\":{\"hidden\":12},"
    "\"train\":{\"steps\":30,\"batch\":48,\"shard_rows\":16,\"validation\":100}}";

static struct ur_test_folder folder;
static char spec_path[UR_TEST_PATH_BYTES], out_path[UR_TEST_PATH_BYTES], text[1 << 18];

static int set_up(void **state)
{
    (void)state;
    folder = ur_test_folder_make();
    ur_test_path(&folder, "out", out_path);
    ur_test_write(ur_test_path(&folder, "spec.json", spec_path), spec_json,
                  sizeof spec_json - 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ur_test_folder_remove(&folder);
    return 0;
}

/* Runs the program on the spec with up to four words more; its output goes to text. */
static int run(const char *const words[5])
{
    static char copies[5][UR_TEST_PATH_BYTES];
    char program[] = "unroll-train", spec[] = "--spec";
    char *argv[9] = {program, spec, spec_path};
    for (int i = 0; i < 5 && words[i] != NULL; i++) {
        ur_copy(copies[i], sizeof copies[i], words[i]);
        argv[3 + i] = copies[i];
    }
    struct child child = child_start(argv);
    child_read(&child, text, sizeof text);
    return child_wait(&child);
}

static const char *digest_at(int which)
{
    static char digest[UR_SHA256_HEX_BYTES];
    const char *key = "\"weights_sha256\":\"", *at = text;
    for (int i = 0; i <= which; i++) {
        at = strstr(at, key);
        assert_non_null(at);
        at += strlen(key);
    }
    ur_copy(digest, sizeof digest, at);
    return digest;
}

static void test_all_of_a_run_has_the_runs_own_digest(void **state)
{
    (void)state;
    char whole[UR_SHA256_HEX_BYTES];
    assert_int_equal(run((const char *const[5]){"--out", out_path}), 0);
    ur_copy(whole, sizeof whole, digest_at(0));
    assert_int_equal(
        run((const char *const[5]){"--verify", "--threads", "3,1", "--steps", "30"}), 0);
    assert_non_null(
        strstr(text, "{\"steps\":30,\"first_step\":0,\"results\":[{\"threads\":3,"));
    assert_non_null(strstr(text, "\"same\":true}"));
    assert_string_equal(digest_at(0), whole);
    assert_string_equal(digest_at(1), whole);
    assert_int_equal(run((const char *const[5]){"--verify", "--steps", "7"}), 0);
    assert_non_null(strstr(text, "{\"steps\":7,"));
    assert_non_null(strstr(text, "{\"threads\":4,"));
    assert_string_not_equal(digest_at(2), whole);

    char from[UR_TEST_PATH_BYTES];
    ur_test_path(&folder, "out/last.ckpt.previous", from);
    assert_int_equal(run((const char *const[5]){"--verify", "--from", from}), 0);
    assert_null(strstr(text, "\"first_step\":0,"));
    assert_string_equal(digest_at(2), whole);
}

/* A look inside tells nobody, and a time budget decides nothing: both replays make all the
 * steps, which take longer than the second that the job is given. */
static void test_what_only_watches_or_waits_is_passed_over(void **state)
{
    (void)state;
    static const char json[] =
        "{\"dataset\":\"digits\",\"data\":{\"count\":600},\"model\":{\"hidden\":96},"
        "\"train\":{\"steps\":100000,\"batch\":128,\"validation\":100,\"time_budget_s\":1},"
        "\"run\":{\"insight_every\":100}}";
    ur_test_write(spec_path, json, sizeof json - 1);
    assert_int_equal(
        run((const char *const[5]){"--verify", "--threads", "2,1", "--steps", "150"}), 0);
    assert_non_null(strstr(text, "{\"steps\":150,"));
    assert_non_null(strstr(text, "\"same\":true}"));
}

static void test_what_cannot_be_verified_is_refused(void **state)
{
    (void)state;
    static const char *const lines[][5] = {
        {"--verify", "--threads", "1,0"},   {"--verify", "--threads", "1,,2"},
        {"--verify", "--threads", "two"},   {"--verify", "--steps", "0"},
        {"--verify", "--out", "somewhere"}, {"--steps", "3", "--out", "somewhere"},
        {"--verify", "--resume"},           {"--threads", "1,2", "--out", "somewhere"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(run(lines[i]), 2);
        assert_string_equal(text, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_of_a_run_has_the_runs_own_digest, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_only_watches_or_waits_is_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_verified_is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
