/* The route table: which path goes where, what is refused, and that the OpenAPI document and
 * the table name the same operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "assets.h"
#include "routes.h"
#include "unroll/limits.h"

static struct ur_request request_of(const char *method, const char *path)
{
    return (struct ur_request){.method = method, .path = path, .target = path};
}

/* Gives the pattern that takes the request; the Allow header where none takes the method. */
static const char *find(const char *method, const char *path, struct ur_request *request)
{
    static char allow[64];
    struct ur_error error = {0};
    *request = request_of(method, path);
    enum ur_status status = ur_route_find(request, allow, &error);
    if (status == UR_METHOD)
        return allow;
    return status == UR_OK ? request->route->pattern : "not found";
}

static void finds(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *expected, *first, *second;
    } rows[] = {
        {"GET", "/", "/", "", ""},
        {"HEAD", "/", "/", "", ""},
        {"GET", "/v1/jobs", "/v1/jobs", "", ""},
        {"HEAD", "/v1/jobs", "/v1/jobs", "", ""},
        {"GET", "/v1/jobs/j1", "/v1/jobs/{id}", "j1", ""},
        {"DELETE", "/v1/jobs/a..b", "/v1/jobs/{id}", "a..b", ""},
        {"POST", "/v1/jobs/j1:stop", "/v1/jobs/{id}:stop", "j1", ""},
        {"POST", "/v1/jobs/j1:cancel", "/v1/jobs/{id}:cancel", "j1", ""},
        {"POST", "/v1/jobs/j1:start", "not found", "", ""},
        {"GET", "/v1/jobs/j1/events", "/v1/jobs/{id}/events", "j1", ""},
        {"POST", "/v1/models/m:classify", "/v1/models/{m}:classify", "m", ""},
        {"GET", "/v1/models/m/versions/3", "/v1/models/{m}/versions/{v}", "m", "3"},
        {"POST", "/v1/models/m/versions/3:classify", "/v1/models/{m}/versions/{v}:classify",
         "m", "3"},
        {"GET", "/js/a/b.js", "/js/{*}", "", ""},
        {"GET", "/js/", "not found", "", ""},
        {"GET", "/js", "not found", "", ""},
        {"GET", "/v1/jobs/", "not found", "", ""},
        {"GET", "//v1/jobs", "not found", "", ""},
        {"GET", "/v1//jobs", "not found", "", ""},
        {"GET", "/V1/jobs", "not found", "", ""},
        {"GET", "/v1/jobs/.hidden", "not found", "", ""},
        {"GET", "/v1/jobs/a b", "not found", "", ""},
        {"GET", "/v1/jobs/<img>", "not found", "", ""},
        {"GET", "/v1/jobs/j1/", "not found", "", ""},
        {"GET", "/v1", "not found", "", ""},
        {"GET", "", "not found", "", ""},
        {"PUT", "/v1/jobs", "POST, GET, HEAD", "", ""},
        {"OPTIONS", "/v1/jobs/j1", "GET, HEAD, PATCH, DELETE", "", ""},
        {"GET", "/v1/jobs/j1:stop", "POST", "", ""},
        {"get", "/", "GET, HEAD", "", ""},
        {"POST", "/livez", "GET, HEAD", "", ""},
    };
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        struct ur_request request;
        assert_string_equal(find(rows[at].method, rows[at].path, &request), rows[at].expected);
        assert_string_equal(request.params[0], rows[at].first);
        assert_string_equal(request.params[1], rows[at].second);
    }
}

static void long_names(void **state)
{
    (void)state;
    char path[600] = "/v1/jobs/";
    struct ur_request request;
    memset(path + 9, 'a', 64);
    assert_string_equal(find("GET", path, &request), "/v1/jobs/{id}");
    memset(path + 9, 'a', 65);
    assert_string_equal(find("GET", path, &request), "not found");
    memset(path + 9, 'a', 500);
    assert_string_equal(find("GET", path, &request), "not found");
}

static void query(void **state)
{
    (void)state;
    struct ur_request request;
    struct ur_error error = {0};
    find("GET", "/v1/jobs", &request);
    request.query[0] = (struct ur_pair){"limit", "3", 5, 1};
    request.query[1] = (struct ur_pair){"tag", "", 3, 0};
    request.n_query = 2;
    assert_int_equal(ur_route_check_query(&request, &error), UR_OK);
    request.query[1].name = "limit";
    request.query[1].n_name = 5;
    assert_int_equal(ur_route_check_query(&request, &error), UR_BAD_REQUEST);
    error = (struct ur_error){0};
    request.query[1] = (struct ur_pair){"lim", "3", 3, 1};
    assert_int_equal(ur_route_check_query(&request, &error), UR_BAD_REQUEST);
    assert_non_null(strstr(error.detail, "\"lim\""));
    assert_non_null(strstr(error.detail, "cursor"));
    find("GET", "/", &request);
    request.query[0] = (struct ur_pair){"anything", "", 8, 0};
    request.n_query = 1;
    assert_int_equal(ur_route_check_query(&request, &error), UR_OK);
}

static enum ur_status check_body(const char *path, const char *method, const char *type,
                                 uint64_t expected, bool chunked, struct ur_error *error)
{
    struct ur_request request;
    *error = (struct ur_error){0};
    find(method, path, &request);
    if (type != NULL) {
        request.headers[0] =
            (struct ur_pair){"Content-Type", type, strlen("Content-Type"), strlen(type)};
        request.n_headers = 1;
    }
    return ur_route_check_body(&request, expected, chunked, error);
}

static void bodies(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *type;
        uint64_t expected;
        bool chunked;
        enum ur_status status;
    } rows[] = {
        {"POST", "/v1/jobs", "application/json", 10, false, UR_OK},
        {"POST", "/v1/jobs", "Application/JSON; charset=utf-8", 10, false, UR_OK},
        {"POST", "/v1/jobs", "application/json", 0, true, UR_OK},
        {"POST", "/v1/jobs", "application/jsonp", 10, false, UR_MEDIA_TYPE},
        {"POST", "/v1/jobs", "text/plain", 10, false, UR_MEDIA_TYPE},
        {"POST", "/v1/jobs", NULL, 10, false, UR_MEDIA_TYPE},
        {"POST", "/v1/jobs", "application/json", UR_JSON_MAX_BYTES, false, UR_OK},
        {"POST", "/v1/jobs", "application/json", UR_JSON_MAX_BYTES + 1, false, UR_TOO_LARGE},
        {"POST", "/v1/classify", NULL, 784, false, UR_OK},
        {"POST", "/v1/classify", "image/x-anything", 784, false, UR_OK},
        {"POST", "/v1/classify", "application/x-www-form-urlencoded", 784, false, UR_OK},
        {"POST", "/v1/classify", "application/json", 784, false, UR_MEDIA_TYPE},
        {"POST", "/v1/classify", "multipart/form-data; boundary=x", 784, false, UR_MEDIA_TYPE},
        {"POST", "/v1/classify", "image/png", 10000000000u, false, UR_TOO_LARGE},
        {"POST", "/v1/jobs/j1:stop", NULL, 0, false, UR_OK},
        {"POST", "/v1/jobs/j1:stop", "application/json", 2, false, UR_BAD_REQUEST},
        {"GET", "/v1/jobs", NULL, 1, false, UR_BAD_REQUEST},
        {"GET", "/", NULL, 0, true, UR_BAD_REQUEST},
    };
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        struct ur_error error;
        assert_int_equal(check_body(rows[at].path, rows[at].method, rows[at].type,
                                    rows[at].expected, rows[at].chunked, &error),
                         rows[at].status);
    }
    struct ur_error error;
    check_body("/v1/classify", "POST", NULL, 10000000000u, false, &error);
    assert_non_null(strstr(error.detail, "10000000000"));
    assert_non_null(strstr(error.detail, "10485760"));
}

/* What changes something needs more than the right to look. */
static void scopes(void **state)
{
    (void)state;
    size_t count = 0;
    const struct ur_route *routes = ur_routes(&count);
    for (size_t at = 0; at < count; at++) {
        bool get = strcmp(routes[at].method, "GET") == 0;
        bool api = strncmp(routes[at].pattern, "/v1/", 4) == 0;
        assert_true(get ? routes[at].scope <= UR_SCOPE_VIEW : routes[at].scope > UR_SCOPE_VIEW);
        assert_true(!api || routes[at].scope != UR_SCOPE_PUBLIC);
        assert_true(!api || routes[at].run == UR_RUN_POOL);
        assert_true((routes[at].body == UR_BODY_NONE) == (routes[at].limit == 0));
    }
}

static const json_t *operation(const json_t *document, const struct ur_route *route)
{
    char path[128], method[16];
    const char *rest = strstr(route->pattern, "{*}");
    ur_copy(path, sizeof path, route->pattern);
    if (rest != NULL)
        snprintf(path + (rest - route->pattern), 16, "{file}");
    size_t at = 0;
    for (; route->method[at] != '\0'; at++)
        method[at] = (char)(route->method[at] | 0x20);
    method[at] = '\0';
    return json_object_get(json_object_get(json_object_get(document, "paths"), path), method);
}

/* Gives what a parameter or a body means, its $ref followed. */
static const json_t *follow(const json_t *document, const json_t *item)
{
    const char *ref = json_string_value(json_object_get(item, "$ref"));
    char path[128];
    if (ref == NULL)
        return item;
    ur_copy(path, sizeof path, ref + 2);
    const json_t *found = document;
    char *rest = path;
    for (char *piece; (piece = strtok_r(rest, "/", &rest)) != NULL;)
        found = json_object_get(found, piece);
    assert_non_null(found);
    return found;
}

static void count_query(const json_t *document, const json_t *parameters, const char *names,
                        size_t *documented)
{
    size_t at;
    json_t *item;
    json_array_foreach(parameters, at, item)
    {
        const json_t *parameter = follow(document, item);
        if (strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0)
            continue;
        assert_non_null(names);
        assert_non_null(strstr(names, json_string_value(json_object_get(parameter, "name"))));
        (*documented)++;
    }
}

static size_t count_words(const char *names)
{
    size_t count = names != NULL && names[0] != '\0';
    for (; names != NULL && *names != '\0'; names++)
        count += *names == ' ';
    return count;
}

static void every_route_is_documented(void **state)
{
    const json_t *document = *state;
    size_t count = 0;
    const struct ur_route *routes = ur_routes(&count);
    for (size_t at = 0; at < count; at++) {
        const json_t *found = operation(document, &routes[at]);
        if (found == NULL)
            print_error("%s %s\n", routes[at].method, routes[at].pattern);
        assert_non_null(found);
        assert_non_null(json_object_get(found, "operationId"));
        assert_non_null(json_object_get(json_object_get(found, "responses"), "4XX"));
        assert_true((json_object_get(found, "requestBody") != NULL) ==
                    (routes[at].body != UR_BODY_NONE));
        size_t documented = 0;
        count_query(document, json_object_get(found, "parameters"), routes[at].query,
                    &documented);
        assert_int_equal(documented, count_words(routes[at].query));
    }
}

static void every_operation_is_a_route(void **state)
{
    const json_t *document = *state;
    size_t count = 0, documented = 0;
    ur_routes(&count);
    const char *path, *method;
    json_t *item, *found;
    json_object_foreach(json_object_get(document, "paths"), path, item)
        json_object_foreach(item, method, found) documented +=
        strcmp(method, "parameters") != 0;
    assert_int_equal(documented, count); /* and each route has its own, see above */
}

/* docs/api.md names every address; methods of one address may share a line. */
static void every_route_is_on_the_page(void **state)
{
    (void)state;
    static char page[65536];
    FILE *file = fopen(UR_SOURCE_DIR "/docs/api.md", "r");
    assert_non_null(file);
    size_t length = fread(page, 1, sizeof page - 1, file);
    fclose(file);
    page[length] = '\0';
    size_t count = 0;
    const struct ur_route *routes = ur_routes(&count);
    for (size_t at = 0; at < count; at++) {
        char quoted[128];
        snprintf(quoted, sizeof quoted, "%s`", routes[at].pattern);
        const char *line = strstr(page, quoted);
        if (line == NULL)
            print_error("not in docs/api.md: %s\n", routes[at].pattern);
        assert_non_null(line);
    }
}

static int load_document(void **state)
{
    const struct ur_asset *asset = ur_asset_find("/openapi.json");
    if (asset == NULL)
        return -1;
    *state =
        json_loadb((const char *)asset->bytes, asset->n_bytes, JSON_REJECT_DUPLICATES, NULL);
    return *state == NULL ? -1 : 0;
}

static int release_document(void **state)
{
    json_decref(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),
        cmocka_unit_test(long_names),
        cmocka_unit_test(query),
        cmocka_unit_test(bodies),
        cmocka_unit_test(scopes),
        cmocka_unit_test(every_route_is_on_the_page),
        cmocka_unit_test_setup_teardown(every_route_is_documented, load_document,
                                        release_document),
        cmocka_unit_test_setup_teardown(every_operation_is_a_route, load_document,
                                        release_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
