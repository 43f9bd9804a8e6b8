#include "guard.h"

#include <strings.h>

#include "unroll/text.h"

/* Headers that decide something: a second one is an attempt to be read in two ways. */
static const char *const single_headers[] = {
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Content-Type",
    "Origin",
    "Authorization",
    "Content-Encoding",
    "Sec-Fetch-Site",
    "Last-Event-ID",
    "Idempotency-Key",
    "Expect",
};

static bool is_token(const char *text, size_t length)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t at = 0; at < length; at++) {
        char c = text[at];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && (c == '\0' || strchr(marks, c) == NULL))
            return false;
    }
    return length > 0;
}

static bool is_value(const char *text, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        unsigned char c = (unsigned char)text[at];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static enum ur_status check_line(const struct ur_request *request, struct ur_error *error)
{
    if (strcmp(request->version, "HTTP/1.1") != 0 && strcmp(request->version, "HTTP/1.0") != 0)
        return ur_fail(error, UR_BAD_REQUEST, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    if (!is_token(request->method, strlen(request->method)))
        return ur_fail(error, UR_BAD_REQUEST, "The method holds characters it may not hold.");
    return UR_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * The library decodes a path once and stops at a NUL, so what could mean two things after that
 * is refused here, on the bytes as they were sent: escapes that are none, escaped control
 * characters anywhere, an escaped slash or backslash in the path.
 */
static enum ur_status check_escapes(const char *target, struct ur_error *error)
{
    bool in_path = true;
    for (const char *at = target; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '#')
            return ur_fail(error, UR_BAD_REQUEST,
                           "The address holds a character that must be percent-encoded.");
        in_path = in_path && c != '?';
        if (c != '%')
            continue;
        int high = hex_digit(at[1]), low = high < 0 ? -1 : hex_digit(at[2]);
        if (low < 0)
            return ur_fail(error, UR_BAD_REQUEST,
                           "The address holds a '%%' without two hex digits.");
        int value = high * 16 + low;
        if (value < 0x20 || value == 0x7f || (in_path && (value == '/' || value == '\\')))
            return ur_fail(error, UR_BAD_REQUEST,
                           "The address holds an escaped character that it may not hold.");
        at += 2;
    }
    return UR_OK;
}

static bool has_dot_segment(const char *path)
{
    for (const char *at = path; *at != '\0';) {
        at += *at == '/';
        size_t span = strcspn(at, "/");
        if ((span == 1 && at[0] == '.') || (span == 2 && at[0] == '.' && at[1] == '.'))
            return true;
        at += span;
    }
    return false;
}

/* Path and parameters come back in replies, which take nothing but UTF-8. */
static enum ur_status check_texts(const struct ur_request *request, struct ur_error *error)
{
    bool fine = ur_text_printable(request->path, strlen(request->path));
    for (size_t at = 0; at < request->n_query; at++)
        fine = fine && ur_text_printable(request->query[at].name, request->query[at].n_name) &&
               ur_text_printable(request->query[at].value, request->query[at].n_value);
    if (fine)
        return UR_OK;
    return ur_fail(error, UR_BAD_REQUEST,
                   "The address is not UTF-8 or holds a control character.");
}

static enum ur_status check_target(const struct ur_request *request, struct ur_error *error)
{
    if (request->target[0] != '/')
        return ur_fail(error, UR_BAD_REQUEST,
                       "The address must start with '/': this server is no proxy.");
    if (strlen(request->target) >= UR_TARGET_BYTES)
        return ur_fail(error, UR_URI_TOO_LONG,
                       "The address is longer than the limit of %d bytes.",
                       UR_TARGET_BYTES - 1);
    enum ur_status status = check_escapes(request->target, error);
    if (status != UR_OK)
        return status;
    if (has_dot_segment(request->path))
        return ur_fail(error, UR_BAD_REQUEST, "The path may not hold \".\" or \"..\".");
    return check_texts(request, error);
}

static enum ur_status check_headers(const struct ur_request *request, struct ur_error *error)
{
    size_t seen[sizeof single_headers / sizeof *single_headers] = {0};
    for (size_t at = 0; at < request->n_headers; at++) {
        const struct ur_pair *header = &request->headers[at];
        if (!is_token(header->name, header->n_name))
            return ur_fail(error, UR_BAD_REQUEST,
                           "A header's name holds a blank or another odd character.");
        if (!is_value(header->value, header->n_value))
            return ur_fail(error, UR_BAD_REQUEST,
                           "A header's value holds a control character.");
        for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
            if (strcasecmp(header->name, single_headers[i]) == 0 && seen[i]++ > 0)
                return ur_fail(error, UR_BAD_REQUEST, "There is more than one %s header.",
                               single_headers[i]);
    }
    return UR_OK;
}

static enum ur_status check_framing(const struct ur_request *request,
                                    struct ur_framing *framing, struct ur_error *error)
{
    const char *length = ur_request_header(request, "Content-Length");
    const char *coding = ur_request_header(request, "Transfer-Encoding");
    if (length != NULL && coding != NULL)
        return ur_fail(error, UR_BAD_REQUEST,
                       "Content-Length and Transfer-Encoding exclude each other.");
    if (coding != NULL && strcmp(request->version, "HTTP/1.1") != 0)
        return ur_fail(error, UR_BAD_REQUEST, "Chunks need HTTP/1.1.");
    if (coding != NULL && strcasecmp(coding, "chunked") != 0)
        return ur_fail(error, UR_BAD_REQUEST, "The only Transfer-Encoding taken is chunked.");
    int64_t bytes = 0;
    if (length != NULL && !ur_parse_int64(length, 0, INT64_MAX, &bytes))
        return ur_fail(error, UR_BAD_REQUEST, "The Content-Length is not a number.");
    *framing = (struct ur_framing){
        .chunked = coding != NULL, .sized = length != NULL, .expected = (uint64_t)bytes};

    const char *expect = ur_request_header(request, "Expect");
    if (expect != NULL && strcasecmp(expect, "100-continue") != 0)
        return ur_fail(error, UR_BAD_REQUEST, "The only Expect taken is 100-continue.");
    const char *encoding = ur_request_header(request, "Content-Encoding");
    if (encoding != NULL && strcasecmp(encoding, "identity") != 0)
        return ur_fail(error, UR_MEDIA_TYPE,
                       "Bodies are not unpacked here: send it without Content-Encoding.");
    return UR_OK;
}

/* Splits "host:port" or "[v6]:port"; *port is 0 without one. False for anything else. */
static bool split_host(const char *text, size_t *n_host, int64_t *port)
{
    size_t span = text[0] == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":");
    if (span == 0 || (text[0] == '[' && text[span - 1] != ']'))
        return false;
    *n_host = span;
    *port = 0;
    if (text[span] == '\0')
        return true;
    return text[span] == ':' && ur_parse_int64(text + span + 1, 1, 65535, port);
}

static bool same_host(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && strncasecmp(text, name, length) == 0;
}

/* True where the comma-separated list holds host, or the whole text with its port. */
static bool listed(const char *list, const char *text, size_t n_host, bool our_port)
{
    for (const char *at = list; at != NULL && *at != '\0';) {
        at += strspn(at, " ,");
        size_t span = strcspn(at, " ,");
        if (span > 0 && our_port && span == n_host && strncasecmp(at, text, span) == 0)
            return true;
        if (span > 0 && span == strlen(text) && strncasecmp(at, text, span) == 0)
            return true;
        at += span;
    }
    return false;
}

bool ur_guard_host_allowed(const struct ur_guard *guard, const char *host)
{
    size_t n_host = 0;
    int64_t port = 0;
    if (!split_host(host, &n_host, &port))
        return false;
    bool our_port = port == 0 || port == guard->port;
    bool local = same_host(host, n_host, "localhost") || same_host(host, n_host, "127.0.0.1") ||
                 same_host(host, n_host, "[::1]");
    return (local && our_port) || listed(guard->allowed_hosts, host, n_host, our_port);
}

static enum ur_status check_host(const struct ur_guard *guard, const struct ur_request *request,
                                 struct ur_error *error)
{
    const char *host = ur_request_header(request, "Host");
    if (host == NULL)
        return ur_fail(error, UR_BAD_REQUEST, "There is no Host header.");
    if (!ur_guard_host_allowed(guard, host))
        return ur_fail(error, UR_FORBIDDEN_HOST,
                       "The Host header names no host of this server; the setting "
                       "\"allowed_hosts\" adds names.");
    return UR_OK;
}

/*
 * Our own origin is the one whose authority is the Host that was just let in: a page and its
 * server behind one address agree on it, with TLS in front or without.
 */
static bool own_origin(const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t length = strlen(schemes[i]);
        if (strncasecmp(origin, schemes[i], length) == 0 &&
            strcasecmp(origin + length, host) == 0)
            return true;
    }
    return false;
}

static enum ur_status check_origin(const struct ur_request *request, struct ur_error *error)
{
    if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0)
        return UR_OK;
    const char *origin = ur_request_header(request, "Origin");
    if (origin != NULL && !own_origin(origin, ur_request_header(request, "Host")))
        return ur_fail(error, UR_FORBIDDEN_ORIGIN,
                       "The request comes from another web site (Origin).");
    const char *site = ur_request_header(request, "Sec-Fetch-Site");
    if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return ur_fail(error, UR_FORBIDDEN_ORIGIN,
                       "The request comes from another web site (Sec-Fetch-Site).");
    return UR_OK;
}

enum ur_status ur_guard_check(const struct ur_guard *guard, const struct ur_request *request,
                              struct ur_framing *framing, struct ur_error *error)
{
    *framing = (struct ur_framing){0};
    enum ur_status status = check_line(request, error);
    if (status == UR_OK)
        status = check_headers(request, error);
    if (status == UR_OK)
        status = check_host(guard, request, error);
    if (status == UR_OK)
        status = check_target(request, error);
    if (status == UR_OK)
        status = check_origin(request, error);
    if (status == UR_OK)
        status = check_framing(request, framing, error);
    return status;
}
