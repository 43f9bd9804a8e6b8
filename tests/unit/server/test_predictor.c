/* The predictor's daemon end: answers, a death over a request, a hang, damaged models, the
 * registry over a restart. */
#include "folder.h"

#include <pthread.h>
#include <signal.h>

#include "backend.h"
#include "fake_predictor.h"
#include "predictor_inside.h"
#include "unroll/log.h"

static struct ur_test_folder folder;
static struct backend b;

static int set_up(void **state)
{
    struct ur_error error = {0};
    (void)state;
    folder = ur_test_folder_make();
    backend_prepare(&b, folder.path);
    if (ur_store_open(&b.store, b.config.state_dir, &error) != UR_OK)
        return 1;
    return ur_predictor_create(&b.predictor, &b.config, b.store, &error) != UR_OK;
}

static int tear_down(void **state)
{
    (void)state;
    backend_stop(&b);
    ur_test_folder_remove(&folder);
    return 0;
}

static int32_t add_model_of(const char *name, const char *job, const char *bytes,
                            const char *report)
{
    char path[UR_TEST_PATH_BYTES];
    struct ur_error error = {0};
    int32_t version = 0;
    ur_test_write(ur_test_path(&folder, "model", path), bytes, strlen(bytes));
    assert_int_equal(
        ur_predictor_register(b.predictor, name, job, path, report, &version, &error), UR_OK);
    return version;
}

/* The number in bytes is the version that the model should get. */
static int32_t add_model(const char *name, const char *job, const char *bytes)
{
    return add_model_of(name, job, bytes,
                        "{\"test\":{\"accuracy\":0.97},\"input\":\"images\","
                        "\"weights_sha256\":\"ab\"}");
}

static enum ur_status ask(const char *model, int32_t version, const char *body,
                          struct ur_classify_reply *reply, struct ur_error *error)
{
    *error = (struct ur_error){0};
    const struct ur_classify_request request = {.model = model,
                                                .version = version,
                                                .want_image = true,
                                                .body = (const unsigned char *)body,
                                                .body_bytes = strlen(body)};
    return ur_predictor_classify(b.predictor, &request, reply, error);
}

static void answers(const char *model, int32_t version, const char *body, const char *by,
                    int32_t by_version)
{
    static struct ur_classify_reply reply;
    struct ur_error error;
    const enum ur_status status = ask(model, version, body, &reply, &error);
    if (status != UR_OK)
        print_error("%s\n", error.detail);
    assert_int_equal(status, UR_OK);
    assert_string_equal(reply.model, by);
    assert_int_equal(reply.version, by_version);
    assert_int_equal(reply.answer.rows_read, by_version);
    assert_true(reply.answer.probabilities[7] == 1.0f);
    assert_int_equal(reply.image_bytes, 3);
    assert_memory_equal(reply.image, "PNG", 3);
    free(reply.image);
}

static void test_the_model_that_was_asked_for_answers(void **state)
{
    (void)state;
    static struct ur_classify_reply reply;
    struct ur_error error;
    assert_int_equal(ask(NULL, 0, "x", &reply, &error), UR_NOT_FOUND);
    assert_non_null(strstr(error.detail, "no model yet"));
    assert_int_equal(add_model("a", "j1", "good 1"), 1);
    assert_int_equal(add_model("b", "j2", "good 1"), 1);
    assert_int_equal(add_model("a", "j3", "good 2"), 2);
    assert_int_equal(add_model("a", "j3", "good 2"), 2);
    answers(NULL, 0, "x", "a", 2);
    answers("b", 0, "x", "b", 1);
    answers("a", 1, "x", "a", 1);
    assert_int_equal(ask("a", 3, "x", &reply, &error), UR_NOT_FOUND);
    assert_int_equal(ask("c", 0, "x", &reply, &error), UR_NOT_FOUND);
    assert_int_equal(ask("a", 0, "blank", &reply, &error), UR_NO_DIGIT);
    assert_string_equal(error.detail, "blank");
}

static void restart(void)
{
    struct ur_error error = {0};
    ur_predictor_destroy(b.predictor);
    assert_int_equal(ur_predictor_create(&b.predictor, &b.config, b.store, &error), UR_OK);
}

/* A picture without a name goes past models of series, also after a restart, to the newest that
 * reads pictures; if there is none, the answer says so. */
static void test_models_of_series_are_no_default(void **state)
{
    (void)state;
    static struct ur_classify_reply reply;
    struct ur_error error;
    struct ur_text json;
    const char *series = "{\"input\":\"series\"}";
    add_model_of("waves", "j1", "good 1", series);
    assert_int_equal(ask(NULL, 0, "x", &reply, &error), UR_NOT_FOUND);
    assert_non_null(strstr(error.detail, "no model that reads pictures yet"));
    add_model("a", "j2", "good 1");
    add_model_of("waves", "j3", "good 2", series);
    answers(NULL, 0, "x", "a", 1);
    restart();
    answers(NULL, 0, "x", "a", 1);
    answers("waves", 0, "x", "waves", 2);
    ur_text_init(&json, 1 << 16);
    assert_int_equal(ur_predictor_model(b.predictor, "waves", 0, &json, &error), UR_OK);
    assert_non_null(strstr(ur_text_get(&json), "\"input\":\"series\""));
    ur_text_release(&json);
    assert_int_equal(ur_predictor_model_delete(b.predictor, "a", 1, &error), UR_OK);
    assert_int_equal(ask(NULL, 0, "x", &reply, &error), UR_NOT_FOUND);
}

static void test_a_death_is_retried_once(void **state)
{
    (void)state;
    static struct ur_classify_reply reply;
    struct ur_error error;
    struct ur_predictor_counts counts;
    char body[UR_TEST_PATH_BYTES + 16];
    snprintf(body, sizeof body, "once %s/marker", folder.path);
    add_model("a", "j1", "good 1");
    answers("a", 0, "x", "a", 1);
    answers("a", 0, body, "a", 1);
    ur_predictor_counts(b.predictor, &counts);
    assert_int_equal(counts.restarts_total, 1);
    assert_int_equal(ask("a", 0, "die", &reply, &error), UR_UNAVAILABLE);
    assert_non_null(strstr(error.detail, "twice"));
    answers("a", 0, "x", "a", 1);
    ur_predictor_counts(b.predictor, &counts);
    assert_int_equal(counts.restarts_total, 3);
    assert_true(counts.ready && counts.seccomp && !counts.landlock);
    assert_int_equal(counts.models, 1);
    assert_int_equal(counts.requests_total, 4);
    assert_int_equal(counts.failures_total, 1);
}

static void *ask_many(void *wrong)
{
    static __thread struct ur_classify_reply reply;
    struct ur_error error;
    for (int i = 0; i < 50; i++) {
        if (ask("a", 0, "x", &reply, &error) != UR_OK || reply.answer.probabilities[7] != 1.0f)
            __atomic_add_fetch((int *)wrong, 1, __ATOMIC_RELAXED);
        free(reply.image);
    }
    return NULL;
}

/* One request kills the predictor once, in the middle of many others: all are answered. */
static void test_requests_of_others_survive_a_death(void **state)
{
    (void)state;
    pthread_t threads[4];
    char body[UR_TEST_PATH_BYTES + 16];
    int wrong = 0;
    snprintf(body, sizeof body, "once %s/marker", folder.path);
    add_model("a", "j1", "good 1");
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many, &wrong), 0);
    answers("a", 0, body, "a", 1);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
}

static void set_deadline(int64_t deadline_us)
{
    pthread_mutex_lock(&b.predictor->mutex);
    b.predictor->deadline_us = deadline_us;
    pthread_mutex_unlock(&b.predictor->mutex);
}

static void test_a_hang_is_a_timeout_and_a_restart(void **state)
{
    (void)state;
    static struct ur_classify_reply reply;
    struct ur_error error;
    add_model("a", "j1", "good 1");
    answers("a", 0, "x", "a", 1);
    set_deadline(200000);
    assert_int_equal(ask("a", 0, "hang", &reply, &error), UR_TIMEOUT);
    set_deadline(UR_PREDICT_DEADLINE_US);
    answers("a", 0, "x", "a", 1);
}

struct asker {
    pthread_t thread;
    const char *body;
    enum ur_status status;
};

static void *ask_once(void *argument)
{
    static __thread struct ur_classify_reply reply;
    struct asker *asker = argument;
    struct ur_error error;
    asker->status = ask("a", 0, asker->body, &reply, &error);
    free(reply.image);
    return NULL;
}

static int32_t n_asking(void)
{
    pthread_mutex_lock(&b.predictor->mutex);
    const int32_t count = b.predictor->n_asking;
    pthread_mutex_unlock(&b.predictor->mutex);
    return count;
}

/* Several requests wait for a process that hangs: it is killed once, and its successor answers
 * those that are not to blame. */
static void test_a_hang_costs_one_life(void **state)
{
    (void)state;
    enum { INNOCENT = 4 };
    struct asker askers[1 + INNOCENT];
    struct ur_predictor_counts counts;
    add_model("a", "j1", "good 1");
    answers("a", 0, "x", "a", 1);
    set_deadline(1000000);
    for (int i = 0; i <= INNOCENT; i++) {
        askers[i] = (struct asker){.body = i == 0 ? "hang" : "x"};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_once, &askers[i]), 0);
        if (i == 0) /* the others come when it hangs already */
            usleep(100000);
    }
    for (int i = 0; i <= INNOCENT; i++)
        pthread_join(askers[i].thread, NULL);
    assert_int_equal(askers[0].status, UR_TIMEOUT);
    for (int i = 1; i <= INNOCENT; i++)
        assert_int_equal(askers[i].status, UR_OK);
    ur_predictor_counts(b.predictor, &counts);
    assert_int_equal(counts.restarts_total, 1);
}

static void test_one_thread_is_left_to_other_requests(void **state)
{
    (void)state;
    static struct ur_classify_reply reply;
    struct asker askers[2];
    struct ur_error error;
    add_model("a", "j1", "good 1");
    answers("a", 0, "x", "a", 1);
    b.config.pool_threads = 3;
    set_deadline(1000000);
    for (int i = 0; i < 2; i++) {
        askers[i] = (struct asker){.body = "hang"};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_once, &askers[i]), 0);
    }
    const int64_t until = ur_clock_us() + UR_TEST_WAIT_US;
    while (n_asking() < 2 && ur_clock_us() < until)
        usleep(1000);
    assert_int_equal(ask("a", 0, "x", &reply, &error), UR_UNAVAILABLE);
    assert_non_null(strstr(error.detail, "2 pictures wait"));
    for (int i = 0; i < 2; i++)
        pthread_join(askers[i].thread, NULL);
    answers("a", 0, "x", "a", 1);
}

static void test_a_model_that_cannot_be_loaded_says_why(void **state)
{
    (void)state;
    static struct ur_classify_reply reply;
    struct ur_error error;
    struct ur_text json;
    add_model("a", "j1", "bad model");
    assert_int_equal(ask("a", 0, "x", &reply, &error), UR_BAD_MODEL);
    assert_non_null(strstr(error.detail, "it is bad"));
    ur_text_init(&json, 1 << 16);
    assert_int_equal(ur_predictor_model(b.predictor, "a", 1, &json, NULL), UR_OK);
    assert_non_null(strstr(ur_text_get(&json), "\"ready\":false"));
    assert_non_null(strstr(ur_text_get(&json), "\"error_message\":\"it is bad\""));
    ur_text_release(&json);
}

static void test_more_models_than_slots_take_turns(void **state)
{
    (void)state;
    char job[16], bytes[16];
    for (int i = 0; i < UR_PREDICT_SLOTS + 3; i++) {
        snprintf(job, sizeof job, "j%03d", i);
        snprintf(bytes, sizeof bytes, "good %d", i + 1);
        assert_int_equal(add_model("a", job, bytes), i + 1);
    }
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < UR_PREDICT_SLOTS + 3; i++)
            answers("a", i + 1, "x", "a", i + 1);
}

static void test_the_registry_survives_a_restart(void **state)
{
    (void)state;
    struct ur_text json;
    struct ur_error error = {0};
    char path[UR_TEST_PATH_BYTES];
    add_model("a", "j1", "good 1");
    add_model("a", "j2", "good 2");
    restart();
    answers(NULL, 0, "x", "a", 2);
    assert_int_equal(ur_predictor_model_delete(b.predictor, "a", 2, &error), UR_OK);
    assert_int_not_equal(access(ur_test_path(&folder, "state/models/j2.unroll", path), F_OK),
                         0);
    assert_int_equal(access(ur_test_path(&folder, "state/models/j1.unroll", path), F_OK), 0);
    answers(NULL, 0, "x", "a", 1);
    assert_int_equal(ur_predictor_model_delete(b.predictor, "a", 2, &error), UR_NOT_FOUND);
    ur_text_init(&json, 1 << 16);
    assert_int_equal(ur_predictor_models(b.predictor, &json, &error), UR_OK);
    assert_non_null(strstr(ur_text_get(&json), "\"test\":{\"accuracy\":0.97},\"input\":"
                                               "\"images\",\"ready\":true,\"versions\":[1]"));
    ur_text_release(&json);
}

static void test_without_its_program_it_is_unavailable(void **state)
{
    (void)state;
    static struct ur_classify_reply reply;
    struct ur_error error = {0};
    struct ur_predictor_counts counts;
    add_model("a", "j1", "good 1");
    ur_predictor_destroy(b.predictor);
    ur_copy(b.config.predictor, sizeof b.config.predictor, "/no/such/program");
    assert_int_equal(ur_predictor_create(&b.predictor, &b.config, b.store, &error), UR_OK);
    set_deadline(200000);
    assert_int_equal(ask("a", 0, "x", &reply, &error), UR_UNAVAILABLE);
    ur_predictor_counts(b.predictor, &counts);
    assert_false(counts.ready);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (strstr(argv[0], "fake-predictor"))
        return fake_predictor_main();
#define PREDICTOR_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PREDICTOR_TEST(test_the_model_that_was_asked_for_answers),
        PREDICTOR_TEST(test_models_of_series_are_no_default),
        PREDICTOR_TEST(test_a_death_is_retried_once),
        PREDICTOR_TEST(test_requests_of_others_survive_a_death),
        PREDICTOR_TEST(test_a_hang_is_a_timeout_and_a_restart),
        PREDICTOR_TEST(test_a_hang_costs_one_life),
        PREDICTOR_TEST(test_one_thread_is_left_to_other_requests),
        PREDICTOR_TEST(test_a_model_that_cannot_be_loaded_says_why),
        PREDICTOR_TEST(test_more_models_than_slots_take_turns),
        PREDICTOR_TEST(test_the_registry_survives_a_restart),
        PREDICTOR_TEST(test_without_its_program_it_is_unavailable),
    };
    signal(SIGPIPE, SIG_IGN);
    ur_log_setup("test", UR_LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
