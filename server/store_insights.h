/*
 * What a job's steps looked like from inside, in the database: JSON as its worker sent it, once
 * checked. A job keeps at most UR_MAX_INSIGHTS of them: when there are more, every second one
 * goes, so that what is left spans the whole run. Read through store.h.
 */
#ifndef UNROLL_SERVER_STORE_INSIGHTS_H
#define UNROLL_SERVER_STORE_INSIGHTS_H

#include <stdint.h>

#include "unroll/status.h"

enum { UR_MAX_INSIGHTS = 512 };

struct ur_connection;

/* Inserts one; a step that was there is replaced: a resumed job repeats it, to the same
 * bits. */
enum ur_status ur_insights_insert(struct ur_connection *connection, int64_t job, int32_t step,
                                  const char *json, struct ur_error *error);

#endif
