/*
 * How much memory this process may still take: the least of what the machine has available and
 * what the limits of the process leave.
 *
 * Units: bytes. Cost: two small files of /proc. Errors: UR_JOB_TOO_BIG with both numbers.
 * Threads: any.
 */
#ifndef UNROLL_TRAIN_MEMORY_H
#define UNROLL_TRAIN_MEMORY_H

#include <stddef.h>

#include "unroll/status.h"

/* Gives the bytes that are available; SIZE_MAX where nothing says. */
size_t ur_memory_available(void);

/* Fails if a job of that many bytes, of which it holds some already, needs more than there
 * are. */
enum ur_status ur_memory_check(size_t bytes, size_t held, struct ur_error *error);

#endif
