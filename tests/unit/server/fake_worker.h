/*
 * A worker that behaves as the name of its job says: well, or in one of the ways in which
 * processes go wrong. It speaks the real protocol through the real encoders.
 */
#ifndef TESTS_UNIT_SERVER_FAKE_WORKER_H
#define TESTS_UNIT_SERVER_FAKE_WORKER_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "unroll/record.h"
#include "unroll/spec.h"

enum { FAKE_STEPS = 20 };

static inline const char *fake_option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return "";
}

static inline void fake_send(uint16_t type, const struct ur_writer *writer)
{
    ur_frame_send(UR_FD_RECORDS, type, writer->data, writer->used, NULL);
}

static inline void fake_hello(uint32_t version, int32_t first_step)
{
    static unsigned char buffer[4096];
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    struct ur_record_hello hello = {.version = UR_RECORD_VERSION,
                                    .program_version = "test",
                                    .numerics_profile = "portable",
                                    .blas = "none",
                                    .shape = {28, 28, 10, 600, 100, 0},
                                    .threads = 1,
                                    .steps = FAKE_STEPS,
                                    .first_step = first_step,
                                    .n_parameters = 10,
                                    .memory_bytes = 1000};
    memset(hello.dataset_sha256, 'a', UR_SHA256_HEX_BYTES - 1);
    ur_record_hello_write(&writer, &hello);
    buffer[0] = (unsigned char)version; /* the encoder refuses to write another */
    fake_send(UR_RECORD_HELLO, &writer);
}

static inline void fake_steps(int32_t from, int32_t to)
{
    static unsigned char buffer[1 << 16];
    static struct ur_record_steps steps;
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    steps = (struct ur_record_steps){.count = (uint32_t)(to - from + 1)};
    for (int32_t i = from; i <= to; i++)
        steps.points[i - from] = (struct ur_step_point){.step = i,
                                                        .epoch = i / 10,
                                                        .loss = 1.0f / (float)i,
                                                        .accuracy = 0.5f,
                                                        .learning_rate = 0.001f,
                                                        .gradient_norm = 1,
                                                        .images_per_second = 1000,
                                                        .seconds = (float)i};
    ur_record_steps_write(&writer, &steps);
    fake_send(UR_RECORD_STEPS, &writer);
}

static inline void fake_epoch(int32_t epoch, int32_t step)
{
    static unsigned char buffer[1024];
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    struct ur_record_epoch record = {.epoch = epoch,
                                     .step = step,
                                     .train_loss = 0.5f,
                                     .train_accuracy = 0.5f,
                                     .validation_loss = 0.6f,
                                     .validation_accuracy = 0.1f * (float)epoch,
                                     .seconds = 1};
    memset(record.weights_sha256, 'b', UR_SHA256_HEX_BYTES - 1);
    ur_record_epoch_write(&writer, &record);
    fake_send(UR_RECORD_EPOCH, &writer);
}

static inline void fake_checkpoint(int32_t step)
{
    static unsigned char buffer[1024];
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    struct ur_record_checkpoint record = {
        .step = step, .kind = UR_CHECKPOINT_LAST, .bytes = 100};
    memset(record.weights_sha256, 'c', UR_SHA256_HEX_BYTES - 1);
    ur_record_checkpoint_write(&writer, &record);
    fake_send(UR_RECORD_CHECKPOINT, &writer);
}

static inline void fake_confusion(void)
{
    static unsigned char buffer[4096];
    static uint32_t counts[100];
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    for (int i = 0; i < 10; i++)
        counts[i * 10 + i] = 9, counts[i * 10 + (i + 1) % 10] = 1;
    const struct ur_record_confusion record = {
        .epoch = 2, .split = UR_SPLIT_TEST, .classes = 10, .counts = counts};
    ur_record_confusion_write(&writer, &record);
    fake_send(UR_RECORD_CONFUSION, &writer);
}

static inline void fake_end(enum ur_status status, bool stopped, const char *detail,
                            const char *report)
{
    static unsigned char buffer[8192];
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    struct ur_record_end end = {.status = (uint32_t)status,
                                .stopped = stopped,
                                .report = report,
                                .report_bytes = strlen(report)};
    ur_copy(end.detail, sizeof end.detail, detail);
    ur_record_end_write(&writer, &end);
    fake_send(UR_RECORD_END, &writer);
}

static inline void fake_model(const char *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/model.unroll", out);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)!write(fd, "good model", 10);
    close(fd);
}

#define FAKE_REPORT                                                                            \
    "{\"weights_sha256\":"                                                                     \
    "\"ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd0\","                    \
    "\n\"test\":{\"accuracy\":0.9}}"

/* True the first time that it is asked in a folder. */
static inline bool fake_first_time(const char *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/been-here", out);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Waits for a command; EOF and SIGTERM are a request to suspend. */
static inline enum ur_command fake_wait(void)
{
    static struct ur_frame_reader reader; /* two commands may come in one read */
    struct ur_frame frame;
    bool have = false, eof = false;
    if (reader.maximum == 0)
        ur_frame_reader_init(&reader, 64);
    ur_frame_next(&reader, &frame, &have, NULL);
    while (!have && !eof) {
        ur_frame_fill(&reader, UR_FD_COMMANDS, &eof, NULL);
        ur_frame_next(&reader, &frame, &have, NULL);
    }
    return have ? (enum ur_command)frame.type : UR_COMMAND_SUSPEND;
}

static inline int fake_train_well(const char *out, int32_t from)
{
    fake_steps(from, 10);
    fake_epoch(1, 10);
    fake_checkpoint(10);
    fake_steps(11, FAKE_STEPS);
    fake_epoch(2, FAKE_STEPS);
    fake_confusion();
    fake_model(out);
    fake_end(UR_OK, false, "", FAKE_REPORT);
    return 0;
}

static inline int fake_crash(const char *out)
{
    if (!fake_first_time(out)) {
        fake_hello(UR_RECORD_VERSION, 4);
        fake_steps(5, 6);
        usleep(700000); /* so that a step event would be due */
        return fake_train_well(out, 7);
    }
    fake_hello(UR_RECORD_VERSION, 0);
    fake_steps(1, 8);
    fake_checkpoint(4);
    raise(SIGKILL);
    return 0;
}

static inline int fake_hang(const char *out, bool stubborn)
{
    if (!fake_first_time(out)) {
        fake_hello(UR_RECORD_VERSION, 0);
        return fake_train_well(out, 1);
    }
    if (stubborn)
        signal(SIGTERM, SIG_IGN);
    fake_hello(UR_RECORD_VERSION, 0);
    for (;;)
        pause();
}

static inline void fake_phase(enum ur_phase phase, float done)
{
    unsigned char buffer[16];
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    ur_record_phase_write(&writer,
                          &(struct ur_record_phase){.phase = (uint32_t)phase, .done = done});
    fake_send(UR_RECORD_PHASE, &writer);
}

_Noreturn static inline void fake_flood(void)
{
    fake_hello(UR_RECORD_VERSION, 0);
    for (;;)
        fake_phase(UR_PHASE_TRAINING, 0.5f);
}

/* Loads for two seconds, and shows it. */
static inline int fake_load_slowly(const char *out)
{
    for (int i = 0; i < 20; i++) {
        fake_phase(UR_PHASE_LOADING, (float)i / 20);
        usleep(100000);
    }
    fake_hello(UR_RECORD_VERSION, 0);
    return fake_train_well(out, 1);
}

static inline int fake_flood_log(const char *out)
{
    static char lines[1 << 16];
    memset(lines, 'x', sizeof lines);
    for (size_t i = 99; i < sizeof lines; i += 100)
        lines[i] = '\n';
    lines[0] = '\x1b';
    fake_hello(UR_RECORD_VERSION, 0);
    for (int i = 0; i < 160; i++)
        (void)!write(2, lines, sizeof lines);
    return fake_train_well(out, 1);
}

static inline int fake_half_frame(void)
{
    unsigned char header[UR_FRAME_HEADER_BYTES];
    fake_hello(UR_RECORD_VERSION, 0);
    ur_frame_header(header, UR_RECORD_STEPS, 1000);
    (void)!write(UR_FD_RECORDS, header, sizeof header);
    (void)!write(UR_FD_RECORDS, "half", 4);
    return 0;
}

static inline int fake_obey(const char *out)
{
    fake_hello(UR_RECORD_VERSION, 0);
    fake_steps(1, 5);
    for (;;) {
        const enum ur_command command = fake_wait();
        if (command == UR_COMMAND_STOP) {
            fake_model(out);
            fake_end(UR_OK, true, "", FAKE_REPORT);
        } else if (command == UR_COMMAND_CHECKPOINT) {
            fake_checkpoint(5);
            continue;
        } else {
            fake_end(command == UR_COMMAND_CANCEL ? UR_CANCELLED : UR_INTERRUPTED, false, "",
                     "");
        }
        return 0;
    }
}

/* Finishes whatever it is told, as a worker that was at its end when the command came. */
static inline int fake_finish(const char *out)
{
    fake_hello(UR_RECORD_VERSION, 0);
    fake_steps(1, 5);
    fake_wait();
    fake_model(out);
    fake_end(UR_OK, false, "", FAKE_REPORT);
    return 0;
}

static inline int fake_describe(const char *name, const char *folder)
{
    static unsigned char buffer[1024];
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    if (strcmp(name, "damaged") == 0) {
        fake_end(UR_BAD_DATASET, false, "labels are missing", "");
        return 3;
    }
    if (strcmp(name, "unlucky") == 0 && fake_first_time(folder))
        raise(SIGKILL);
    if (strcmp(name, "endless") == 0)
        for (;;)
            pause();
    struct ur_record_dataset record = {.shape = {28, 28, 10, 500, 100, 0}};
    ur_copy(record.name, sizeof record.name, name);
    ur_copy(record.kind, sizeof record.kind, "idx");
    memset(record.sha256, 'e', UR_SHA256_HEX_BYTES - 1);
    ur_record_dataset_write(&writer, &record);
    fake_send(UR_RECORD_DATASET, &writer);
    return 0;
}

static inline int fake_act(const char *name, const char *out)
{
    if (strcmp(name, "crash") == 0)
        return fake_crash(out);
    if (strcmp(name, "hang") == 0 || strcmp(name, "stubborn") == 0)
        return fake_hang(out, name[0] == 's');
    if (strcmp(name, "flood") == 0)
        fake_flood();
    if (strcmp(name, "flood-log") == 0)
        return fake_flood_log(out);
    if (strcmp(name, "half") == 0)
        return fake_half_frame();
    if (strcmp(name, "early") == 0)
        return 3;
    if (strcmp(name, "obey") == 0)
        return fake_obey(out);
    if (strcmp(name, "deaf") == 0)
        return fake_finish(out);
    if (strcmp(name, "old") == 0)
        fake_hello(UR_RECORD_VERSION + 1, 0), pause();
    if (strcmp(name, "backwards") == 0)
        fake_hello(UR_RECORD_VERSION, 0), fake_steps(5, 6), fake_steps(3, 4), pause();
    if (strcmp(name, "loading") == 0)
        return fake_load_slowly(out);
    if (strcmp(name, "hasty") == 0)
        fake_phase(UR_PHASE_TRAINING, 0), pause();
    if (strcmp(name, "unspoken") == 0)
        fake_steps(1, 2), pause();
    if (strcmp(name, "huge") == 0)
        (void)!write(UR_FD_RECORDS, "\xff\xff\xff\x7f\x03\0\0\0", 8), pause();
    if (strcmp(name, "refused") == 0) {
        fake_end(UR_BAD_DATASET, false, "no such thing", "");
        return 3;
    }
    fake_hello(UR_RECORD_VERSION, 0);
    if (strcmp(name, "diverge") == 0) {
        fake_steps(1, 3);
        fake_end(UR_DIVERGED, false, "The loss of step 4 is not finite.", FAKE_REPORT);
        return 6;
    }
    return fake_train_well(out, 1);
}

/* The whole program, where the test was started as a worker. */
static inline int fake_worker_main(int argc, char **argv)
{
    static char json[1 << 16];
    static struct ur_spec spec;
    signal(SIGPIPE, SIG_DFL);
    if (*fake_option(argc, argv, "--describe"))
        return fake_describe(fake_option(argc, argv, "--describe"),
                             fake_option(argc, argv, "--data-dir"));
    const int fd = open(fake_option(argc, argv, "--spec"), O_RDONLY);
    const ssize_t length = read(fd, json, sizeof json - 1);
    close(fd);
    if (length < 0 || ur_spec_parse(&spec, json, (size_t)length, NULL, NULL) != UR_OK)
        return 2;
    return fake_act(spec.name, fake_option(argc, argv, "--out"));
}

#endif
