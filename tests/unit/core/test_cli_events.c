/* The command line's reader of server-sent events: cut at every byte, ended in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../server/cli/events.c"

struct heard {
    char text[512];
    int events, stop_after;
};

static bool hear(void *context, const char *name, const char *data)
{
    struct heard *heard = context;
    size_t used = strlen(heard->text);
    snprintf(heard->text + used, sizeof heard->text - used, "%s=%s;", name, data);
    return ++heard->events != heard->stop_after;
}

static void start(struct ur_event_reader *reader, struct heard *heard)
{
    *heard = (struct heard){0};
    ur_event_reader_init(reader, hear, heard);
}

static const char stream[] =
    "retry: 500\n: connected\n\nid: j1:1\nevent: state\ndata: {\"a\":1}\n\n"
    ": ka\n\nid:j1:2\r\nevent:step\r\ndata:one\r\ndata: two\r\n\r\n"
    "id: j1:3\revent: x\rdata\r\r"
    "unknown: field\nevent: no data\nid: j1:4\n\ndata: plain\n\n"
    "id: j1:5\nevent: half\ndata: never ended\nda";

static const char wanted[] = "state={\"a\":1};step=one\ntwo;message=plain;";

/* The third event's data is one empty line, which is no data (as in a browser), but its id
 * counts. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= sizeof stream - 1; cut++) {
        struct ur_event_reader reader;
        struct heard heard;
        start(&reader, &heard);
        assert_true(ur_event_reader_feed(&reader, stream, cut));
        assert_true(ur_event_reader_feed(&reader, stream + cut, sizeof stream - 1 - cut));
        assert_string_equal(heard.text, wanted);
        assert_string_equal(reader.last_id, "j1:4");
        assert_int_equal(reader.retry_ms, 500);
        ur_event_reader_release(&reader);
    }
}

/* What was cut off comes again on the next connection, and is heard once. */
static void test_restart_forgets_the_half_event(void **state)
{
    (void)state;
    struct ur_event_reader reader;
    struct heard heard;
    start(&reader, &heard);
    assert_true(ur_event_reader_feed(&reader, stream, sizeof stream - 1));
    ur_event_reader_restart(&reader);
    assert_true(ur_event_reader_feed(&reader, "data: no id\n\n", 13));
    assert_string_equal(reader.last_id, "j1:4");
    const char *again = "id: j1:5\nevent: half\ndata: whole\n\n";
    assert_true(ur_event_reader_feed(&reader, again, strlen(again)));
    assert_string_equal(reader.last_id, "j1:5");
    assert_string_equal(heard.text + sizeof wanted - 1, "message=no id;half=whole;");
    ur_event_reader_release(&reader);
}

static void test_the_taker_ends_it(void **state)
{
    (void)state;
    struct ur_event_reader reader;
    struct heard heard;
    start(&reader, &heard);
    heard.stop_after = 2;
    assert_false(ur_event_reader_feed(&reader, stream, sizeof stream - 1));
    assert_false(reader.failed);
    assert_int_equal(heard.events, 2);
    assert_string_equal(reader.last_id, "j1:2");
    ur_event_reader_release(&reader);
}

static void test_floods_end_it(void **state)
{
    (void)state;
    static char flood[UR_RECORD_MAX_BYTES + 1];
    struct ur_event_reader reader;
    struct heard heard;
    memset(flood, 'x', sizeof flood);
    start(&reader, &heard);
    assert_false(ur_event_reader_feed(&reader, flood, sizeof flood));
    assert_true(reader.failed);
    ur_event_reader_release(&reader);

    start(&reader, &heard);
    bool more = true;
    for (int i = 0; more && i < 1 << 20; i++)
        more = ur_event_reader_feed(&reader, "data: 0123456789\n", 17);
    assert_false(more);
    assert_true(reader.failed);
    ur_event_reader_release(&reader);
    ur_event_reader_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_restart_forgets_the_half_event),
        cmocka_unit_test(test_the_taker_ends_it),
        cmocka_unit_test(test_floods_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
