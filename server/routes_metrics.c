#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "http.h"
#include "hub.h"
#include "meter.h"
#include "predictor.h"
#include "routes.h"
#include "store.h"
#include "store_insights.h"
#include "supervisor.h"
#include "unroll/clock.h"

enum { DEFAULT_POINTS = 1000, MAX_POINTS = 10000, DEFAULT_INSIGHTS = 20 };

enum ur_status ur_route_job_series(const struct ur_request *request, struct ur_reply *reply,
                                   struct ur_error *error)
{
    const char *names = ur_request_query(request, "series");
    struct ur_series_request series = {.job = request->params[0],
                                       .names =
                                           names != NULL && names[0] != '\0' ? names : NULL,
                                       .max_points = DEFAULT_POINTS};
    int32_t csv = 0;
    enum ur_status status =
        ur_request_integer(request, "from_step", 0, INT32_MAX, &series.from_step, error);
    if (status == UR_OK)
        status =
            ur_request_integer(request, "max_points", 1, MAX_POINTS, &series.max_points, error);
    if (status == UR_OK)
        status = ur_request_choice(request, "format", "json csv", &csv, error);
    if (status != UR_OK)
        return status;
    series.csv = csv != 0;
    reply->type = series.csv ? "text/csv; charset=utf-8" : "application/json";
    reply->document = true;
    return ur_store_series(request->server->store, &series, &reply->text, error);
}

enum ur_status ur_route_job_confusion(const struct ur_request *request, struct ur_reply *reply,
                                      struct ur_error *error)
{
    int32_t epoch = -1;
    enum ur_status status = ur_request_integer(request, "epoch", 0, INT32_MAX, &epoch, error);
    if (status != UR_OK)
        return status;
    reply->document = true;
    return ur_store_confusion(request->server->store, request->params[0], epoch, &reply->text,
                              error);
}

enum ur_status ur_route_job_gradients(const struct ur_request *request, struct ur_reply *reply,
                                      struct ur_error *error)
{
    struct ur_insights_request insights = {.job = request->params[0],
                                           .limit = DEFAULT_INSIGHTS};
    enum ur_status status =
        ur_request_integer(request, "limit", 1, UR_MAX_INSIGHTS, &insights.limit, error);
    if (status == UR_OK)
        status =
            ur_request_integer(request, "cursor", 1, INT32_MAX, &insights.before_step, error);
    if (status != UR_OK)
        return status;
    reply->document = true;
    return ur_store_insights(request->server->store, &insights, &reply->text, error);
}

static void family(struct ur_text *out, const char *name, const char *type, const char *help)
{
    ur_text_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct ur_text *out, const char *name, const char *help, double value)
{
    family(out, name, "gauge", help);
    ur_text_format(out, "%s %.17g\n", name, value);
}

static void counter(struct ur_text *out, const char *name, const char *help, uint64_t value)
{
    family(out, name, "counter", help);
    ur_text_format(out, "%s %llu\n", name, (unsigned long long)value);
}

static void print_jobs(struct ur_supervisor *supervisor, struct ur_text *out)
{
    struct ur_supervisor_counts counts;
    ur_supervisor_counts(supervisor, &counts);
    family(out, "unroll_jobs", "gauge", "Jobs by state.");
    for (int state = 0; state < UR_JOB_STATE_COUNT; state++)
        ur_text_format(out, "unroll_jobs{state=\"%s\"} %d\n",
                       ur_job_state_name((enum ur_job_state)state), counts.jobs[state]);
    counter(out, "unroll_steps_total", "Training steps applied.", counts.steps_total);
    counter(out, "unroll_images_total", "Images trained on.", counts.images_total);
    gauge(out, "unroll_images_per_second", "Training speed of all running jobs together.",
          counts.images_per_second);
    counter(out, "unroll_worker_restarts_total", "Workers started again after they died.",
            counts.worker_restarts_total);
    counter(out, "unroll_records_dropped_total", "Step records thinned away by workers.",
            counts.records_dropped_total);
    counter(out, "unroll_checkpoints_total", "Checkpoints written.", counts.checkpoints_total);
    gauge(out, "unroll_threads_used", "Threads given to jobs.", counts.threads_used);
    gauge(out, "unroll_threads_budget", "Threads that jobs may use together.",
          counts.threads_budget);
    gauge(out, "unroll_memory_used_bytes", "Memory planned for running jobs.",
          (double)counts.memory_used);
    gauge(out, "unroll_memory_budget_bytes", "Memory that jobs may use together.",
          (double)counts.memory_budget);
}

static void print_hub(struct ur_hub *hub, struct ur_text *out)
{
    int32_t watchers = 0;
    uint64_t events = 0, gaps = 0;
    ur_hub_counts(hub, &watchers, &events, &gaps);
    gauge(out, "unroll_watchers", "Open event streams.", watchers);
    counter(out, "unroll_events_total", "Events published.", events);
    counter(out, "unroll_event_gaps_total", "Gaps sent to readers that were too slow.", gaps);
}

static void print_predictor(struct ur_predictor *predictor, struct ur_text *out)
{
    struct ur_predictor_counts counts;
    ur_predictor_counts(predictor, &counts);
    gauge(out, "unroll_predictor_up", "1 while the predictor answers.", counts.ready);
    gauge(out, "unroll_models", "Model versions registered.", counts.models);
    counter(out, "unroll_predictions_total", "Pictures sent to the predictor.",
            counts.requests_total);
    counter(out, "unroll_prediction_failures_total", "Pictures that were not answered.",
            counts.failures_total);
    counter(out, "unroll_predictor_restarts_total", "Predictors started again after they died.",
            counts.restarts_total);
    family(out, "unroll_prediction_seconds_total", "counter",
           "Time spent inside the predictor.");
    ur_text_format(out, "unroll_prediction_seconds_total %.6f\n", counts.seconds_total);
}

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = -3; /* ".", ".." and the folder itself */
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count;
}

/* Reads a small file of /proc, which never waits for a disk. */
static void read_small(const char *path, char *out, size_t size)
{
    out[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t got = read(fd, out, size - 1);
    out[got > 0 ? got : 0] = '\0';
    close(fd);
}

/* Gives field number n (from 3) of /proc/self/stat; the second may hold blanks. */
static unsigned long long stat_field(const char *stat, int n)
{
    const char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < n; field++) {
        at = strchr(at, ' ');
        at += at != NULL;
    }
    return at == NULL ? 0 : strtoull(at, NULL, 10);
}

static double start_time(const char *stat)
{
    char uptime[64];
    read_small("/proc/uptime", uptime, sizeof uptime);
    double now = (double)ur_clock_wall_us() / 1e6;
    double hertz = (double)sysconf(_SC_CLK_TCK);
    return now - strtod(uptime, NULL) + (double)stat_field(stat, 22) / hertz;
}

static void print_process(struct ur_text *out)
{
    char stat[1024];
    struct rusage usage;
    struct rlimit limit = {0};
    read_small("/proc/self/stat", stat, sizeof stat);
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &limit);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    family(out, "process_cpu_seconds_total", "counter", "User and system time spent.");
    ur_text_format(out, "process_cpu_seconds_total %.6f\n", cpu);
    gauge(out, "process_resident_memory_bytes", "Resident memory.",
          (double)stat_field(stat, 24) * (double)sysconf(_SC_PAGESIZE));
    gauge(out, "process_virtual_memory_bytes", "Virtual memory.", (double)stat_field(stat, 23));
    gauge(out, "process_open_fds", "Open descriptors.", count_descriptors());
    gauge(out, "process_max_fds", "Descriptors that may be open.", (double)limit.rlim_cur);
    family(out, "process_start_time_seconds", "gauge", "Start, in seconds since 1970.");
    ur_text_format(out, "process_start_time_seconds %.2f\n", start_time(stat));
}

/* Prometheus text 0.0.4; no label holds anything that a client chose. */
enum ur_status ur_route_prometheus(const struct ur_request *request, struct ur_reply *reply,
                                   struct ur_error *error)
{
    (void)error;
    struct ur_text *out = &reply->text;
    reply->type = "text/plain; version=0.0.4; charset=utf-8";
    family(out, "unroll_build_info", "gauge", "The version that runs.");
    ur_text_format(out, "unroll_build_info{version=\"%s\"} 1\n", UR_VERSION);
    print_jobs(request->server->supervisor, out);
    print_hub(request->server->hub, out);
    print_predictor(request->server->predictor, out);
    ur_meter_print(ur_http_meter(request->http), out);
    print_process(out);
    return UR_OK;
}
