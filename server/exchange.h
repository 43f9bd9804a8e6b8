/*
 * One request on its way through the front, apart from the library that carries it: what is
 * decided on its head, what is counted on its body, which function answers.
 *
 * An exchange is freed as soon as its answer is queued, so that ten thousand streams hold none.
 * Ownership: the front is borrowed. Threads: one at a time; the front's counters are atomic.
 */
#ifndef UNROLL_SERVER_EXCHANGE_H
#define UNROLL_SERVER_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard.h"
#include "http.h"
#include "meter.h"
#include "pool.h"
#include "reply.h"
#include "request.h"
#include "unroll/status.h"
#include "unroll/text.h"

struct ur_peer;

/* What all exchanges share. */
struct ur_front {
    struct ur_server server;
    struct ur_guard guard;
    struct ur_meter meter;
    atomic_bool closing;
    atomic_size_t bodies; /* bytes of all bodies that are being received */
    uint32_t run;         /* a random number, the first half of every request's */
    atomic_uint_fast64_t next_id;
};

enum ur_exchange_state {
    UR_EXCHANGE_FRESH,
    UR_EXCHANGE_RECEIVING,
    UR_EXCHANGE_READY /* the reply is complete */
};

struct ur_exchange {
    struct ur_task task; /* first: the pool hands it back */
    struct ur_front *front;
    struct ur_peer *peer;
    enum ur_exchange_state state;
    struct ur_request request;
    struct ur_reply reply;
    struct ur_error error;
    struct ur_text body;
    size_t counted; /* bytes of the body, in front->bodies */
    int64_t started_us;
    char target[UR_TARGET_BYTES + 1]; /* one more than allowed, so that the guard sees it */
};

/* Begins with the request's target as it was sent; NULL without memory. */
struct ur_exchange *ur_exchange_create(struct ur_front *front, const char *target);
/* Accepts NULL. */
void ur_exchange_destroy(struct ur_exchange *exchange);

/*
 * Decides on the head alone, once request holds it: guard, route, parameters, body. Then the
 * exchange is receiving, or its reply is a problem and it is ready. *body: one follows.
 * *refused: by the guard; the connection must end.
 */
enum ur_status ur_exchange_admit(struct ur_exchange *exchange, bool *body, bool *refused);

/* Takes a piece of the body. A failure is in exchange->error: too large, or no room. */
enum ur_status ur_exchange_receive(struct ur_exchange *exchange, const char *bytes,
                                   size_t count);

/* True where the route may wait and so runs on the pool. */
bool ur_exchange_waits(const struct ur_exchange *exchange);

/* Calls the route; the reply is ready afterwards. */
void ur_exchange_run(struct ur_exchange *exchange);

/* Makes the reply the problem in exchange->error. */
void ur_exchange_fail(struct ur_exchange *exchange);

/* Counts the answer; its status may differ from the reply's where it goes past the library. */
void ur_exchange_measure(const struct ur_exchange *exchange, int status);

#endif
