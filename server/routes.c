#include "routes.h"

#include <strings.h>

#include "unroll/limits.h"
#include "unroll/text.h"

/* Bodies, with their limits in bytes. */
#define JSON    UR_BODY_JSON, UR_JSON_MAX_BYTES
#define IMAGE   UR_BODY_IMAGE, UR_IMAGE_MAX_BYTES
#define NONE    UR_BODY_NONE, 0
#define OPTIONS "top threshold preprocess image"
#define SERIES  "series from_step max_points format"
#define ROW(method, pattern, body, scope, run, query, function)                                \
    {#method, pattern, body, UR_SCOPE_##scope, UR_RUN_##run, query, ur_route_##function},

/* clang-format off */
static const struct ur_route routes[] = {
    ROW(POST, "/v1/jobs", JSON, TRAIN, POOL, "", jobs_submit)
    ROW(GET, "/v1/jobs", NONE, VIEW, POOL, "state tag limit cursor", jobs_list)
    ROW(GET, "/v1/jobs/{id}", NONE, VIEW, POOL, "", job)
    ROW(PATCH, "/v1/jobs/{id}", JSON, TRAIN, POOL, "", job_patch)
    ROW(DELETE, "/v1/jobs/{id}", NONE, TRAIN, POOL, "", job_delete)
    ROW(POST, "/v1/jobs/{id}:stop", NONE, TRAIN, POOL, "", job_stop)
    ROW(POST, "/v1/jobs/{id}:cancel", NONE, TRAIN, POOL, "", job_cancel)
    ROW(POST, "/v1/jobs/{id}:pause", NONE, TRAIN, POOL, "", job_pause)
    ROW(POST, "/v1/jobs/{id}:resume", NONE, TRAIN, POOL, "", job_resume)
    ROW(POST, "/v1/jobs/{id}:checkpoint", NONE, TRAIN, POOL, "", job_checkpoint)
    ROW(POST, "/v1/jobs/{id}:fork", JSON, TRAIN, POOL, "", job_fork)
    ROW(GET, "/v1/jobs/{id}/metrics", NONE, VIEW, POOL, SERIES, job_series)
    ROW(GET, "/v1/jobs/{id}/confusion", NONE, VIEW, POOL, "epoch", job_confusion)
    ROW(GET, "/v1/jobs/{id}/gradients", NONE, VIEW, POOL, "limit cursor", job_gradients)
    ROW(GET, "/v1/jobs/{id}/log", NONE, VIEW, POOL, "", job_log)
    ROW(GET, "/v1/jobs/{id}/events", NONE, VIEW, POOL, "last_event_id", job_events)
    ROW(GET, "/v1/events", NONE, VIEW, POOL, "jobs last_event_id", events)
    ROW(GET, "/v1/schema/job", NONE, VIEW, POOL, "", job_schema)
    ROW(GET, "/v1/presets", NONE, VIEW, POOL, "", presets)
    ROW(GET, "/v1/models", NONE, VIEW, POOL, "", models)
    ROW(GET, "/v1/models/{m}", NONE, VIEW, POOL, "", model)
    ROW(GET, "/v1/models/{m}/versions/{v}", NONE, VIEW, POOL, "", model_version)
    ROW(DELETE, "/v1/models/{m}/versions/{v}", NONE, TRAIN, POOL, "", model_delete)
    ROW(POST, "/v1/models/{m}:classify", IMAGE, PREDICT, POOL, OPTIONS, classify)
    ROW(POST, "/v1/models/{m}/versions/{v}:classify", IMAGE, PREDICT, POOL, OPTIONS, classify)
    ROW(POST, "/v1/classify", IMAGE, PREDICT, POOL, OPTIONS, classify)
    ROW(GET, "/v1/datasets", NONE, VIEW, POOL, "", datasets)
    ROW(GET, "/v1/system", NONE, VIEW, POOL, "", system)
    ROW(GET, "/v1/config", NONE, VIEW, POOL, "", config)
    ROW(GET, "/metrics", NONE, VIEW, INLINE, "", prometheus)
    ROW(GET, "/livez", NONE, PUBLIC, INLINE, "", live)
    ROW(GET, "/healthz", NONE, PUBLIC, INLINE, "", live)
    ROW(GET, "/readyz", NONE, PUBLIC, INLINE, "", ready)
    ROW(GET, "/openapi.json", NONE, PUBLIC, ASSET, "", web)
    ROW(GET, "/", NONE, PUBLIC, ASSET, NULL, web)
    ROW(GET, "/index.html", NONE, PUBLIC, ASSET, NULL, web)
    ROW(GET, "/favicon.ico", NONE, PUBLIC, INLINE, NULL, favicon)
    ROW(GET, "/favicon.svg", NONE, PUBLIC, ASSET, NULL, web)
    ROW(GET, "/css/{*}", NONE, PUBLIC, ASSET, NULL, web)
    ROW(GET, "/img/{*}", NONE, PUBLIC, ASSET, NULL, web)
    ROW(GET, "/js/{*}", NONE, PUBLIC, ASSET, NULL, web)
    ROW(GET, "/vendor/{*}", NONE, PUBLIC, ASSET, NULL, web)
};
/* clang-format on */

const struct ur_route *ur_routes(size_t *count)
{
    *count = sizeof routes / sizeof *routes;
    return routes;
}

/*
 * Takes one piece of a path ("{id}:stop" against "j123:stop"): a variable's value goes to out
 * and must be a valid name, so that nothing a stranger wrote ever looks like a path.
 */
static bool match_piece(const char *pattern, size_t n_pattern, const char *piece,
                        size_t n_piece, char out[UR_PARAM_BYTES], bool *variable)
{
    *variable = pattern[0] == '{';
    if (!*variable)
        return n_pattern == n_piece && memcmp(pattern, piece, n_piece) == 0;
    const char *verb = (const char *)memchr(pattern, '}', n_pattern) + 1;
    size_t n_verb = n_pattern - (size_t)(verb - pattern);
    if (n_piece <= n_verb || n_piece - n_verb >= UR_PARAM_BYTES ||
        memcmp(piece + n_piece - n_verb, verb, n_verb) != 0)
        return false;
    memcpy(out, piece, n_piece - n_verb);
    out[n_piece - n_verb] = '\0';
    return ur_name_valid(out);
}

static bool match(const char *pattern, const char *path,
                  char params[UR_MAX_PARAMS][UR_PARAM_BYTES])
{
    size_t n_params = 0;
    memset(params, 0, UR_MAX_PARAMS * sizeof *params);
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        if (strcmp(pattern, "{*}") == 0)
            return *path != '\0';
        size_t n_pattern = strcspn(pattern, "/"), n_path = strcspn(path, "/");
        char value[UR_PARAM_BYTES] = "";
        bool variable = false;
        if (!match_piece(pattern, n_pattern, path, n_path, value, &variable))
            return false;
        if (variable && n_params < UR_MAX_PARAMS)
            ur_copy(params[n_params++], UR_PARAM_BYTES, value);
        pattern += n_pattern;
        path += n_path;
    }
    return *pattern == '\0' && *path == '\0';
}

/* HEAD goes to GET's row. */
static bool takes_method(const struct ur_route *route, const char *method)
{
    return strcmp(route->method, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

static void allow_method(char allow[64], const char *method)
{
    size_t used = strlen(allow);
    snprintf(allow + used, 64 - used, "%s%s%s", used > 0 ? ", " : "", method,
             strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

enum ur_status ur_route_find(struct ur_request *request, char allow[64], struct ur_error *error)
{
    char params[UR_MAX_PARAMS][UR_PARAM_BYTES];
    allow[0] = '\0';
    for (size_t at = 0; at < sizeof routes / sizeof *routes; at++) {
        if (!match(routes[at].pattern, request->path, params))
            continue;
        if (!takes_method(&routes[at], request->method)) {
            allow_method(allow, routes[at].method);
            continue;
        }
        request->route = &routes[at];
        memcpy(request->params, params, sizeof params);
        return UR_OK;
    }
    if (allow[0] != '\0')
        return ur_fail(error, UR_METHOD, "This address takes %s.", allow);
    return ur_fail(error, UR_NOT_FOUND, "There is nothing at this address.");
}

/* True where the blank-separated names hold the name. */
static bool knows(const char *names, const struct ur_pair *pair)
{
    for (const char *at = names; *at != '\0';) {
        size_t span = strcspn(at, " ");
        if (span == pair->n_name && memcmp(at, pair->name, span) == 0)
            return true;
        at += span + (at[span] == ' ');
    }
    return false;
}

enum ur_status ur_route_check_query(const struct ur_request *request, struct ur_error *error)
{
    const char *names = request->route->query;
    if (names == NULL) /* the page's own links carry what they like */
        return UR_OK;
    for (size_t at = 0; at < request->n_query; at++) {
        const struct ur_pair *pair = &request->query[at];
        if (!knows(names, pair)) {
            char shown[61]; /* never cut inside a character */
            ur_copy_printable(shown, sizeof shown, pair->name);
            return ur_fail(error, UR_BAD_REQUEST,
                           "The parameter \"%s\" is unknown; this address takes %s.", shown,
                           names[0] != '\0' ? names : "none");
        }
        for (size_t i = 0; i < at; i++)
            if (strcmp(request->query[i].name, pair->name) == 0)
                return ur_fail(error, UR_BAD_REQUEST,
                               "The parameter \"%s\" is given more than once.", pair->name);
    }
    return UR_OK;
}

static bool is_type(const char *type, const char *wanted)
{
    size_t span = strcspn(type, "; \t");
    return span == strlen(wanted) && strncasecmp(type, wanted, span) == 0;
}

/* curl's --data-binary calls everything a form; who posts a form's text gets "cannot be
 * decoded". */
static bool is_image_type(const char *type)
{
    return strncasecmp(type, "image/", 6) == 0 || is_type(type, "application/octet-stream") ||
           is_type(type, "application/x-www-form-urlencoded");
}

enum ur_status ur_route_check_body(const struct ur_request *request, uint64_t expected,
                                   bool chunked, struct ur_error *error)
{
    const struct ur_route *route = request->route;
    const char *type = ur_request_header(request, "Content-Type");
    if (route->body == UR_BODY_NONE && (expected > 0 || chunked))
        return ur_fail(error, UR_BAD_REQUEST, "This address takes no body.");
    if (route->body == UR_BODY_JSON && (type == NULL || !is_type(type, "application/json")))
        return ur_fail(error, UR_MEDIA_TYPE,
                       "The body must be JSON with Content-Type: application/json.");
    if (route->body == UR_BODY_IMAGE && type != NULL && !is_image_type(type))
        return ur_fail(error, UR_MEDIA_TYPE,
                       "The body must be the picture itself, as image/png, image/jpeg or "
                       "application/octet-stream; JSON and forms are not taken yet.");
    if (expected > route->limit)
        return ur_fail(error, UR_TOO_LARGE,
                       "The body of %llu bytes is larger than the limit of %zu bytes.",
                       (unsigned long long)expected, route->limit);
    return UR_OK;
}
