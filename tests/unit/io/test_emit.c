/* Records into a pipe that nobody reads, that is read late, and whose reader is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/emit.h"

static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static struct ur_step_point point_of(int32_t step)
{
    return (struct ur_step_point){.step = step, .loss = (float)step, .accuracy = 0.5F};
}

static void commit_epoch(struct ur_emit *emit, int32_t epoch)
{
    struct ur_record_epoch record = {.epoch = epoch, .step = 1};
    ur_copy(record.weights_sha256, sizeof record.weights_sha256, sha);
    struct ur_writer writer = ur_emit_begin(emit);
    ur_record_epoch_write(&writer, &record);
    ur_emit_commit(emit, UR_RECORD_EPOCH, &writer);
}

/* What came out of a pipe. */
struct seen {
    int64_t points;
    int64_t dropped;
    int32_t last_step;
    int32_t epochs; /* the number of the last one */
    int32_t epoch_at_step[64];
};

/* Reads everything that is there, checking that steps and epochs only ever grow. */
static void read_all(int fd, struct ur_frame_reader *reader, struct seen *seen)
{
    static struct ur_record_steps steps;
    struct ur_record_epoch epoch;
    struct ur_frame frame;
    bool eof = false, have = true;
    for (;;) {
        assert_int_equal(ur_frame_next(reader, &frame, &have, NULL), UR_OK);
        if (!have) {
            const size_t before = reader->end - reader->begin;
            assert_int_equal(ur_frame_fill(reader, fd, &eof, NULL), UR_OK);
            if (eof || reader->end - reader->begin == before)
                return;
            continue;
        }
        if (frame.type == UR_RECORD_STEPS) {
            assert_int_equal(ur_record_steps_read(&frame, &steps, NULL), UR_OK);
            assert_in_range(steps.count, 1, UR_MAX_STEP_POINTS);
            seen->dropped += steps.dropped;
            for (uint32_t i = 0; i < steps.count; i++) {
                assert_true(steps.points[i].step > seen->last_step);
                seen->last_step = steps.points[i].step;
                seen->points++;
            }
        } else {
            assert_int_equal(frame.type, UR_RECORD_EPOCH);
            assert_int_equal(ur_record_epoch_read(&frame, &epoch, NULL), UR_OK);
            assert_int_equal(epoch.epoch, seen->epochs + 1);
            seen->epochs = epoch.epoch;
            if (seen->epochs < 64)
                seen->epoch_at_step[seen->epochs] = seen->last_step;
        }
    }
}

struct pair {
    int fds[2];
    struct ur_emit emit;
    struct ur_frame_reader reader;
    struct seen seen;
};

static struct pair *open_pair(void)
{
    struct pair *pair = calloc(1, sizeof *pair);
    assert_int_equal(pipe2(pair->fds, O_CLOEXEC), 0);
    assert_int_equal(fcntl(pair->fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(ur_emit_init(&pair->emit, pair->fds[1], NULL), UR_OK);
    ur_frame_reader_init(&pair->reader, UR_RECORD_MAX_BYTES);
    return pair;
}

static void close_pair(struct pair *pair)
{
    ur_emit_release(&pair->emit);
    ur_frame_reader_release(&pair->reader);
    close(pair->fds[0]);
    close(pair->fds[1]);
    free(pair);
}

static void test_points_go_out_in_time(void **state)
{
    (void)state;
    struct pair *pair = open_pair();
    int64_t now = 1000000000;
    for (int32_t step = 1; step <= 100; step++, now += 10000) {
        struct ur_step_point point = point_of(step);
        ur_emit_step(&pair->emit, &point, now);
        read_all(pair->fds[0], &pair->reader, &pair->seen);
        assert_true(step - pair->seen.last_step < 25); /* 25 steps of 10 ms */
    }
    assert_true(pair->emit.steps.count > 0); /* and not each one by itself */
    ur_emit_drain(&pair->emit, 1000);
    read_all(pair->fds[0], &pair->reader, &pair->seen);
    assert_int_equal(pair->seen.points, 100);
    assert_int_equal(pair->seen.dropped, 0);
    close_pair(pair);
}

/* Nobody reads for a hundred thousand steps: nothing blocks, and when somebody does, every step
 * is there or counted, and no epoch is lost. */
static void test_a_slow_reader_blocks_nothing(void **state)
{
    (void)state;
    struct pair *pair = open_pair();
    int64_t now = 1000000000;
    const int32_t steps = 100000;
    for (int32_t step = 1; step <= steps; step++, now += 250000) {
        struct ur_step_point point = point_of(step);
        ur_emit_step(&pair->emit, &point, now);
        if (step % 5000 == 0)
            commit_epoch(&pair->emit, step / 5000);
    }
    for (int i = 0; i < 100; i++) {
        read_all(pair->fds[0], &pair->reader, &pair->seen);
        ur_emit_drain(&pair->emit, 0);
    }
    assert_int_equal(pair->seen.epochs, 20);
    assert_int_equal(pair->emit.refused, 0);
    assert_int_equal(pair->seen.last_step, steps);
    assert_int_equal(pair->seen.points + pair->seen.dropped, steps);
    assert_true(pair->seen.dropped > 0);
    close_pair(pair);
}

static void test_points_come_before_what_follows_them(void **state)
{
    (void)state;
    struct pair *pair = open_pair();
    for (int32_t step = 1; step <= 30; step++) {
        struct ur_step_point point = point_of(step);
        ur_emit_step(&pair->emit, &point, 0);
        if (step % 10 == 0)
            commit_epoch(&pair->emit, step / 10);
    }
    read_all(pair->fds[0], &pair->reader, &pair->seen);
    assert_int_equal(pair->seen.epochs, 3);
    for (int32_t epoch = 1; epoch <= 3; epoch++)
        assert_int_equal(pair->seen.epoch_at_step[epoch], 10 * epoch);
    close_pair(pair);
}

static void test_a_full_queue_refuses_and_counts(void **state)
{
    (void)state;
    struct pair *pair = open_pair();
    const int32_t epochs = 40000; /* of some 100 bytes: more than the queue and the pipe */
    for (int32_t epoch = 1; epoch <= epochs; epoch++)
        commit_epoch(&pair->emit, epoch);
    assert_true(pair->emit.refused > 0);
    for (int i = 0; i < 1000; i++) {
        read_all(pair->fds[0], &pair->reader, &pair->seen);
        ur_emit_drain(&pair->emit, 0);
    }
    assert_int_equal(pair->seen.epochs + (int64_t)pair->emit.refused, epochs);
    close_pair(pair);
}

/* A reader that wakes up only at the end still learns the end, though the queue was full. */
static void test_the_last_record_waits_for_room(void **state)
{
    (void)state;
    enum { FULL = 40000, LAST = FULL + 1 };
    struct pair *pair = open_pair();
    for (int32_t epoch = 1; epoch <= FULL; epoch++)
        commit_epoch(&pair->emit, epoch);
    assert_true(pair->emit.refused > 0);
    const uint32_t refused = pair->emit.refused;
    const pid_t reader = fork();
    if (reader == 0) {
        close(pair->fds[1]);
        struct pollfd wait = {.fd = pair->fds[0], .events = POLLIN};
        unsigned char bytes[65536], last = 0;
        ssize_t got = 1;
        while (got > 0) {
            poll(&wait, 1, -1);
            got = read(pair->fds[0], bytes, sizeof bytes);
            if (got > 0)
                last = bytes[got - 1];
        }
        _exit(got == 0 && last == 0x5a ? 0 : 1);
    }
    unsigned char payload[4096]; /* more than is left in a full queue */
    memset(payload, 0x5a, sizeof payload);
    struct ur_writer writer = ur_emit_begin(&pair->emit);
    ur_write_bytes(&writer, payload, sizeof payload);
    ur_emit_commit_last(&pair->emit, UR_RECORD_END, &writer, 60000);
    assert_int_equal(pair->emit.refused, refused);
    assert_int_equal(pair->emit.begin, pair->emit.end);
    close_pair(pair);
    int how;
    assert_int_equal(waitpid(reader, &how, 0), reader);
    assert_int_equal(how, 0);
}

static void test_a_record_too_large_is_refused(void **state)
{
    (void)state;
    struct pair *pair = open_pair();
    static uint32_t counts[UR_MAX_CLASSES * UR_MAX_CLASSES];
    const struct ur_record_confusion record = {
        .epoch = 1, .split = UR_SPLIT_TEST, .classes = UR_MAX_CLASSES, .counts = counts};
    struct ur_writer writer = ur_emit_begin(&pair->emit);
    ur_record_confusion_write(&writer, &record);
    ur_emit_commit(&pair->emit, UR_RECORD_CONFUSION, &writer);
    assert_int_equal(pair->emit.refused, 1);
    commit_epoch(&pair->emit, 1);
    read_all(pair->fds[0], &pair->reader, &pair->seen);
    assert_int_equal(pair->seen.epochs, 1);
    close_pair(pair);
}

static void test_a_reader_that_is_gone_is_no_error(void **state)
{
    (void)state;
    struct pair *pair = open_pair();
    close(pair->fds[0]);
    for (int32_t step = 1; step <= 1000; step++) {
        struct ur_step_point point = point_of(step);
        ur_emit_step(&pair->emit, &point, (int64_t)step * 300000);
    }
    commit_epoch(&pair->emit, 1);
    ur_emit_drain(&pair->emit, 10000);
    assert_int_equal(pair->emit.fd, -1);
    pair->fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close_pair(pair);
}

static void test_a_descriptor_that_is_not_there(void **state)
{
    (void)state;
    struct ur_emit emit;
    struct ur_error error = {0};
    assert_int_equal(ur_emit_init(&emit, 999, &error), UR_IO);
    ur_emit_release(&emit);
    ur_emit_release(NULL);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_go_out_in_time),
        cmocka_unit_test(test_a_slow_reader_blocks_nothing),
        cmocka_unit_test(test_points_come_before_what_follows_them),
        cmocka_unit_test(test_a_full_queue_refuses_and_counts),
        cmocka_unit_test(test_the_last_record_waits_for_room),
        cmocka_unit_test(test_a_record_too_large_is_refused),
        cmocka_unit_test(test_a_reader_that_is_gone_is_no_error),
        cmocka_unit_test(test_a_descriptor_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
