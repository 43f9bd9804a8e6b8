/* The store: durability over a reopening, one daemon at a time, damage, a newer schema, a
 * failing disk, thinning. */
#include "folder.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "store.h"
#include "store_events.h"
#include "store_insights.h"
#include "store_jobs.h"
#include "store_models.h"
#include "store_sql.h"
#include "unroll/log.h"

static struct ur_test_folder folder;
static char state_path[UR_TEST_PATH_BYTES];
static struct ur_store *store;
static int n_rows;
static struct ur_job_row last_row;

static int set_up(void **state)
{
    struct ur_error error = {0};
    (void)state;
    folder = ur_test_folder_make();
    ur_test_path(&folder, "state", state_path);
    return ur_store_open(&store, state_path, &error) != UR_OK;
}

static int tear_down(void **state)
{
    (void)state;
    ur_store_close(store);
    store = NULL;
    ur_job_row_release(&last_row);
    ur_test_folder_remove(&folder);
    return 0;
}

static void reopen(void)
{
    struct ur_error error = {0};
    ur_store_close(store);
    assert_int_equal(ur_store_open(&store, state_path, &error), UR_OK);
}

static struct ur_job_row row_of(const char *id)
{
    struct ur_job_row row = {.state = UR_JOB_QUEUED, .created_us = 5, .priority = -3};
    ur_copy(row.id, sizeof row.id, id);
    ur_copy(row.name, sizeof row.name, "a-name");
    row.spec = strdup("{\"dataset\":\"digits\"}");
    row.tags = strdup("[\"t\"]");
    row.at.loss = row.at.accuracy = row.at.best_accuracy = (double)NAN;
    return row;
}

static enum ur_status put(struct ur_job_write *write, struct ur_error *error)
{
    write->base.keep = false;
    const enum ur_status status = ur_store_put_and_wait(store, &write->base, error);
    ur_job_write_destroy(write);
    return status;
}

static void note_number(void *context, struct ur_job_write *write)
{
    ((struct ur_job_row *)context)->number = write->row.number;
}

static enum ur_status insert(struct ur_job_row *row, const char *key, struct ur_error *error)
{
    struct ur_job_write *write = ur_job_write_create(row, UR_JOB_INSERT);
    write->committed = note_number;
    write->context = row;
    if (key) {
        ur_copy(write->key, sizeof write->key, key);
        ur_copy(write->body_sha256, sizeof write->body_sha256, "b0d7");
        write->reply = strdup("{\"reply\":1}");
    }
    return put(write, error);
}

static enum ur_status keep_row(void *context, struct ur_job_row *row, struct ur_error *error)
{
    (void)context, (void)error;
    ur_job_row_release(&last_row);
    last_row = *row;
    n_rows++;
    return UR_OK;
}

static void load_rows(void)
{
    struct ur_error error = {0};
    n_rows = 0;
    assert_int_equal(ur_store_jobs(store, keep_row, NULL, &error), UR_OK);
}

static void test_a_job_is_the_same_after_reopening(void **state)
{
    (void)state;
    struct ur_error error = {0};
    struct ur_job_row row = row_of("j1");
    assert_int_equal(insert(&row, NULL, &error), UR_OK);
    row.state = UR_JOB_DIVERGED;
    row.command = UR_COMMAND_STOP;
    row.restarts = 2;
    row.started_us = 6;
    row.ended_us = 7;
    row.parameters = 8;
    row.memory_bytes = (uint64_t)1 << 40;
    row.error_detail = strdup("it's \"broken\"");
    row.report = strdup("{\"x\":1}");
    row.model_version = 9;
    row.at = (struct ur_job_progress){.step = 10,
                                      .steps = 11,
                                      .epoch = 12,
                                      .epoch_ended = 13,
                                      .checkpoint_step = 14,
                                      .loss = (double)INFINITY,
                                      .accuracy = (double)NAN,
                                      .images_per_second = 0.1,
                                      .best_step = 15,
                                      .best_epoch = 16,
                                      .best_accuracy = 0.75,
                                      .weights_sha256 = "abc"};
    ur_copy(row.error_code, sizeof row.error_code, "diverged");
    ur_copy(row.model_name, sizeof row.model_name, "m");
    ur_copy(row.dataset_sha256, sizeof row.dataset_sha256, "ds");
    ur_copy(row.numerics_profile, sizeof row.numerics_profile, "avx2");
    ur_copy(row.version, sizeof row.version, "1.2");
    assert_int_equal(put(ur_job_write_create(&row, UR_JOB_UPDATE), &error), UR_OK);
    reopen();
    load_rows();
    assert_int_equal(n_rows, 1);
    assert_string_equal(last_row.spec, row.spec);
    assert_string_equal(last_row.tags, row.tags);
    assert_string_equal(last_row.error_detail, row.error_detail);
    assert_string_equal(last_row.report, row.report);
    assert_true(isnan(last_row.at.accuracy));
    assert_true(isinf(last_row.at.loss));
    assert_int_equal(last_row.number, row.number);
    assert_int_equal(last_row.memory_bytes, row.memory_bytes);
    assert_int_equal(last_row.command, row.command);
    assert_int_equal(last_row.at.checkpoint_step, 14);
    assert_int_equal(last_row.at.epoch_ended, 13);
    assert_int_equal(last_row.at.best_epoch, 16);
    assert_true(last_row.at.best_accuracy == 0.75);
    assert_string_equal(last_row.model_name, "m");
    assert_int_equal(last_row.model_version, 9);
    assert_int_equal(last_row.priority, -3);
    ur_job_row_release(&row);
}

static void test_a_second_daemon_is_refused(void **state)
{
    (void)state;
    struct ur_store *other = NULL;
    struct ur_error error = {0};
    assert_int_equal(ur_store_open(&other, state_path, &error), UR_CONFLICT);
    assert_null(other);
    assert_non_null(strstr(error.detail, "Another unrolld"));
}

/* A daemon that was killed just now: its lock goes a moment later. */
static void test_a_lock_that_is_going_is_waited_for(void **state)
{
    (void)state;
    struct ur_error error = {0};
    int status, ends[2];
    char told;
    ur_store_close(store);
    store = NULL;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (ur_store_open(&store, state_path, &error) != UR_OK || write(ends[1], "x", 1) != 1)
            _exit(9);
        usleep(300000);
        _exit(0);
    }
    assert_int_equal(read(ends[0], &told, 1), 1);
    assert_int_equal(ur_store_open(&store, state_path, &error), UR_OK);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(ends[0]);
    close(ends[1]);
}

static void run_sql(const char *sql)
{
    char path[UR_TEST_PATH_BYTES];
    sqlite3 *db;
    assert_int_equal(sqlite3_open(ur_test_path(&folder, "state/unroll.db", path), &db),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_a_newer_schema_is_refused(void **state)
{
    (void)state;
    struct ur_error error = {0};
    ur_store_close(store);
    run_sql("PRAGMA user_version = 99");
    assert_int_equal(ur_store_open(&store, state_path, &error), UR_CONFLICT);
    assert_non_null(strstr(error.detail, "another version"));
}

/* The first version had no parents of jobs and no insights. */
static void test_an_older_schema_is_brought_up_to_date(void **state)
{
    (void)state;
    struct ur_job_row row = row_of("j1");
    struct ur_error error = {0};
    assert_int_equal(insert(&row, NULL, &error), UR_OK);
    ur_job_row_release(&row);
    for (int twice = 0; twice < 2; twice++) {
        ur_store_close(store);
        if (twice == 0)
            run_sql("ALTER TABLE jobs DROP COLUMN parent; ALTER TABLE jobs DROP COLUMN "
                    "parent_step; DROP TABLE insights; PRAGMA user_version = 1");
        assert_int_equal(ur_store_open(&store, state_path, &error), UR_OK);
    }
    row = row_of("j2");
    ur_copy(row.parent, sizeof row.parent, "j1");
    row.parent_step = 7;
    assert_int_equal(insert(&row, NULL, &error), UR_OK);
    ur_job_row_release(&row);
    ur_store_close(store);
    run_sql("CREATE TABLE one (n INTEGER CHECK (n = 1)); INSERT INTO one SELECT count(*) FROM "
            "jobs WHERE parent = 'j1' AND parent_step = 7; INSERT INTO one SELECT count(*) "
            "FROM jobs WHERE parent = '' AND parent_step = 0; DROP TABLE one");
    assert_int_equal(ur_store_open(&store, state_path, &error), UR_OK);
    struct ur_text text;
    ur_text_init(&text, 1 << 16);
    const struct ur_insights_request request = {.job = "j1", .limit = 5};
    assert_int_equal(ur_store_insights(store, &request, &text, &error), UR_OK);
    assert_string_equal(ur_text_get(&text), "{\"job\":\"j1\",\"items\":[],\"next\":null}");
    ur_text_release(&text);
}

static void put_insight(struct ur_job_row *row, int32_t step)
{
    struct ur_error error = {0};
    struct ur_job_write *write = ur_job_write_create(row, UR_JOB_PROGRESS);
    char data[32];
    snprintf(data, sizeof data, "{\"step\":%d}", (int)step);
    write->insight = strdup(data);
    write->insight_step = step;
    assert_int_equal(put(write, &error), UR_OK);
}

/* However many steps are told, what is kept has a bound and spans the run. */
static void test_insights_are_thinned_over_the_whole_run(void **state)
{
    (void)state;
    struct ur_job_row row = row_of("j1");
    struct ur_error error = {0};
    struct ur_text text;
    ur_text_init(&text, 1 << 16);
    assert_int_equal(insert(&row, NULL, &error), UR_OK);
    for (int32_t step = 1; step <= 2 * UR_MAX_INSIGHTS; step++)
        put_insight(&row, step);
    const struct ur_insights_request newest = {.job = "j1", .limit = 2};
    assert_int_equal(ur_store_insights(store, &newest, &text, &error), UR_OK);
    assert_string_equal(ur_text_get(&text), "{\"job\":\"j1\",\"items\":[{\"step\":1024},"
                                            "{\"step\":1023}],\"next\":\"1023\"}");
    ur_text_reset(&text);
    const struct ur_insights_request rest = {.job = "j1", .before_step = 1023, .limit = 512};
    assert_int_equal(ur_store_insights(store, &rest, &text, &error), UR_OK);
    size_t kept = 2;
    for (const char *at = ur_text_get(&text); (at = strstr(at, "\"step\"")) != NULL; at++)
        kept++;
    assert_in_range(kept, UR_MAX_INSIGHTS / 2, UR_MAX_INSIGHTS);
    assert_non_null(strstr(ur_text_get(&text), "{\"step\":1}]"));
    ur_text_release(&text);
    ur_job_row_release(&row);
}

static void test_damage_is_told_with_the_way_out(void **state)
{
    (void)state;
    char path[UR_TEST_PATH_BYTES];
    struct ur_job_row row = row_of("j1");
    struct ur_error error = {0};
    assert_int_equal(insert(&row, NULL, &error), UR_OK);
    ur_job_row_release(&row);
    ur_store_close(store);
    const int fd = open(ur_test_path(&folder, "state/unroll.db", path), O_RDWR);
    static char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    for (int page = 1; page < 8; page++)
        assert_int_equal(pwrite(fd, noise, sizeof noise, page * 4096), sizeof noise);
    close(fd);
    assert_int_equal(ur_store_open(&store, state_path, &error), UR_IO);
    assert_non_null(strstr(error.detail, "sqlite3 unroll.db .recover"));
}

static void test_a_file_that_is_no_database_is_told(void **state)
{
    (void)state;
    char path[UR_TEST_PATH_BYTES];
    struct ur_error error = {0};
    ur_store_close(store);
    ur_test_write(
        ur_test_path(&folder, "state/unroll.db", path),
        "this is not a database, is it? no, it is some text of more than 100 bytes, as "
        "there may be one",
        95);
    assert_int_equal(ur_store_open(&store, state_path, &error), UR_IO);
    assert_non_null(strstr(error.detail, ".recover"));
}

static void test_a_key_is_taken_once_and_the_loser_is_undone(void **state)
{
    (void)state;
    struct ur_error error = {0};
    struct ur_stored_reply reply;
    struct ur_job_row one = row_of("j1"), two = row_of("j2");
    assert_int_equal(insert(&one, "key", &error), UR_OK);
    assert_int_equal(insert(&two, "key", &error), UR_CONFLICT);
    load_rows();
    assert_int_equal(n_rows, 1);
    reopen();
    assert_int_equal(ur_store_reply(store, "key", &reply, &error), UR_OK);
    assert_true(reply.found);
    assert_string_equal(reply.job, "j1");
    assert_string_equal(reply.body_sha256, "b0d7");
    assert_string_equal(reply.reply, "{\"reply\":1}");
    free(reply.reply);
    ur_store_close(store);
    run_sql("UPDATE idempotency SET expires_us = 1");
    error = (struct ur_error){0};
    assert_int_equal(ur_store_open(&store, state_path, &error), UR_OK);
    assert_int_equal(ur_store_reply(store, "key", &reply, &error), UR_OK);
    assert_false(reply.found);
    assert_int_equal(insert(&two, "key", &error), UR_OK);
    ur_job_row_release(&one);
    ur_job_row_release(&two);
}

static int64_t published;

static void count_events(void *context, const struct ur_event *event)
{
    (void)context;
    assert_int_equal(event->sequence, ++published);
}

/* Many writers at once: everything is committed, numbered without a hole, and told in order. */
static void test_a_burst_is_committed_whole_and_in_order(void **state)
{
    (void)state;
    enum { BURST = 2000 };
    struct ur_error error = {0};
    struct ur_job_row row = row_of("j1");
    struct ur_events_tail tail;
    assert_int_equal(insert(&row, NULL, &error), UR_OK);
    published = 0;
    ur_store_subscribe(store, count_events, NULL);
    for (int i = 0; i < BURST; i++) {
        struct ur_job_write *write = ur_job_write_create(&row, UR_JOB_PROGRESS);
        ur_job_write_event(write, "step", strdup("{}"), false);
        ur_store_put(store, &write->base);
    }
    assert_int_equal(put(ur_job_write_create(&row, UR_JOB_PROGRESS), &error), UR_OK);
    ur_store_subscribe(store, NULL, NULL);
    assert_int_equal(published, BURST);
    reopen();
    assert_int_equal(ur_store_events_tail(store, "j1", &tail, &error), UR_OK);
    assert_int_equal(tail.sequence, BURST);
    assert_int_equal(tail.end, 0);
    ur_job_row_release(&row);
}

static void add_points(struct ur_job_row *row, int32_t from, int32_t to, float loss)
{
    struct ur_error error = {0};
    struct ur_job_write *write = ur_job_write_create(row, UR_JOB_PROGRESS);
    write->n_points = to - from + 1;
    write->points = calloc((size_t)write->n_points, sizeof *write->points);
    for (int32_t i = 0; i < write->n_points; i++)
        write->points[i] = (struct ur_step_point){.step = from + i, .loss = loss};
    assert_int_equal(put(write, &error), UR_OK);
}

static void test_thinning_keeps_peaks(void **state)
{
    (void)state;
    struct ur_error error = {0};
    struct ur_text text;
    struct ur_job_row row = row_of("j1");
    assert_int_equal(insert(&row, NULL, &error), UR_OK);
    add_points(&row, 1, 1000, 1);
    add_points(&row, 333, 333, 99);
    add_points(&row, 334, 334, -99);
    add_points(&row, 900, 900, NAN);
    add_points(&row, 1000, 1000, INFINITY);
    ur_text_init(&text, 1 << 20);
    struct ur_series_request request = {.job = "j1", .names = "train.loss", .max_points = 4};
    assert_int_equal(ur_store_series(store, &request, &text, &error), UR_OK);
    assert_string_equal(
        ur_text_get(&text),
        "{\"job\":\"j1\",\"series\":{\"train.loss\":{\"step\":[250,500,750,1000],"
        "\"value\":[1,1,1,null],\"min\":[1,-99,1,1],\"max\":[1,99,1,1]}}}");
    ur_text_reset(&text);
    request = (struct ur_series_request){
        .job = "j1", .names = "train.loss", .from_step = 999, .max_points = 4, .csv = true};
    assert_int_equal(ur_store_series(store, &request, &text, &error), UR_OK);
    assert_string_equal(ur_text_get(&text), "step,train.loss\n999,1\n1000,\n");
    request.names = "train.lost";
    assert_int_equal(ur_store_series(store, &request, &text, &error), UR_BAD_REQUEST);
    error = (struct ur_error){0};
    request = (struct ur_series_request){.job = "j7", .max_points = 4};
    assert_int_equal(ur_store_series(store, &request, &text, &error), UR_NOT_FOUND);
    ur_text_release(&text);
    ur_job_row_release(&row);
}

static void test_a_removed_job_leaves_nothing(void **state)
{
    (void)state;
    struct ur_error error = {0};
    struct ur_job_row row = row_of("j1");
    assert_int_equal(insert(&row, NULL, &error), UR_OK);
    add_points(&row, 1, 10, 1);
    struct ur_job_write *write = ur_job_write_create(&row, UR_JOB_PROGRESS);
    ur_job_write_event(write, "end", strdup("{}"), true);
    assert_int_equal(put(write, &error), UR_OK);
    assert_int_equal(ur_store_job_delete(store, row.number, &error), UR_OK);
    struct ur_connection *reader;
    int64_t left = -1;
    assert_int_equal(ur_store_take_reader(store, &reader, &error), UR_OK);
    assert_int_equal(
        ur_sql_integer(reader, &left, -1, &error,
                       "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM points) + "
                       "(SELECT count(*) FROM events)",
                       ""),
        UR_OK);
    ur_store_give_reader(store, reader);
    assert_int_equal(left, 0);
    ur_job_row_release(&row);
}

static struct ur_model_row model_of(const char *name, const char *job)
{
    struct ur_model_row row = {.bytes = 3, .created_us = 4, .report = strdup("{}")};
    ur_copy(row.name, sizeof row.name, name);
    ur_copy(row.job, sizeof row.job, job);
    return row;
}

static void test_model_versions_are_never_given_twice(void **state)
{
    (void)state;
    struct ur_error error = {0};
    bool existed;
    static const char *const jobs[] = {"j1", "j2", "j2", "j3"};
    static const int32_t versions[] = {1, 2, 2, 3};
    for (int i = 0; i < 4; i++) {
        struct ur_model_row row = model_of("m", jobs[i]);
        assert_int_equal(ur_store_model_insert(store, &row, &existed, &error), UR_OK);
        assert_int_equal(row.version, versions[i]);
        assert_int_equal(existed, i == 2);
        free(row.report);
    }
    assert_int_equal(ur_store_model_delete(store, "m", 3, &error), UR_OK);
    reopen();
    struct ur_model_row row = model_of("m", "j4");
    assert_int_equal(ur_store_model_insert(store, &row, &existed, &error), UR_OK);
    assert_int_equal(row.version, 4);
    free(row.report);
}

/* In a process of its own, whose files may not grow: an acknowledged row is there, a refused
 * one is not, reads go on, and what had to be kept is written as soon as there is room
 * again. */
static int disk_full_child(void)
{
    struct ur_error error = {0};
    struct ur_job_row one = row_of("j1"), two = row_of("j2");
    struct rlimit limit = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    if (insert(&one, NULL, &error) != UR_OK)
        return 10;
    setrlimit(RLIMIT_FSIZE, &limit);
    const enum ur_status refused = insert(&two, NULL, &error);
    if (refused != UR_IO && refused != UR_DISK_FULL)
        return 11;
    struct ur_job_write *kept = ur_job_write_create(&one, UR_JOB_PROGRESS);
    ur_job_write_event(kept, "step", strdup("{}"), false);
    ur_store_put(store, &kept->base);
    if (insert(&two, NULL, &error) ==
        UR_OK) /* the kept one has failed with it, once at least */
        return 16;
    load_rows();
    if (n_rows != 1 || !ur_store_writable(store))
        return 12;
    /* More than a group of kept writes does not hold up who waits behind them. */
    for (int i = 0; i < 1100; i++)
        ur_store_put(store, &ur_job_write_create(&one, UR_JOB_PROGRESS)->base);
    struct ur_job_write *awaited = ur_job_write_create(&one, UR_JOB_UPDATE);
    if (ur_store_put_and_wait(store, &awaited->base, &error) == UR_OK)
        return 17;
    ur_job_write_destroy(awaited);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    error = (struct ur_error){0};
    if (insert(&two, NULL, &error) != UR_OK)
        return 13;
    struct ur_events_tail tail;
    if (ur_store_events_tail(store, "j1", &tail, &error) != UR_OK || tail.sequence != 1)
        return 14;
    load_rows();
    ur_store_close(store);
    return n_rows == 2 ? 0 : 15;
}

static void test_a_full_disk_is_told_and_survived(void **state)
{
    (void)state;
    int status;
    ur_store_close(store);
    store = NULL;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct ur_error error = {0};
        if (ur_store_open(&store, state_path, &error) != UR_OK)
            _exit(9);
        alarm(60); /* a guard against hanging */
        _exit(disk_full_child());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Killed at a random moment: whatever was acknowledged (told through the pipe) is there. */
static void test_acknowledged_is_durable_over_a_kill(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        int ends[2];
        ur_store_close(store);
        store = NULL;
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct ur_error error = {0};
            if (ur_store_open(&store, state_path, &error) != UR_OK)
                _exit(9);
            for (int i = 0;; i++) {
                char id[UR_JOB_ID_BYTES];
                snprintf(id, sizeof id, "j%d-%06d", round, i);
                struct ur_job_row row = row_of(id);
                if (insert(&row, NULL, &error) != UR_OK || write(ends[1], id, 9) != 9)
                    _exit(8);
                ur_job_row_release(&row);
            }
        }
        close(ends[1]);
        char last[10] = "", id[10] = "";
        for (int i = 0; i < 20 + 7 * round; i++)
            if (read(ends[0], id, 9) == 9)
                memcpy(last, id, sizeof last);
        kill(child, SIGKILL);
        while (read(ends[0], id, 9) == 9)
            memcpy(last, id, sizeof last);
        close(ends[0]);
        waitpid(child, NULL, 0);
        struct ur_error error = {0};
        assert_int_equal(ur_store_open(&store, state_path, &error), UR_OK);
        load_rows();
        assert_true(strcmp(last_row.id, last) >= 0);
    }
}

int main(void)
{
#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_lock_that_is_going_is_waited_for),
        STORE_TEST(test_a_job_is_the_same_after_reopening),
        STORE_TEST(test_a_second_daemon_is_refused),
        STORE_TEST(test_a_newer_schema_is_refused),
        STORE_TEST(test_an_older_schema_is_brought_up_to_date),
        STORE_TEST(test_insights_are_thinned_over_the_whole_run),
        STORE_TEST(test_damage_is_told_with_the_way_out),
        STORE_TEST(test_a_file_that_is_no_database_is_told),
        STORE_TEST(test_a_key_is_taken_once_and_the_loser_is_undone),
        STORE_TEST(test_a_burst_is_committed_whole_and_in_order),
        STORE_TEST(test_thinning_keeps_peaks),
        STORE_TEST(test_a_removed_job_leaves_nothing),
        STORE_TEST(test_model_versions_are_never_given_twice),
        STORE_TEST(test_a_full_disk_is_told_and_survived),
        STORE_TEST(test_acknowledged_is_durable_over_a_kill),
    };
    ur_log_setup("test", UR_LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
