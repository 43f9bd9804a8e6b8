/*
 * One block of memory, carved once before step 0 and never again, so that a job's memory is
 * known before it starts.
 *
 * Use it twice with the same code: first over a planning arena (no memory, only the sum of
 * sizes), then over the real one of exactly that size.
 *
 *     struct ur_arena plan = ur_arena_planner();
 *     model_carve(&model, &plan);                     every pointer is NULL, plan.used the size
 *     ur_arena_init(&arena, plan.used, &error);
 *     model_carve(&model, &arena);                    now the pointers are real
 *
 * Units: bytes. Every piece starts on a 64-byte boundary and is zeroed. Cost: one mmap-sized
 * allocation. Errors: UR_NO_MEMORY from _init; carving past the end is an assert (the plan was
 * wrong, so the mistake is ours). Ownership: the caller owns the struct; _release frees the
 * block and everything carved from it. Threads: none inside.
 */
#ifndef UNROLL_ARENA_H
#define UNROLL_ARENA_H

#include <stddef.h>

#include "unroll/status.h"

enum { UR_ARENA_ALIGN = 64 };

struct ur_arena {
    unsigned char *base; /* NULL: a planner */
    size_t size;         /* bytes; SIZE_MAX in a planner */
    size_t used;         /* bytes handed out so far, padding included */
};

/* Gives an arena that only adds up sizes. */
struct ur_arena ur_arena_planner(void);

/* Allocates size zeroed bytes. */
enum ur_status ur_arena_init(struct ur_arena *arena, size_t size, struct ur_error *error);

/* Frees the block; accepts NULL and a zeroed struct. */
void ur_arena_release(struct ur_arena *arena);

/* Hands out count * size zeroed bytes, aligned to 64; NULL from a planner. Asserts that the
 * product does not overflow. */
void *ur_arena_take(struct ur_arena *arena, size_t count, size_t size);

/* Hands out count floats. */
float *ur_arena_floats(struct ur_arena *arena, size_t count);

#endif
