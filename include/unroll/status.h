/*
 * What went wrong, in one table: the enum, its stable name in logs and JSON, the HTTP status,
 * the exit code of a program that ends with it, and the sentence used when nothing better is
 * known.
 *
 * Three kinds of wrong are never mixed: the world (files, specs, peers) and the run (NaN, a
 * request to stop) are statuses; a mistake of ours is an assert.
 *
 * Errors: a fallible function returns enum ur_status and takes struct ur_error *error last. The
 * first failure wins: later calls of ur_fail on the same struct leave it alone. error may be
 * NULL. Ownership: the caller owns struct ur_error; it holds no pointers. Threads: one thread
 * per struct.
 */
#ifndef UNROLL_STATUS_H
#define UNROLL_STATUS_H

/*        name                   code in JSON              HTTP exit  default sentence */
#define UR_STATUS_TABLE(X)                                                                     \
    X(OK, "ok", 200, 0, "Done.")                                                               \
    X(USAGE, "usage", 400, 2, "The command line is not understood.")                           \
    X(BAD_REQUEST, "bad-request", 400, 2, "The request is malformed.")                         \
    X(BAD_JSON, "bad-json", 400, 2, "The text is not valid JSON.")                             \
    X(INVALID_SPEC, "invalid-spec", 422, 2, "The job specification has invalid fields.")       \
    X(UNKNOWN_DATASET, "unknown-dataset", 422, 3, "There is no data set of that name.")        \
    X(BAD_DATASET, "bad-dataset", 422, 3,                                                      \
      "The data set is damaged or not what it claims to be.")                                  \
    X(BAD_CHECKPOINT, "bad-checkpoint", 422, 3, "The checkpoint is damaged.")                  \
    X(BAD_MODEL, "bad-model", 422, 3, "The model file is damaged.")                            \
    X(BAD_IMAGE, "bad-image", 422, 3, "The picture cannot be decoded.")                        \
    X(NO_DIGIT, "no-digit", 422, 3, "There is no digit in the picture.")                       \
    X(WRONG_INPUT, "wrong-input", 422, 3, "The model does not take input of this kind.")       \
    X(JOB_TOO_BIG, "job-too-big", 422, 4,                                                      \
      "The job needs more memory than this machine gives.")                                    \
    X(IDEMPOTENCY, "idempotency-mismatch", 422, 2,                                             \
      "The Idempotency-Key was used with another body.")                                       \
    X(NO_MEMORY, "out-of-memory", 503, 4, "There is not enough memory.")                       \
    X(IO, "io-error", 500, 5, "Reading or writing failed.")                                    \
    X(DISK_FULL, "disk-full", 507, 5, "The disk is full.")                                     \
    X(DIVERGED, "diverged", 200, 6, "The loss or a gradient is no longer finite.")             \
    X(INTERRUPTED, "interrupted", 503, 7, "The work was interrupted and can be resumed.")      \
    X(CANCELLED, "cancelled", 200, 8, "The job was cancelled.")                                \
    X(UNAUTHORIZED, "unauthorized", 401, 2, "A token is needed.")                              \
    X(FORBIDDEN_HOST, "forbidden-host", 403, 2,                                                \
      "The Host header names no host of this server.")                                         \
    X(FORBIDDEN_ORIGIN, "forbidden-origin", 403, 2,                                            \
      "The request comes from another web site.")                                              \
    X(NOT_FOUND, "not-found", 404, 2, "There is nothing of that name.")                        \
    X(METHOD, "method-not-allowed", 405, 2, "This address does not take that method.")         \
    X(CONFLICT, "conflict", 409, 2, "The state of the thing does not allow that now.")         \
    X(LENGTH_REQUIRED, "length-required", 411, 2, "A body needs a Content-Length or chunks.")  \
    X(TOO_LARGE, "too-large", 413, 2, "The body is larger than the limit.")                    \
    X(URI_TOO_LONG, "uri-too-long", 414, 2, "The address is longer than the limit.")           \
    X(MEDIA_TYPE, "unsupported-media-type", 415, 2,                                            \
      "The Content-Type is not one that this address takes.")                                  \
    X(QUEUE_FULL, "queue-full", 429, 2, "Too much is waiting already; try again later.")       \
    X(UNAVAILABLE, "unavailable", 503, 7, "The service cannot answer now; try again later.")   \
    X(TIMEOUT, "timeout", 504, 7, "It took too long.")                                         \
    X(PROTOCOL, "protocol", 502, 70, "A peer process broke the protocol.")                     \
    X(INTERNAL, "internal", 500, 70, "An internal error.")

enum ur_status {
#define UR_STATUS_ENUM(name, code, http, exit_code, sentence) UR_##name,
    UR_STATUS_TABLE(UR_STATUS_ENUM)
#undef UR_STATUS_ENUM
        UR_STATUS_COUNT
};

enum { UR_ERROR_DETAIL_BYTES = 512 };

/* What failed and a sentence for people: it names the field and the limit, never a pointer, SQL
 * or (for replies) a path. */
struct ur_error {
    enum ur_status status;
    char detail[UR_ERROR_DETAIL_BYTES];
};

/* Gives the stable name used in logs and JSON; "internal" for a number outside the table. */
const char *ur_status_code(enum ur_status status);

/* Gives the status of a stable name; UR_INTERNAL for an unknown one. */
enum ur_status ur_status_from_code(const char *code);

/* Gives the default sentence. */
const char *ur_status_sentence(enum ur_status status);

/* Gives the HTTP status that a reply with this status carries. */
int ur_status_http(enum ur_status status);

/* Gives the exit code of a program that ends with this status. */
int ur_status_exit(enum ur_status status);

/* Records the first failure in *error (if any) and returns status; an empty format means the
 * default sentence. */
enum ur_status ur_fail(struct ur_error *error, enum ur_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As ur_fail, with the text of errno_value appended; ENOSPC and EDQUOT turn UR_IO into
 * UR_DISK_FULL, ENOMEM into UR_NO_MEMORY. */
enum ur_status ur_fail_errno(struct ur_error *error, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
