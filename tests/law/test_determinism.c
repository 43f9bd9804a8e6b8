/*
 * The second law on the real program: a result depends on the spec and the bytes, not on
 * threads and not on how often the program was killed.
 */
#include "child.h"
#include "folder.h"

#include "unroll/limits.h"
#include "unroll/rng.h"
#include "unroll/text.h"

/* Three hundred steps with an epoch every dozen: much to lose, and many checkpoints. */
static const char spec_json[] =
    "{\"dataset\":\"digits\",\"data\":{\"count\":600,\"fresh\":true},"
    "\"model\":{\"hidden\":24},"
    "\"train\":{\"steps\":300,\"batch\":48,\"shard_rows\":16,\"validation\":100,"
    "\"clip_norm\":1,\"augment\":{},\"optimizer\":{\"learning_rate\":0.005}},"
    "\"run\":{\"checkpoint_s\":1,\"display_every\":1}}";

static struct ur_test_folder folder;
static char spec_path[UR_TEST_PATH_BYTES], out_path[UR_TEST_PATH_BYTES];

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

static struct child start(const char *threads, bool resume)
{
    char program[] = "unroll-train", spec[] = "--spec", out[] = "--out";
    char option[] = "--threads", again[] = "--resume", count[8];
    ur_copy(count, sizeof count, threads);
    char *argv[] = {
        program, spec, spec_path, out, out_path, option, count, resume ? again : NULL, NULL};
    return child_start(argv);
}

/* Takes the value of a key out of the last line of standard output. */
static void read_digest(const struct child *child, char digest[UR_SHA256_HEX_BYTES])
{
    static char text[1 << 18];
    child_read(child, text, sizeof text);
    const char *key = "\"weights_sha256\":\"";
    const char *at = strstr(text, key);
    assert_non_null(at);
    memcpy(digest, at + strlen(key), UR_SHA256_HEX_BYTES - 1);
    digest[UR_SHA256_HEX_BYTES - 1] = '\0';
    assert_int_equal(strspn(digest, "0123456789abcdef"), UR_SHA256_HEX_BYTES - 1);
}

/* Another network in the folder's job. */
static void set_model(const char *dataset, const char *model)
{
    struct ur_text text;
    ur_text_init(&text, 4096);
    ur_text_format(&text,
                   "{\"dataset\":\"%s\",\"data\":{\"count\":300},\"model\":{%s},"
                   "\"train\":{\"steps\":20,\"batch\":40,\"shard_rows\":8,\"validation\":50}}",
                   dataset, model);
    assert_false(text.failed);
    ur_test_write(spec_path, ur_text_get(&text), strlen(ur_text_get(&text)));
    ur_text_release(&text);
}

/* A run from the start takes a folder of its own: one that holds a run would be refused. */
static void run(const char *threads, bool resume, char digest[UR_SHA256_HEX_BYTES])
{
    static int runs;
    char name[16];
    if (!resume) {
        snprintf(name, sizeof name, "out%d", runs++);
        ur_test_path(&folder, name, out_path);
    }
    struct child child = start(threads, resume);
    read_digest(&child, digest);
    assert_int_equal(child_wait(&child), 0);
}

static void test_threads_give_one_digest(void **state)
{
    (void)state;
    static const char *const threads[] = {"2", "3", "8"};
    char expected[UR_SHA256_HEX_BYTES], digest[UR_SHA256_HEX_BYTES];
    run("1", false, expected);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        run(threads[i], false, digest);
        assert_string_equal(digest, expected);
    }
}

static void test_threads_give_one_digest_for_every_network(void **state)
{
    (void)state;
    static const char *const models[] = {
        "\"cell\":\"rnn\",\"hidden\":12",
        "\"cell\":\"gru\",\"hidden\":12,\"readout\":\"mean\"",
        "\"bidirectional\":true,\"hidden\":12,\"readout\":\"final\"",
        "\"hidden\":12,\"scan\":\"columns\"",
        ("\"cell\":\"gru\",\"bidirectional\":true,\"layers\":3,\"hidden\":9,"
         "\"readout\":\"max\""),
    };
    for (size_t n = 0; n < 2 * sizeof models / sizeof models[0]; n++) {
        const size_t i = n / 2, k = n % 2;
        char expected[UR_SHA256_HEX_BYTES], digest[UR_SHA256_HEX_BYTES];
        if (k > 0 && strstr(models[i], "columns") != NULL)
            continue; /* a series has none */
        set_model(k == 0 ? "digits" : "series", models[i]);
        run("1", false, expected);
        run("2", false, digest);
        assert_string_equal(digest, expected);
        run("5", false, digest);
        assert_string_equal(digest, expected);
    }
}

/* True once the run ended by itself before it could be killed. */
static bool kill_after(int milliseconds, const char *threads)
{
    struct child child = start(threads, true);
    usleep((useconds_t)milliseconds * 1000);
    kill(child.pid, SIGKILL);
    const int code = child_wait(&child);
    if (code != 0)
        assert_int_equal(code, 128 + SIGKILL);
    return code == 0;
}

/* Each round is killed again and again, at moments that are other ones on every machine. */
static void test_kills_change_nothing(void **state)
{
    (void)state;
    char expected[UR_SHA256_HEX_BYTES], digest[UR_SHA256_HEX_BYTES];
    run("2", false, expected);
    int kills = 0;
    for (uint32_t round = 0; round < 3; round++) {
        tear_down(NULL);
        assert_int_equal(set_up(NULL), 0);
        for (uint32_t k = 0; k < 5; k++) {
            uint32_t words[4];
            ur_rng_words((struct ur_rng_key){17, UR_RNG_TEST}, round, k, 0, words);
            if (kill_after((int)(30 + words[0] % 120), k % 2 == 0 ? "2" : "3"))
                break;
            kills++;
        }
        run("1", true, digest);
        assert_string_equal(digest, expected);
    }
    assert_true(kills > 0);
}

enum { MATRIX_KILLS = 5, MATRIX_STEPS = 200, STEPS_A_LIFE = 20, MATRIX_BATCH = 64 };

/* The networks of the matrix: what is in "model", and what else in "train". */
static const struct {
    const char *model, *train;
} matrix[] = {
    {"\"cell\":\"lstm\",\"hidden\":8", ""},
    {"\"cell\":\"lstm\",\"hidden\":8,\"projection\":5,\"bidirectional\":true", ""},
    {"\"cell\":\"lstm\",\"hidden\":8,\"bidirectional\":true,\"init\":\"orthogonal\"", ""},
    {"\"cell\":\"gru\",\"hidden\":8,\"init\":\"pytorch\"", ",\"truncate_bptt\":9"},
    {"\"cell\":\"rnn\",\"hidden\":8", ""},
    {"\"cell\":\"lstm\",\"hidden\":8,\"layers\":2,\"dropout\":0.3",
     ",\"augment\":{},\"ema\":0.9"},
};

/* Eight shards, so that eight threads have one each; an epoch, and with it a checkpoint, every
 * fourth step. */
static void set_matrix_job(size_t network)
{
    struct ur_text text;
    ur_text_init(&text, 4096);
    ur_text_format(&text,
                   "{\"dataset\":\"digits\",\"data\":{\"count\":300},\"model\":{%s},"
                   "\"train\":{\"steps\":%d,\"batch\":%d,\"shard_rows\":8,"
                   "\"validation\":44%s},\"run\":{\"display_every\":1}}",
                   matrix[network].model, MATRIX_STEPS, MATRIX_BATCH, matrix[network].train);
    assert_false(text.failed);
    ur_test_write(spec_path, ur_text_get(&text), strlen(ur_text_get(&text)));
    ur_text_release(&text);
}

/* Reads lines to the one of a step or a later one. */
static void read_to_step(const struct child *child, int32_t step)
{
    char line[256];
    size_t used = 0;
    while (used < sizeof line && read(child->out, line + used, 1) == 1) {
        if (line[used++] != '\n')
            continue;
        line[used - 1] = '\0';
        if (strncmp(line, "Iter ", 5) == 0 &&
            strtol(line + 5, NULL, 10) >= (long)step * MATRIX_BATCH)
            return;
        used = 0;
    }
    fail_msg("no line of step %d came", (int)step);
}

/* Lives that end with SIGKILL, each past where the one before got to. The pipe takes fewer than
 * eighty lines more than are read, so none of them comes to the end of the run by itself. */
static void live_and_die(const char *threads)
{
    char program[] = "unroll-train", spec[] = "--spec", out[] = "--out", option[] = "--threads";
    char again[] = "--resume", lines[] = "--lines", count[8];
    char *argv[] = {program, spec, spec_path, out, out_path, option, count, again, lines, NULL};
    ur_copy(count, sizeof count, threads);
    for (int32_t life = 1; life <= MATRIX_KILLS; life++) {
        struct child child = child_start(argv);
        assert_true(fcntl(child.out, F_SETPIPE_SZ, 4096) > 0);
        read_to_step(&child, STEPS_A_LIFE * life);
        kill(child.pid, SIGKILL);
        assert_int_equal(child_wait(&child), 128 + SIGKILL);
    }
}

/* Every network, at every number of threads, left alone or killed five times: one digest. */
static void test_the_matrix(void **state)
{
    (void)state;
    static const char *const threads[] = {"1", "2", "3", "4", "8"};
    for (size_t n = 0; n < sizeof matrix / sizeof matrix[0]; n++) {
        char expected[UR_SHA256_HEX_BYTES] = "", digest[UR_SHA256_HEX_BYTES];
        set_matrix_job(n);
        for (size_t k = 0; k < sizeof threads / sizeof threads[0]; k++) {
            run(threads[k], false, digest);
            if (k == 0)
                memcpy(expected, digest, sizeof expected);
            assert_string_equal(digest, expected);
            char name[32];
            snprintf(name, sizeof name, "killed%zu-%zu", n, k);
            ur_test_path(&folder, name, out_path);
            live_and_die(threads[k]);
            run(threads[k], true, digest);
            assert_string_equal(digest, expected);
        }
    }
}

/* The pipe holds some sixty lines and the program prints one a step: it cannot be done before
 * the signal comes. */
static void test_a_term_is_a_suspension(void **state)
{
    (void)state;
    char expected[UR_SHA256_HEX_BYTES], digest[UR_SHA256_HEX_BYTES];
    char path[UR_TEST_PATH_BYTES + 64];
    static char text[1 << 18];
    run("2", false, expected);
    tear_down(NULL);
    assert_int_equal(set_up(NULL), 0);

    char program[] = "unroll-train", spec[] = "--spec", out[] = "--out", lines[] = "--lines";
    char *argv[] = {program, spec, spec_path, out, out_path, lines, NULL};
    struct child child = child_start(argv);
    assert_true(fcntl(child.out, F_SETPIPE_SZ, 4096) > 0);
    assert_int_equal(read(child.out, text, 5), 5);
    assert_memory_equal(text, "Iter ", 5);
    kill(child.pid, SIGTERM);
    child_read(&child, text, sizeof text);
    assert_int_equal(child_wait(&child), 7);
    assert_null(strchr(text, '{'));
    snprintf(path, sizeof path, "%s/model.unroll", out_path);
    assert_int_equal(access(path, F_OK), -1);
    run("2", true, digest);
    assert_string_equal(digest, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threads_give_one_digest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads_give_one_digest_for_every_network, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_kills_change_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_matrix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_term_is_a_suspension, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
