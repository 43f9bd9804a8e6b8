/*
 * The HTTP front: one libmicrohttpd daemon on a loopback address, its deadlines and its
 * shutdown.
 *
 * A poll thread runs the guard and the route table for each request. What never waits is
 * answered there; everything else is suspended, answered by a thread of the pool and resumed,
 * so that an fsync or a decoder never stalls another connection.
 *
 * Errors: UR_USAGE for an address that is not loopback, UR_IO where it cannot be bound.
 * Ownership: struct ur_server is copied, what it points to is borrowed and outlives the front.
 * Threads: start and stop from one thread.
 */
#ifndef UNROLL_SERVER_HTTP_H
#define UNROLL_SERVER_HTTP_H

#include <stdbool.h>

#include "unroll/status.h"

struct ur_config;
struct ur_store;
struct ur_hub;
struct ur_supervisor;
struct ur_predictor;

/* Everything that a route may ask. */
struct ur_server {
    const struct ur_config *config;
    struct ur_store *store;
    struct ur_hub *hub;
    struct ur_supervisor *supervisor;
    struct ur_predictor *predictor;
};

struct ur_http;

/* Binds config->host and config->port (0: any free one) and starts to serve. */
enum ur_status ur_http_start(struct ur_http **out, const struct ur_server *server,
                             struct ur_error *error);

/* Gives the port that was bound. */
int ur_http_port(const struct ur_http *http);

/*
 * Stops to accept, ends every stream (closes the hub), lets requests under way finish, and
 * frees the front. Accepts NULL. What struct ur_server points to must still live.
 */
void ur_http_stop(struct ur_http *http);

/* The rest is for routes. */

struct ur_meter;
/* Gives the counts of answers. */
struct ur_meter *ur_http_meter(struct ur_http *http);
/* True once the front is stopping. */
bool ur_http_closing(const struct ur_http *http);
/* Gives the version of the HTTP library. */
const char *ur_http_library(void);
/* At most eight bodies of JSON are parsed at once (a tree takes 45 times its text): waits for a
 * place, gives it back. Only from the pool. */
void ur_http_parse_begin(struct ur_http *http);
void ur_http_parse_end(struct ur_http *http);
/*
 * Counts a connection as suspended; false once the front is stopping: then it must not be
 * suspended, because the library aborts the program where a suspended connection meets its
 * stop.
 */
bool ur_http_suspend_begin(struct ur_http *http);
void ur_http_suspend_end(struct ur_http *http);

#endif
