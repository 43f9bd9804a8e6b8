/*
 * How long one picture may keep the predictor busy: UR_DECODE_CPU_MS of processor time, looked
 * at between rows and scans, and a timer behind it for code that never comes back to look.
 *
 * What would surprise: when the timer goes off, the process is gone, with all requests it held.
 * Its parent starts it again and asks once more; a picture that ends it twice is answered 503.
 * Units: milliseconds of processor time of the whole process, which has one thread. Errors:
 * UR_BAD_IMAGE from _check. Threads: one; the timer belongs to the process.
 */
#ifndef UNROLL_INFER_DEADLINE_H
#define UNROLL_INFER_DEADLINE_H

#include <stdbool.h>

#include "unroll/status.h"

enum {
    UR_DECODE_CPU_MS = 1000, /* 16 million pixels of PNG take 500 */
    UR_DECODE_KILL_MS = 1500 /* nothing that looks at the clock gets here */
};

/* Takes over SIGPROF, whose handler ends the process; call once, at the start. */
enum ur_status ur_deadline_setup(struct ur_error *error);

/* Starts the time of one picture. */
void ur_deadline_start(void);

/* Stops the timer. */
void ur_deadline_stop(void);

/* True once the time is used up; false where none was started. */
bool ur_deadline_passed(void);

/* As ur_deadline_passed, in words. */
enum ur_status ur_deadline_check(struct ur_error *error);

#endif
