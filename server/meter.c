#include "meter.h"

#include <assert.h>

#include "routes.h"

/* Upper bounds in microseconds: from an answer out of memory to a stalled decoder. */
static const int64_t bounds_us[UR_METER_BUCKETS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 500000, 1000000, 5000000};

static size_t row_of(const struct ur_route *route)
{
    size_t count = 0;
    const struct ur_route *table = ur_routes(&count);
    assert(count < UR_METER_ROUTES);
    return route == NULL ? 0 : (size_t)(route - table) + 1;
}

void ur_meter_answer(struct ur_meter *meter, const struct ur_route *route, int status,
                     int64_t duration_us)
{
    int class = status / 100 - 1;
    if (class < 0 || class >= UR_METER_CLASSES)
        class = UR_METER_CLASSES - 1;
    atomic_fetch_add(&meter->answers[row_of(route)][class], 1);
    size_t bucket = 0;
    while (bucket < UR_METER_BUCKETS && duration_us > bounds_us[bucket])
        bucket++;
    atomic_fetch_add(&meter->buckets[bucket], 1);
    atomic_fetch_add(&meter->sum_us, (uint_fast64_t)(duration_us > 0 ? duration_us : 0));
}

static void print_answers(struct ur_meter *meter, struct ur_text *out)
{
    size_t count = 0;
    const struct ur_route *table = ur_routes(&count);
    ur_text_format(out,
                   "# HELP unroll_http_requests_total Requests answered, by route and class "
                   "of status.\n# TYPE unroll_http_requests_total counter\n");
    for (size_t row = 0; row <= count; row++)
        for (int class = 0; class < UR_METER_CLASSES; class ++) {
            uint64_t answers = atomic_load(&meter->answers[row][class]);
            if (answers > 0)
                ur_text_format(
                    out,
                    "unroll_http_requests_total{method=\"%s\",route=\"%s\",class=\"%dxx\"} "
                    "%llu\n",
                    row == 0 ? "" : table[row - 1].method,
                    row == 0 ? "" : table[row - 1].pattern, class + 1,
                    (unsigned long long)answers);
        }
}

static void print_durations(struct ur_meter *meter, struct ur_text *out)
{
    ur_text_format(out,
                   "# HELP unroll_http_request_duration_seconds Time from a request's head to "
                   "the start of its answer.\n"
                   "# TYPE unroll_http_request_duration_seconds histogram\n");
    uint64_t total = 0;
    for (size_t at = 0; at < UR_METER_BUCKETS; at++) {
        total += atomic_load(&meter->buckets[at]);
        ur_text_format(out, "unroll_http_request_duration_seconds_bucket{le=\"%g\"} %llu\n",
                       (double)bounds_us[at] / 1e6, (unsigned long long)total);
    }
    total += atomic_load(&meter->buckets[UR_METER_BUCKETS]);
    ur_text_format(out,
                   "unroll_http_request_duration_seconds_bucket{le=\"+Inf\"} %llu\n"
                   "unroll_http_request_duration_seconds_sum %.6f\n"
                   "unroll_http_request_duration_seconds_count %llu\n",
                   (unsigned long long)total, (double)atomic_load(&meter->sum_us) / 1e6,
                   (unsigned long long)total);
}

void ur_meter_print(struct ur_meter *meter, struct ur_text *out)
{
    print_answers(meter, out);
    print_durations(meter, out);
    ur_text_format(out,
                   "# HELP unroll_http_refused_total Requests refused by the guard.\n"
                   "# TYPE unroll_http_refused_total counter\n"
                   "unroll_http_refused_total %llu\n"
                   "# HELP unroll_http_cut_total Connections closed for being too slow.\n"
                   "# TYPE unroll_http_cut_total counter\n"
                   "unroll_http_cut_total %llu\n"
                   "# HELP unroll_http_connections Open connections.\n"
                   "# TYPE unroll_http_connections gauge\n"
                   "unroll_http_connections %d\n",
                   (unsigned long long)atomic_load(&meter->refused),
                   (unsigned long long)atomic_load(&meter->cut),
                   atomic_load(&meter->connections));
}
