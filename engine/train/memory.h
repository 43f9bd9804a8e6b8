/*
 * How much memory this process may still take: the least of what the machine has available and
 * what the limits of the process and of its control groups leave.
 *
 * Units: bytes. Cost: a few small files of /proc and of /sys/fs/cgroup. Errors: UR_JOB_TOO_BIG
 * with both numbers. Threads: any.
 */
#ifndef UNROLL_TRAIN_MEMORY_H
#define UNROLL_TRAIN_MEMORY_H

#include <stddef.h>

#include "unroll/status.h"

/* Gives the bytes that are available; SIZE_MAX where nothing says. */
size_t ur_memory_available(void);

/* Gives what the control groups in a list like /proc/self/cgroup and those above them leave,
 * both versions, under the folder where they are mounted; SIZE_MAX where nothing limits. Their
 * page cache counts as free: the kernel takes it back before it refuses anybody. */
size_t ur_memory_groups_left(const char *list, const char *mount);

/* Fails if a job of that many bytes, of which it holds some already, needs more than there
 * are. */
enum ur_status ur_memory_check(size_t bytes, size_t held, struct ur_error *error);

#endif
