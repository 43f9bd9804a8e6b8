/*
 * Two clocks that are never mixed: a monotonic one for durations, the wall clock for showing a
 * date. Units: microseconds. Threads: any.
 */
#ifndef UNROLL_CLOCK_H
#define UNROLL_CLOCK_H

#include <stdint.h>

enum { UR_TIMESTAMP_BYTES = 32 };

/* Gives microseconds since an arbitrary moment; never goes back. */
int64_t ur_clock_us(void);

/* Gives microseconds since 1970, UTC: for display and for ids, never for a duration. */
int64_t ur_clock_wall_us(void);

/* Writes wall_us as RFC 3339 in UTC with milliseconds: 2026-11-23T21:07:16.123Z. */
void ur_clock_format(int64_t wall_us, char out[UR_TIMESTAMP_BYTES]);

#endif
