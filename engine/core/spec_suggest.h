/*
 * What a mistyped field of a job was most likely meant to be.
 *
 * Cost: one edit distance for each row of the table. Errors: none. Threads: pure functions.
 */
#ifndef UNROLL_CORE_SPEC_SUGGEST_H
#define UNROLL_CORE_SPEC_SUGGEST_H

#include <stddef.h>

/* Writes the pointer of the field or group that resembles key, a key of the object at the
 * pointer group; "" where nothing does. A neighbour in that object wins over a namesake
 * elsewhere. */
void ur_spec_suggest(const char *group, const char *key, char *out, size_t size);

#endif
