/*
 * Threads that answer requests: a fixed number, a queue with a maximum, first come first
 * served.
 *
 * Errors: UR_UNAVAILABLE past the maximum, UR_NO_MEMORY. Ownership: jobs are borrowed until
 * their function returns. Threads: submit from any.
 */
#ifndef UNROLL_SERVER_POOL_H
#define UNROLL_SERVER_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/status.h"

struct ur_pool;

/* A piece of work; embed it. */
struct ur_task {
    struct ur_task *next;
    void (*run)(struct ur_task *task);
};

enum ur_status ur_pool_create(struct ur_pool **out, int32_t threads, size_t maximum,
                              struct ur_error *error);
/* Runs what is queued, then ends the threads. Accepts NULL. */
void ur_pool_destroy(struct ur_pool *pool);
/* Queues a task; its run is called once, from a thread of the pool. */
enum ur_status ur_pool_submit(struct ur_pool *pool, struct ur_task *task,
                              struct ur_error *error);

#endif
