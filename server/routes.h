/*
 * THE route table: every address this server answers, with its method, the body it takes, who
 * may ask, which query parameters it knows, and where its function runs.
 *
 * Patterns: "/v1/jobs/{id}:stop" — a piece is a literal, a variable {x}, or a variable with a
 * verb; {x} takes a valid name (ur_name_valid), {*} at the end takes the rest of the path. HEAD
 * is GET without its body. Threads: read-only.
 */
#ifndef UNROLL_SERVER_ROUTES_H
#define UNROLL_SERVER_ROUTES_H

#include <stddef.h>

#include "reply.h"
#include "request.h"
#include "unroll/status.h"

enum ur_body_kind {
    UR_BODY_NONE, /* a body is refused */
    UR_BODY_JSON, /* application/json */
    UR_BODY_IMAGE /* a picture or raw bytes, whatever a client calls them */
};

/* What a token must allow, once there are tokens; on loopback the default is open. */
enum ur_scope { UR_SCOPE_PUBLIC, UR_SCOPE_VIEW, UR_SCOPE_PREDICT, UR_SCOPE_TRAIN };

enum ur_run {
    UR_RUN_INLINE, /* in the poll thread: waits for nothing but a short mutex */
    UR_RUN_POOL,   /* in a thread of the pool, while the connection is suspended */
    UR_RUN_ASSET   /* inline from memory, on the pool where --web-dir makes it read files */
};

/* Answers a request; a failure becomes a problem. */
typedef enum ur_status ur_route_function(const struct ur_request *request,
                                         struct ur_reply *reply, struct ur_error *error);

struct ur_route {
    const char *method;
    const char *pattern;
    enum ur_body_kind body;
    size_t limit; /* bytes of the body */
    enum ur_scope scope;
    enum ur_run run;
    const char *query; /* names of the parameters it takes, separated by blanks */
    ur_route_function *function;
};

/* Gives the table and its length. */
const struct ur_route *ur_routes(size_t *count);

/*
 * Finds the route of request->method and request->path and fills request->route and params.
 * UR_NOT_FOUND, or UR_METHOD with the methods that the path takes in allow.
 */
enum ur_status ur_route_find(struct ur_request *request, char allow[64],
                             struct ur_error *error);

/* Refuses parameters that the route does not know: they are typos. */
enum ur_status ur_route_check_query(const struct ur_request *request, struct ur_error *error);

/* Refuses a body's type that the route does not take, and a length beyond its limit. */
enum ur_status ur_route_check_body(const struct ur_request *request, uint64_t expected,
                                   bool chunked, struct ur_error *error);

/* What the routes about jobs share (routes_jobs.c). */
struct ur_spec;
struct ur_fork;
struct ur_field_errors;
enum ur_status ur_route_check_id(const char *id, struct ur_error *error);
/* Submits a job, a fork where fork is not NULL, and writes the reply. */
enum ur_status ur_route_submit(const struct ur_request *request, const struct ur_spec *spec,
                               const struct ur_fork *fork, struct ur_reply *reply,
                               struct ur_field_errors *fields, struct ur_error *error);

/* The functions, by file. */
ur_route_function ur_route_jobs_submit, ur_route_jobs_list, ur_route_job, ur_route_job_patch,
    ur_route_job_delete, ur_route_job_stop, ur_route_job_cancel, ur_route_job_pause,
    ur_route_job_resume, ur_route_job_checkpoint, ur_route_job_log, ur_route_job_schema,
    ur_route_presets, ur_route_job_fork;
ur_route_function ur_route_job_series, ur_route_job_confusion, ur_route_prometheus;
ur_route_function ur_route_job_gradients;
ur_route_function ur_route_job_events, ur_route_events;
ur_route_function ur_route_models, ur_route_model, ur_route_model_version,
    ur_route_model_delete, ur_route_classify;
ur_route_function ur_route_datasets;
ur_route_function ur_route_web, ur_route_favicon;
ur_route_function ur_route_live, ur_route_ready, ur_route_system, ur_route_config;

/* Makes the response that reads a stream (routes_stream.c); takes the stream. */
struct MHD_Response *ur_stream_response(struct ur_stream *stream);
/* Closes a stream that never became a response; accepts NULL. */
void ur_stream_close(struct ur_stream *stream);

#endif
