/*
 * A job's progress on stderr: a bar that redraws itself on a terminal, a line for every tenth
 * of the way elsewhere, so that a log stays readable.
 *
 * Cost: at most ten redraws a second. Errors: none. Ownership: no pointers. Threads: one.
 */
#ifndef UNROLL_SERVER_CLI_PROGRESS_H
#define UNROLL_SERVER_CLI_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ur_progress {
    bool terminal;
    bool drawn;       /* a bar stands in the last line */
    int tenth;        /* the last one that got a line */
    int64_t drawn_us; /* when the bar was drawn */
};

void ur_progress_init(struct ur_progress *progress);

/* Shows the data of a `step` event. */
void ur_progress_step(struct ur_progress *progress, const json_t *step);

/* Prints a line above the bar. */
void ur_progress_line(struct ur_progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Wipes the bar: whoever prints next starts a clean line. */
void ur_progress_wipe(struct ur_progress *progress);

/* Writes seconds as 0:07, 12:05 or 1:02:03; "-" for what is not known. */
void ur_progress_duration(double seconds, char *out, size_t size);

#endif
