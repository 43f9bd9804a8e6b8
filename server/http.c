/*
 * Why the connections are handled as they are: libmicrohttpd calls us in its poll threads, and
 * whatever waits there stalls hundreds of connections. So a request that needs the store or the
 * predictor is suspended, answered on the pool, and resumed; its answer is queued by the next
 * call of the handler, because only the poll thread may do that.
 *
 * Why the listening socket is not taken away first when the server stops: in 0.9.75
 * MHD_quiesce_daemon and a poll thread may both remove it from the poll thread's epoll set, and
 * the second one aborts the program. New requests are answered 503 instead, for the few
 * milliseconds that it takes.
 */
#include "http.h"

#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "guard.h"
#include "hub.h"
#include "listen.h"
#include "meter.h"
#include "pool.h"
#include "reply.h"
#include "request.h"
#include "routes.h"
#include "unroll/clock.h"
#include "unroll/limits.h"
#include "unroll/log.h"
#include "watchdog.h"

enum {
    CONNECTION_MEMORY = 16384, /* bytes: about 14 KB of headers, 431 beyond */
    INACTIVITY_S = 90,         /* the library's own timeout, behind the watchdog's deadlines */
    POOL_QUEUE = 4096,         /* requests waiting for a thread */
    PARSES = 8,
    STOP_WAIT_MS = 5000,  /* for what is suspended */
    FLUSH_WAIT_MS = 500,  /* for answers to leave */
    LOG_LINES_PER_S = 10, /* of the library */
};
#define BODIES_MAX_BYTES ((size_t)256 << 20) /* of all bodies that are being received */

struct ur_http {
    struct ur_server server;
    struct ur_guard guard;
    struct MHD_Daemon *daemon;
    struct ur_pool *pool;
    struct ur_watchdog *watchdog;
    struct ur_meter meter;
    sem_t parses;
    pthread_t ticker;
    bool ticking;
    atomic_bool closing;
    atomic_int suspended; /* connections */
    atomic_int requests;  /* begun and not yet answered in full */
    atomic_size_t bodies; /* bytes */
    uint32_t run;         /* a random number, the first half of every request's */
    atomic_uint_fast64_t next_id;
    atomic_int log_lines;
};

/* One request on its way. It is freed as soon as its answer is queued, so that ten thousand
 * streams hold none. */
struct exchange {
    struct ur_task task; /* first: the pool hands it back */
    struct ur_http *http;
    struct ur_peer *peer;
    enum { FRESH, RECEIVING, READY } state;
    struct ur_request request;
    struct ur_reply reply;
    struct ur_error error;
    struct ur_text body;
    size_t counted; /* bytes of the body, in http->bodies */
    int64_t started_us;
    char target[UR_TARGET_BYTES];
};

struct ur_meter *ur_http_meter(struct ur_http *http)
{
    return &http->meter;
}

bool ur_http_closing(const struct ur_http *http)
{
    return atomic_load(&http->closing);
}

const char *ur_http_library(void)
{
    return MHD_get_version();
}

int ur_http_port(const struct ur_http *http)
{
    return http->guard.port;
}

void ur_http_parse_begin(struct ur_http *http)
{
    while (sem_wait(&http->parses) != 0)
        ;
}

void ur_http_parse_end(struct ur_http *http)
{
    sem_post(&http->parses);
}

/* Counting comes before looking, and ur_http_stop closes before it counts: one of the two sees
 * the other. */
bool ur_http_suspend_begin(struct ur_http *http)
{
    atomic_fetch_add(&http->suspended, 1);
    if (!atomic_load(&http->closing))
        return true;
    atomic_fetch_sub(&http->suspended, 1);
    return false;
}

void ur_http_suspend_end(struct ur_http *http)
{
    atomic_fetch_sub(&http->suspended, 1);
}

static void exchange_free(struct exchange *exchange)
{
    if (exchange == NULL)
        return;
    atomic_fetch_sub(&exchange->http->bodies, exchange->counted);
    ur_text_release(&exchange->body);
    ur_reply_release(&exchange->reply);
    free(exchange);
}

static struct ur_peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static int descriptor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

/* The first line of a request has come: the only moment at which its target can be seen as
 * sent. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct ur_http *http = context;
    atomic_fetch_add(&http->requests, 1);
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    exchange->http = http;
    exchange->peer = peer_of(connection);
    exchange->started_us = ur_clock_us();
    ur_copy(exchange->target, sizeof exchange->target, target != NULL ? target : "");
    ur_reply_init(&exchange->reply);
    ur_peer_enter(exchange->peer, UR_PEER_HEAD);
    return exchange;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)code;
    struct ur_http *http = context;
    exchange_free(*state);
    *state = NULL;
    atomic_fetch_sub(&http->requests, 1);
    ur_peer_enter(peer_of(connection), UR_PEER_IDLE);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **peer,
                          enum MHD_ConnectionNotificationCode code)
{
    struct ur_http *http = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *peer = ur_watchdog_join(http->watchdog, descriptor_of(connection));
        atomic_fetch_add(&http->meter.connections, 1);
    } else {
        ur_watchdog_leave(http->watchdog, *peer);
        atomic_fetch_sub(&http->meter.connections, 1);
    }
}

static void on_log(void *context, const char *format, va_list arguments)
{
    struct ur_http *http = context;
    if (atomic_fetch_add(&http->log_lines, 1) >= LOG_LINES_PER_S)
        return;
    char line[UR_LOG_LINE_BYTES / 2];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(line, sizeof line, format, arguments);
#pragma GCC diagnostic pop
    line[strcspn(line, "\n")] = '\0';
    ur_log(UR_LOG_WARNING, "http: %s", line);
}

struct collecting {
    struct ur_pair *pairs;
    size_t count, maximum;
    bool full;
};

static enum MHD_Result collect(void *context, enum MHD_ValueKind kind, const char *name,
                               size_t n_name, const char *value, size_t n_value)
{
    (void)kind;
    struct collecting *to = context;
    if (to->count == to->maximum) {
        to->full = true;
        return MHD_NO;
    }
    to->pairs[to->count++] = (struct ur_pair){.name = name,
                                              .n_name = n_name,
                                              .value = value != NULL ? value : "",
                                              .n_value = value != NULL ? n_value : 0};
    return MHD_YES;
}

static enum ur_status read_head(struct exchange *exchange, struct MHD_Connection *connection,
                                struct ur_error *error)
{
    struct ur_request *request = &exchange->request;
    struct collecting headers = {.pairs = request->headers, .maximum = UR_MAX_HEADERS};
    struct collecting query = {.pairs = request->query, .maximum = UR_MAX_QUERY};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, collect, &headers);
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, collect, &query);
    request->n_headers = headers.count;
    request->n_query = query.count;
    if (headers.full || query.full)
        return ur_fail(error, UR_BAD_REQUEST,
                       "There are more than %d headers or more than %d parameters.",
                       UR_MAX_HEADERS, UR_MAX_QUERY);
    return UR_OK;
}

/* Everything that is decided before a byte of the body is read. *refused: by the guard. */
static enum ur_status admit(struct exchange *exchange, struct MHD_Connection *connection,
                            struct ur_framing *framing, bool *refused)
{
    struct ur_request *request = &exchange->request;
    struct ur_error *error = &exchange->error;
    char allow[64] = "";
    *refused = true;
    enum ur_status status = read_head(exchange, connection, error);
    if (status == UR_OK)
        status = ur_guard_check(&exchange->http->guard, request, framing, error);
    if (status != UR_OK)
        return status;
    *refused = false;
    if (atomic_load(&exchange->http->closing))
        return ur_fail(error, UR_UNAVAILABLE, "The server is stopping.");
    status = ur_route_find(request, allow, error);
    if (status == UR_OK)
        status = ur_route_check_query(request, error);
    if (status == UR_OK)
        status = ur_route_check_body(request, framing->expected, framing->chunked, error);
    if (status == UR_METHOD) {
        ur_reply_problem(&exchange->reply, error);
        ur_reply_header(&exchange->reply, "Allow", "%s", allow);
    }
    return status;
}

/* Queues the answer and frees the exchange. */
static enum MHD_Result answer(struct exchange *exchange, struct MHD_Connection *connection,
                              void **state)
{
    struct ur_http *http = exchange->http;
    struct ur_reply *reply = &exchange->reply;
    bool stream = reply->stream != NULL;
    reply->close = reply->close || atomic_load(&http->closing);
    struct MHD_Response *response = ur_reply_response(reply, &exchange->request);
    if (response == NULL)
        return MHD_NO;
    ur_meter_answer(&http->meter, exchange->request.route, reply->status,
                    ur_clock_us() - exchange->started_us);
    ur_peer_enter(exchange->peer, stream ? UR_PEER_STREAM : UR_PEER_WRITE);
    enum MHD_Result result =
        MHD_queue_response(connection, (unsigned int)reply->status, response);
    MHD_destroy_response(response);
    exchange_free(exchange);
    *state = NULL;
    return result;
}

static void fill_request(struct exchange *exchange, struct MHD_Connection *connection,
                         const char *path, const char *method, const char *version)
{
    struct ur_http *http = exchange->http;
    struct ur_request *request = &exchange->request;
    request->server = &http->server;
    request->http = http;
    request->connection = connection;
    request->method = method;
    request->version = version;
    request->path = path;
    request->target = exchange->target;
    snprintf(request->id, sizeof request->id, "%08" PRIx32 "-%08" PRIxFAST64, http->run,
             atomic_fetch_add(&http->next_id, 1) & 0xffffffff);
}

static enum MHD_Result begin(struct exchange *exchange, struct MHD_Connection *connection,
                             void **state)
{
    struct ur_framing framing = {0};
    bool refused = false;
    enum ur_status status = admit(exchange, connection, &framing, &refused);
    bool body = framing.chunked || framing.expected > 0;
    if (status == UR_OK) {
        exchange->state = RECEIVING;
        ur_text_init(&exchange->body, exchange->request.route->limit);
        ur_peer_enter(exchange->peer, body ? UR_PEER_BODY : UR_PEER_ANSWER);
        return MHD_YES;
    }
    if (status != UR_METHOD)
        ur_reply_problem(&exchange->reply, &exchange->error);
    if (refused)
        atomic_fetch_add(&exchange->http->meter.refused, 1);
    exchange->state = READY;
    if (!refused && !body)
        return MHD_YES; /* answered by the next call, and the connection is kept */
    exchange->reply.close = true;
    ur_peer_linger(exchange->peer);
    return answer(exchange, connection, state);
}

/*
 * Ends a request in the middle of its body. The library takes an answer only before the body or
 * after it, and this body may never end: so the answer is written past the library, and the
 * connection lingers until the client has had time to read it.
 */
static enum MHD_Result cut(struct exchange *exchange, struct MHD_Connection *connection)
{
    struct ur_text raw;
    ur_text_init(&raw, 8192);
    ur_reply_print_raw(&raw, &exchange->error, exchange->request.id);
    ssize_t sent = send(descriptor_of(connection), ur_text_get(&raw), raw.length,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent; /* whoever does not read while sending may miss it */
    ur_text_release(&raw);
    ur_peer_linger(exchange->peer);
    ur_meter_answer(&exchange->http->meter, exchange->request.route,
                    ur_status_http(exchange->error.status),
                    ur_clock_us() - exchange->started_us);
    return MHD_NO;
}

static enum MHD_Result receive(struct exchange *exchange, struct MHD_Connection *connection,
                               const char *bytes, size_t *count)
{
    size_t limit = exchange->request.route->limit;
    ur_peer_received(exchange->peer, *count);
    if (*count > limit - exchange->body.length) {
        ur_fail(&exchange->error, UR_TOO_LARGE,
                "The body is larger than the limit of %zu bytes.", limit);
        return cut(exchange, connection);
    }
    exchange->counted += *count;
    if (atomic_fetch_add(&exchange->http->bodies, *count) > BODIES_MAX_BYTES) {
        ur_fail(&exchange->error, UR_UNAVAILABLE, "Too many bodies are being received.");
        return cut(exchange, connection);
    }
    ur_text_append(&exchange->body, bytes, *count);
    if (exchange->body.failed) {
        ur_fail(&exchange->error, UR_NO_MEMORY, "There is no memory for the body.");
        return cut(exchange, connection);
    }
    *count = 0;
    return MHD_YES;
}

/* Calls the route. */
static void run(struct exchange *exchange)
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
    exchange->state = READY;
}

/* In a thread of the pool. After the resume the exchange belongs to the poll thread again. */
static void run_task(struct ur_task *task)
{
    struct exchange *exchange = (struct exchange *)task;
    struct ur_http *http = exchange->http;
    run(exchange);
    MHD_resume_connection(exchange->request.connection);
    ur_http_suspend_end(http);
}

static enum MHD_Result complete(struct exchange *exchange, struct MHD_Connection *connection,
                                void **state)
{
    struct ur_http *http = exchange->http;
    const struct ur_route *route = exchange->request.route;
    bool files = route->run == UR_RUN_ASSET && http->server.config->web_dir[0] != '\0';
    ur_peer_enter(exchange->peer, UR_PEER_ANSWER);
    if (route->run != UR_RUN_POOL && !files) {
        run(exchange);
        return answer(exchange, connection, state);
    }
    if (!ur_http_suspend_begin(http)) {
        ur_fail(&exchange->error, UR_UNAVAILABLE, "The server is stopping.");
        ur_reply_problem(&exchange->reply, &exchange->error);
        return answer(exchange, connection, state);
    }
    /* Suspended first: the pool may be done before submit returns. */
    MHD_suspend_connection(connection);
    exchange->task.run = run_task;
    if (ur_pool_submit(http->pool, &exchange->task, &exchange->error) != UR_OK) {
        ur_reply_problem(&exchange->reply, &exchange->error);
        exchange->state = READY;
        MHD_resume_connection(connection);
        ur_http_suspend_end(http);
    }
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **state)
{
    (void)context;
    struct exchange *exchange = *state;
    if (exchange == NULL)
        return MHD_NO; /* there was no memory for it */
    switch (exchange->state) {
    case FRESH:
        fill_request(exchange, connection, path, method, version);
        return begin(exchange, connection, state);
    case RECEIVING:
        return *upload_size > 0 ? receive(exchange, connection, upload, upload_size)
                                : complete(exchange, connection, state);
    case READY:
        return answer(exchange, connection, state);
    }
    return MHD_NO;
}

/* Once a second: slow connections, heartbeats, the library's log allowance. */
static void *tick(void *context)
{
    struct ur_http *http = context;
    int64_t next_us = ur_clock_us();
    while (!atomic_load(&http->closing)) {
        int64_t now_us = ur_clock_us();
        if (now_us < next_us) {
            ur_watchdog_wait(http->watchdog, (int)((next_us - now_us) / 1000) + 1);
            continue;
        }
        next_us = now_us + 1000000;
        atomic_store(&http->log_lines, 0);
        atomic_fetch_add(&http->meter.cut,
                         (uint_fast64_t)ur_watchdog_tick(http->watchdog, now_us));
        ur_hub_tick(http->server.hub);
    }
    return NULL;
}

static enum ur_status start_library(struct ur_http *http, int listener, struct ur_error *error)
{
    const struct ur_config *config = http->server.config;
    int32_t connections = ur_listen_affordable(config->max_connections);
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, listener, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, connections, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, INACTIVITY_S, NULL},
        /* On loopback all clients share an address, so only other addresses get a share. */
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, ur_listen_per_address(config->host), NULL},
        {config->http_threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
         config->http_threads, NULL},
        {MHD_OPTION_END, 0, NULL}};
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, http,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, http, MHD_OPTION_URI_LOG_CALLBACK, on_target, http, MHD_OPTION_ARRAY,
        options, MHD_OPTION_END);
    if (http->daemon == NULL)
        return ur_fail(error, UR_IO, "The HTTP library does not start.");
    return UR_OK;
}

static enum ur_status start_threads(struct ur_http *http, int listener, struct ur_error *error)
{
    enum ur_status status =
        ur_pool_create(&http->pool, http->server.config->pool_threads, POOL_QUEUE, error);
    if (status != UR_OK)
        return status;
    /* Signals belong to the main thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = start_library(http, listener, error);
    if (status == UR_OK) {
        int failed = pthread_create(&http->ticker, NULL, tick, http);
        http->ticking = failed == 0;
        if (failed != 0)
            status = ur_fail_errno(error, failed, "Starting a thread failed");
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

enum ur_status ur_http_start(struct ur_http **out, const struct ur_server *server,
                             struct ur_error *error)
{
    struct ur_http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the HTTP front.");
    http->server = *server;
    http->guard.allowed_hosts = server->config->allowed_hosts;
    sem_init(&http->parses, 0, PARSES);
    if (getrandom(&http->run, sizeof http->run, 0) != (ssize_t)sizeof http->run)
        http->run = (uint32_t)ur_clock_wall_us();

    int listener = -1;
    enum ur_status status = ur_listen_open(server->config->host, server->config->port,
                                           &listener, &http->guard.port, error);
    if (status == UR_OK)
        status = ur_watchdog_create(&http->watchdog, error);
    if (status == UR_OK)
        status = start_threads(http, listener, error);
    if (status == UR_OK) {
        *out = http;
        return UR_OK;
    }
    if (http->daemon == NULL && listener >= 0)
        close(listener);
    ur_http_stop(http);
    return status;
}

/* Waits until a count is 0; false after the given time. */
static bool wait_for_zero(atomic_int *count, int timeout_ms)
{
    for (int waited = 0; atomic_load(count) > 0; waited++) {
        if (waited >= timeout_ms)
            return false;
        usleep(1000);
    }
    return true;
}

void ur_http_stop(struct ur_http *http)
{
    if (http == NULL)
        return;
    atomic_store(&http->closing, true);
    if (http->ticking) {
        ur_watchdog_wake(http->watchdog);
        pthread_join(http->ticker, NULL);
    }
    ur_hub_close(http->server.hub);
    ur_pool_destroy(http->pool);
    if (!wait_for_zero(&http->suspended, STOP_WAIT_MS)) {
        /* Stopping the library now would abort the program; the process is about to end. */
        ur_log(UR_LOG_ERROR, "%d requests do not end; the front is left behind",
               atomic_load(&http->suspended));
        return;
    }
    wait_for_zero(&http->requests, FLUSH_WAIT_MS);
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    ur_watchdog_destroy(http->watchdog);
    sem_destroy(&http->parses);
    free(http);
}
