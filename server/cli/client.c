#include "cli/client.h"

#include <curl/curl.h>
#include <stdarg.h>

#include "cli/look.h"
#include "unroll/limits.h"
#include "unroll/text.h"

enum {
    REPLY_MAX_BYTES = 64 << 20, /* the longest series of metrics is far below */
    CONNECT_S = 5,
    REPLY_S = 120,  /* a job's admission may wait for a data set to be read */
    SILENCE_S = 50, /* three heartbeats of 15 s */
    PATH_BYTES = 512
};

static bool is_loopback(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
           strncmp(host, "[::1]", 5) == 0;
}

enum ur_status ur_client_open(struct ur_client *client, const char *url, struct ur_error *error)
{
    *client = (struct ur_client){0};
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return ur_fail(error, UR_USAGE, "The daemon's address must start with http://, not %s.",
                       url);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return ur_fail(error, UR_INTERNAL, "libcurl cannot be used.");
    client->curl = curl_easy_init();
    client->url = strdup(url);
    if (client->curl == NULL || client->url == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a connection.");
    for (size_t end = strlen(client->url); end > 0 && client->url[end - 1] == '/'; end--)
        client->url[end - 1] = '\0';
    return UR_OK;
}

void ur_client_release(struct ur_client *client)
{
    if (client == NULL)
        return;
    if (client->curl != NULL)
        curl_easy_cleanup(client->curl);
    json_decref(client->problem);
    free(client->url);
    *client = (struct ur_client){0};
}

/* One transfer, set up and torn down together. */
struct transfer {
    struct ur_client *client;
    struct curl_slist *headers;
    struct ur_text reply; /* what came, unless it went to the sink */
    const struct ur_client_sink *sink;
    bool sink_ended;
    char failure[CURL_ERROR_SIZE];
};

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    long http = 0;
    (void)size;
    curl_easy_getinfo(transfer->client->curl, CURLINFO_RESPONSE_CODE, &http);
    if (transfer->sink != NULL && http == 200) {
        transfer->sink_ended = !transfer->sink->take(transfer->sink->context, bytes, count);
        return transfer->sink_ended ? 0 : count;
    }
    ur_text_append(&transfer->reply, bytes, count);
    return transfer->reply.failed ? 0 : count;
}

/* libcurl calls this about once a second, also while nothing comes. */
static int look_up(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct transfer *transfer = context;
    (void)a, (void)b, (void)c, (void)d;
    return transfer->client->interrupted != NULL && *transfer->client->interrupted != 0;
}

static enum ur_status add_header(struct transfer *transfer, const char *name, const char *value,
                                 struct ur_error *error)
{
    char line[512];
    if ((size_t)snprintf(line, sizeof line, "%s: %s", name, value) >= sizeof line)
        return ur_fail(error, UR_USAGE, "The header %s is too long.", name);
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (longer == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a request.");
    transfer->headers = longer;
    return UR_OK;
}

static enum ur_status set_up(struct transfer *transfer, struct ur_client *client,
                             const char *method, const char *path, struct ur_error *error)
{
    char url[2048];
    *transfer = (struct transfer){.client = client};
    ur_text_init(&transfer->reply, REPLY_MAX_BYTES);
    json_decref(client->problem);
    client->problem = NULL;
    if ((size_t)snprintf(url, sizeof url, "%s%s", client->url, path) >= sizeof url)
        return ur_fail(error, UR_USAGE, "The daemon's address is too long.");

    CURL *curl = client->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "unroll/" UR_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->failure);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    if (is_loopback(client->url)) /* a proxy's loopback is another machine */
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    /* No "Expect: 100-continue": it costs a second on small servers. */
    return add_header(transfer, "Expect", "", error);
}

static void tear_down(struct transfer *transfer)
{
    curl_slist_free_all(transfer->headers);
    ur_text_release(&transfer->reply);
}

static enum ur_status set_body(struct transfer *transfer, const struct ur_client_body *body,
                               struct ur_error *error)
{
    CURL *curl = transfer->client->curl;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->bytes);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->n_bytes);
    return add_header(transfer, "Content-Type", body->type, error);
}

static enum ur_status no_answer(const struct transfer *transfer, CURLcode code,
                                struct ur_error *error)
{
    const char *url = transfer->client->url;
    const char *reason =
        transfer->failure[0] != '\0' ? transfer->failure : curl_easy_strerror(code);
    if (code == CURLE_COULDNT_CONNECT && is_loopback(url))
        return ur_fail(error, UR_UNAVAILABLE,
                       "No daemon answers at %s. Start one with `unrolld`, or name another "
                       "with --url.",
                       url);
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
        return ur_fail(error, UR_UNAVAILABLE, "No daemon answers at %s (%s).", url, reason);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ur_fail(error, UR_TIMEOUT, "The daemon at %s took too long to answer.", url);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return ur_fail(error, UR_USAGE, "%s is no address of a daemon (%s).", url, reason);
    return ur_fail(error, UR_UNAVAILABLE, "The connection to %s broke (%s).", url, reason);
}

/* The status that a problem document names; a newer daemon's unknown one by its HTTP status. */
static enum ur_status status_of(const json_t *problem, long http)
{
    const char *code = ur_look_text(problem, "code");
    enum ur_status status = ur_status_from_code(code);
    if (status == UR_INTERNAL && strcmp(code, "internal") != 0)
        status = http < 500 ? UR_BAD_REQUEST : UR_UNAVAILABLE;
    return status;
}

/* Reads a reply that is in memory as JSON; problems become errors. */
static enum ur_status read_reply(struct transfer *transfer, json_t **json,
                                 struct ur_error *error)
{
    struct ur_client *client = transfer->client;
    long http = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &http);
    json_t *document = NULL;
    if (transfer->reply.length > 0)
        document = json_loadb(ur_text_get(&transfer->reply), transfer->reply.length,
                              JSON_DECODE_ANY, NULL);
    if (http >= 200 && http < 300 && (document != NULL || transfer->reply.length == 0)) {
        if (json != NULL)
            *json = document;
        else
            json_decref(document);
        return UR_OK;
    }
    if (json_is_object(document) && http >= 400) {
        client->problem = document;
        const char *detail = ur_look_text(document, "detail");
        return ur_fail(error, status_of(document, http), "%s", detail);
    }
    json_decref(document);
    return ur_fail(error, UR_PROTOCOL,
                   "What answers at %s is no Unroll daemon (HTTP %ld without a document).",
                   client->url, http);
}

enum ur_status ur_client_send(struct ur_client *client, const char *method, const char *path,
                              const struct ur_client_body *body, json_t **json,
                              struct ur_error *error)
{
    struct transfer transfer;
    if (json != NULL)
        *json = NULL;
    enum ur_status status = set_up(&transfer, client, method, path, error);
    if (status == UR_OK && body != NULL)
        status = set_body(&transfer, body, error);
    if (status != UR_OK)
        goto out;
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, transfer.headers);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, (long)REPLY_S);
    CURLcode code = curl_easy_perform(client->curl);
    long http = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &http);
    /* A body over the limit is refused before it was read: the refusal counts, not the send. */
    bool refused = code == CURLE_SEND_ERROR && http >= 400;
    if (code != CURLE_OK && !refused)
        status = no_answer(&transfer, code, error);
    else
        status = read_reply(&transfer, json, error);
out:
    tear_down(&transfer);
    return status;
}

enum ur_status ur_client_call(struct ur_client *client, const char *method, json_t **json,
                              struct ur_error *error, const char *format, ...)
{
    char path[PATH_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    if (json != NULL)
        *json = NULL;
    if (length < 0 || length >= PATH_BYTES)
        return ur_fail(error, UR_USAGE, "A name on the command line is too long.");
    return ur_client_send(client, method, path, NULL, json, error);
}

static enum ur_status stream_ended(struct transfer *transfer, CURLcode code, bool *over,
                                   struct ur_error *error)
{
    long http = 0;
    curl_easy_getinfo(transfer->client->curl, CURLINFO_RESPONSE_CODE, &http);
    *over = http == 204;
    if (*over || transfer->sink_ended || code == CURLE_ABORTED_BY_CALLBACK)
        return UR_OK;
    if (code == CURLE_OK && http != 200)
        return read_reply(transfer, NULL, error);
    if (code == CURLE_OK)
        return ur_fail(error, UR_UNAVAILABLE, "The daemon ended the stream.");
    return no_answer(transfer, code, error);
}

enum ur_status ur_client_stream(struct ur_client *client, const char *path,
                                const char *last_event_id, const struct ur_client_sink *sink,
                                bool *over, struct ur_error *error)
{
    struct transfer transfer;
    *over = false;
    enum ur_status status = set_up(&transfer, client, "GET", path, error);
    transfer.sink = sink;
    if (status == UR_OK)
        status = add_header(&transfer, "Accept", "text/event-stream", error);
    if (status == UR_OK && last_event_id[0] != '\0')
        status = add_header(&transfer, "Last-Event-ID", last_event_id, error);
    if (status == UR_OK) {
        curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, transfer.headers);
        curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
        status = stream_ended(&transfer, curl_easy_perform(client->curl), over, error);
    }
    tear_down(&transfer);
    return status;
}
