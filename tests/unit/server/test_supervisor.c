/* The jobs from submission to end, with workers that behave and workers that do not. */
#include "folder.h"

#include <sqlite3.h>
#include <sys/resource.h>

#include "backend.h"
#include "fake_predictor.h"
#include "fake_worker.h"
#include "store_events.h"
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
    const enum ur_status status =
        backend_submit(&b, name, "digits", NULL, id, NULL, NULL, &error);
    if (status != UR_OK)
        print_error("%s\n", error.detail);
    assert_int_equal(status, UR_OK);
}

/* Seconds become tenths, so that a test of patience is quick. */
static void be_impatient(void)
{
    pthread_mutex_lock(&b.supervisor->mutex);
    b.supervisor->patience = (struct ur_patience){.hello_us = 10000000,
                                                  .heartbeat_us = 300000,
                                                  .command_us = 200000,
                                                  .term_us = 300000,
                                                  .exit_us = 300000,
                                                  .suspend_us = 2000000,
                                                  .retry_us = 1000,
                                                  .describe_us = 1000};
    pthread_mutex_unlock(&b.supervisor->mutex);
}

/* All events of a job, as "name name …" in *names, with a look at their numbering. */
struct listing {
    char names[2048];
    char data[16384];
    int64_t next;
};

static bool list_event(void *context, const struct ur_event *event)
{
    struct listing *listing = context;
    const size_t used = strlen(listing->names), bytes = strlen(listing->data);
    assert_int_equal(event->sequence, ++listing->next);
    snprintf(listing->names + used, sizeof listing->names - used, "%s ", event->name);
    snprintf(listing->data + bytes, sizeof listing->data - bytes, "%s\n", event->data);
    return true;
}

static struct listing *events_of(const char *id)
{
    static struct listing listing;
    bool finished;
    struct ur_error error = {0};
    listing = (struct listing){0};
    assert_int_equal(ur_store_events(b.store, id, 0, list_event, &listing, &finished, &error),
                     UR_OK);
    return &listing;
}

static int32_t count_of(const char *text, const char *piece)
{
    int32_t count = 0;
    for (const char *at = strstr(text, piece); at; at = strstr(at + 1, piece))
        count++;
    return count;
}

static void await_end(const char *id, const char *state)
{
    char piece[64];
    snprintf(piece, sizeof piece, "\"state\":\"%s\"", state);
    assert_true(backend_await(&b, id, piece));
    /* The row is written by then or soon after: the end is the last thing that is. */
    const int64_t until = ur_clock_us() + UR_TEST_WAIT_US;
    while (!strstr(events_of(id)->names, "end") && ur_clock_us() < until)
        usleep(2000);
    assert_non_null(strstr(events_of(id)->names, "state end "));
}

static void test_a_good_job_succeeds_and_its_model_answers(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    struct ur_error error = {0};
    struct ur_text text;
    submit("good", id);
    await_end(id, "succeeded");
    assert_true(backend_job_has(&b, id, "\"progress\":1,"));
    assert_true(backend_job_has(&b, id, "\"model\":{\"name\":\"good\",\"version\":1}"));
    assert_true(backend_job_has(&b, id, "\"weights_sha256\":\"dddd"));
    assert_true(backend_job_has(&b, id, "\"best\":{\"step\":20,\"epoch\":2,"));
    assert_true(backend_job_has(&b, id, "\"error\":null"));
    const struct listing *listing = events_of(id);
    assert_int_equal(count_of(listing->names, "epoch "), 2);
    assert_int_equal(count_of(listing->names, "checkpoint "), 1);
    assert_true(count_of(listing->names, "step ") >= 1);
    /* Epochs count from 1 wherever they are told; the fake worker's last step begins a
     * third. */
    assert_true(backend_job_has(&b, id, "\"step\":20,\"epoch\":3,"));
    const char *point = strstr(listing->data, "\"learning_rate\"");
    assert_non_null(point);
    while (strncmp(point, "\"step\":", 7) != 0)
        point--;
    const long step = strtol(point + 7, NULL, 10);
    assert_int_equal(strtol(strstr(point, "\"epoch\":") + 8, NULL, 10), step / 10 + 1);
    const char *last = strstr(listing->data, "\"state\":\"succeeded\"");
    assert_non_null(last);
    assert_null(strstr(last, "\"phase\""));
    /* The report came with a line break in it; an event has one line. */
    assert_int_equal(count_of(listing->data, "\n"), listing->next);

    struct ur_classify_reply reply;
    const struct ur_classify_request request = {.body = (const unsigned char *)"x",
                                                .body_bytes = 1};
    assert_int_equal(ur_predictor_classify(b.predictor, &request, &reply, &error), UR_OK);
    assert_string_equal(reply.model, "good");

    ur_text_init(&text, 1 << 16);
    const struct ur_series_request series = {
        .job = id, .names = "train.loss,validation.accuracy", .max_points = 4, .csv = true};
    assert_int_equal(ur_store_series(b.store, &series, &text, &error), UR_OK);
    assert_string_equal(ur_text_get(&text),
                        "step,train.loss,validation.accuracy\n"
                        "5,0.2,\n10,0.1,0.1\n15,0.06666667,\n20,0.05,0.2\n");
    ur_text_reset(&text);
    assert_int_equal(ur_store_confusion(b.store, id, -1, &text, &error), UR_OK);
    assert_non_null(strstr(ur_text_get(&text), "\"split\":\"test\",\"classes\":10,"
                                               "\"counts\":[[9,1,0,0,0,0,0,0,0,0],"));
    assert_non_null(strstr(ur_text_get(&text), "{\"precision\":0.9,\"recall\":0.9,\"f1\":0.9,"
                                               "\"support\":10}"));
    ur_text_release(&text);
}

static void test_a_crash_is_resumed_without_repeated_events(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    submit("crash", id);
    await_end(id, "succeeded");
    assert_true(backend_job_has(&b, id, "\"restarts\":1,"));
    const struct listing *listing = events_of(id);
    assert_non_null(strstr(listing->data, "\"state\":\"interrupted\""));
    /* Steps 5 to 8 came twice; no step event goes back, and no point is there twice. */
    int64_t last = 0;
    for (const char *at = strstr(listing->data, "\"step\":"); at;
         at = strstr(at + 1, "\"step\":")) {
        const int64_t step = strtoll(at + 7, NULL, 10);
        const char *rate = strstr(at, "\"learning_rate\"");
        if (!rate || rate > strchr(at, '\n'))
            continue; /* another kind of event */
        assert_true(step > last);
        last = step;
    }
    struct ur_text text;
    ur_text_init(&text, 1 << 16);
    const struct ur_series_request series = {
        .job = id, .names = "train.loss", .max_points = 100};
    assert_int_equal(ur_store_series(b.store, &series, &text, NULL), UR_OK);
    assert_non_null(
        strstr(ur_text_get(&text), "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]"));
    ur_text_release(&text);
}

static void test_a_worker_that_exits_at_once_fails_its_job_in_the_end(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    be_impatient();
    submit("early", id);
    await_end(id, "failed");
    assert_true(backend_job_has(&b, id, "\"restarts\":3,"));
    assert_true(backend_job_has(&b, id, "\"code\":\"interrupted\""));
    assert_true(backend_job_has(&b, id, "exit code 3"));
}

static void test_a_missing_worker_program_is_told_without_its_path(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    be_impatient();
    snprintf(b.config.worker, sizeof b.config.worker, "%s/no-such", folder.path);
    submit("good", id);
    await_end(id, "failed");
    assert_true(backend_job_has(&b, id, "No such file or directory. It was started 4 times"));
    assert_false(backend_job_has(&b, id, "no-such"));
}

static void test_a_hanging_worker_is_killed_and_resumed(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    be_impatient();
    submit("hang", id);
    await_end(id, "succeeded");
    assert_true(backend_job_has(&b, id, "\"restarts\":1,"));
}

static void test_a_worker_that_ignores_sigterm_is_killed_and_resumed(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    be_impatient();
    submit("stubborn", id);
    await_end(id, "succeeded");
    assert_true(backend_job_has(&b, id, "\"restarts\":1,"));
}

static void test_a_worker_that_breaks_the_protocol_fails_its_job(void **state)
{
    static const char *const names[] = {"flood",    "old",   "backwards",
                                        "unspoken", "hasty", "huge"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char id[UR_JOB_ID_BYTES];
        submit(names[i], id);
        await_end(id, "failed");
        assert_true(backend_job_has(&b, id, "\"code\":\"protocol\""));
    }
}

static void test_a_worker_that_loads_for_long_is_heard(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    be_impatient();
    pthread_mutex_lock(&b.supervisor->mutex);
    b.supervisor->patience.hello_us = 1000000; /* it loads for two seconds */
    pthread_mutex_unlock(&b.supervisor->mutex);
    submit("loading", id);
    await_end(id, "succeeded");
    assert_true(backend_job_has(&b, id, "\"restarts\":0,"));
}

static void test_half_a_frame_is_a_crash(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    be_impatient();
    submit("half", id);
    await_end(id, "failed");
    assert_true(backend_job_has(&b, id, "\"restarts\":3,"));
}

static void test_a_flood_of_log_lines_is_cut(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES], last[64] = "";
    struct ur_error error = {0};
    int fd;
    submit("flood-log", id);
    await_end(id, "succeeded");
    assert_int_equal(ur_supervisor_log_open(b.supervisor, id, SIZE_MAX / 2, &fd, &error),
                     UR_OK);
    const off_t size = lseek(fd, 0, SEEK_END);
    assert_true(size > UR_LOG_FILE_BYTES - 2048 && size <= UR_LOG_FILE_BYTES);
    assert_int_equal(pread(fd, last, 41, size - 41), 41);
    assert_string_equal(last, "the log is full; what follows is dropped\n");
    close(fd);
    assert_int_equal(ur_supervisor_log_open(b.supervisor, id, 10, &fd, &error), UR_OK);
    assert_int_equal(read(fd, last, sizeof last), 10);
    close(fd);
}

static void test_what_a_worker_refuses_is_told(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    submit("refused", id);
    await_end(id, "failed");
    assert_true(
        backend_job_has(&b, id, "{\"code\":\"bad-dataset\",\"detail\":\"no such thing\"}"));
}

static void test_a_diverged_job_keeps_its_report(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    submit("diverge", id);
    await_end(id, "diverged");
    assert_true(backend_job_has(&b, id, "\"code\":\"diverged\""));
    assert_true(backend_job_has(&b, id, "\"report\":{\"weights_sha256\""));
    assert_true(backend_job_has(&b, id, "\"model\":null"));
}

static enum ur_status command(const char *id, enum ur_job_command what)
{
    struct ur_text json;
    struct ur_error error = {0};
    ur_text_init(&json, 1 << 16);
    const enum ur_status status = ur_supervisor_command(b.supervisor, id, what, &json, &error);
    assert_true(status != UR_OK || json.length > 0);
    ur_text_release(&json);
    return status;
}

static void test_stop_keeps_and_cancel_discards(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES], path[UR_TEST_PATH_BYTES], name[128];
    submit("obey", id);
    assert_true(backend_await(&b, id, "\"step\":5,"));
    assert_int_equal(command(id, UR_JOB_COMMAND_CHECKPOINT), UR_OK);
    assert_int_equal(command(id, UR_JOB_COMMAND_STOP), UR_OK);
    await_end(id, "stopped");
    assert_int_equal(count_of(events_of(id)->names, "checkpoint "), 1);
    assert_true(backend_job_has(&b, id, "\"model\":{\"name\":\"obey\",\"version\":1}"));
    assert_int_equal(command(id, UR_JOB_COMMAND_STOP), UR_CONFLICT);

    submit("obey", id);
    assert_true(backend_await(&b, id, "\"step\":5,"));
    assert_int_equal(command(id, UR_JOB_COMMAND_CANCEL), UR_OK);
    await_end(id, "cancelled");
    assert_true(backend_job_has(&b, id, "\"error\":null,\"model\":null,\"report\":null"));
    snprintf(name, sizeof name, "state/jobs/%s/spec.json", id);
    const int64_t until = ur_clock_us() + UR_TEST_WAIT_US;
    while (access(ur_test_path(&folder, name, path), F_OK) == 0 && ur_clock_us() < until)
        usleep(2000);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_a_cancelled_worker_that_does_not_listen_is_killed(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    be_impatient();
    pthread_mutex_lock(&b.supervisor->mutex);
    b.supervisor->patience.heartbeat_us = 60000000;
    pthread_mutex_unlock(&b.supervisor->mutex);
    submit("stubborn", id);
    assert_true(backend_await(&b, id, "\"state\":\"running\""));
    assert_int_equal(command(id, UR_JOB_COMMAND_CANCEL), UR_OK);
    assert_int_equal(command(id, UR_JOB_COMMAND_STOP), UR_OK); /* too late to keep anything */
    await_end(id, "cancelled");
}

static void test_a_cancel_that_was_acknowledged_holds_to_the_end(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    submit("deaf", id);
    assert_true(backend_await(&b, id, "\"step\":5,"));
    assert_int_equal(command(id, UR_JOB_COMMAND_CANCEL), UR_OK);
    await_end(id, "cancelled");
    assert_true(backend_job_has(&b, id, "\"model\":null,\"report\":null"));
}

/* The disk fails under the registry: the job is tried again, and says in the end why. */
static void test_a_model_that_cannot_be_stored_is_no_success(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES], path[UR_TEST_PATH_BYTES], name[128];
    be_impatient();
    submit("obey", id);
    assert_true(backend_await(&b, id, "\"step\":5,"));
    snprintf(name, sizeof name, "state/models/%s.unroll.new", id);
    assert_int_equal(mkdir(ur_test_path(&folder, name, path), 0700), 0);
    assert_int_equal(command(id, UR_JOB_COMMAND_STOP), UR_OK);
    await_end(id, "failed");
    assert_true(backend_job_has(&b, id, "\"code\":\"io-error\""));
    assert_true(backend_job_has(&b, id, "The model cannot be stored"));
    /* One more than three: the first run made steps. */
    assert_true(backend_job_has(&b, id, "\"restarts\":4,"));
}

static void test_the_queue_keeps_to_budget_priority_and_length(void **state)
{
    (void)state;
    char first[UR_JOB_ID_BYTES], second[UR_JOB_ID_BYTES], third[UR_JOB_ID_BYTES];
    char waiting[8][UR_JOB_ID_BYTES], id[UR_JOB_ID_BYTES];
    struct ur_error error = {0};
    struct ur_supervisor_counts counts;
    struct ur_text json;
    const int32_t high = 5;
    /* Two cores, one for each: the third job waits, and so does what comes after it. */
    submit("obey", first);
    submit("obey", second);
    assert_true(backend_await(&b, first, "\"step\":5,"));
    assert_true(backend_await(&b, second, "\"step\":5,"));
    submit("good", third);
    for (int i = 0; i < 7; i++)
        submit("good", waiting[i]);
    assert_int_equal(backend_submit(&b, "good", "digits", NULL, id, NULL, NULL, &error),
                     UR_QUEUE_FULL);
    ur_supervisor_counts(b.supervisor, &counts);
    assert_int_equal(counts.jobs[UR_JOB_QUEUED], 8);
    assert_int_equal(counts.threads_used, 2);
    assert_true(counts.memory_used > 0 && counts.memory_used <= counts.memory_budget);
    assert_true(backend_job_has(&b, waiting[6], "\"queue_position\":8"));

    ur_text_init(&json, 1 << 20);
    const struct ur_job_patch patch = {.n_tags = -1, .priority = &high};
    assert_int_equal(ur_supervisor_patch(b.supervisor, waiting[6], &patch, &json, &error),
                     UR_OK);
    ur_text_release(&json);
    assert_true(backend_job_has(&b, waiting[6], "\"queue_position\":1"));
    assert_int_equal(command(waiting[0], UR_JOB_COMMAND_STOP), UR_OK);
    assert_true(backend_job_has(&b, waiting[0], "\"state\":\"cancelled\""));

    assert_int_equal(command(first, UR_JOB_COMMAND_CANCEL), UR_OK);
    await_end(waiting[6], "succeeded");
    assert_int_equal(command(second, UR_JOB_COMMAND_CANCEL), UR_OK);
    await_end(third, "succeeded");
}

static void test_what_cannot_be_is_refused_with_its_field(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    struct ur_error error = {0};
    struct ur_field_errors fields = {0};
    assert_int_equal(backend_submit(&b, "good", "no-such", NULL, id, NULL, &fields, &error),
                     UR_UNKNOWN_DATASET);
    assert_string_equal(fields.items[0].pointer, "/dataset");
    assert_non_null(strstr(fields.items[0].detail, "there is: digits"));

    error = (struct ur_error){0};
    fields = (struct ur_field_errors){0};
    b.evaluate_on = "no-such";
    assert_int_equal(backend_submit(&b, "good", "digits", NULL, id, NULL, &fields, &error),
                     UR_UNKNOWN_DATASET);
    assert_int_equal(fields.count, 1);
    assert_string_equal(fields.items[0].pointer, "/train/evaluate_on");
    assert_non_null(strstr(fields.items[0].detail, "there is: digits"));
    b.evaluate_on = NULL;

    b.config.memory_bytes = 1 << 20;
    error = (struct ur_error){0};
    fields = (struct ur_field_errors){0};
    assert_int_equal(backend_submit(&b, "good", "digits", NULL, id, NULL, &fields, &error),
                     UR_JOB_TOO_BIG);
    assert_int_equal(fields.count, 2);
    assert_string_equal(fields.items[0].pointer, "/model/hidden");
    assert_non_null(strstr(fields.items[0].detail, "the limit is 1 MiB"));
    size_t needs = 0, given = 0;
    assert_int_equal(sscanf(error.detail,
                            "The job needs %zu bytes of memory; this server gives %zu.", &needs,
                            &given),
                     2);
    assert_true(needs > (size_t)1 << 20 && given == (size_t)1 << 20);
}

static void put_file(const char *set, const char *file)
{
    char name[256], path[UR_TEST_PATH_BYTES];
    snprintf(name, sizeof name, "sets/%s/%s", set, file);
    ur_test_write(ur_test_path(&folder, name, path), "x", 1);
}

static void make_set(const char *set)
{
    char name[256], path[UR_TEST_PATH_BYTES];
    snprintf(name, sizeof name, "sets/%s", set);
    assert_int_equal(mkdir(ur_test_path(&folder, name, path), 0700), 0);
    put_file(set, "train-images-idx3-ubyte.gz");
    put_file(set, "train-labels-idx1-ubyte");
    put_file(set, "t10k-images.idx3-ubyte");
    put_file(set, "t10k-labels-idx1-ubyte.gz");
}

static bool datasets_have(const char *piece)
{
    struct ur_text json;
    struct ur_error error = {0};
    ur_text_init(&json, 1 << 20);
    assert_int_equal(ur_supervisor_datasets(b.supervisor, &json, &error), UR_OK);
    const bool has = strstr(ur_text_get(&json), piece) != NULL;
    ur_text_release(&json);
    return has;
}

static void await_dataset(const char *piece)
{
    const int64_t until = ur_clock_us() + UR_TEST_WAIT_US;
    while (!datasets_have(piece) && ur_clock_us() < until)
        usleep(2000);
    assert_true(datasets_have(piece));
}

/* Gives how much memory a job was admitted with. */
static size_t planned_bytes(const char *id)
{
    static const char key[] = "\"memory_bytes\":";
    char *json = backend_job(&b, id);
    const char *at = strstr(json, key);
    assert_non_null(at);
    const size_t bytes = (size_t)strtoull(at + strlen(key), NULL, 10);
    free(json);
    return bytes;
}

static void test_data_sets_are_found_and_described_by_a_worker(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES], path[UR_TEST_PATH_BYTES];
    struct ur_error error = {0};
    make_set("mine");
    make_set("damaged");
    assert_int_equal(mkdir(ur_test_path(&folder, "sets/empty", path), 0700), 0);
    /* Nobody has looked inside yet, and still the job is accepted and runs. */
    assert_int_equal(backend_submit(&b, "good", "mine", NULL, id, NULL, NULL, &error), UR_OK);
    await_end(id, "succeeded");
    await_dataset("\"name\":\"mine\",\"kind\":\"idx\",\"state\":\"ready\",\"steps\":28,");
    await_dataset("\"detail\":\"labels are missing\"");
    assert_false(datasets_have("empty"));
    /* A set to be evaluated on as well is looked at first, and planned for. */
    b.evaluate_on = "mine";
    assert_int_equal(backend_submit(&b, "good", "digits", NULL, id, NULL, NULL, &error), UR_OK);
    const size_t with = planned_bytes(id);
    b.evaluate_on = "damaged";
    assert_int_equal(backend_submit(&b, "good", "digits", NULL, id, NULL, NULL, &error),
                     UR_BAD_DATASET);
    b.evaluate_on = NULL;
    assert_int_equal(backend_submit(&b, "good", "digits", NULL, id, NULL, NULL, &error), UR_OK);
    assert_true(with > planned_bytes(id));
    error = (struct ur_error){0};
    assert_int_equal(backend_submit(&b, "good", "damaged", NULL, id, NULL, NULL, &error),
                     UR_BAD_DATASET);
    /* What was learnt is kept; what changed is looked at again. */
    restart();
    assert_true(datasets_have("\"name\":\"mine\",\"kind\":\"idx\",\"state\":\"ready\""));
    await_dataset("\"detail\":\"labels are missing\"");
    assert_false(ur_catalogue_scan(b.supervisor->catalogue));
    ur_test_write(ur_test_path(&folder, "sets/mine/train-labels-idx1-ubyte", path), "xy", 2);
    assert_true(ur_catalogue_scan(b.supervisor->catalogue));
    await_dataset("\"name\":\"mine\",\"kind\":\"idx\",\"state\":\"ready\"");
}

/* A describer that was killed says nothing about its data set. */
static void test_a_killed_describer_condemns_no_data_set(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    struct ur_error error = {0};
    be_impatient();
    make_set("unlucky");
    assert_int_equal(backend_submit(&b, "good", "unlucky", NULL, id, NULL, NULL, &error),
                     UR_OK);
    await_end(id, "succeeded");
    make_set("endless");
    await_dataset("\"name\":\"endless\",\"kind\":\"idx\",\"state\":\"checking\"");
    ur_supervisor_stop(b.supervisor);
    assert_true(datasets_have("\"name\":\"endless\",\"kind\":\"idx\",\"state\":\"new\""));
}

static void test_a_key_gives_the_stored_reply_once(void **state)
{
    (void)state;
    char one[UR_JOB_ID_BYTES], two[UR_JOB_ID_BYTES];
    struct ur_error error = {0};
    bool replayed;
    assert_int_equal(backend_submit(&b, "good", "digits", "key", one, &replayed, NULL, &error),
                     UR_OK);
    assert_false(replayed);
    restart();
    assert_int_equal(backend_submit(&b, "good", "digits", "key", two, &replayed, NULL, &error),
                     UR_OK);
    assert_true(replayed);
    assert_string_equal(one, two);
    assert_int_equal(backend_submit(&b, "other", "digits", "key", two, &replayed, NULL, &error),
                     UR_IDEMPOTENCY);
}

struct racer {
    pthread_t thread;
    pthread_barrier_t *barrier;
    char id[UR_JOB_ID_BYTES];
    enum ur_status status;
    bool replayed;
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    struct ur_error error = {0};
    pthread_barrier_wait(racer->barrier);
    racer->status =
        backend_submit(&b, "good", "digits", "key", racer->id, &racer->replayed, NULL, &error);
    return NULL;
}

static void test_one_key_at_the_same_time_makes_one_job(void **state)
{
    (void)state;
    enum { RACERS = 6 };
    struct racer racers[RACERS];
    pthread_barrier_t barrier;
    int32_t made = 0;
    pthread_barrier_init(&barrier, NULL, RACERS);
    for (int i = 0; i < RACERS; i++) {
        racers[i].barrier = &barrier;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_int_equal(racers[i].status, UR_OK);
        assert_string_equal(racers[i].id, racers[0].id);
        made += !racers[i].replayed;
    }
    assert_int_equal(made, 1);
    assert_int_equal(b.supervisor->n_jobs, 1);
    pthread_barrier_destroy(&barrier);
    await_end(racers[0].id, "succeeded");
}

static void test_jobs_survive_a_restart_and_resume(void **state)
{
    (void)state;
    char running[UR_JOB_ID_BYTES], done[UR_JOB_ID_BYTES];
    submit("good", done);
    await_end(done, "succeeded");
    char *before = backend_job(&b, done);
    submit("obey", running);
    assert_true(backend_await(&b, running, "\"step\":5,"));
    restart();
    char *after = backend_job(&b, done);
    assert_string_equal(before, after);
    free(before);
    free(after);
    assert_true(backend_await(&b, running, "\"state\":\"running\""));
    assert_int_equal(command(running, UR_JOB_COMMAND_STOP), UR_OK);
    await_end(running, "stopped");
    assert_non_null(strstr(events_of(running)->data, "\"state\":\"interrupted\""));
}

static void test_a_stop_that_was_acknowledged_survives_a_restart(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    submit("obey", id);
    assert_true(backend_await(&b, id, "\"step\":5,"));
    /* As if the daemon died after the command's commit and before the worker had it. */
    pthread_mutex_lock(&b.supervisor->mutex);
    struct ur_job *job = ur_job_find(b.supervisor, id);
    b.supervisor->stopping = true;
    job->row.command = UR_COMMAND_STOP;
    ur_job_enter(b.supervisor, job, UR_JOB_STOPPING);
    pthread_mutex_unlock(&b.supervisor->mutex);
    restart();
    await_end(id, "stopped");
}

static void test_a_spec_that_is_no_longer_valid_ends_its_job_alone(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES], good[UR_JOB_ID_BYTES], path[UR_TEST_PATH_BYTES];
    sqlite3 *db;
    struct ur_error error = {0};
    b.config.max_jobs = 0; /* nothing starts yet */
    submit("good", id);
    submit("good", good);
    backend_stop(&b);
    b.config.max_jobs = 4;
    char sql[256];
    snprintf(sql, sizeof sql, "UPDATE jobs SET spec='{\"dataset\":7}' WHERE id='%s'", id);
    assert_int_equal(sqlite3_open(ur_test_path(&folder, "state/unroll.db", path), &db),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(backend_start(&b, &error), UR_OK);
    await_end(id, "failed");
    assert_true(backend_job_has(&b, id, "\"code\":\"invalid-spec\""));
    await_end(good, "succeeded");
}

static void test_jobs_are_listed_by_page_state_and_tag(void **state)
{
    (void)state;
    char ids[3][UR_JOB_ID_BYTES], next[UR_JOB_ID_BYTES];
    struct ur_error error = {0};
    struct ur_text json;
    for (int i = 0; i < 3; i++) {
        submit("good", ids[i]);
        await_end(ids[i], "succeeded");
        assert_true(i == 0 || strcmp(ids[i - 1], ids[i]) < 0);
    }
    ur_text_init(&json, 1 << 20);
    struct ur_job_filter filter = {.tag = "tagged", .limit = 2};
    assert_int_equal(ur_supervisor_list(b.supervisor, &filter, &json, next, &error), UR_OK);
    assert_string_equal(next, ids[1]);
    assert_int_equal(count_of(ur_text_get(&json), "\"created_at\""), 2);
    assert_true(strstr(ur_text_get(&json), ids[2]) < strstr(ur_text_get(&json), ids[1]));
    ur_text_reset(&json);
    filter.cursor = next;
    assert_int_equal(ur_supervisor_list(b.supervisor, &filter, &json, next, &error), UR_OK);
    assert_string_equal(next, "");
    assert_non_null(strstr(ur_text_get(&json), ids[0]));
    assert_non_null(strstr(ur_text_get(&json), "],\"next\":null}"));
    ur_text_reset(&json);
    filter = (struct ur_job_filter){.tag = "tag", .limit = 5};
    assert_int_equal(ur_supervisor_list(b.supervisor, &filter, &json, next, &error), UR_OK);
    assert_string_equal(ur_text_get(&json), "{\"items\":[],\"next\":null}");
    ur_text_release(&json);
}

static enum ur_status patch_name(const char *id, const char *name)
{
    struct ur_text json;
    ur_text_init(&json, 1 << 16);
    const struct ur_job_patch patch = {.n_tags = -1, .name = name};
    const enum ur_status status = ur_supervisor_patch(b.supervisor, id, &patch, &json, NULL);
    ur_text_release(&json);
    return status;
}

static void allow_files_of(rlim_t bytes)
{
    const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static bool refused_by_disk(enum ur_status status)
{
    return status == UR_IO || status == UR_DISK_FULL;
}

/* No file may grow: what is refused is not done, and nobody waits for the disk. */
static void test_what_a_full_disk_refuses_is_not_done(void **state)
{
    (void)state;
    char running[UR_JOB_ID_BYTES], queued[UR_JOB_ID_BYTES], path[UR_TEST_PATH_BYTES], name[128];
    submit("obey", running);
    assert_true(backend_await(&b, running, "\"step\":5,"));
    pthread_mutex_lock(&b.supervisor->mutex);
    b.config.max_jobs = 1;
    pthread_mutex_unlock(&b.supervisor->mutex);
    submit("good", queued);
    snprintf(name, sizeof name, "state/jobs/%s", queued);
    assert_int_equal(mkdir(ur_test_path(&folder, name, path), 0700), 0);
    snprintf(name, sizeof name, "state/jobs/%s/last.ckpt", queued);
    ur_test_write(ur_test_path(&folder, name, path), "x", 1);

    allow_files_of(4096);
    for (int i = 0; i < 2; i++)
        assert_true(refused_by_disk(command(queued, UR_JOB_COMMAND_CANCEL)));
    assert_true(refused_by_disk(command(running, UR_JOB_COMMAND_CANCEL)));
    assert_true(refused_by_disk(patch_name(queued, "other")));
    assert_int_equal(access(path, F_OK), 0);
    assert_true(backend_job_has(&b, queued, "\"name\":\"good\","));
    assert_true(backend_job_has(&b, queued, "\"state\":\"queued\""));
    assert_true(backend_job_has(&b, running, "\"state\":\"running\""));
    allow_files_of(RLIM_INFINITY);

    assert_int_equal(patch_name(queued, "crash"), UR_OK);
    assert_int_equal(command(running, UR_JOB_COMMAND_STOP), UR_OK);
    await_end(running, "stopped");
    await_end(queued, "succeeded");
    assert_true(backend_job_has(&b, queued, "\"name\":\"crash\","));
}

static void test_nothing_follows_the_end(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    submit("good", id);
    await_end(id, "succeeded");
    const int64_t last = events_of(id)->next;
    assert_int_equal(patch_name(id, "other"), UR_OK);
    assert_true(backend_job_has(&b, id, "\"name\":\"other\","));
    assert_int_equal(events_of(id)->next, last);
    restart();
    assert_true(backend_job_has(&b, id, "\"name\":\"other\","));
}

static void test_tags_of_a_patch_do_not_repeat(void **state)
{
    (void)state;
    static const char same[2][UR_NAME_BYTES] = {"a", "a"};
    char id[UR_JOB_ID_BYTES];
    struct ur_text json;
    struct ur_error error = {0};
    b.config.max_jobs = 0;
    submit("good", id);
    ur_text_init(&json, 1 << 16);
    const struct ur_job_patch patch = {.tags = same, .n_tags = 2};
    assert_int_equal(ur_supervisor_patch(b.supervisor, id, &patch, &json, &error),
                     UR_INVALID_SPEC);
    ur_text_release(&json);
    assert_true(backend_job_has(&b, id, "\"tags\":[\"tagged\"]"));
}

static void test_an_ended_job_can_be_removed(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES], path[UR_TEST_PATH_BYTES], name[128];
    struct ur_error error = {0};
    submit("obey", id);
    assert_true(backend_await(&b, id, "\"step\":5,"));
    assert_int_equal(ur_supervisor_delete(b.supervisor, id, &error), UR_CONFLICT);
    assert_int_equal(command(id, UR_JOB_COMMAND_STOP), UR_OK);
    await_end(id, "stopped");
    while (ur_supervisor_delete(b.supervisor, id, NULL) == UR_CONFLICT)
        usleep(1000); /* its worker is being collected */
    assert_int_equal(ur_supervisor_delete(b.supervisor, id, NULL), UR_NOT_FOUND);
    snprintf(name, sizeof name, "state/jobs/%s", id);
    assert_int_not_equal(access(ur_test_path(&folder, name, path), F_OK), 0);
    struct ur_text json;
    ur_text_init(&json, 1 << 16);
    assert_int_equal(ur_predictor_model(b.predictor, "obey", 0, &json, NULL), UR_OK);
    ur_text_release(&json);
}

/* Waits until the start of a job came to nothing more often than a failing one is tried. */
static void await_postponed(const char *id)
{
    int32_t times = 0;
    const int64_t until = ur_clock_us() + UR_TEST_WAIT_US;
    while (times < 5 && ur_clock_us() < until) {
        usleep(2000);
        pthread_mutex_lock(&b.supervisor->mutex);
        times = ur_job_find(b.supervisor, id)->postponed;
        pthread_mutex_unlock(&b.supervisor->mutex);
    }
    assert_true(times >= 5);
}

/* Another process holds the job's lock: an earlier worker that has not gone yet. */
static void test_two_workers_never_share_a_folder(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES];
    int fd, lock;
    be_impatient();
    b.config.max_jobs = 0; /* nothing starts yet */
    submit("good", id);
    pthread_mutex_lock(&b.supervisor->mutex);
    struct ur_job *job = ur_job_find(b.supervisor, id);
    assert_int_equal(ur_files_prepare(b.supervisor, job, &fd, &lock, NULL), UR_OK);
    b.config.max_jobs = 1;
    pthread_mutex_unlock(&b.supervisor->mutex);
    ur_supervisor_wake(b.supervisor);
    await_postponed(id);
    close(fd);
    close(lock);
    await_end(id, "succeeded");
    /* Nothing was started, so nothing was interrupted. */
    assert_true(backend_job_has(&b, id, "\"restarts\":0,"));
    assert_null(strstr(events_of(id)->data, "interrupted"));
    assert_int_equal(count_of(events_of(id)->data, "\"state\":\"starting\""), 1);
}

/* The spec cannot be written, as on a full disk: the job waits for as long as that is so. */
static void test_a_job_waits_for_a_disk_that_fails(void **state)
{
    (void)state;
    char id[UR_JOB_ID_BYTES], path[UR_TEST_PATH_BYTES], name[128];
    be_impatient();
    b.config.max_jobs = 0; /* nothing starts yet */
    submit("good", id);
    snprintf(name, sizeof name, "state/jobs/%s", id);
    assert_int_equal(mkdir(ur_test_path(&folder, name, path), 0700), 0);
    snprintf(name, sizeof name, "state/jobs/%s/spec.json.new", id);
    assert_int_equal(mkdir(ur_test_path(&folder, name, path), 0700), 0);
    pthread_mutex_lock(&b.supervisor->mutex);
    b.config.max_jobs = 1;
    pthread_mutex_unlock(&b.supervisor->mutex);
    ur_supervisor_wake(b.supervisor);
    await_postponed(id);
    assert_true(backend_job_has(&b, id, "\"state\":\"queued\""));
    assert_int_equal(rmdir(path), 0);
    await_end(id, "succeeded");
    assert_true(backend_job_has(&b, id, "\"restarts\":0,"));
}

int main(int argc, char **argv)
{
    if (strstr(argv[0], "fake-worker"))
        return fake_worker_main(argc, argv);
    if (strstr(argv[0], "fake-predictor"))
        return fake_predictor_main();
#define JOB_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        JOB_TEST(test_a_good_job_succeeds_and_its_model_answers),
        JOB_TEST(test_a_crash_is_resumed_without_repeated_events),
        JOB_TEST(test_a_worker_that_exits_at_once_fails_its_job_in_the_end),
        JOB_TEST(test_a_missing_worker_program_is_told_without_its_path),
        JOB_TEST(test_a_hanging_worker_is_killed_and_resumed),
        JOB_TEST(test_a_worker_that_ignores_sigterm_is_killed_and_resumed),
        JOB_TEST(test_a_worker_that_breaks_the_protocol_fails_its_job),
        JOB_TEST(test_a_worker_that_loads_for_long_is_heard),
        JOB_TEST(test_half_a_frame_is_a_crash),
        JOB_TEST(test_a_flood_of_log_lines_is_cut),
        JOB_TEST(test_what_a_worker_refuses_is_told),
        JOB_TEST(test_a_diverged_job_keeps_its_report),
        JOB_TEST(test_stop_keeps_and_cancel_discards),
        JOB_TEST(test_a_cancelled_worker_that_does_not_listen_is_killed),
        JOB_TEST(test_a_cancel_that_was_acknowledged_holds_to_the_end),
        JOB_TEST(test_a_model_that_cannot_be_stored_is_no_success),
        JOB_TEST(test_the_queue_keeps_to_budget_priority_and_length),
        JOB_TEST(test_what_cannot_be_is_refused_with_its_field),
        JOB_TEST(test_data_sets_are_found_and_described_by_a_worker),
        JOB_TEST(test_a_killed_describer_condemns_no_data_set),
        JOB_TEST(test_a_key_gives_the_stored_reply_once),
        JOB_TEST(test_one_key_at_the_same_time_makes_one_job),
        JOB_TEST(test_jobs_survive_a_restart_and_resume),
        JOB_TEST(test_a_stop_that_was_acknowledged_survives_a_restart),
        JOB_TEST(test_a_spec_that_is_no_longer_valid_ends_its_job_alone),
        JOB_TEST(test_jobs_are_listed_by_page_state_and_tag),
        JOB_TEST(test_what_a_full_disk_refuses_is_not_done),
        JOB_TEST(test_nothing_follows_the_end),
        JOB_TEST(test_tags_of_a_patch_do_not_repeat),
        JOB_TEST(test_an_ended_job_can_be_removed),
        JOB_TEST(test_two_workers_never_share_a_folder),
        JOB_TEST(test_a_job_waits_for_a_disk_that_fails),
    };
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    ur_log_setup("test", UR_LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
