/* The settings: who wins, what is refused and how it is told, and that the shipped file holds
 * them all. */
#include "folder.h"

#include <jansson.h>

#include "config.h"

static struct ur_config config;
static struct ur_error error;
static bool help, version;

static enum ur_status load(int argc, const char *const *arguments)
{
    char *argv[16];
    for (int i = 0; i < argc; i++)
        argv[i] = strdup(arguments[i]);
    error = (struct ur_error){0};
    const enum ur_status status = ur_config_load(&config, argc, argv, &help, &version, &error);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return status;
}

#define LOAD(...)                                                                              \
    load((int)(sizeof((const char *[]){"unrolld", __VA_ARGS__}) / sizeof(char *)),             \
         (const char *[]){"unrolld", __VA_ARGS__})

static int clear(void **state)
{
    (void)state;
    unsetenv("UNROLL_THREADS");
    unsetenv("UNROLL_LISTEN");
    unsetenv("UNROLL_DATASETS");
    return 0;
}

static void test_defaults_are_filled_in(void **state)
{
    (void)state;
    assert_int_equal(LOAD("--state-dir", "s"), UR_OK);
    assert_string_equal(config.host, "127.0.0.1");
    assert_int_equal(config.port, 8080);
    assert_true(config.threads >= 1 && config.memory_bytes > 1 << 20);
    assert_string_equal(strrchr(config.worker, '/'), "/unroll-train");
    assert_string_equal(strrchr(config.predictor, '/'), "/unroll-predict");
    assert_false(config.check || help || version);
}

static void test_a_flag_beats_the_environment_beats_the_file(void **state)
{
    (void)state;
    char path[UR_TEST_PATH_BYTES];
    struct ur_test_folder folder = ur_test_folder_make();
    static const char text[] = "{\"threads\":3,\"memory\":\"2G\",\"max_queued\":7,"
                               "\"datasets\":\"/from/file\"}";
    ur_test_write(ur_test_path(&folder, "c.json", path), text, sizeof text - 1);
    assert_int_equal(LOAD("--config", path), UR_OK);
    assert_int_equal(config.threads, 3);
    assert_true(config.memory_bytes == (int64_t)2 << 30);
    setenv("UNROLL_THREADS", "4", 1);
    setenv("UNROLL_DATASETS", "/from/environment", 1);
    assert_int_equal(LOAD("--config", path), UR_OK);
    assert_int_equal(config.threads, 4);
    assert_string_equal(config.datasets, "/from/environment");
    assert_int_equal(LOAD("--threads=5", "--config", path, "--listen", "[::1]:0"), UR_OK);
    assert_int_equal(config.threads, 5);
    assert_int_equal(config.max_queued, 7);
    assert_string_equal(config.host, "::1");
    assert_int_equal(config.port, 0);

    struct ur_text json;
    ur_text_init(&json, 1 << 16);
    ur_config_print(&config, &json);
    assert_non_null(
        strstr(ur_text_get(&json), "\"name\":\"threads\",\"value\":5,\"source\":\"flag\""));
    assert_non_null(strstr(ur_text_get(&json), "\"value\":\"/from/environment\",\"source\":"
                                               "\"environment\""));
    assert_non_null(strstr(ur_text_get(&json), "\"value\":7,\"source\":\"file\""));
    assert_non_null(strstr(ur_text_get(&json), "\"name\":\"web_dir\",\"value\":\"\","
                                               "\"source\":\"default\""));
    ur_text_release(&json);
    ur_test_folder_remove(&folder);
}

static void refused(enum ur_status status, const char *piece)
{
    if (!strstr(error.detail, piece))
        print_error("%s\n", error.detail);
    assert_int_equal(status, UR_USAGE);
    assert_non_null(strstr(error.detail, piece));
}

static void test_what_makes_no_sense_is_refused_by_name(void **state)
{
    (void)state;
    refused(LOAD("--threads", "many"), "threads (from a flag) is \"many\"");
    refused(LOAD("--threads", "257"), "0..256");
    refused(LOAD("--threads"), "--threads wants a value");
    refused(LOAD("--memory", "4X"), "memory");
    refused(LOAD("--memory", "99999999T"), "memory");
    refused(LOAD("--thread", "4"), "no flag --thread;");
    refused(LOAD("start"), "\"start\" is not understood");
    refused(LOAD("--listen", "8080"), "HOST:PORT");
    refused(LOAD("--listen", "127.0.0.1:99999"), "HOST:PORT");
    refused(LOAD("--datasets", "a\nb"), "control characters");
    refused(LOAD("--config", "/no/such/file"), "/no/such/file");
    setenv("UNROLL_THREADS", "x", 1);
    refused(LOAD("--check"), "from UNROLL_THREADS");
}

static void test_files_with_typos_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"thread\":1}", "{\"threads\":1.5}",
                                        "{\"threads\":1,", "[]",
                                        "{\"threads\":1,\"threads\":2}"};
    char path[UR_TEST_PATH_BYTES];
    struct ur_test_folder folder = ur_test_folder_make();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ur_test_write(ur_test_path(&folder, "c.json", path), texts[i], strlen(texts[i]));
        refused(LOAD("--config", path), "c.json");
    }
    ur_test_folder_remove(&folder);
}

static void test_only_loopback_is_listened_on(void **state)
{
    (void)state;
    static const char *const fine[] = {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"};
    static const char *const refused_hosts[] = {"0.0.0.0:1",           "[::]:1",
                                                "192.168.0.1:1",       "example.org:1",
                                                "128.0.0.1:1",         "[::ffff:127.0.0.1]:1",
                                                "127.0.0.1.evil.org:1"};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        assert_int_equal(LOAD("--listen", fine[i]), UR_OK);
    for (size_t i = 0; i < sizeof refused_hosts / sizeof *refused_hosts; i++)
        refused(LOAD("--listen", refused_hosts[i]), "does not listen on");
}

static void test_the_shipped_file_holds_every_setting(void **state)
{
    (void)state;
    struct ur_text json;
    assert_int_equal(LOAD("--config", UR_SOURCE_DIR "/config/unrolld.json"), UR_OK);
    ur_text_init(&json, 1 << 16);
    ur_config_print(&config, &json);
    json_t *printed = json_loads(ur_text_get(&json), 0, NULL);
    json_t *shipped = json_load_file(UR_SOURCE_DIR "/config/unrolld.json", 0, NULL);
    const json_t *items = json_object_get(printed, "items");
    size_t index;
    json_t *item;
    assert_int_equal(json_array_size(items), json_object_size(shipped));
    json_array_foreach(items, index, item)
    {
        assert_non_null(
            json_object_get(shipped, json_string_value(json_object_get(item, "name"))));
        assert_string_equal(json_string_value(json_object_get(item, "source")), "file");
    }
    json_decref(printed);
    json_decref(shipped);
    ur_text_release(&json);
}

static void test_help_names_every_flag(void **state)
{
    (void)state;
    struct ur_text text;
    assert_int_equal(LOAD("--help"), UR_OK);
    assert_true(help);
    ur_text_init(&text, 1 << 16);
    ur_config_help(&text);
    assert_non_null(strstr(ur_text_get(&text), "--state-dir"));
    assert_non_null(strstr(ur_text_get(&text), "[127.0.0.1:8080]"));
    ur_text_release(&text);
    assert_int_equal(LOAD("--check"), UR_OK);
    assert_true(config.check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults_are_filled_in, clear),
        cmocka_unit_test_setup(test_a_flag_beats_the_environment_beats_the_file, clear),
        cmocka_unit_test_setup(test_what_makes_no_sense_is_refused_by_name, clear),
        cmocka_unit_test_setup(test_files_with_typos_are_refused, clear),
        cmocka_unit_test_setup(test_only_loopback_is_listened_on, clear),
        cmocka_unit_test_setup(test_the_shipped_file_holds_every_setting, clear),
        cmocka_unit_test_setup(test_help_names_every_flag, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
