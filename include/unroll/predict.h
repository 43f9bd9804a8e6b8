/*
 * What the daemon and its resident predictor (unroll-predict) say to each other: frames
 * (frame.h) over a socket pair on the predictor's fd 0, payloads little-endian (wire.h), at
 * most UR_PREDICT_MAX_BYTES. docs/predictor-protocol.md has the bytes.
 *
 * The predictor has no files: a model comes to it as the bytes of its file. It answers HELLO
 * once, after it has locked itself in, then one ANSWER for each LOAD, UNLOAD and CLASSIFY, in
 * any order, named by its request number. A predictor that dies is started again, its models
 * are loaded again, and the requests it held are retried once.
 *
 * Errors: decoding checks every length: UR_PROTOCOL. Ownership: fields that borrow say so.
 * Threads: pure functions.
 */
#ifndef UNROLL_PREDICT_H
#define UNROLL_PREDICT_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/frame.h"
#include "unroll/limits.h"
#include "unroll/status.h"
#include "unroll/wire.h"

enum { UR_PREDICT_VERSION = 1, UR_PREDICT_SLOTS = 64 };

/* Frame types. */
enum ur_predict_type {
    UR_PREDICT_HELLO = 1,    /* predictor: struct ur_predict_hello */
    UR_PREDICT_LOAD = 2,     /* daemon: u32 request, u32 slot, the bytes of a model file */
    UR_PREDICT_UNLOAD = 3,   /* daemon: u32 request, u32 slot */
    UR_PREDICT_CLASSIFY = 4, /* daemon: struct ur_predict_classify */
    UR_PREDICT_ANSWER = 5,   /* predictor: struct ur_predict_answer */
};

/* How a posted body becomes the model's input. */
enum ur_preprocess {
    UR_PREPROCESS_AUTO = 0, /* as MNIST was made: flatten, grey, invert if the border is bright,
                               trim, 20x20, centre of mass */
    UR_PREPROCESS_NONE = 1, /* the pixels as they are, steps x width of them */
};

struct ur_predict_hello {
    uint32_t version;
    uint8_t seccomp, landlock; /* 1 where the kernel took it */
};

struct ur_predict_classify {
    uint32_t request;
    uint32_t slot;
    uint8_t preprocess;        /* enum ur_preprocess */
    uint8_t want_image;        /* also give the picture it saw, as PNG */
    const unsigned char *body; /* PNG, JPEG, or steps * width raw bytes; borrowed */
    size_t body_bytes;
};

struct ur_predict_answer {
    uint32_t request;
    uint32_t status; /* enum ur_status; UR_NO_DIGIT and UR_BAD_IMAGE among them */
    char detail[UR_ERROR_DETAIL_BYTES];
    int32_t classes; /* 0 for an answer to LOAD that failed, and for errors */
    int32_t rows_read;
    float probabilities[UR_MAX_CLASSES];
    uint32_t latency_us;        /* inside the predictor */
    const unsigned char *image; /* PNG, borrowed from the payload; NULL if not wanted */
    size_t image_bytes;
};

void ur_predict_hello_write(struct ur_writer *writer, const struct ur_predict_hello *hello);
enum ur_status ur_predict_hello_read(const struct ur_frame *frame,
                                     struct ur_predict_hello *hello, struct ur_error *error);
void ur_predict_classify_write(struct ur_writer *writer,
                               const struct ur_predict_classify *request);
enum ur_status ur_predict_classify_read(const struct ur_frame *frame,
                                        struct ur_predict_classify *request,
                                        struct ur_error *error);
void ur_predict_answer_write(struct ur_writer *writer, const struct ur_predict_answer *answer);
enum ur_status ur_predict_answer_read(const struct ur_frame *frame,
                                      struct ur_predict_answer *answer, struct ur_error *error);

#endif
