/*
 * The event hub: what has been committed is published here, and every watcher reads it at a
 * pace of its own.
 *
 * Each job has one sequence of events, numbered from 1 and durable in the store before they are
 * published, so that a stream can be replayed from any `Last-Event-ID`, also after the daemon
 * was killed. The hub keeps the newest events in a ring; older ones come from the store, read
 * by a thread of the hub's. A producer never waits: a watcher whose backlog passes 64 KB skips
 * to the newest events and gets a `gap` for each job.
 *
 * A stream of several jobs follows the order of the commits over all jobs. One id of one job
 * therefore says where the whole stream was: everything committed before that event has been
 * delivered.
 *
 * Format: text/event-stream, ids `<job>:<sequence>`. Units: bytes. Cost: one copy for each
 * watcher. Errors: UR_QUEUE_FULL past the limit of watchers. Ownership: events are copied in.
 * Threads: a watcher is read by one thread at a time; wake is called from any thread of the
 * daemon, under the hub's lock, and must not call back into the hub.
 */
#ifndef UNROLL_SERVER_HUB_H
#define UNROLL_SERVER_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/status.h"

struct ur_event;
struct ur_store;
struct ur_hub;
struct ur_watcher;

/* Subscribes to the store's committed events. */
enum ur_status ur_hub_create(struct ur_hub **out, struct ur_store *store, int32_t max_watchers,
                             struct ur_error *error);
/* No watcher may be open. Accepts NULL. */
void ur_hub_destroy(struct ur_hub *hub);

/* Publishes one committed event (store_write.h); the store calls it. */
void ur_hub_publish(struct ur_hub *hub, const struct ur_event *event);
/* Forgets a deleted job. */
void ur_hub_forget(struct ur_hub *hub, const char *job);
/* Wakes every watcher and makes their reads end (-1): the daemon stops. */
void ur_hub_close(struct ur_hub *hub);

struct ur_watch_request {
    const char *const *jobs; /* ids; NULL: all jobs, present and future */
    int32_t n_jobs;
    /* "<job>:<sequence>[,<job>:<sequence>…]"; NULL: one job from its first event, several or
     * all from now on */
    const char *last_event_id;
    void (*wake)(void *context); /* there is something to read again */
    void *context;
};

/*
 * Opens a watcher; may read the store, so never from an event loop. *ended: the jobs asked for
 * have ended and the client has seen their last events: answer 204, *out is NULL. UR_NOT_FOUND
 * for an unknown job among those named.
 */
enum ur_status ur_watcher_open(struct ur_watcher **out, struct ur_hub *hub,
                               const struct ur_watch_request *request, bool *ended,
                               struct ur_error *error);
/*
 * Copies up to size bytes of the stream. 0: nothing now; wake will be called (a wake that
 * happened meanwhile is not lost: it is called at once after this returned 0). -1: the stream
 * is over. The first bytes are "retry: 3000\n: connected\n\n".
 */
ptrdiff_t ur_watcher_read(struct ur_watcher *watcher, char *out, size_t size);
/* Puts ": ka\n\n" into the stream if nothing is waiting there; for the 15 s heartbeat. */
void ur_watcher_heartbeat(struct ur_watcher *watcher);
/* Does so for, and wakes, every watcher that has had nothing for 15 s; the http ticker calls it
 * every second. */
void ur_hub_tick(struct ur_hub *hub);
/* Accepts NULL. wake is not called any more once this has returned. */
void ur_watcher_close(struct ur_watcher *watcher);

/* Numbers for /metrics. */
void ur_hub_counts(struct ur_hub *hub, int32_t *watchers, uint64_t *events_total,
                   uint64_t *gaps_total);

#endif
