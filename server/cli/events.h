/*
 * A reader of server-sent events: bytes in, whole events out.
 *
 * Format: text/event-stream (WHATWG HTML, section 9.2): lines ended by CR, LF or both; an event
 * ends at an empty line; lines that start with a colon are heartbeats. Errors: a line or event
 * past the limit sets `failed`, and the stream is over. Ownership: _release frees; an event is
 * borrowed during the call. Threads: one.
 */
#ifndef UNROLL_SERVER_CLI_EVENTS_H
#define UNROLL_SERVER_CLI_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/text.h"

enum { UR_EVENT_NAME_BYTES = 32, UR_EVENT_ID_BYTES = 256 };

struct ur_event_reader {
    /* Gets each event; false ends the stream. */
    bool (*take)(void *context, const char *name, const char *data);
    void *context;
    char last_id[UR_EVENT_ID_BYTES]; /* to re-attach with; "" before the first */
    int64_t retry_ms;                /* what the server wants between two attempts */
    bool failed;
    struct ur_text line, data;
    char name[UR_EVENT_NAME_BYTES];
    char next_id[UR_EVENT_ID_BYTES];
    bool after_cr;
};

void ur_event_reader_init(struct ur_event_reader *reader,
                          bool (*take)(void *context, const char *name, const char *data),
                          void *context);
void ur_event_reader_release(struct ur_event_reader *reader);

/* Forgets a half-read event: the connection is a new one. */
void ur_event_reader_restart(struct ur_event_reader *reader);

/* Reads count bytes; false once the stream is over. */
bool ur_event_reader_feed(struct ur_event_reader *reader, const char *bytes, size_t count);

#endif
