/*
 * The guard: the one place that decides whether a request may be looked at. Deny by default; it
 * runs on the first sight of a request, before routing, for static files and streams too.
 *
 * It refuses what lets a web page of a stranger speak to a server on this machine (a Host that
 * is none of ours, as after DNS rebinding; another site's Origin on any method but GET and
 * HEAD), and what two parsers could read differently (two lengths, a length and chunks, blanks
 * in header names, odd characters, dots in paths). Whoever is refused is cut off: what follows
 * on the connection is never parsed.
 *
 * Errors: UR_BAD_REQUEST, UR_URI_TOO_LONG, UR_FORBIDDEN_HOST, UR_FORBIDDEN_ORIGIN,
 * UR_MEDIA_TYPE. Threads: pure functions.
 * Source: RFC 9110, RFC 9112; https://www.w3.org/TR/fetch-metadata/.
 */
#ifndef UNROLL_SERVER_GUARD_H
#define UNROLL_SERVER_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "request.h"
#include "unroll/status.h"

/* What the guard knows of this server. */
struct ur_guard {
    int port;                  /* where we listen */
    const char *allowed_hosts; /* further names, comma-separated: "box" allows box and box:port,
                                  "box:9000" exactly that */
};

/* What the head says about the body that follows. */
struct ur_framing {
    bool chunked;
    bool sized;        /* there is a Content-Length */
    uint64_t expected; /* its value */
};

/* Checks method, version, target, headers, host and origin, and reads the framing. */
enum ur_status ur_guard_check(const struct ur_guard *guard, const struct ur_request *request,
                              struct ur_framing *framing, struct ur_error *error);

/* True where a Host value names this server. */
bool ur_guard_host_allowed(const struct ur_guard *guard, const char *host);

#endif
