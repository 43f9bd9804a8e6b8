/* Streams of events: replay, attaching again, several jobs, gaps, ends. The store is real. */
#include "folder.h"

#include <inttypes.h>
#include <math.h>

#include "hub.h"
#include "hub_inside.h"
#include "store.h"
#include "store_jobs.h"
#include "unroll/clock.h"

static struct ur_test_folder folder;
static struct ur_store *store;
static struct ur_hub *hub;
static struct ur_job_row rows[3];

static void open_all(void)
{
    struct ur_error error = {0};
    char path[UR_TEST_PATH_BYTES];
    assert_int_equal(ur_store_open(&store, ur_test_path(&folder, "state", path), &error),
                     UR_OK);
    assert_int_equal(ur_hub_create(&hub, store, 4, &error), UR_OK);
}

static void close_all(void)
{
    ur_hub_destroy(hub);
    ur_store_close(store);
}

static void note_number(void *context, struct ur_job_write *write)
{
    ((struct ur_job_row *)context)->number = write->row.number;
}

static void commit(struct ur_job_write *write)
{
    struct ur_error error = {0};
    write->base.keep = false;
    assert_int_equal(ur_store_put_and_wait(store, &write->base, &error), UR_OK);
    ur_job_write_destroy(write);
}

/* Writes one event of a job; size pads its data. */
static void event(int job, const char *name, int value, size_t size)
{
    struct ur_job_write *write = ur_job_write_create(&rows[job], UR_JOB_PROGRESS);
    char *data = malloc(size + 64);
    const int used = snprintf(data, 64, "{\"v\":%d,\"pad\":\"", value);
    memset(data + used, 'x', size);
    memcpy(data + used + size, "\"}", 3);
    ur_job_write_event(write, name, data, strcmp(name, "end") == 0);
    commit(write);
}

static int set_up(void **state)
{
    (void)state;
    folder = ur_test_folder_make();
    open_all();
    for (int i = 0; i < 3; i++) {
        rows[i] = (struct ur_job_row){.at = {.loss = (double)NAN}};
        snprintf(rows[i].id, sizeof rows[i].id, "j%026d", i);
        rows[i].spec = strdup("{}");
        rows[i].tags = strdup("[]");
        struct ur_job_write *write = ur_job_write_create(&rows[i], UR_JOB_INSERT);
        write->committed = note_number;
        write->context = &rows[i];
        ur_job_write_event(write, "state", strdup("{\"v\":0}"), false);
        commit(write);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close_all();
    for (int i = 0; i < 3; i++)
        ur_job_row_release(&rows[i]);
    ur_test_folder_remove(&folder);
    return 0;
}

/* A client: what it read so far, and a flag that wake raises. */
struct client {
    struct ur_watcher *watcher;
    volatile int woken;
    bool over;
    char text[1 << 20];
    size_t length;
};

static struct client clients[2];

static void wake(void *context)
{
    ((struct client *)context)->woken = 1;
}

static bool attach(struct client *client, const char *const *jobs, int32_t n_jobs,
                   const char *last_event_id)
{
    struct ur_error error = {0};
    bool ended = false;
    memset(client, 0, sizeof *client);
    const struct ur_watch_request request = {.jobs = jobs,
                                             .n_jobs = n_jobs,
                                             .last_event_id = last_event_id,
                                             .wake = wake,
                                             .context = client};
    assert_int_equal(ur_watcher_open(&client->watcher, hub, &request, &ended, &error), UR_OK);
    assert_true(ended == !client->watcher);
    return !ended;
}

/* Reads until there is nothing now, in pieces that cut events anywhere. */
static void read_some(struct client *client)
{
    for (;;) {
        client->woken = 0;
        const ptrdiff_t got =
            ur_watcher_read(client->watcher, client->text + client->length, 61);
        client->over = got < 0;
        if (got <= 0)
            break;
        client->length += (size_t)got;
    }
    client->text[client->length] = '\0';
}

/* Reads until the text holds a piece. */
static bool read_until(struct client *client, const char *piece)
{
    const int64_t until = ur_clock_us() + 10000000;
    for (read_some(client); !strstr(client->text, piece); read_some(client)) {
        if (client->over)
            return false;
        while (!client->woken && ur_clock_us() < until)
            ;
        if (!client->woken)
            return false;
    }
    return true;
}

/* Gives the ids of the stream in one line: "0:1 0:2 1:1 ", a gap as "0:gap5 ". */
static const char *ids_of(const struct client *client)
{
    static char ids[8192];
    ids[0] = '\0';
    for (const char *at = strstr(client->text, "id: "); at; at = strstr(at + 1, "id: ")) {
        const char *colon = strchr(at + 4, ':');
        const size_t used = strlen(ids);
        snprintf(ids + used, sizeof ids - used, "%c:%s%" PRId64 " ", colon[-1],
                 strncmp(strchr(colon, '\n'), "\nevent: gap", 11) == 0 ? "gap" : "",
                 (int64_t)strtoll(colon + 1, NULL, 10));
    }
    return ids;
}

static const char *const one[] = {"j00000000000000000000000000"};
static const char *const two[] = {"j00000000000000000000000000", "j00000000000000000000000001"};

static void test_one_job_is_replayed_from_its_first_event(void **state)
{
    (void)state;
    for (int i = 1; i < 5; i++)
        event(0, "step", i, 0);
    event(1, "step", 1, 0);
    assert_true(attach(&clients[0], one, 1, NULL));
    assert_true(read_until(&clients[0], ":5\n"));
    assert_memory_equal(clients[0].text, "retry: 3000\n: connected\n\n", 25);
    assert_string_equal(ids_of(&clients[0]), "0:1 0:2 0:3 0:4 0:5 ");
    assert_non_null(strstr(clients[0].text, "id: j00000000000000000000000000:2\nevent: step\n"
                                            "data: {\"v\":1,\"pad\":\"\"}\n\n"));
    event(1, "step", 2, 0);
    event(0, "step", 5, 0);
    assert_true(read_until(&clients[0], ":6\n"));
    assert_string_equal(ids_of(&clients[0]), "0:1 0:2 0:3 0:4 0:5 0:6 ");
    ur_watcher_close(clients[0].watcher);
}

static void test_attaching_again_loses_and_repeats_nothing(void **state)
{
    (void)state;
    for (int i = 1; i < 9; i++)
        event(0, "step", i, 0);
    for (int seen = 0; seen <= 9; seen++) {
        char last[64], expected[128] = "";
        snprintf(last, sizeof last, "%s:%d", one[0], seen);
        for (int i = seen + 1; i <= 9 + (seen == 9); i++)
            snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "0:%d ",
                     i);
        assert_true(attach(&clients[0], one, 1, last));
        if (seen == 9)
            event(0, "step", 9, 0);
        assert_true(read_until(&clients[0], seen == 9 ? ":10\n" : ":9\n"));
        assert_string_equal(ids_of(&clients[0]), expected);
        ur_watcher_close(clients[0].watcher);
    }
}

static void test_a_restart_changes_nothing_for_a_stream(void **state)
{
    (void)state;
    for (int i = 1; i < 5; i++)
        event(0, "step", i, 0);
    close_all();
    open_all();
    char last[64];
    snprintf(last, sizeof last, "%s:3", one[0]);
    assert_true(attach(&clients[0], one, 1, last));
    event(0, "step", 5, 0);
    assert_true(read_until(&clients[0], ":6\n"));
    assert_string_equal(ids_of(&clients[0]), "0:4 0:5 0:6 ");
    ur_watcher_close(clients[0].watcher);
}

static void test_several_jobs_come_back_by_one_id(void **state)
{
    (void)state;
    assert_true(attach(&clients[0], two, 2, NULL));
    read_some(&clients[0]);
    event(0, "step", 1, 0);
    event(1, "step", 1, 0);
    event(2, "step", 1, 0);
    event(1, "step", 2, 0);
    event(0, "step", 2, 0);
    assert_true(read_until(&clients[0], "0:3\n"));
    /* From now on, in the order of the commits, without the third job. */
    assert_string_equal(ids_of(&clients[0]), "0:2 1:2 1:3 0:3 ");
    ur_watcher_close(clients[0].watcher);

    char last[64];
    snprintf(last, sizeof last, "%s:2", two[1]);
    assert_true(attach(&clients[0], two, 2, last));
    event(0, "step", 3, 0);
    assert_true(read_until(&clients[0], "0:4\n"));
    assert_string_equal(ids_of(&clients[0]), "1:3 0:3 0:4 ");
    ur_watcher_close(clients[0].watcher);

    assert_true(attach(&clients[0], NULL, 0, last));
    event(2, "step", 2, 0);
    assert_true(read_until(&clients[0], "2:3\n"));
    assert_string_equal(ids_of(&clients[0]), "2:2 1:3 0:3 0:4 2:3 ");
    ur_watcher_close(clients[0].watcher);

    char list[128];
    snprintf(list, sizeof list, "%s:3,%s:1", two[0], two[1]);
    assert_true(attach(&clients[0], two, 2, list));
    assert_true(read_until(&clients[0], "0:4\n"));
    assert_string_equal(ids_of(&clients[0]), "1:2 1:3 0:4 ");
    ur_watcher_close(clients[0].watcher);
}

/* Every id of the list counts: what the client has of each job does not come again, and what it
 * lacks does. */
static void test_all_jobs_come_back_by_a_list(void **state)
{
    (void)state;
    char list[192];
    for (int i = 1; i < 4; i++)
        for (int job = 0; job < 3; job++)
            event(job, "step", i, 0);
    snprintf(list, sizeof list, "nonsense,%s:4,%s:2,j00000000000000000000000002:99", one[0],
             two[1]);
    assert_true(attach(&clients[0], NULL, 0, list));
    event(0, "step", 4, 0);
    event(2, "step", 4, 0);
    assert_true(read_until(&clients[0], "2:5\n"));
    assert_string_equal(ids_of(&clients[0]), "1:3 1:4 0:5 2:5 ");
    ur_watcher_close(clients[0].watcher);
}

static void test_a_job_named_twice_is_one(void **state)
{
    (void)state;
    const char *const twice[] = {one[0], one[0]};
    char last[64];
    assert_true(attach(&clients[0], twice, 2, NULL));
    event(0, "step", 1, 0);
    event(0, "end", 1, 0);
    assert_true(read_until(&clients[0], "event: end"));
    read_some(&clients[0]);
    assert_true(clients[0].over);
    assert_string_equal(ids_of(&clients[0]), "0:2 0:3 ");
    ur_watcher_close(clients[0].watcher);
    snprintf(last, sizeof last, "%s:3", one[0]);
    assert_false(attach(&clients[0], twice, 2, last));
}

/* Earlier versions let an event follow the end; a stream of such a job ends all the same. */
static void test_an_event_after_the_end_holds_no_stream(void **state)
{
    (void)state;
    char last[64];
    event(0, "end", 1, 0);
    event(0, "state", 2, 0);
    snprintf(last, sizeof last, "%s:3", one[0]);
    assert_false(attach(&clients[0], one, 1, last));
    assert_true(attach(&clients[0], one, 1, NULL));
    assert_true(read_until(&clients[0], "0:3\n"));
    read_some(&clients[0]);
    assert_true(clients[0].over);
    ur_watcher_close(clients[0].watcher);
}

static void test_all_jobs_are_watched_from_now_on(void **state)
{
    (void)state;
    assert_true(attach(&clients[0], NULL, 0, NULL));
    event(2, "step", 1, 0);
    event(0, "end", 1, 0);
    assert_true(read_until(&clients[0], "0:2\n"));
    assert_string_equal(ids_of(&clients[0]), "2:2 0:2 ");
    assert_false(clients[0].over);
    ur_watcher_close(clients[0].watcher);
}

static void test_a_stream_ends_with_its_job(void **state)
{
    (void)state;
    char last[64];
    assert_true(attach(&clients[0], one, 1, NULL));
    event(0, "end", 1, 0);
    assert_true(read_until(&clients[0], "event: end"));
    read_some(&clients[0]);
    assert_true(clients[0].over);
    ur_watcher_close(clients[0].watcher);
    /* Attached once more: what is missing, and with nothing missing, 204. */
    snprintf(last, sizeof last, "%s:1", one[0]);
    assert_true(attach(&clients[0], one, 1, last));
    assert_true(read_until(&clients[0], "event: end"));
    ur_watcher_close(clients[0].watcher);
    snprintf(last, sizeof last, "%s:2", one[0]);
    assert_false(attach(&clients[0], one, 1, last));
    snprintf(last, sizeof last, "%s:99", one[0]);
    assert_false(attach(&clients[0], one, 1, last));
}

static void test_a_slow_reader_gets_a_gap_and_the_newest(void **state)
{
    (void)state;
    assert_true(attach(&clients[0], one, 1, NULL));
    assert_true(attach(&clients[1], two, 2, NULL));
    assert_true(read_until(&clients[0], ":1\n"));
    read_some(&clients[1]);
    event(1, "step", 1, 0);
    for (int i = 1; i <= 30; i++) {
        event(0, "step", i, 4000);
        if (i % 4 == 0)
            read_some(&clients[0]); /* this one keeps up */
    }
    read_some(&clients[0]);
    assert_null(strstr(clients[0].text, "event: gap"));
    assert_int_equal(strlen(ids_of(&clients[0])), 9 * 4 + 22 * 5);
    assert_true(read_until(&clients[1], "0:31\n"));
    assert_string_equal(ids_of(&clients[1]), "0:gap30 0:31 1:2 ");
    assert_non_null(strstr(clients[1].text,
                           "event: gap\ndata: {\"job\":\"j00000000000000000000000000\","
                           "\"from\":2,\"to\":30}\n\n"));
    int32_t watchers;
    uint64_t events, gaps;
    ur_hub_counts(hub, &watchers, &events, &gaps);
    assert_int_equal(watchers, 2);
    assert_int_equal(gaps, 1);
    assert_int_equal(events, 34);
    /* It goes on as if nothing had happened. */
    event(0, "step", 31, 0);
    assert_true(read_until(&clients[1], "0:32\n"));
    ur_watcher_close(clients[0].watcher);
    ur_watcher_close(clients[1].watcher);
}

static void test_a_long_history_is_replayed_whole(void **state)
{
    (void)state;
    for (int i = 1; i <= 120; i++)
        event(0, "step", i, 2000);
    assert_true(attach(&clients[0], one, 1, NULL));
    assert_true(read_until(&clients[0], "0:121\n"));
    assert_null(strstr(clients[0].text, "event: gap"));
    int64_t expected = 0;
    for (const char *at = strstr(clients[0].text, "id: "); at;
         at = strstr(at + 1, "\nid: ") + 1) {
        assert_int_equal(strtoll(strchr(at + 4, ':') + 1, NULL, 10), ++expected);
        if (!strstr(at + 1, "\nid: "))
            break;
    }
    assert_int_equal(expected, 121);
    ur_watcher_close(clients[0].watcher);
}

/* Jobs of others push an event out of the ring; who waits for it reads it from the store. */
static void test_a_quiet_watcher_outlives_the_ring(void **state)
{
    (void)state;
    assert_true(attach(&clients[0], one, 1, NULL));
    assert_true(read_until(&clients[0], "0:1\n"));
    event(0, "step", 1, 0);
    for (int i = 0; i < 24; i++)
        event(1, "step", i, 100000);
    assert_true(hub->dropped_number > 0);
    assert_true(read_until(&clients[0], "0:2\n"));
    event(0, "step", 2, 0);
    assert_true(read_until(&clients[0], "0:3\n"));
    assert_string_equal(ids_of(&clients[0]), "0:1 0:2 0:3 ");
    ur_watcher_close(clients[0].watcher);
    /* Who has read all of an old history is live again, however far the ring has moved on. */
    for (int i = 0; i < 24; i++)
        event(1, "step", i, 100000);
    assert_true(attach(&clients[0], one, 1, NULL));
    assert_true(read_until(&clients[0], "0:3\n"));
    bool live = false;
    for (const int64_t until = ur_clock_us() + 10000000; !live && ur_clock_us() < until;) {
        read_some(&clients[0]);
        pthread_mutex_lock(&hub->mutex);
        live = !clients[0].watcher->replaying;
        pthread_mutex_unlock(&hub->mutex);
    }
    assert_true(live);
    event(0, "step", 3, 0);
    assert_true(read_until(&clients[0], "0:4\n"));
    ur_watcher_close(clients[0].watcher);
}

static void test_limits_and_unknown_jobs_are_refused(void **state)
{
    (void)state;
    static const char *const none[] = {"j99999999999999999999999999"};
    struct ur_watcher *watchers[5] = {0};
    struct ur_error error = {0};
    bool ended;
    struct ur_watch_request request = {
        .jobs = none, .n_jobs = 1, .wake = wake, .context = &clients[0]};
    assert_int_equal(ur_watcher_open(&watchers[0], hub, &request, &ended, &error),
                     UR_NOT_FOUND);
    request.jobs = one;
    for (int i = 0; i < 5; i++) {
        error = (struct ur_error){0};
        assert_int_equal(ur_watcher_open(&watchers[i], hub, &request, &ended, &error),
                         i < 4 ? UR_OK : UR_QUEUE_FULL);
    }
    for (int i = 0; i < 4; i++)
        ur_watcher_close(watchers[i]);
}

static void test_closing_ends_every_read(void **state)
{
    (void)state;
    assert_true(attach(&clients[0], one, 1, NULL));
    assert_true(read_until(&clients[0], "0:1\n"));
    read_some(&clients[0]);
    ur_hub_close(hub);
    assert_int_equal(clients[0].woken, 1);
    read_some(&clients[0]);
    assert_true(clients[0].over);
    ur_watcher_close(clients[0].watcher);
}

static void test_a_heartbeat_comes_only_into_silence(void **state)
{
    (void)state;
    assert_true(attach(&clients[0], one, 1, NULL));
    assert_true(read_until(&clients[0], "0:1\n"));
    read_some(&clients[0]);
    ur_hub_tick(hub);
    assert_int_equal(clients[0].woken, 0);
    clients[0].watcher->last_bytes_us -= UR_HEARTBEAT_US;
    ur_hub_tick(hub);
    assert_int_equal(clients[0].woken, 1);
    read_some(&clients[0]);
    assert_string_equal(clients[0].text + clients[0].length - 6, ": ka\n\n");
    ur_watcher_close(clients[0].watcher);
}

int main(void)
{
#define HUB_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HUB_TEST(test_one_job_is_replayed_from_its_first_event),
        HUB_TEST(test_attaching_again_loses_and_repeats_nothing),
        HUB_TEST(test_a_restart_changes_nothing_for_a_stream),
        HUB_TEST(test_several_jobs_come_back_by_one_id),
        HUB_TEST(test_all_jobs_come_back_by_a_list),
        HUB_TEST(test_a_job_named_twice_is_one),
        HUB_TEST(test_an_event_after_the_end_holds_no_stream),
        HUB_TEST(test_all_jobs_are_watched_from_now_on),
        HUB_TEST(test_a_stream_ends_with_its_job),
        HUB_TEST(test_a_slow_reader_gets_a_gap_and_the_newest),
        HUB_TEST(test_a_long_history_is_replayed_whole),
        HUB_TEST(test_a_quiet_watcher_outlives_the_ring),
        HUB_TEST(test_limits_and_unknown_jobs_are_refused),
        HUB_TEST(test_closing_ends_every_read),
        HUB_TEST(test_a_heartbeat_comes_only_into_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
