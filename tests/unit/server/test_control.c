/* A job under its client's control: paused, resumed, and what else may be asked of it then. */
#include "folder.h"

#include "backend.h"
#include "fake_predictor.h"
#include "fake_worker.h"
#include "unroll/log.h"

static struct ur_test_folder folder;
static struct backend b;

static int set_up(void **state)
{
    struct ur_error error = {0};
    (void)state;
    folder = ur_test_folder_make();
    backend_prepare(&b, folder.path);
    if (backend_start(&b, &error) != UR_OK)
        print_error("%s\n", error.detail);
    return error.status != UR_OK;
}

static int tear_down(void **state)
{
    (void)state;
    backend_stop(&b);
    ur_test_folder_remove(&folder);
    return 0;
}

static void restart(void)
{
    struct ur_error error = {0};
    backend_stop(&b);
    assert_int_equal(backend_start(&b, &error), UR_OK);
}

static void submit(const char *name, char id[UR_JOB_ID_BYTES])
{
    struct ur_error error = {0};
    assert_int_equal(backend_submit(&b, name, "digits", NULL, id, NULL, NULL, &error), UR_OK);
}

static enum ur_status command(const char *id, enum ur_job_command what, struct ur_error *error)
{
    struct ur_text json;
    *error = (struct ur_error){0};
    ur_text_init(&json, 1 << 16);
    const enum ur_status status = ur_supervisor_command(b.supervisor, id, what, &json, error);
    assert_true(status != UR_OK || json.length > 0);
    ur_text_release(&json);
    return status;
}

static void obey(const char *id, enum ur_job_command what)
{
    struct ur_error error;
    if (command(id, what, &error) != UR_OK)
        fail_msg("%s", error.detail);
}

/* The refusal names the state. */
static void refuse(const char *id, enum ur_job_command what, const char *state)
{
    struct ur_error error;
    assert_int_equal(command(id, what, &error), UR_CONFLICT);
    if (!strstr(error.detail, state))
        fail_msg("%s", error.detail);
}

static void await_state(const char *id, const char *name)
{
    char piece[64];
    snprintf(piece, sizeof piece, "\"state\":\"%s\"", name);
    assert_true(backend_await(&b, id, piece));
}

static void test_a_paused_job_gives_its_cores_back_and_goes_on(void **state)
{
    (void)state;
    char first[UR_JOB_ID_BYTES], second[UR_JOB_ID_BYTES], third[UR_JOB_ID_BYTES];
    struct ur_supervisor_counts counts;
    submit("obey", first);
    submit("obey", second);
    submit("good", third);
    assert_true(backend_await(&b, first, "\"step\":5,"));
    assert_true(backend_await(&b, second, "\"step\":5,"));
    assert_true(backend_job_has(&b, third, "\"state\":\"queued\""));
    obey(first, UR_JOB_COMMAND_PAUSE);
    await_state(first, "paused");
    await_state(third, "succeeded");
    ur_supervisor_counts(b.supervisor, &counts);
    assert_int_equal(counts.threads_used, 1);
    assert_int_equal(counts.jobs[UR_JOB_PAUSED], 1);
    assert_true(backend_job_has(&b, first, "\"restarts\":0,"));
    assert_true(backend_job_has(&b, first, "\"error\":null"));
    refuse(first, UR_JOB_COMMAND_PAUSE, "it is paused");
    refuse(first, UR_JOB_COMMAND_CHECKPOINT, "it is paused");
    obey(first, UR_JOB_COMMAND_RESUME);
    await_state(first, "running");
    refuse(first, UR_JOB_COMMAND_RESUME, "it is running");
    obey(first, UR_JOB_COMMAND_STOP);
    await_state(first, "stopped");
    refuse(first, UR_JOB_COMMAND_PAUSE, "it is stopped");
    refuse(first, UR_JOB_COMMAND_RESUME, "it is stopped");
}

static void test_a_job_that_waits_is_paused_where_it_stands(void **state)
{
    (void)state;
    char busy[2][UR_JOB_ID_BYTES], waiting[UR_JOB_ID_BYTES];
    submit("obey", busy[0]);
    submit("obey", busy[1]);
    submit("good", waiting);
    obey(waiting, UR_JOB_COMMAND_PAUSE);
    assert_true(backend_job_has(&b, waiting, "\"state\":\"paused\""));
    obey(busy[0], UR_JOB_COMMAND_CANCEL);
    obey(busy[1], UR_JOB_COMMAND_CANCEL);
    await_state(busy[0], "cancelled");
    await_state(busy[1], "cancelled");
    assert_true(backend_job_has(&b, waiting, "\"state\":\"paused\""));
    obey(waiting, UR_JOB_COMMAND_RESUME);
    await_state(waiting, "succeeded");
}

static void test_a_paused_job_can_be_stopped_and_cancelled(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    submit("obey", id);
    assert_true(backend_await(&b, id, "\"step\":5,"));
    obey(id, UR_JOB_COMMAND_PAUSE);
    await_state(id, "paused");
    obey(id, UR_JOB_COMMAND_STOP); /* what it learnt is kept: a worker comes once more */
    await_state(id, "stopped");
    assert_true(backend_job_has(&b, id, "\"model\":{\"name\":\"obey\""));

    submit("obey", id);
    assert_true(backend_await(&b, id, "\"step\":5,"));
    obey(id, UR_JOB_COMMAND_PAUSE);
    await_state(id, "paused");
    obey(id, UR_JOB_COMMAND_CANCEL);
    assert_true(backend_job_has(&b, id, "\"state\":\"cancelled\""));
}

/* A pause that comes after a stop must not undo it, nor outlive a job that has finished. */
static void test_a_pause_undoes_no_stop(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    submit("stubborn", id);
    await_state(id, "running");
    obey(id, UR_JOB_COMMAND_STOP);
    refuse(id, UR_JOB_COMMAND_PAUSE, "it is stopping");
    obey(id, UR_JOB_COMMAND_CANCEL);
    await_state(id, "cancelled");

    submit("deaf", id);
    assert_true(backend_await(&b, id, "\"step\":5,"));
    obey(id, UR_JOB_COMMAND_PAUSE);
    await_state(id, "succeeded");
}

static void test_a_pause_holds_over_a_restart(void **state)
{
    (void)state;
    char resting[UR_JOB_ID_BYTES], asked[UR_JOB_ID_BYTES];
    submit("obey", resting);
    assert_true(backend_await(&b, resting, "\"step\":5,"));
    obey(resting, UR_JOB_COMMAND_PAUSE);
    await_state(resting, "paused");
    submit("obey", asked);
    assert_true(backend_await(&b, asked, "\"step\":5,"));
    obey(asked, UR_JOB_COMMAND_PAUSE);
    restart();
    assert_true(backend_job_has(&b, resting, "\"state\":\"paused\""));
    assert_true(backend_job_has(&b, asked, "\"state\":\"paused\""));
    usleep(50000); /* long enough for a worker that should not start */
    assert_true(backend_job_has(&b, resting, "\"state\":\"paused\""));
    obey(resting, UR_JOB_COMMAND_RESUME);
    await_state(resting, "running");
}

/* As a daemon that was killed leaves it: the order is in the row, and nobody carries it out. */
static void test_an_acknowledged_pause_survives_a_kill(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    submit("stubborn", id);
    await_state(id, "running");
    obey(id, UR_JOB_COMMAND_PAUSE);
    assert_true(backend_job_has(&b, id, "\"state\":\"stopping\""));
    pthread_mutex_lock(&b.supervisor->mutex);
    struct ur_job *job = ur_job_find(b.supervisor, id);
    assert_int_equal(job->row.command, UR_COMMAND_SUSPEND);
    ur_worker_signal(&job->run->worker, SIGKILL); /* the worker dies before it has heard */
    pthread_mutex_unlock(&b.supervisor->mutex);
    await_state(id, "paused");
    assert_true(backend_job_has(&b, id, "\"restarts\":0,"));
}

static void test_paused_jobs_fill_the_queue(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    struct ur_error error = {0};
    for (int i = 0; i < b.config.max_queued; i++) {
        submit("obey", id);
        obey(id, UR_JOB_COMMAND_PAUSE);
        await_state(id, "paused");
    }
    assert_int_equal(backend_submit(&b, "good", "digits", NULL, id, NULL, NULL, &error),
                     UR_QUEUE_FULL);
}

int main(int argc, char **argv)
{
    if (strstr(argv[0], "fake-worker"))
        return fake_worker_main(argc, argv);
    if (strstr(argv[0], "fake-predictor"))
        return fake_predictor_main();
#define JOB_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        JOB_TEST(test_a_paused_job_gives_its_cores_back_and_goes_on),
        JOB_TEST(test_a_job_that_waits_is_paused_where_it_stands),
        JOB_TEST(test_a_paused_job_can_be_stopped_and_cancelled),
        JOB_TEST(test_a_pause_undoes_no_stop),
        JOB_TEST(test_a_pause_holds_over_a_restart),
        JOB_TEST(test_an_acknowledged_pause_survives_a_kill),
        JOB_TEST(test_paused_jobs_fill_the_queue),
    };
    signal(SIGPIPE, SIG_IGN);
    ur_log_setup("test", UR_LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
