/*
 * What a route answers, and how that becomes an HTTP response.
 *
 * A route fills the text (or points to bytes that live for ever), sets the type and adds
 * headers; an error becomes application/problem+json. The rest is the same for every answer: a
 * request number, the headers that keep browsers strict, ETag and 304 on documents.
 *
 * Errors as JSON:
 * {"type","title","status","detail","code","errors":[{"pointer","detail"}],"error"}: RFC 9457,
 * with `code` from the status table, all field errors at once, and the sentence once more as
 * "error", which clients of other inference servers read.
 *
 * Ownership: the reply owns its text; ur_reply_release frees it. Threads: one at a time.
 * Source: RFC 9457, RFC 9110.
 */
#ifndef UNROLL_SERVER_REPLY_H
#define UNROLL_SERVER_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "request.h"
#include "unroll/spec.h"
#include "unroll/status.h"
#include "unroll/text.h"

struct MHD_Response;
struct ur_stream;

enum {
    UR_REPLY_MAX_BYTES = 64 << 20, /* of one answer: a series of 10,000 points is 1 MB */
    UR_REPLY_HEADERS = 4,
    UR_REPLY_HEADER_BYTES = 512, /* of one value: a Link with its filters fits */
    UR_ETAG_BYTES = 48
};

struct ur_reply {
    int status;       /* HTTP; 200 to begin with */
    const char *type; /* Content-Type; NULL: no body */
    struct ur_text text;
    const unsigned char *bytes; /* instead of the text: static */
    size_t n_bytes;
    const char *cache;        /* Cache-Control */
    bool document;            /* gets an ETag from its text */
    char etag[UR_ETAG_BYTES]; /* with its quotes; "": none */
    bool close;               /* the connection ends with this answer */
    struct {
        const char *name;
        char value[UR_REPLY_HEADER_BYTES];
    } headers[UR_REPLY_HEADERS];
    size_t n_headers;
    struct ur_field_errors *fields; /* for the errors of a problem; may be NULL */
    struct ur_stream *stream; /* the body comes from there; owned until the response is made */
};

void ur_reply_init(struct ur_reply *reply);
/* Frees everything, an unused stream too; accepts NULL and a zeroed struct. */
void ur_reply_release(struct ur_reply *reply);

/* Adds a header; a value that does not fit is left out. */
void ur_reply_header(struct ur_reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives room for field errors, or NULL without memory. */
struct ur_field_errors *ur_reply_fields(struct ur_reply *reply);

/* Makes the reply a problem: the error's status and sentence, the fields collected so far. */
void ur_reply_problem(struct ur_reply *reply, const struct ur_error *error);

/* Appends the JSON of a problem. */
void ur_problem_print(struct ur_text *json, const struct ur_error *error,
                      const struct ur_field_errors *fields);

/* True where an If-None-Match value names the ETag (weak comparison, lists, *). */
bool ur_etag_matches(const char *if_none_match, const char *etag);

/* Settles what depends on the request: the ETag of a document and 304. Call once, before the
 * response is made. */
void ur_reply_settle(struct ur_reply *reply, const struct ur_request *request);

/* Makes the response; the text's and the stream's memory go to it. NULL without memory. */
struct MHD_Response *ur_reply_response(struct ur_reply *reply,
                                       const struct ur_request *request);

/*
 * Writes the same problem as raw HTTP/1.1, for a request that is cut off in the middle of its
 * body, where the library takes no answer.
 */
void ur_reply_print_raw(struct ur_text *out, const struct ur_error *error, const char *id);

#endif
