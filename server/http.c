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
#include <microhttpd.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "exchange.h"
#include "hub.h"
#include "listen.h"
#include "pool.h"
#include "unroll/clock.h"
#include "unroll/log.h"
#include "watchdog.h"

enum {
    CONNECTION_MEMORY =
        12288,         /* bytes: 10 KB of headers, 431 beyond; a stream then costs 14 KB */
    INACTIVITY_S = 90, /* the library's own timeout, behind the watchdog's deadlines */
    POOL_QUEUE = 4096, /* requests waiting for a thread */
    PARSES = 8,
    STOP_WAIT_MS = 5000,  /* for what is suspended */
    FLUSH_WAIT_MS = 500,  /* for answers to leave */
    LOG_LINES_PER_S = 10, /* of the library */
};

struct ur_http {
    struct ur_front front;
    struct MHD_Daemon *daemon;
    struct ur_pool *pool;
    struct ur_watchdog *watchdog;
    sem_t parses;
    pthread_t ticker;
    bool ticking;
    atomic_int suspended; /* connections */
    atomic_int requests;  /* begun and not yet answered in full */
    atomic_int log_lines; /* of the library, in this second */
};

struct ur_meter *ur_http_meter(struct ur_http *http)
{
    return &http->front.meter;
}

bool ur_http_closing(const struct ur_http *http)
{
    return atomic_load(&http->front.closing);
}

const char *ur_http_library(void)
{
    return MHD_get_version();
}

int ur_http_port(const struct ur_http *http)
{
    return http->front.guard.port;
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
    if (!atomic_load(&http->front.closing))
        return true;
    atomic_fetch_sub(&http->suspended, 1);
    return false;
}

void ur_http_suspend_end(struct ur_http *http)
{
    atomic_fetch_sub(&http->suspended, 1);
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

/* The first line of a request has come: here alone can its target be seen as it was sent. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct ur_http *http = context;
    atomic_fetch_add(&http->requests, 1);
    struct ur_exchange *exchange =
        ur_exchange_create(&http->front, target != NULL ? target : "");
    if (exchange == NULL)
        return NULL;
    exchange->peer = peer_of(connection);
    exchange->request.http = http;
    exchange->request.connection = connection;
    ur_peer_enter(exchange->peer, UR_PEER_HEAD);
    return exchange;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)code;
    struct ur_http *http = context;
    ur_exchange_destroy(*state);
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
        atomic_fetch_add(&http->front.meter.connections, 1);
    } else {
        ur_watchdog_leave(http->watchdog, *peer);
        atomic_fetch_sub(&http->front.meter.connections, 1);
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
    to->full = to->count == to->maximum;
    if (to->full)
        return MHD_NO;
    if (value == NULL) { /* "?name" without an equals sign */
        value = "";
        n_value = 0;
    }
    to->pairs[to->count++] =
        (struct ur_pair){.name = name, .n_name = n_name, .value = value, .n_value = n_value};
    return MHD_YES;
}

/* Gives the request its headers and parameters, by reference. */
static enum ur_status read_head(struct ur_exchange *exchange, struct MHD_Connection *connection)
{
    struct ur_request *request = &exchange->request;
    struct collecting headers = {.pairs = request->headers, .maximum = UR_MAX_HEADERS};
    struct collecting query = {.pairs = request->query, .maximum = UR_MAX_QUERY};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, collect, &headers);
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, collect, &query);
    request->n_headers = headers.count;
    request->n_query = query.count;
    if (headers.full || query.full)
        return ur_fail(&exchange->error, UR_BAD_REQUEST,
                       "There are more than %d headers or more than %d parameters.",
                       UR_MAX_HEADERS, UR_MAX_QUERY);
    return UR_OK;
}

/* Queues the answer and frees the exchange. */
static enum MHD_Result answer(struct ur_exchange *exchange, struct MHD_Connection *connection,
                              void **state)
{
    struct ur_reply *reply = &exchange->reply;
    bool stream = reply->stream != NULL;
    reply->close = reply->close || atomic_load(&exchange->front->closing);
    struct MHD_Response *response = ur_reply_response(reply, &exchange->request);
    if (response == NULL)
        return MHD_NO;
    ur_exchange_measure(exchange, reply->status);
    ur_peer_enter(exchange->peer, stream ? UR_PEER_STREAM : UR_PEER_WRITE);
    enum MHD_Result result =
        MHD_queue_response(connection, (unsigned int)reply->status, response);
    MHD_destroy_response(response);
    ur_exchange_destroy(exchange);
    *state = NULL;
    return result;
}

/*
 * Decides on the head. Whoever is refused by the guard, or would send a body for nothing, is
 * answered now and cut off: the library then parses nothing of what follows.
 */
static enum MHD_Result begin(struct ur_exchange *exchange, struct MHD_Connection *connection,
                             void **state)
{
    bool body = false, refused = true;
    enum ur_status status = read_head(exchange, connection);
    if (status != UR_OK)
        ur_exchange_fail(exchange);
    else
        status = ur_exchange_admit(exchange, &body, &refused);
    if (status == UR_OK || (!refused && !body)) {
        ur_peer_enter(exchange->peer, body ? UR_PEER_BODY : UR_PEER_ANSWER);
        return MHD_YES;
    }
    exchange->reply.close = true;
    ur_peer_linger(exchange->peer);
    return answer(exchange, connection, state);
}

/*
 * Ends a request in the middle of its body. The library takes an answer only before the body or
 * after it, and this body may never end: so the answer is written past the library, and the
 * connection lingers until the client has had time to read it.
 */
static enum MHD_Result cut(struct ur_exchange *exchange, struct MHD_Connection *connection)
{
    struct ur_text raw;
    ur_text_init(&raw, 8192);
    ur_reply_print_raw(&raw, &exchange->error, exchange->request.id);
    ssize_t sent = send(descriptor_of(connection), ur_text_get(&raw), raw.length,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent; /* whoever does not read while sending may miss it */
    ur_text_release(&raw);
    ur_peer_linger(exchange->peer);
    ur_exchange_measure(exchange, ur_status_http(exchange->error.status));
    return MHD_NO;
}

static enum MHD_Result receive(struct ur_exchange *exchange, struct MHD_Connection *connection,
                               const char *bytes, size_t *count)
{
    ur_peer_received(exchange->peer, *count);
    if (exchange->state == UR_EXCHANGE_RECEIVING &&
        ur_exchange_receive(exchange, bytes, *count) != UR_OK)
        return cut(exchange, connection);
    *count = 0;
    return MHD_YES;
}

/* In a thread of the pool. After the resume the exchange belongs to the poll thread again. */
static void run_task(struct ur_task *task)
{
    struct ur_exchange *exchange = (struct ur_exchange *)task;
    struct ur_http *http = exchange->request.http;
    ur_exchange_run(exchange);
    MHD_resume_connection(exchange->request.connection);
    ur_http_suspend_end(http);
}

static enum MHD_Result complete(struct ur_exchange *exchange, struct MHD_Connection *connection,
                                void **state)
{
    struct ur_http *http = exchange->request.http;
    ur_peer_enter(exchange->peer, UR_PEER_ANSWER);
    if (!ur_exchange_waits(exchange)) {
        ur_exchange_run(exchange);
        return answer(exchange, connection, state);
    }
    if (!ur_http_suspend_begin(http)) {
        ur_fail(&exchange->error, UR_UNAVAILABLE, "The server is stopping.");
        ur_exchange_fail(exchange);
        return answer(exchange, connection, state);
    }
    /* Suspended first: the pool may be done before submit returns. */
    MHD_suspend_connection(connection);
    exchange->task.run = run_task;
    if (ur_pool_submit(http->pool, &exchange->task, &exchange->error) != UR_OK) {
        ur_exchange_fail(exchange);
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
    struct ur_exchange *exchange = *state;
    if (exchange == NULL)
        return MHD_NO; /* there was no memory for it */
    if (exchange->state == UR_EXCHANGE_FRESH) {
        exchange->request.path = path;
        exchange->request.method = method;
        exchange->request.version = version;
        return begin(exchange, connection, state);
    }
    if (*upload_size > 0)
        return receive(exchange, connection, upload, upload_size);
    if (exchange->state == UR_EXCHANGE_READY)
        return answer(exchange, connection, state);
    return complete(exchange, connection, state);
}

/* Once a second: slow connections, heartbeats, the library's log allowance. */
static void *tick(void *context)
{
    struct ur_http *http = context;
    int64_t next_us = ur_clock_us();
    while (!atomic_load(&http->front.closing)) {
        int64_t now_us = ur_clock_us();
        if (now_us < next_us) {
            ur_watchdog_wait(http->watchdog, (int)((next_us - now_us) / 1000) + 1);
            continue;
        }
        next_us = now_us + 1000000;
        atomic_store(&http->log_lines, 0);
        atomic_fetch_add(&http->front.meter.cut,
                         (uint_fast64_t)ur_watchdog_tick(http->watchdog, now_us));
        ur_hub_tick(http->front.server.hub);
    }
    return NULL;
}

static enum ur_status start_library(struct ur_http *http, int listener, struct ur_error *error)
{
    const struct ur_config *config = http->front.server.config;
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
        ur_pool_create(&http->pool, http->front.server.config->pool_threads, POOL_QUEUE, error);
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
    http->front.server = *server;
    http->front.guard.allowed_hosts = server->config->allowed_hosts;
    sem_init(&http->parses, 0, PARSES);
    if (getrandom(&http->front.run, sizeof http->front.run, 0) !=
        (ssize_t)sizeof http->front.run)
        http->front.run = (uint32_t)ur_clock_wall_us();

    int listener = -1;
    enum ur_status status = ur_listen_open(server->config->host, server->config->port,
                                           &listener, &http->front.guard.port, error);
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
    atomic_store(&http->front.closing, true);
    if (http->ticking) {
        ur_watchdog_wake(http->watchdog);
        pthread_join(http->ticker, NULL);
    }
    ur_hub_close(http->front.server.hub);
    /* A handler that has counted itself as suspended is on its way into the pool, which must
     * then still be there. What runs on it for longer is joined. */
    wait_for_zero(&http->suspended, STOP_WAIT_MS);
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
