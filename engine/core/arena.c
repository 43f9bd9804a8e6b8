#include "unroll/arena.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

static size_t round_up(size_t bytes)
{
    return (bytes + UR_ARENA_ALIGN - 1) & ~(size_t)(UR_ARENA_ALIGN - 1);
}

struct ur_arena ur_arena_planner(void)
{
    return (struct ur_arena){.base = NULL, .size = SIZE_MAX, .used = 0};
}

enum ur_status ur_arena_init(struct ur_arena *arena, size_t size, struct ur_error *error)
{
    *arena = (struct ur_arena){0};
    if (size > SIZE_MAX - UR_ARENA_ALIGN)
        return ur_fail(error, UR_NO_MEMORY, "%zu bytes of memory are not to be had.", size);

    /* An empty arena still owns a line: a NULL base would make it a planner. */
    size_t whole = round_up(size > 0 ? size : 1);
    arena->base = aligned_alloc(UR_ARENA_ALIGN, whole);
    if (arena->base == NULL)
        return ur_fail(error, UR_NO_MEMORY, "%zu bytes of memory are not to be had.", size);

    /* Zeroing also touches every page, so that memory runs out here and not in step 1000. */
    memset(arena->base, 0, whole);
    arena->size = round_up(size);
    return UR_OK;
}

void ur_arena_release(struct ur_arena *arena)
{
    if (arena == NULL)
        return;
    free(arena->base);
    *arena = (struct ur_arena){0};
}

void *ur_arena_take(struct ur_arena *arena, size_t count, size_t size)
{
    size_t bytes = 0;
    bool overflow = __builtin_mul_overflow(count, size, &bytes) ||
                    bytes > SIZE_MAX - UR_ARENA_ALIGN ||
                    round_up(bytes) > arena->size - arena->used;
    assert(!overflow);
    if (overflow)
        return NULL; /* without assertions a null pointer still beats a wild one */

    unsigned char *piece = arena->base != NULL ? arena->base + arena->used : NULL;
    arena->used += round_up(bytes);
    return piece;
}

float *ur_arena_floats(struct ur_arena *arena, size_t count)
{
    return ur_arena_take(arena, count, sizeof(float));
}
