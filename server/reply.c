#include "reply.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdarg.h>

#include "json_text.h"
#include "routes.h"
#include "unroll/digest.h"

/*
 * Strict for every answer: scripts, styles and connections of this origin only (pictures may
 * also be drawn by the page itself), never in a frame, never guessed at, never sent to another
 * site.
 */
static const char *const standing_headers[][2] = {
    {"Content-Security-Policy",
     "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; "
     "form-action 'self'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

void ur_reply_init(struct ur_reply *reply)
{
    *reply = (struct ur_reply){
        .status = MHD_HTTP_OK, .type = "application/json", .cache = "no-store"};
    ur_text_init(&reply->text, UR_REPLY_MAX_BYTES);
}

void ur_reply_release(struct ur_reply *reply)
{
    if (reply == NULL)
        return;
    ur_text_release(&reply->text);
    free(reply->fields);
    ur_stream_close(reply->stream);
    *reply = (struct ur_reply){0};
}

void ur_reply_header(struct ur_reply *reply, const char *name, const char *format, ...)
{
    assert(reply->n_headers < UR_REPLY_HEADERS);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(reply->headers[reply->n_headers].value, UR_REPLY_HEADER_BYTES,
                           format, arguments);
    va_end(arguments);
    if (length >= 0 && length < UR_REPLY_HEADER_BYTES)
        reply->headers[reply->n_headers++].name = name;
}

struct ur_field_errors *ur_reply_fields(struct ur_reply *reply)
{
    if (reply->fields == NULL)
        reply->fields = calloc(1, sizeof *reply->fields);
    return reply->fields;
}

static void print_fields(struct ur_text *json, const struct ur_field_errors *fields)
{
    ur_json_key(json, "errors");
    ur_text_append(json, "[", 1);
    for (int32_t at = 0; fields != NULL && at < fields->count; at++) {
        ur_json_comma(json);
        ur_text_append(json, "{", 1);
        ur_json_key_string(json, "pointer", fields->items[at].pointer);
        ur_json_key_string(json, "detail", fields->items[at].detail);
        ur_text_append(json, "}", 1);
    }
    ur_text_append(json, "]", 1);
}

void ur_problem_print(struct ur_text *json, const struct ur_error *error,
                      const struct ur_field_errors *fields)
{
    const char *sentence = ur_status_sentence(error->status);
    const char *detail = error->detail[0] != '\0' ? error->detail : sentence;
    const char *code = ur_status_code(error->status);
    ur_text_append(json, "{", 1);
    ur_json_key(json, "type");
    ur_text_format(json, "\"urn:unroll:problem:%s\"", code);
    ur_json_key_string(json, "title", sentence);
    ur_json_key_integer(json, "status", ur_status_http(error->status));
    ur_json_key_string(json, "detail", detail);
    ur_json_key_string(json, "code", code);
    print_fields(json, fields);
    ur_json_key_string(json, "error", detail);
    ur_text_append(json, "}", 1);
}

void ur_reply_problem(struct ur_reply *reply, const struct ur_error *error)
{
    ur_text_reset(&reply->text);
    reply->bytes = NULL;
    reply->n_headers = 0;
    reply->document = false;
    reply->etag[0] = '\0';
    reply->cache = "no-store";
    reply->status = ur_status_http(error->status);
    reply->type = "application/problem+json";
    if (reply->status < 400) /* a status that only a job can have */
        reply->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    ur_problem_print(&reply->text, error, reply->fields);
    if (reply->status == MHD_HTTP_TOO_MANY_REQUESTS ||
        reply->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        ur_reply_header(reply, "Retry-After", "2");
}

bool ur_etag_matches(const char *if_none_match, const char *etag)
{
    if (if_none_match == NULL || etag[0] == '\0')
        return false;
    size_t length = strlen(etag);
    for (const char *at = if_none_match; *at != '\0';) {
        at += strspn(at, " \t,");
        if (*at == '*')
            return true;
        at += strncmp(at, "W/", 2) == 0 ? 2 : 0;
        size_t span = strcspn(at, " \t,");
        if (span == length && memcmp(at, etag, length) == 0)
            return true;
        at += span;
    }
    return false;
}

void ur_reply_settle(struct ur_reply *reply, const struct ur_request *request)
{
    if (reply->status != MHD_HTTP_OK)
        return;
    if (reply->document && !reply->text.failed) {
        char hex[UR_SHA256_HEX_BYTES];
        ur_digest_hex(ur_text_get(&reply->text), reply->text.length, hex);
        snprintf(reply->etag, sizeof reply->etag, "\"%.32s\"", hex);
        reply->cache = "no-cache";
    }
    if (!ur_etag_matches(ur_request_header(request, "If-None-Match"), reply->etag))
        return;
    reply->status = MHD_HTTP_NOT_MODIFIED;
    reply->type = NULL;
    reply->bytes = NULL;
    reply->n_bytes = 0;
    ur_text_reset(&reply->text);
}

/* Hands the body to the library; what is left in the reply is freed with it as usual. */
static struct MHD_Response *make_body(struct ur_reply *reply)
{
    if (reply->stream != NULL) {
        struct ur_stream *stream = reply->stream;
        reply->stream = NULL;
        return ur_stream_response(stream);
    }
    union {
        const void *in;
        void *out; /* the library takes a void *, and does not write to persistent bytes */
    } body = {.in = reply->bytes};
    if (reply->bytes != NULL)
        return MHD_create_response_from_buffer(reply->n_bytes, body.out,
                                               MHD_RESPMEM_PERSISTENT);
    size_t length = reply->text.length;
    if (length == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    char *text = ur_text_take(&reply->text);
    if (text == NULL)
        return NULL;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(text);
    return response;
}

static void add_headers(struct MHD_Response *response, const struct ur_reply *reply,
                        const struct ur_request *request)
{
    MHD_add_response_header(response, "X-Request-Id", request->id);
    for (size_t at = 0; at < sizeof standing_headers / sizeof *standing_headers; at++)
        MHD_add_response_header(response, standing_headers[at][0], standing_headers[at][1]);
    if (reply->type != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    if (reply->cache != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, reply->cache);
    if (reply->etag[0] != '\0')
        MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, reply->etag);
    for (size_t at = 0; at < reply->n_headers; at++)
        MHD_add_response_header(response, reply->headers[at].name, reply->headers[at].value);
    if (reply->close)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

struct MHD_Response *ur_reply_response(struct ur_reply *reply, const struct ur_request *request)
{
    if (reply->text.failed) {
        struct ur_error error = {.status = UR_NO_MEMORY,
                                 .detail = "The answer is larger than the server gives."};
        ur_reply_problem(reply, &error);
    }
    struct MHD_Response *response = make_body(reply);
    if (response != NULL)
        add_headers(response, reply, request);
    return response;
}

void ur_reply_print_raw(struct ur_text *out, const struct ur_error *error, const char *id)
{
    struct ur_text body;
    ur_text_init(&body, UR_REPLY_MAX_BYTES);
    ur_problem_print(&body, error, NULL);
    int status = ur_status_http(error->status);
    ur_text_format(out,
                   "HTTP/1.1 %d %s\r\nX-Request-Id: %s\r\n"
                   "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
                   "X-Content-Type-Options: nosniff\r\nConnection: close\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   status, MHD_get_reason_phrase_for((unsigned int)status), id, body.length,
                   ur_text_get(&body));
    ur_text_release(&body);
}
