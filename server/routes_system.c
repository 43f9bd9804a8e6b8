#include <jansson.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "config.h"
#include "http.h"
#include "hub.h"
#include "json_text.h"
#include "predictor.h"
#include "routes.h"
#include "store.h"
#include "supervisor.h"
#include "unroll/limits.h"

/* The process answers, so it lives: nothing else is asked. */
enum ur_status ur_route_live(const struct ur_request *request, struct ur_reply *reply,
                             struct ur_error *error)
{
    (void)request;
    (void)error;
    ur_text_format(&reply->text, "{\"status\":\"ok\"}");
    return UR_OK;
}

enum ur_status ur_route_ready(const struct ur_request *request, struct ur_reply *reply,
                              struct ur_error *error)
{
    struct ur_predictor_counts counts;
    ur_predictor_counts(request->server->predictor, &counts);
    if (!counts.ready)
        return ur_fail(error, UR_UNAVAILABLE, "The predictor is not ready.");
    if (!ur_store_writable(request->server->store))
        return ur_fail(error, UR_UNAVAILABLE, "The database takes no writes.");
    ur_text_format(&reply->text, "{\"status\":\"ok\",\"ready\":true}");
    return UR_OK;
}

/* What could be given to a program without swapping: free memory alone leaves the page cache
 * out. */
static uint64_t available_memory(void)
{
    static const char key[] = "MemAvailable:"; /* then blanks, a number, " kB" */
    FILE *file = fopen("/proc/meminfo", "re");
    uint64_t available = 0;
    char line[128];
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, sizeof key - 1) == 0)
            available = strtoull(line + sizeof key - 1, NULL, 10) * 1024;
    if (file != NULL)
        fclose(file);
    return available;
}

static void print_machine(struct ur_text *json)
{
    struct sysinfo info;
    const uint64_t free_memory = available_memory();
    uint64_t memory = 0;
    if (sysinfo(&info) == 0)
        memory = (uint64_t)info.totalram * info.mem_unit;
    ur_json_key_integer(json, "cores", sysconf(_SC_NPROCESSORS_ONLN));
    ur_json_key_integer(json, "memory_bytes", (int64_t)memory);
    ur_json_key_integer(json, "free_memory_bytes", (int64_t)free_memory);
}

static void print_budget(const struct ur_supervisor_counts *jobs, struct ur_text *json)
{
    ur_json_key(json, "budget");
    ur_text_append(json, "{", 1);
    ur_json_key_integer(json, "threads", jobs->threads_budget);
    ur_json_key_integer(json, "threads_used", jobs->threads_used);
    ur_json_key_integer(json, "memory_bytes", (int64_t)jobs->memory_budget);
    ur_json_key_integer(json, "memory_used_bytes", (int64_t)jobs->memory_used);
    ur_text_append(json, "}", 1);
}

static void print_limits(const struct ur_config *config, struct ur_text *json)
{
    ur_json_key(json, "limits");
    ur_text_append(json, "{", 1);
    ur_json_key_integer(json, "json_bytes", UR_JSON_MAX_BYTES);
    ur_json_key_integer(json, "image_bytes", UR_IMAGE_MAX_BYTES);
    ur_json_key_integer(json, "image_side_pixels", UR_IMAGE_MAX_SIDE);
    ur_json_key_integer(json, "running_jobs", config->max_jobs);
    ur_json_key_integer(json, "queued_jobs", config->max_queued);
    ur_json_key_integer(json, "connections", config->max_connections);
    ur_json_key_integer(json, "watchers", config->max_watchers);
    ur_text_append(json, "}", 1);
}

static void print_predictor(const struct ur_predictor_counts *predictor, struct ur_text *json)
{
    ur_json_key(json, "predictor");
    ur_text_append(json, "{", 1);
    ur_json_key_boolean(json, "ready", predictor->ready);
    ur_json_key_boolean(json, "seccomp", predictor->seccomp);
    ur_json_key_boolean(json, "landlock", predictor->landlock);
    ur_json_key_integer(json, "models", predictor->models);
    ur_text_append(json, "}", 1);
}

static void print_versions(struct ur_text *json)
{
    ur_json_key_string(json, "version", UR_VERSION);
    ur_json_key(json, "versions");
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "unroll", UR_VERSION);
    ur_json_key_string(json, "libmicrohttpd", ur_http_library());
    ur_json_key_string(json, "jansson", jansson_version_str());
    ur_text_append(json, "}", 1);
}

enum ur_status ur_route_system(const struct ur_request *request, struct ur_reply *reply,
                               struct ur_error *error)
{
    (void)error;
    struct ur_supervisor_counts jobs;
    struct ur_predictor_counts predictor;
    ur_supervisor_counts(request->server->supervisor, &jobs);
    ur_predictor_counts(request->server->predictor, &predictor);
    struct ur_text *json = &reply->text;
    ur_text_append(json, "{", 1);
    print_versions(json);
    print_machine(json);
    ur_json_key_string_or_null(json, "numerics_profile", jobs.numerics_profile);
    print_budget(&jobs, json);
    print_limits(request->server->config, json);
    print_predictor(&predictor, json);
    ur_text_append(json, "}", 1);
    return UR_OK;
}

enum ur_status ur_route_config(const struct ur_request *request, struct ur_reply *reply,
                               struct ur_error *error)
{
    (void)error;
    ur_config_print(request->server->config, &reply->text);
    reply->document = true;
    return UR_OK;
}
