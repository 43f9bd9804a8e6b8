/*
 * Counts of answers, for /metrics: by route and class of status, and how long they took.
 *
 * The labels are the route table's patterns and five classes, never anything that a client
 * chose. Cost: two atomic additions a request. Threads: any.
 */
#ifndef UNROLL_SERVER_METER_H
#define UNROLL_SERVER_METER_H

#include <stdatomic.h>
#include <stdint.h>

#include "unroll/text.h"

struct ur_route;

enum { UR_METER_ROUTES = 64, UR_METER_CLASSES = 5, UR_METER_BUCKETS = 12 };

struct ur_meter {
    atomic_uint_fast64_t answers[UR_METER_ROUTES][UR_METER_CLASSES]; /* row 0: no route */
    atomic_uint_fast64_t buckets[UR_METER_BUCKETS + 1];              /* the last: above all */
    atomic_uint_fast64_t sum_us;
    atomic_uint_fast64_t refused; /* by the guard */
    atomic_uint_fast64_t cut;     /* connections closed by the watchdog */
    atomic_int connections;
};

/* Counts one answer; route may be NULL. */
void ur_meter_answer(struct ur_meter *meter, const struct ur_route *route, int status,
                     int64_t duration_us);

/* Appends the families unroll_http_…, Prometheus text 0.0.4. */
void ur_meter_print(struct ur_meter *meter, struct ur_text *out);

#endif
