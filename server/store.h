/*
 * The one writer of the database: one thread, one connection for everything that is written and
 * for all checkpoints of the log. What waits together is committed together. Readers have
 * read-only connections of their own and are closed before the writer.
 *
 * Weights are never in here: files hold them, and a row is committed after its file is durable.
 * Events are committed before anybody hears of them: the subscriber is called after the commit.
 *
 * Format: server/schema.sql, a schema version in user_version; a newer one than ours is
 * refused. Errors: UR_IO, UR_DISK_FULL, UR_CONFLICT (another daemon holds the state directory),
 * UR_INTERNAL. After a failed fsync the database is read-only until the next start. Threads:
 * any but an event loop's.
 */
#ifndef UNROLL_SERVER_STORE_H
#define UNROLL_SERVER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/status.h"
#include "unroll/text.h"

struct ur_store;

/* Opens (or makes) folder/unroll.db, takes the lock file, starts the writer. */
enum ur_status ur_store_open(struct ur_store **out, const char *folder, struct ur_error *error);
/* Writes what still waits, and closes. Accepts NULL. */
void ur_store_close(struct ur_store *store);

/* Gives how many writes wait: many of them mean a slow or full disk. */
int32_t ur_store_backlog(struct ur_store *store);
/* False once a failed fsync made the database read-only. */
bool ur_store_writable(struct ur_store *store);

/* A GET /v1/jobs/{id}/metrics. */
struct ur_series_request {
    const char *job;
    const char *names; /* comma-separated: train.loss train.accuracy train.learning_rate
                          train.gradient_norm train.images_per_second validation.loss
                          validation.accuracy; NULL: all of them */
    int32_t from_step;
    int32_t max_points; /* 1..10000; thinned series keep min, max and last of every bucket */
    bool csv;
};
/*
 * Appends JSON {"job","series":{"train.loss":{"step":[],"value":[],"min":[],"max":[]}}} or CSV
 * (step,name,name...). Value is the last of its bucket. Non-finite: null. UR_BAD_REQUEST for an
 * unknown name, UR_NOT_FOUND for an unknown job.
 */
enum ur_status ur_store_series(struct ur_store *store, const struct ur_series_request *request,
                               struct ur_text *out, struct ur_error *error);

/* Appends {"job","epoch","split","classes","counts":[[…]],
 * "per_class":[{"precision","recall","f1","support"}…]}; epoch < 0: the newest. */
enum ur_status ur_store_confusion(struct ur_store *store, const char *job, int32_t epoch,
                                  struct ur_text *out, struct ur_error *error);

struct ur_insights_request {
    const char *job;
    int32_t before_step; /* 0: from the newest */
    int32_t limit;
};
/* Appends {"job","items":[…],"next"}, newest first; what an item holds: docs/api.md. */
enum ur_status ur_store_insights(struct ur_store *store,
                                 const struct ur_insights_request *request, struct ur_text *out,
                                 struct ur_error *error);

#endif
