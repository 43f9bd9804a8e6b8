#include "exchange.h"

#include <inttypes.h>

#include "config.h"
#include "routes.h"
#include "unroll/clock.h"
#include "unroll/log.h"

/* Twenty-five of the largest pictures at once; past this a body is answered 503. */
#define BODIES_MAX_BYTES ((size_t)256 << 20)

struct ur_exchange *ur_exchange_create(struct ur_front *front, const char *target)
{
    struct ur_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    struct ur_request *request = &exchange->request;
    exchange->front = front;
    exchange->started_us = ur_clock_us();
    ur_copy(exchange->target, sizeof exchange->target, target);
    ur_reply_init(&exchange->reply);
    request->server = &front->server;
    request->target = exchange->target;
    snprintf(request->id, sizeof request->id, "%08" PRIx32 "-%08" PRIxFAST64, front->run,
             atomic_fetch_add(&front->next_id, 1) & 0xffffffff);
    return exchange;
}

void ur_exchange_destroy(struct ur_exchange *exchange)
{
    if (exchange == NULL)
        return;
    atomic_fetch_sub(&exchange->front->bodies, exchange->counted);
    ur_text_release(&exchange->body);
    ur_reply_release(&exchange->reply);
    free(exchange);
}

void ur_exchange_fail(struct ur_exchange *exchange)
{
    ur_reply_problem(&exchange->reply, &exchange->error);
    exchange->state = UR_EXCHANGE_READY;
}

/* Finds the route and lets it look at parameters and body. */
static enum ur_status find_route(struct ur_exchange *exchange, const struct ur_framing *framing,
                                 char allow[64])
{
    struct ur_request *request = &exchange->request;
    struct ur_error *error = &exchange->error;
    if (atomic_load(&exchange->front->closing))
        return ur_fail(error, UR_UNAVAILABLE, "The server is stopping.");
    enum ur_status status = ur_route_find(request, allow, error);
    if (status == UR_OK)
        status = ur_route_check_query(request, error);
    if (status == UR_OK)
        status = ur_route_check_body(request, framing->expected, framing->chunked, error);
    return status;
}

enum ur_status ur_exchange_admit(struct ur_exchange *exchange, bool *body, bool *refused)
{
    struct ur_framing framing = {0};
    char allow[64] = "";
    enum ur_status status =
        ur_guard_check(&exchange->front->guard, &exchange->request, &framing, &exchange->error);
    *refused = status != UR_OK;
    *body = framing.chunked || framing.expected > 0;
    if (*refused)
        atomic_fetch_add(&exchange->front->meter.refused, 1);
    else
        status = find_route(exchange, &framing, allow);
    if (status == UR_OK) {
        exchange->state = UR_EXCHANGE_RECEIVING;
        ur_text_init(&exchange->body, exchange->request.route->limit);
        return UR_OK;
    }
    ur_exchange_fail(exchange);
    if (status == UR_METHOD)
        ur_reply_header(&exchange->reply, "Allow", "%s", allow);
    return status;
}

enum ur_status ur_exchange_receive(struct ur_exchange *exchange, const char *bytes,
                                   size_t count)
{
    struct ur_front *front = exchange->front;
    size_t limit = exchange->request.route->limit;
    if (count > limit - exchange->body.length)
        return ur_fail(&exchange->error, UR_TOO_LARGE,
                       "The body is larger than the limit of %zu bytes.", limit);
    exchange->counted += count;
    if (atomic_fetch_add(&front->bodies, count) > BODIES_MAX_BYTES)
        return ur_fail(&exchange->error, UR_UNAVAILABLE, "Too many bodies are being received.");
    ur_text_append(&exchange->body, bytes, count);
    if (exchange->body.failed)
        return ur_fail(&exchange->error, UR_NO_MEMORY, "There is no memory for the body.");
    return UR_OK;
}

bool ur_exchange_waits(const struct ur_exchange *exchange)
{
    enum ur_run run = exchange->request.route->run;
    bool files = exchange->front->server.config->web_dir[0] != '\0';
    return run == UR_RUN_POOL || (run == UR_RUN_ASSET && files);
}

void ur_exchange_run(struct ur_exchange *exchange)
{
    struct ur_request *request = &exchange->request;
    struct ur_reply *reply = &exchange->reply;
    request->body = ur_text_get(&exchange->body);
    request->body_bytes = exchange->body.length;
    enum ur_status status = request->route->function(request, reply, &exchange->error);
    if (status != UR_OK) {
        exchange->error.status = status;
        ur_reply_problem(reply, &exchange->error);
    }
    if (reply->status >= 500)
        ur_log(UR_LOG_WARNING, "request %s: %s %s: %d %s", request->id, request->method,
               request->path, reply->status, exchange->error.detail);
    ur_reply_settle(reply, request);
    exchange->state = UR_EXCHANGE_READY;
}

void ur_exchange_measure(const struct ur_exchange *exchange, int status)
{
    ur_meter_answer(&exchange->front->meter, exchange->request.route, status,
                    ur_clock_us() - exchange->started_us);
}
