/* The guard: the matrix of hosts, origins and methods, and every framing that two parsers could
 * read differently. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guard.h"

static const struct ur_guard guard = {.port = 8080, .allowed_hosts = "box, Lab.example:9000"};

static struct ur_request request_of(const char *method, const char *target)
{
    return (struct ur_request){
        .method = method, .version = "HTTP/1.1", .target = target, .path = target};
}

static void add(struct ur_request *request, const char *name, const char *value)
{
    request->headers[request->n_headers++] = (struct ur_pair){
        .name = name, .value = value, .n_name = strlen(name), .n_value = strlen(value)};
}

static enum ur_status check(const struct ur_request *request)
{
    struct ur_framing framing;
    struct ur_error error = {0};
    enum ur_status status = ur_guard_check(&guard, request, &framing, &error);
    assert_int_equal(status, error.status);
    assert_true(status == UR_OK || error.detail[0] != '\0');
    return status;
}

/* Names the row that failed. */
static void same(const char *what, enum ur_status got, enum ur_status expected)
{
    if (got != expected)
        print_error("%s: %s, expected %s\n", what, ur_status_code(got),
                    ur_status_code(expected));
    assert_int_equal(got, expected);
}

static void hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool allowed;
    } rows[] = {
        {"localhost", true},
        {"LOCALHOST:8080", true},
        {"127.0.0.1", true},
        {"127.0.0.1:8080", true},
        {"[::1]", true},
        {"[::1]:8080", true},
        {"box", true},
        {"BOX:8080", true},
        {"lab.example:9000", true},
        {"lab.example", false},
        {"lab.example:8080", false},
        {"localhost:8081", false},
        {"127.0.0.1:80", false},
        {"127.0.0.2", false},
        {"evil.example", false},
        {"localhost.evil.example", false},
        {"localhost@evil.example", false},
        {"evil.example:8080", false},
        {"localhost:", false},
        {"localhost:8080x", false},
        {"localhost:08080 ", false},
        {"[::1", false},
        {"::1", false},
        {"", false},
        {" ", false},
        {"box,", false},
        {"0.0.0.0:8080", false},
        {"2130706433", false},
    };
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        struct ur_request request = request_of("GET", "/");
        add(&request, "host", rows[at].host);
        same(rows[at].host, check(&request), rows[at].allowed ? UR_OK : UR_FORBIDDEN_HOST);
    }
}

static void one_host(void **state)
{
    (void)state;
    struct ur_request request = request_of("GET", "/");
    assert_int_equal(check(&request), UR_BAD_REQUEST);
    add(&request, "Host", "localhost");
    assert_int_equal(check(&request), UR_OK);
    add(&request, "HOST", "localhost");
    assert_int_equal(check(&request), UR_BAD_REQUEST);
}

static void origins(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET",   "HEAD",   "POST",    "PUT",
                                          "PATCH", "DELETE", "OPTIONS", "BREW"};
    static const struct {
        const char *origin, *site;
        bool own;
    } rows[] = {
        {NULL, NULL, true},
        {"http://localhost:8080", NULL, true},
        {"https://localhost:8080", "same-origin", true},
        {NULL, "same-origin", true},
        {NULL, "none", true},
        {"http://localhost:8080", "cross-site", false},
        {NULL, "cross-site", false},
        {NULL, "same-site", false},
        {"null", NULL, false},
        {"", NULL, false},
        {"http://evil.example", NULL, false},
        {"http://localhost", NULL, false},
        {"http://localhost:8081", NULL, false},
        {"http://127.0.0.1:8080", NULL, false},
        {"http://localhost:8080.evil.example", NULL, false},
        {"http://localhost:8080/", NULL, false},
        {"file://localhost:8080", NULL, false},
    };
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++)
        for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
            struct ur_request request = request_of(methods[m], "/v1/jobs");
            add(&request, "Host", "localhost:8080");
            if (rows[at].origin != NULL)
                add(&request, "Origin", rows[at].origin);
            if (rows[at].site != NULL)
                add(&request, "Sec-Fetch-Site", rows[at].site);
            bool allowed = rows[at].own || m < 2;
            same(methods[m], check(&request), allowed ? UR_OK : UR_FORBIDDEN_ORIGIN);
        }
}

static enum ur_status check_target(const char *target, const char *path)
{
    struct ur_request request = request_of("GET", target);
    request.path = path;
    add(&request, "Host", "localhost");
    return check(&request);
}

static void targets(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path;
        bool fine;
    } rows[] = {
        {"/", "/", true},
        {"/v1/jobs?limit=3&tag=a%20b", "/v1/jobs", true},
        {"/v1/jobs/x%3Astop", "/v1/jobs/x:stop", true},
        {"/a..b", "/a..b", true},
        {"", "", false},
        {"*", "*", false},
        {"http://localhost/", "http://localhost/", false},
        {"//..", "//..", false},
        {"/..", "/..", false},
        {"/a/../b", "/a/../b", false},
        {"/a/./b", "/a/./b", false},
        {"/%2e%2e/etc", "/../etc", false},
        {"/a%2fb", "/a/b", false},
        {"/a%5Cb", "/a\\b", false},
        {"/a\\b", "/a\\b", false},
        {"/a%00b", "/a", false},
        {"/%c3%a9", "/\xc3\xa9", true},
        {"/%ff", "/\xff", false},
        {"/%c3", "/\xc3", false},
        {"/%c2%85", "/\xc2\x85", false},
        {"/?a=%00", "/", false},
        {"/?a=%0d%0a", "/", false},
        {"/a%0Ab", "/a\nb", false},
        {"/a%7f", "/a\x7f", false},
        {"/a%zz", "/a%zz", false},
        {"/a%2", "/a%2", false},
        {"/a#b", "/a#b", false},
        {"/a b", "/a b", false},
        {"/\xc3\xa4", "/\xc3\xa4", false},
        {"/?next=%2Fv1", "/", true},
    };
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        same(rows[at].target, check_target(rows[at].target, rows[at].path),
             rows[at].fine ? UR_OK : UR_BAD_REQUEST);
    }
}

static void long_target(void **state)
{
    (void)state;
    char target[UR_TARGET_BYTES + 1];
    memset(target, 'a', sizeof target);
    target[0] = '/';
    target[UR_TARGET_BYTES] = '\0';
    assert_int_equal(check_target(target, target), UR_URI_TOO_LONG);
    target[UR_TARGET_BYTES - 1] = '\0';
    assert_int_equal(check_target(target, target), UR_OK);
}

static void framing(void **state)
{
    (void)state;
    static const struct {
        const char *name[2], *value[2];
        enum ur_status status;
    } rows[] = {
        {{"Content-Length"}, {"12"}, UR_OK},
        {{"Content-Length"}, {"0"}, UR_OK},
        {{"Content-Length"}, {"9223372036854775807"}, UR_OK},
        {{"Content-Length"}, {"9223372036854775808"}, UR_BAD_REQUEST},
        {{"Content-Length"}, {"-1"}, UR_BAD_REQUEST},
        {{"Content-Length"}, {"+1"}, UR_BAD_REQUEST},
        {{"Content-Length"}, {"0x10"}, UR_BAD_REQUEST},
        {{"Content-Length"}, {"1 2"}, UR_BAD_REQUEST},
        {{"Content-Length"}, {"1,1"}, UR_BAD_REQUEST},
        {{"Content-Length"}, {""}, UR_BAD_REQUEST},
        {{"Content-Length", "Content-Length"}, {"1", "1"}, UR_BAD_REQUEST},
        {{"Content-Length", "content-length"}, {"1", "2"}, UR_BAD_REQUEST},
        {{"Content-Length", "Transfer-Encoding"}, {"1", "chunked"}, UR_BAD_REQUEST},
        {{"Transfer-Encoding"}, {"chunked"}, UR_OK},
        {{"Transfer-Encoding"}, {"Chunked"}, UR_OK},
        {{"Transfer-Encoding"}, {"gzip, chunked"}, UR_BAD_REQUEST},
        {{"Transfer-Encoding"}, {"identity"}, UR_BAD_REQUEST},
        {{"Transfer-Encoding"}, {"xchunked"}, UR_BAD_REQUEST},
        {{"Transfer-Encoding"}, {"\vchunked"}, UR_BAD_REQUEST},
        {{"Transfer-Encoding", "Transfer-Encoding"}, {"chunked", "chunked"}, UR_BAD_REQUEST},
        {{"Content-Length "}, {"1"}, UR_BAD_REQUEST},
        {{" Content-Length"}, {"1"}, UR_BAD_REQUEST},
        {{"Content\tLength"}, {"1"}, UR_BAD_REQUEST},
        {{""}, {"1"}, UR_BAD_REQUEST},
        {{"X(Y)"}, {"1"}, UR_BAD_REQUEST},
        {{"X-Y"}, {"a\x01"}, UR_BAD_REQUEST},
        {{"X-Y"}, {"a\rb"}, UR_BAD_REQUEST},
        {{"X-Y"}, {"a\x7f"}, UR_BAD_REQUEST},
        {{"X-Y"}, {"a\tb"}, UR_OK},
        {{"Expect"}, {"100-continue"}, UR_OK},
        {{"Expect"}, {"200-ok"}, UR_BAD_REQUEST},
        {{"Content-Encoding"}, {"gzip"}, UR_MEDIA_TYPE},
        {{"Content-Encoding"}, {"identity"}, UR_OK},
        {{"Content-Type", "Content-Type"}, {"a/b", "c/d"}, UR_BAD_REQUEST},
    };
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        struct ur_request request = request_of("POST", "/");
        add(&request, "Host", "localhost");
        for (size_t i = 0; i < 2 && rows[at].name[i] != NULL; i++)
            add(&request, rows[at].name[i], rows[at].value[i]);
        same(rows[at].value[0], check(&request), rows[at].status);
    }
}

static void framing_is_read(void **state)
{
    (void)state;
    struct ur_framing framing;
    struct ur_request request = request_of("POST", "/");
    add(&request, "Host", "localhost");
    assert_int_equal(ur_guard_check(&guard, &request, &framing, NULL), UR_OK);
    assert_true(!framing.chunked && !framing.sized && framing.expected == 0);
    add(&request, "Content-Length", "10000000000");
    assert_int_equal(ur_guard_check(&guard, &request, &framing, NULL), UR_OK);
    assert_true(!framing.chunked && framing.sized && framing.expected == 10000000000u);
    request.headers[1] = (struct ur_pair){"Transfer-Encoding", "chunked", 17, 7};
    assert_int_equal(ur_guard_check(&guard, &request, &framing, NULL), UR_OK);
    assert_true(framing.chunked && !framing.sized);
    request.version = "HTTP/1.0";
    assert_int_equal(ur_guard_check(&guard, &request, &framing, NULL), UR_BAD_REQUEST);
}

static void versions_and_methods(void **state)
{
    (void)state;
    static const char *const versions[] = {"HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "http/1.1", ""};
    for (size_t at = 0; at < sizeof versions / sizeof *versions; at++) {
        struct ur_request request = request_of("GET", "/");
        request.version = versions[at];
        add(&request, "Host", "localhost");
        assert_int_equal(check(&request), UR_BAD_REQUEST);
    }
    struct ur_request request = request_of("GE\tT", "/");
    add(&request, "Host", "localhost");
    assert_int_equal(check(&request), UR_BAD_REQUEST);
}

static void embedded_nul(void **state)
{
    (void)state;
    struct ur_request request = request_of("GET", "/");
    add(&request, "Host", "localhost");
    request.headers[0].n_value = 14; /* "localhost\0evil" */
    request.headers[0].value = "localhost\0evil";
    assert_int_equal(check(&request), UR_BAD_REQUEST);
    request.headers[0] = (struct ur_pair){"Host", "localhost", 4, 9};
    request.query[0] = (struct ur_pair){"a", "x\0y", 1, 3};
    request.n_query = 1;
    assert_int_equal(check(&request), UR_BAD_REQUEST);
}

static void parameters_are_utf8(void **state)
{
    (void)state;
    static const struct ur_pair rows[] = {{"a", "\xff", 1, 1},
                                          {"\xff", "", 1, 0},
                                          {"a", "x\xc3", 1, 2},
                                          {"a", "\xed\xa0\x80", 1, 3}};
    struct ur_request request = request_of("GET", "/");
    add(&request, "Host", "localhost");
    request.n_query = 1;
    request.query[0] = (struct ur_pair){"\xc3\xa9", "\xe2\x82\xac", 2, 3};
    assert_int_equal(check(&request), UR_OK);
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        request.query[0] = rows[at];
        assert_int_equal(check(&request), UR_BAD_REQUEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),           cmocka_unit_test(one_host),
        cmocka_unit_test(origins),         cmocka_unit_test(targets),
        cmocka_unit_test(long_target),     cmocka_unit_test(framing),
        cmocka_unit_test(framing_is_read), cmocka_unit_test(versions_and_methods),
        cmocka_unit_test(embedded_nul),    cmocka_unit_test(parameters_are_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
