/*
 * A running unroll-predict for tests, spoken to over a socket pair as the daemon does.
 *
 * Errors: whatever fails, fails the test. Ownership: predictor_stop ends and waits for it.
 */
#ifndef UNROLL_TESTS_PREDICTOR_H
#define UNROLL_TESTS_PREDICTOR_H

#include "child.h"

#include <sys/socket.h>

#include "unroll/predict.h"

struct predictor {
    struct child child;
    int fd;
    struct ur_frame_reader reader;
    struct ur_predict_hello hello;
    struct ur_frame frame; /* the last one that came */
};

static inline void predictor_receive(struct predictor *predictor)
{
    bool have = false, eof = false;
    for (;;) {
        assert_int_equal(ur_frame_next(&predictor->reader, &predictor->frame, &have, NULL),
                         UR_OK);
        if (have)
            return;
        assert_int_equal(ur_frame_fill(&predictor->reader, predictor->fd, &eof, NULL), UR_OK);
        assert_false(eof);
    }
}

static inline void predictor_start(struct predictor *predictor)
{
    static char name[] = "unroll-predict";
    char *const argv[] = {name, NULL};
    int ends[2];
    *predictor = (struct predictor){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const char *program = child_program(name);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child_exec(program, argv, ends[1], -1, -1);
    close(ends[1]);
    predictor->child = (struct child){.pid = pid, .out = -1, .commands = -1, .records = -1};
    predictor->fd = ends[0];
    ur_frame_reader_init(&predictor->reader, UR_PREDICT_MAX_BYTES);
    predictor_receive(predictor);
    assert_int_equal(predictor->frame.type, UR_PREDICT_HELLO);
    assert_int_equal(ur_predict_hello_read(&predictor->frame, &predictor->hello, NULL), UR_OK);
}

/* Closes our end; gives the exit code, or 128 and the signal. */
static inline int predictor_stop(struct predictor *predictor)
{
    close(predictor->fd);
    ur_frame_reader_release(&predictor->reader);
    return child_wait(&predictor->child);
}

static inline void predictor_send(struct predictor *predictor, uint16_t type, const void *bytes,
                                  size_t size)
{
    assert_int_equal(ur_frame_send(predictor->fd, type, bytes, size, NULL), UR_OK);
}

static inline void predictor_send_model(struct predictor *predictor, uint16_t type,
                                        uint32_t request, uint32_t slot, const void *bytes,
                                        size_t size)
{
    unsigned char *payload = malloc(size + 8);
    assert_non_null(payload);
    struct ur_writer writer = ur_writer_of(payload, size + 8);
    ur_write_u32(&writer, request);
    ur_write_u32(&writer, slot);
    ur_write_bytes(&writer, bytes, size);
    assert_false(writer.failed);
    predictor_send(predictor, type, payload, writer.used);
    free(payload);
}

static inline void predictor_send_picture(struct predictor *predictor,
                                          const struct ur_predict_classify *request)
{
    unsigned char *payload = malloc(request->body_bytes + 64);
    assert_non_null(payload);
    struct ur_writer writer = ur_writer_of(payload, request->body_bytes + 64);
    ur_predict_classify_write(&writer, request);
    assert_false(writer.failed);
    predictor_send(predictor, UR_PREDICT_CLASSIFY, payload, writer.used);
    free(payload);
}

/* Waits for the answer to a request; answer->image lives until the next call. */
static inline void predictor_answer(struct predictor *predictor, uint32_t request,
                                    struct ur_predict_answer *answer)
{
    predictor_receive(predictor);
    assert_int_equal(predictor->frame.type, UR_PREDICT_ANSWER);
    assert_int_equal(ur_predict_answer_read(&predictor->frame, answer, NULL), UR_OK);
    assert_int_equal(answer->request, request);
}

#endif
