/*
 * A predictor that obeys the pictures that it gets: a body "die" ends it, "hang" stops it,
 * "once PATH" ends it if PATH is not there yet; anything else is answered with class 7, and
 * with the number of the model, whose file is "good NUMBER". A file that begins with "bad" is
 * refused.
 */
#ifndef TESTS_UNIT_SERVER_FAKE_PREDICTOR_H
#define TESTS_UNIT_SERVER_FAKE_PREDICTOR_H

#include <fcntl.h>
#include <unistd.h>

#include "unroll/predict.h"

static inline void fake_answer(const struct ur_predict_answer *answer)
{
    static unsigned char buffer[1 << 16];
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    ur_predict_answer_write(&writer, answer);
    ur_frame_send(0, UR_PREDICT_ANSWER, writer.data, writer.used, NULL);
}

static int32_t fake_slots[UR_PREDICT_SLOTS]; /* the number in each model's file */

static inline void fake_load(const struct ur_frame *frame)
{
    static struct ur_predict_answer answer;
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    answer = (struct ur_predict_answer){.request = ur_read_u32(&reader)};
    const uint32_t slot = ur_read_u32(&reader);
    char number[16] = "0";
    if (reader.left > 5 && reader.left < sizeof number) {
        memcpy(number, reader.at + 5, reader.left - 5);
        number[reader.left - 5] = '\0';
    }
    fake_slots[slot % UR_PREDICT_SLOTS] = (int32_t)strtol(number, NULL, 10);
    if (reader.left >= 3 && memcmp(reader.at, "bad", 3) == 0) {
        answer.status = UR_BAD_MODEL;
        ur_copy(answer.detail, sizeof answer.detail, "it is bad");
    }
    fake_answer(&answer);
}

static inline void fake_obey_picture(const struct ur_predict_classify *request)
{
    char body[256];
    const size_t length =
        request->body_bytes < sizeof body - 1 ? request->body_bytes : sizeof body - 1;
    memcpy(body, request->body, length);
    body[length] = '\0';
    if (strcmp(body, "die") == 0)
        _exit(9);
    if (strcmp(body, "hang") == 0)
        pause();
    if (strncmp(body, "once ", 5) == 0) {
        const int fd = open(body + 5, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd >= 0)
            _exit(9);
    }
    static struct ur_predict_answer answer;
    answer =
        (struct ur_predict_answer){.request = request->request,
                                   .classes = 10,
                                   .rows_read = fake_slots[request->slot % UR_PREDICT_SLOTS],
                                   .latency_us = 5};
    answer.probabilities[7] = 1;
    if (request->want_image) {
        answer.image = (const unsigned char *)"PNG";
        answer.image_bytes = 3;
    }
    if (strcmp(body, "blank") == 0) {
        answer.status = UR_NO_DIGIT;
        answer.classes = 0;
        ur_copy(answer.detail, sizeof answer.detail, "blank");
    }
    fake_answer(&answer);
}

/* The whole program, where the test was started as a predictor. */
static inline int fake_predictor_main(void)
{
    unsigned char buffer[64];
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    const struct ur_predict_hello hello = {.version = UR_PREDICT_VERSION, .seccomp = 1};
    ur_predict_hello_write(&writer, &hello);
    ur_frame_send(0, UR_PREDICT_HELLO, writer.data, writer.used, NULL);
    struct ur_frame_reader reader;
    ur_frame_reader_init(&reader, UR_PREDICT_MAX_BYTES);
    for (bool eof = false; !eof;) {
        struct ur_frame frame;
        bool have = true;
        ur_frame_fill(&reader, 0, &eof, NULL);
        while (ur_frame_next(&reader, &frame, &have, NULL) == UR_OK && have) {
            struct ur_predict_classify request;
            if (frame.type != UR_PREDICT_CLASSIFY)
                fake_load(&frame);
            else if (ur_predict_classify_read(&frame, &request, NULL) == UR_OK)
                fake_obey_picture(&request);
        }
    }
    ur_frame_reader_release(&reader);
    return 0;
}

#endif
