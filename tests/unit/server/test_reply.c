/* Replies: problems, ETags, lists of codings, query parameters, counts for Prometheus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "meter.h"
#include "reply.h"
#include "routes.h"

static json_t *problem_of(struct ur_reply *reply)
{
    json_t *json =
        json_loadb(ur_text_get(&reply->text), reply->text.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static const char *text_at(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    assert_non_null(text);
    return text;
}

/* Every status of the table makes a problem with all its members and an HTTP status of at least
 * 400. */
static void problems(void **state)
{
    (void)state;
    for (int status = UR_OK + 1; status < UR_STATUS_COUNT; status++) {
        struct ur_reply reply;
        struct ur_error error = {.status = (enum ur_status)status};
        ur_reply_init(&reply);
        ur_reply_problem(&reply, &error);
        assert_true(reply.status >= 400);
        assert_string_equal(reply.type, "application/problem+json");
        json_t *json = problem_of(&reply);
        assert_string_equal(text_at(json, "code"), ur_status_code(error.status));
        assert_string_equal(text_at(json, "title"), ur_status_sentence(error.status));
        assert_string_equal(text_at(json, "detail"), ur_status_sentence(error.status));
        assert_string_equal(text_at(json, "error"), text_at(json, "detail"));
        assert_int_equal(json_integer_value(json_object_get(json, "status")),
                         ur_status_http(error.status));
        assert_int_equal(json_array_size(json_object_get(json, "errors")), 0);
        bool retry = reply.status == 429 || reply.status == 503;
        assert_int_equal(reply.n_headers, retry);
        json_decref(json);
        ur_reply_release(&reply);
    }
}

static void all_fields_at_once(void **state)
{
    (void)state;
    struct ur_reply reply;
    struct ur_error error = {.status = UR_INVALID_SPEC, .detail = "a \"quoted\"\n\x01 detail"};
    ur_reply_init(&reply);
    ur_text_format(&reply.text, "half an answer");
    ur_reply_header(&reply, "Location", "/nowhere");
    struct ur_field_errors *fields = ur_reply_fields(&reply);
    for (int at = 0; at < UR_MAX_FIELD_ERRORS + 5; at++)
        ur_field_error_add(fields, "/tags/\"<img>", "number %d", at);
    ur_reply_problem(&reply, &error);
    json_t *json = problem_of(&reply);
    json_t *errors = json_object_get(json, "errors");
    assert_string_equal(text_at(json, "detail"), error.detail);
    assert_int_equal(json_array_size(errors), UR_MAX_FIELD_ERRORS);
    assert_string_equal(text_at(json_array_get(errors, 7), "pointer"), "/tags/\"<img>");
    assert_string_equal(text_at(json_array_get(errors, 7), "detail"), "number 7");
    assert_int_equal(reply.n_headers, 0); /* a problem has no Location */
    json_decref(json);
    ur_reply_release(&reply);
}

static void etags(void **state)
{
    (void)state;
    assert_true(ur_etag_matches("\"a\"", "\"a\""));
    assert_true(ur_etag_matches("W/\"a\"", "\"a\""));
    assert_true(ur_etag_matches("\"x\", W/\"y\" ,\"a\"", "\"a\""));
    assert_true(ur_etag_matches("*", "\"a\""));
    assert_false(ur_etag_matches("\"a-gz\"", "\"a\""));
    assert_false(ur_etag_matches("\"ab\"", "\"a\""));
    assert_false(ur_etag_matches("a", "\"a\""));
    assert_false(ur_etag_matches("\"a\"b", "\"a\""));
    assert_false(ur_etag_matches("", "\"a\""));
    assert_false(ur_etag_matches(" , ,", "\"a\""));
    assert_false(ur_etag_matches(NULL, "\"a\""));
    assert_false(ur_etag_matches("*", ""));
}

static void documents(void **state)
{
    (void)state;
    struct ur_request request = {.method = "GET"};
    struct ur_reply reply;
    ur_reply_init(&reply);
    reply.document = true;
    ur_text_format(&reply.text, "{}");
    ur_reply_settle(&reply, &request);
    assert_int_equal(reply.status, 200);
    assert_int_equal(strlen(reply.etag), 34);

    request.headers[0] = (struct ur_pair){"if-none-match", reply.etag, 13, strlen(reply.etag)};
    request.n_headers = 1;
    ur_reply_settle(&reply, &request);
    assert_int_equal(reply.status, 304);
    assert_int_equal(reply.text.length, 0);
    assert_null(reply.type);
    assert_int_equal(strlen(reply.etag), 34);
    ur_reply_release(&reply);
}

static void lists(void **state)
{
    (void)state;
    assert_true(ur_list_has("gzip", ',', "gzip"));
    assert_true(ur_list_has("br , GZIP;q=0.5", ',', "gzip"));
    assert_true(ur_list_has("deflate,gzip ; q=1", ',', "gzip"));
    assert_true(ur_list_has("gzip;q=0.001", ',', "gzip"));
    assert_false(ur_list_has("gzip;q=0", ',', "gzip"));
    assert_false(ur_list_has("gzip; q=0.000, br", ',', "gzip"));
    assert_false(ur_list_has("xgzip, gzipx", ',', "gzip"));
    assert_false(ur_list_has("", ',', "gzip"));
    assert_false(ur_list_has(NULL, ',', "gzip"));
}

static void parameters(void **state)
{
    (void)state;
    struct ur_request request = {.method = "GET"};
    struct ur_error error = {0};
    int32_t integer = 7;
    double number = 0.5;
    assert_int_equal(ur_request_integer(&request, "n", 1, 5, &integer, &error), UR_OK);
    assert_int_equal(integer, 7);
    static const char *const bad_integers[] = {
        "", "0", "6", " 3", "3 ", "+3", "3.0", "0x3", "99999999999999999999"};
    request.n_query = 1;
    for (size_t at = 0; at < sizeof bad_integers / sizeof *bad_integers; at++) {
        request.query[0] = (struct ur_pair){"n", bad_integers[at], 1, strlen(bad_integers[at])};
        assert_int_equal(ur_request_integer(&request, "n", 1, 5, &integer, &error),
                         UR_BAD_REQUEST);
    }
    assert_int_equal(integer, 7);
    request.query[0].value = "5";
    assert_int_equal(ur_request_integer(&request, "n", 1, 5, &integer, NULL), UR_OK);
    assert_int_equal(integer, 5);

    static const char *const bad_numbers[] = {"",     "x",    "nan",  "inf",  "-0.1",
                                              "1.01", "0.5x", " 0.5", "+0.5", "1e400"};
    for (size_t at = 0; at < sizeof bad_numbers / sizeof *bad_numbers; at++) {
        request.query[0].value = bad_numbers[at];
        assert_int_equal(ur_request_number(&request, "n", 0, 1, &number, &error),
                         UR_BAD_REQUEST);
    }
    request.query[0].value = "0.25";
    assert_int_equal(ur_request_number(&request, "n", 0, 1, &number, NULL), UR_OK);
    assert_true(number >= 0.25 && number <= 0.25);

    request.query[0].value = "none";
    assert_int_equal(ur_request_choice(&request, "n", "auto none", &integer, NULL), UR_OK);
    assert_int_equal(integer, 1);
    request.query[0].value = "auto none";
    assert_int_equal(ur_request_choice(&request, "n", "auto none", &integer, &error),
                     UR_BAD_REQUEST);
    request.query[0].value = "";
    assert_int_equal(ur_request_choice(&request, "n", "auto none", &integer, &error),
                     UR_BAD_REQUEST);
}

static void counts(void **state)
{
    (void)state;
    static struct ur_meter meter;
    size_t count = 0;
    const struct ur_route *routes = ur_routes(&count);
    ur_meter_answer(&meter, NULL, 404, 50);
    ur_meter_answer(&meter, &routes[0], 201, 2000);
    ur_meter_answer(&meter, &routes[count - 1], 503, 60000000);
    ur_meter_answer(&meter, &routes[count - 1], 999, -5);
    struct ur_text text;
    ur_text_init(&text, 1 << 20);
    ur_meter_print(&meter, &text);
    static const char *const lines[] = {
        "unroll_http_requests_total{method=\"\",route=\"\",class=\"4xx\"} 1\n",
        "unroll_http_requests_total{method=\"POST\",route=\"/v1/jobs\",class=\"2xx\"} 1\n",
        "unroll_http_requests_total{method=\"GET\",route=\"/vendor/{*}\",class=\"5xx\"} 2\n",
        "unroll_http_request_duration_seconds_bucket{le=\"0.0001\"} 2\n",
        "unroll_http_request_duration_seconds_bucket{le=\"0.0025\"} 3\n",
        "unroll_http_request_duration_seconds_bucket{le=\"5\"} 3\n",
        "unroll_http_request_duration_seconds_bucket{le=\"+Inf\"} 4\n",
        "unroll_http_request_duration_seconds_count 4\n",
        "unroll_http_request_duration_seconds_sum 60.002050\n",
    };
    for (size_t at = 0; at < sizeof lines / sizeof *lines; at++) {
        if (strstr(ur_text_get(&text), lines[at]) == NULL)
            print_error("missing: %s", lines[at]);
        assert_non_null(strstr(ur_text_get(&text), lines[at]));
    }
    ur_text_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems), cmocka_unit_test(all_fields_at_once),
        cmocka_unit_test(etags),    cmocka_unit_test(documents),
        cmocka_unit_test(lists),    cmocka_unit_test(parameters),
        cmocka_unit_test(counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
