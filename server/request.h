/*
 * A request as routes see it: after the guard, matched to a route, its body complete.
 *
 * Units: bytes. Ownership: all texts belong to the connection and live until the answer is
 * sent. Threads: one at a time.
 */
#ifndef UNROLL_SERVER_REQUEST_H
#define UNROLL_SERVER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/status.h"

struct MHD_Connection;
struct json_t;
struct ur_http;
struct ur_route;
struct ur_server;

enum {
    UR_MAX_HEADERS = 64,     /* lines: browsers send about 15, a proxy adds a few */
    UR_MAX_QUERY = 16,       /* parameters: the richest route takes five */
    UR_MAX_PARAMS = 2,       /* variable pieces of a path */
    UR_PARAM_BYTES = 256,    /* of one variable piece of a path; names are shorter */
    UR_TARGET_BYTES = 4096,  /* of the request target: a list of a hundred jobs fits */
    UR_REQUEST_ID_BYTES = 24 /* with the NUL */
};

/* A name and a value with their lengths: a length that is not strlen betrays a NUL inside. */
struct ur_pair {
    const char *name, *value;
    size_t n_name, n_value;
};

struct ur_request {
    const struct ur_server *server;
    struct ur_http *http;
    struct MHD_Connection *connection; /* for streams */
    const struct ur_route *route;
    const char *method;
    const char *version; /* "HTTP/1.1" */
    const char *target;  /* as it was sent, query included */
    const char *path;    /* percent-decoded once */
    char id[UR_REQUEST_ID_BYTES];
    char params[UR_MAX_PARAMS][UR_PARAM_BYTES]; /* {id}, {m}, {v}, in the order of the path */
    struct ur_pair query[UR_MAX_QUERY];
    size_t n_query;
    struct ur_pair headers[UR_MAX_HEADERS];
    size_t n_headers;
    const char *body; /* with a NUL behind the last byte */
    size_t body_bytes;
};

/* Gives the first header of that name in any case, or NULL. */
const char *ur_request_header(const struct ur_request *request, const char *name);

/* Gives the query parameter of that name, or NULL. */
const char *ur_request_query(const struct ur_request *request, const char *name);

/* Reads a query parameter that is a whole number in low..high; *out stays where it is absent.
 * UR_BAD_REQUEST names the parameter and its range. */
enum ur_status ur_request_integer(const struct ur_request *request, const char *name,
                                  int32_t low, int32_t high, int32_t *out,
                                  struct ur_error *error);

/* As above for a number in low..high. */
enum ur_status ur_request_number(const struct ur_request *request, const char *name, double low,
                                 double high, double *out, struct ur_error *error);

/* As above for one of some names, separated by blanks; *out is its place in them. */
enum ur_status ur_request_choice(const struct ur_request *request, const char *name,
                                 const char *names, int32_t *out, struct ur_error *error);

/*
 * Reads the body as one JSON object: no duplicate keys, at most UR_JSON_MAX_DEPTH deep. The
 * caller owns *root (json_decref). UR_BAD_JSON with line and column. Only from the pool.
 */
enum ur_status ur_request_json(const struct ur_request *request, struct json_t **root,
                               struct ur_error *error);

/* True for HEAD: the answer's head matters, its body is not sent. */
bool ur_request_is_head(const struct ur_request *request);

/* True where list, values separated by `separator` and blanks, holds the word in any case; what
 * follows a ';' in an element is ignored, but for q=0, which takes the element away. */
bool ur_list_has(const char *list, char separator, const char *word);

#endif
