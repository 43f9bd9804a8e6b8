/*
 * The real program as a worker: the order of its records, and what it makes of each command and
 * of a daemon that is gone.
 */
#include "child.h"
#include "folder.h"
#include "unroll/record.h"
#include "unroll/text.h"

/* Far more steps than any test waits for. */
static const char endless[] = "{\"dataset\":\"digits\",\"data\":{\"count\":600},"
                              "\"model\":{\"hidden\":8},"
                              "\"train\":{\"steps\":10000000,\"batch\":32,\"shard_rows\":16,"
                              "\"validation\":100}}";
static const char brief[] = "{\"dataset\":\"digits\",\"data\":{\"count\":600},"
                            "\"model\":{\"hidden\":8},"
                            "\"train\":{\"steps\":60,\"batch\":32,\"shard_rows\":16,"
                            "\"validation\":100}}";

static struct ur_test_folder folder;
static char spec_path[UR_TEST_PATH_BYTES], out_path[UR_TEST_PATH_BYTES];

static int set_up(void **state)
{
    (void)state;
    folder = ur_test_folder_make();
    ur_test_path(&folder, "spec.json", spec_path);
    ur_test_path(&folder, "out", out_path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ur_test_folder_remove(&folder);
    return 0;
}

static bool is_there(const char *name)
{
    char path[UR_TEST_PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", out_path, name);
    return access(path, F_OK) == 0;
}

struct daemon {
    struct child child;
    struct ur_frame_reader reader;
};

static void start(struct daemon *daemon, const char *spec_json)
{
    char program[] = "unroll-train", spec[] = "--spec", out[] = "--out", worker[] = "--worker";
    char *argv[] = {program, spec, spec_path, out, out_path, worker, NULL};
    FILE *file = fopen(spec_path, "we");
    assert_non_null(file);
    fputs(spec_json, file);
    assert_int_equal(fclose(file), 0);
    daemon->child = child_start_worker(argv);
    ur_frame_reader_init(&daemon->reader, UR_RECORD_MAX_BYTES);
}

/* Waits for the next record; false at the end of the pipe. */
static bool next(struct daemon *daemon, struct ur_frame *frame)
{
    bool have = false, eof = false;
    for (;;) {
        assert_int_equal(ur_frame_next(&daemon->reader, frame, &have, NULL), UR_OK);
        if (have)
            return true;
        if (eof)
            return false;
        assert_int_equal(ur_frame_fill(&daemon->reader, daemon->child.records, &eof, NULL),
                         UR_OK);
    }
}

static void wait_for(struct daemon *daemon, enum ur_record_type type, struct ur_frame *frame)
{
    do
        assert_true(next(daemon, frame));
    while (frame->type != type);
}

static void command(struct daemon *daemon, enum ur_command command)
{
    assert_int_equal(ur_frame_send(daemon->child.commands, (uint16_t)command, NULL, 0, NULL),
                     UR_OK);
}

/* Reads up to END, which must be the last record, and gives it. */
static int read_end(struct daemon *daemon, struct ur_record_end *end)
{
    struct ur_frame frame;
    wait_for(daemon, UR_RECORD_END, &frame);
    assert_int_equal(ur_record_end_read(&frame, end, NULL), UR_OK);
    assert_false(next(daemon, &frame));
    ur_frame_reader_release(&daemon->reader);
    end->report = NULL; /* it was borrowed from the reader */
    return child_wait(&daemon->child);
}

static void test_a_whole_job_in_records(void **state)
{
    (void)state;
    struct daemon daemon;
    struct ur_frame frame;
    struct ur_record_hello hello;
    struct ur_record_epoch epoch;
    struct ur_record_checkpoint checkpoint;
    struct ur_record_phase phase;
    struct ur_record_end end;
    static struct ur_record_steps steps;
    static uint32_t counts[100];
    struct ur_record_confusion confusion;
    int32_t told = 0, epochs = 0, tests = 0, models = 0;
    start(&daemon, brief);
    while (next(&daemon, &frame) && frame.type == UR_RECORD_PHASE) {
        assert_int_equal(ur_record_phase_read(&frame, &phase, NULL), UR_OK);
        assert_int_equal(phase.phase, UR_PHASE_LOADING);
    }
    assert_int_equal(frame.type, UR_RECORD_HELLO);
    assert_int_equal(ur_record_hello_read(&frame, &hello, NULL), UR_OK);
    assert_int_equal(hello.steps, 60);
    assert_int_equal(hello.first_step, 0);
    assert_int_equal(hello.n_parameters, 28 * 32 + 8 * 32 + 32 + 80 + 10);
    assert_non_null(strstr(hello.blas, "OpenBLAS"));
    while (next(&daemon, &frame) && frame.type != UR_RECORD_END) {
        switch ((enum ur_record_type)frame.type) {
        case UR_RECORD_STEPS:
            assert_int_equal(ur_record_steps_read(&frame, &steps, NULL), UR_OK);
            assert_int_equal(steps.points[0].step, told + 1);
            told = steps.points[steps.count - 1].step;
            break;
        case UR_RECORD_EPOCH:
            assert_int_equal(ur_record_epoch_read(&frame, &epoch, NULL), UR_OK);
            assert_int_equal(epoch.epoch, ++epochs);
            assert_int_equal(epoch.step, told);
            break;
        case UR_RECORD_CHECKPOINT:
            assert_int_equal(ur_record_checkpoint_read(&frame, &checkpoint, NULL), UR_OK);
            models += checkpoint.kind == UR_CHECKPOINT_MODEL;
            break;
        case UR_RECORD_CONFUSION:
            assert_int_equal(ur_record_confusion_read(&frame, &confusion, counts, 100, NULL),
                             UR_OK);
            tests += confusion.split == UR_SPLIT_TEST;
            break;
        case UR_RECORD_PHASE:
            assert_int_equal(ur_record_phase_read(&frame, &phase, NULL), UR_OK);
            break;
        case UR_RECORD_HELLO:
        case UR_RECORD_END:
        case UR_RECORD_DATASET:
        case UR_RECORD_INSIGHT: /* nobody asked for it */
            fail();
        }
    }
    assert_int_equal(ur_record_end_read(&frame, &end, NULL), UR_OK);
    assert_int_equal(end.status, UR_OK);
    assert_int_equal(end.stopped, 0);
    char *report = strndup(end.report, end.report_bytes);
    assert_non_null(report);
    assert_non_null(strstr(report, "\"state\":\"succeeded\""));
    assert_non_null(strstr(report, epoch.weights_sha256));
    assert_string_equal(checkpoint.weights_sha256, epoch.weights_sha256);
    free(report);
    assert_int_equal(told, 60);
    assert_int_equal(epochs, 4); /* of 500 images: 60 minibatches of 32 make 3.84 */
    assert_int_equal(tests, 1);
    assert_int_equal(models, 1);
    assert_false(next(&daemon, &frame));
    ur_frame_reader_release(&daemon.reader);
    assert_int_equal(child_wait(&daemon.child), 0);
}

static void test_a_daemon_that_is_gone_suspends(void **state)
{
    (void)state;
    struct daemon daemon;
    struct ur_frame frame;
    struct ur_record_end end;
    start(&daemon, endless);
    wait_for(&daemon, UR_RECORD_STEPS, &frame);
    close(daemon.child.commands);
    daemon.child.commands = -1;
    assert_int_equal(read_end(&daemon, &end), 7);
    assert_int_equal(end.status, UR_INTERRUPTED);
    assert_true(is_there("last.ckpt"));
    assert_false(is_there("model.unroll"));
}

/* It dies with both pipes: nobody reads the worker's last words, and it still leaves in
 * order. */
static void test_a_daemon_that_was_killed_suspends(void **state)
{
    (void)state;
    struct daemon daemon;
    struct ur_frame frame;
    start(&daemon, endless);
    wait_for(&daemon, UR_RECORD_STEPS, &frame);
    close(daemon.child.commands);
    close(daemon.child.records);
    daemon.child.commands = daemon.child.records = -1;
    assert_int_equal(child_wait(&daemon.child), 7);
    ur_frame_reader_release(&daemon.reader);
    assert_true(is_there("last.ckpt"));
}

static void test_commands(void **state)
{
    (void)state;
    static const struct {
        enum ur_command command;
        enum ur_status status;
        int code;
        bool stopped, checkpoint, model;
    } cases[] = {
        {UR_COMMAND_STOP, UR_OK, 0, true, true, true},
        {UR_COMMAND_CANCEL, UR_CANCELLED, 8, false, false, false},
        {UR_COMMAND_SUSPEND, UR_INTERRUPTED, 7, false, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct daemon daemon;
        struct ur_frame frame;
        struct ur_record_end end;
        start(&daemon, endless);
        wait_for(&daemon, UR_RECORD_STEPS, &frame);
        command(&daemon, UR_COMMAND_CHECKPOINT);
        wait_for(&daemon, UR_RECORD_CHECKPOINT, &frame);
        command(&daemon, cases[i].command);
        assert_int_equal(read_end(&daemon, &end), cases[i].code);
        assert_int_equal(end.status, cases[i].status);
        assert_int_equal(end.stopped, cases[i].stopped);
        assert_int_equal(is_there("last.ckpt"), cases[i].checkpoint);
        assert_int_equal(is_there("model.unroll"), cases[i].model);
        tear_down(NULL);
        assert_int_equal(set_up(NULL), 0);
    }
}

/* The data take half a minute to draw, so whatever ends the worker ends its loading. */
static void test_a_worker_that_loads_listens(void **state)
{
    (void)state;
    static const char slow[] = "{\"dataset\":\"digits\",\"data\":{\"count\":900000},"
                               "\"model\":{\"hidden\":8},\"train\":{\"steps\":1}}";
    enum { DAEMON_GONE = -1, SIGNAL = -2 };
    static const struct {
        int how;
        enum ur_status status;
        int code;
    } cases[] = {{UR_COMMAND_CANCEL, UR_CANCELLED, 8},
                 {UR_COMMAND_SUSPEND, UR_INTERRUPTED, 7},
                 {DAEMON_GONE, UR_INTERRUPTED, 7},
                 {SIGNAL, UR_INTERRUPTED, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct daemon daemon;
        struct ur_frame frame;
        struct ur_record_phase phase = {0};
        struct ur_record_end end;
        start(&daemon, slow);
        do {
            assert_true(next(&daemon, &frame));
            assert_int_equal(frame.type, UR_RECORD_PHASE);
            assert_int_equal(ur_record_phase_read(&frame, &phase, NULL), UR_OK);
        } while (phase.done <= 0);
        if (cases[i].how == DAEMON_GONE) {
            close(daemon.child.commands);
            daemon.child.commands = -1;
        } else if (cases[i].how == SIGNAL) {
            assert_int_equal(kill(daemon.child.pid, SIGTERM), 0);
        } else {
            command(&daemon, (enum ur_command)cases[i].how);
        }
        do {
            assert_true(next(&daemon, &frame));
            assert_int_not_equal(frame.type, UR_RECORD_HELLO);
        } while (frame.type != UR_RECORD_END);
        assert_int_equal(ur_record_end_read(&frame, &end, NULL), UR_OK);
        assert_int_equal(end.status, cases[i].status);
        ur_frame_reader_release(&daemon.reader);
        assert_int_equal(child_wait(&daemon.child), cases[i].code);
        assert_false(is_there("last.ckpt"));
    }
}

static void test_garbage_on_the_commands_suspends(void **state)
{
    (void)state;
    struct daemon daemon;
    struct ur_frame frame;
    struct ur_record_end end;
    start(&daemon, endless);
    wait_for(&daemon, UR_RECORD_STEPS, &frame);
    assert_int_equal(write(daemon.child.commands, "\xff\xff\xff\xff\xff\xff\xff\xff", 8), 8);
    assert_int_equal(read_end(&daemon, &end), 7);
    assert_int_equal(end.status, UR_INTERRUPTED);
}

/* Nobody reads for as long as the pipe, and more, can hold: training goes on, and whoever reads
 * again finds every step counted. */
static void test_a_daemon_that_does_not_read(void **state)
{
    (void)state;
    struct daemon daemon;
    struct ur_frame frame;
    struct ur_record_end end;
    static struct ur_record_steps steps;
    int64_t seen = 0;
    start(&daemon, endless);
    assert_true(fcntl(daemon.child.records, F_SETPIPE_SZ, 4096) > 0);
    wait_for(&daemon, UR_RECORD_HELLO, &frame);
    usleep(800000); /* one record of 256 points fills the pipe */
    command(&daemon, UR_COMMAND_SUSPEND);
    while (next(&daemon, &frame) && frame.type != UR_RECORD_END) {
        if (frame.type != UR_RECORD_STEPS)
            continue;
        assert_int_equal(ur_record_steps_read(&frame, &steps, NULL), UR_OK);
        seen += steps.count + steps.dropped;
        assert_int_equal(steps.points[steps.count - 1].step, seen);
    }
    assert_int_equal(ur_record_end_read(&frame, &end, NULL), UR_OK);
    assert_int_equal(end.status, UR_INTERRUPTED);
    ur_frame_reader_release(&daemon.reader);
    assert_int_equal(child_wait(&daemon.child), 7);
}

static void test_a_worker_steps_back(void **state)
{
    (void)state;
    struct daemon daemon;
    struct ur_frame frame;
    struct ur_record_end end;
    char path[64], line[128];
    int score = 0, no_new_privs = 0;
    start(&daemon, endless);
    wait_for(&daemon, UR_RECORD_HELLO, &frame);
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)daemon.child.pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &score), 1);
    fclose(file);
    assert_int_equal(score, 800);
    snprintf(path, sizeof path, "/proc/%d/status", (int)daemon.child.pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        sscanf(line, "NoNewPrivs: %d", &no_new_privs);
    fclose(file);
    assert_int_equal(no_new_privs, 1);
    command(&daemon, UR_COMMAND_CANCEL);
    assert_int_equal(read_end(&daemon, &end), 8);
}

static void test_what_cannot_start_says_why(void **state)
{
    (void)state;
    struct daemon daemon;
    struct ur_record_end end;
    start(&daemon, "{\"dataset\":\"no-such-set\"}");
    assert_int_equal(read_end(&daemon, &end), 3);
    assert_int_equal(end.status, UR_UNKNOWN_DATASET);
    assert_non_null(strstr(end.detail, "no-such-set"));
    start(&daemon, "{\"dataset\":\"digits\",\"train\":{\"batch\":0}}");
    assert_int_equal(read_end(&daemon, &end), 2);
    assert_int_equal(end.status, UR_INVALID_SPEC);
    assert_non_null(strstr(end.detail, "/train/batch"));
}

/* Twenty images of 3 x 2 in the folder NAME/tiny, ten more to test on. */
static void write_tiny_set(void)
{
    static const struct {
        const char *name;
        unsigned char header[16];
        size_t header_bytes, bytes;
    } files[] = {
        {"train-images-idx3-ubyte", {0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 2}, 16, 120},
        {"train-labels-idx1-ubyte", {0, 0, 8, 1, 0, 0, 0, 20}, 8, 20},
        {"t10k-images-idx3-ubyte", {0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 3, 0, 0, 0, 2}, 16, 60},
        {"t10k-labels-idx1-ubyte", {0, 0, 8, 1, 0, 0, 0, 10}, 8, 10},
    };
    char path[UR_TEST_PATH_BYTES];
    assert_int_equal(mkdir(ur_test_path(&folder, "tiny", path), 0777), 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];
        unsigned char bytes[256] = {0};
        snprintf(name, sizeof name, "tiny/%s", files[i].name);
        memcpy(bytes, files[i].header, files[i].header_bytes);
        for (size_t k = 0; k < files[i].bytes; k++)
            bytes[files[i].header_bytes + k] = (unsigned char)(k % 10);
        ur_test_write(ur_test_path(&folder, name, path), bytes,
                      files[i].header_bytes + files[i].bytes);
    }
}

static void describe(struct daemon *daemon, const char *name)
{
    char program[] = "unroll-train", option[] = "--describe", worker[] = "--worker";
    char data[] = "--data-dir", set[UR_NAME_BYTES];
    char *argv[] = {program, option, set, worker, data, folder.path, NULL};
    ur_copy(set, sizeof set, name);
    *daemon = (struct daemon){.child = child_start_worker(argv)};
    ur_frame_reader_init(&daemon->reader, UR_RECORD_MAX_BYTES);
}

static void test_describing_a_data_set(void **state)
{
    (void)state;
    struct daemon daemon;
    struct ur_frame frame;
    struct ur_record_dataset dataset;
    struct ur_record_end end;
    write_tiny_set();
    describe(&daemon, "tiny");
    assert_true(next(&daemon, &frame));
    assert_int_equal(frame.type, UR_RECORD_DATASET);
    assert_int_equal(ur_record_dataset_read(&frame, &dataset, NULL), UR_OK);
    assert_string_equal(dataset.name, "tiny");
    assert_string_equal(dataset.kind, "idx");
    assert_int_equal(dataset.shape.steps, 3);
    assert_int_equal(dataset.shape.width, 2);
    assert_int_equal(dataset.shape.classes, 10);
    assert_int_equal(dataset.shape.n_train, 20);
    assert_int_equal(dataset.shape.n_test, 10);
    assert_false(next(&daemon, &frame));
    ur_frame_reader_release(&daemon.reader);
    assert_int_equal(child_wait(&daemon.child), 0);

    describe(&daemon, "no-such-set");
    assert_int_equal(read_end(&daemon, &end), 3);
    assert_int_equal(end.status, UR_UNKNOWN_DATASET);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_whole_job_in_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_daemon_that_is_gone_suspends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_daemon_that_was_killed_suspends, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_commands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_worker_that_loads_listens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_garbage_on_the_commands_suspends, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_daemon_that_does_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_worker_steps_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_start_says_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_describing_a_data_set, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
