/*
 * The command line's side of HTTP: one daemon, one request at a time.
 *
 * Errors: a reply of 400 and more is the status that its problem document names, with the
 * document kept in client->problem; UR_UNAVAILABLE where no daemon answers, with what to do
 * about it; UR_PROTOCOL where something answers that is no daemon of ours. Ownership:
 * ur_client_release frees; a reply's JSON is the caller's (json_decref). Threads: one.
 */
#ifndef UNROLL_SERVER_CLI_CLIENT_H
#define UNROLL_SERVER_CLI_CLIENT_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "unroll/status.h"

struct ur_client {
    void *curl;
    char *url;                                /* without a slash at its end */
    const volatile sig_atomic_t *interrupted; /* a stream ends when this is set; NULL: never */
    json_t *problem;                          /* of the last request that failed, or NULL */
};

/* Prepares for a daemon at url; nothing is sent. UR_USAGE for what is no http address. */
enum ur_status ur_client_open(struct ur_client *client, const char *url,
                              struct ur_error *error);
void ur_client_release(struct ur_client *client);

struct ur_client_body {
    const char *type; /* Content-Type */
    const void *bytes;
    size_t n_bytes;
};

/* Sends one request and gives the JSON of its reply (NULL for a reply without a body). json may
 * be NULL. */
enum ur_status ur_client_send(struct ur_client *client, const char *method, const char *path,
                              const struct ur_client_body *body, json_t **json,
                              struct ur_error *error);

/* As ur_client_send, with the path made by a format. */
enum ur_status ur_client_call(struct ur_client *client, const char *method, json_t **json,
                              struct ur_error *error, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Where a stream goes: chunk by chunk; false ends it. */
struct ur_client_sink {
    bool (*take)(void *context, const char *bytes, size_t count);
    void *context;
};

/*
 * Follows a stream of events until either side ends it; *over tells that the server has no more
 * (204). UR_OK where the sink or the interrupt ended it; UR_UNAVAILABLE where the connection
 * broke, stayed silent for three heartbeats, or just ended.
 */
enum ur_status ur_client_stream(struct ur_client *client, const char *path,
                                const char *last_event_id, const struct ur_client_sink *sink,
                                bool *over, struct ur_error *error);

#endif
