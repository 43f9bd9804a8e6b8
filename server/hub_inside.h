/*
 * What the files of the hub share: hub.c (ring and publishing), hub_open.c (where a watcher
 * begins), hub_watch.c (what it reads), hub_replay.c (the thread that reads old events for it).
 * Nobody else but their test includes it.
 */
#ifndef UNROLL_SERVER_HUB_INSIDE_H
#define UNROLL_SERVER_HUB_INSIDE_H

#include <pthread.h>

#include "hub.h"
#include "job.h"
#include "store_write.h"

enum {
    UR_HUB_BUCKETS = 256,
    UR_HUB_RING_EVENTS = 8192,
    UR_HUB_RING_BYTES = 2 << 20,    /* of all jobs together: minutes of them */
    UR_WATCHER_BACKLOG = 64 << 10,  /* bytes: past this a live watcher gets a gap */
    UR_REPLAY_BYTES = 64 << 10,     /* bytes read from the store for a watcher at a time */
    UR_HEARTBEAT_US = 15 * 1000000, /* proxies close what is silent for longer */
};

/* A piece of a stream, ready to be copied out: an event, or what is for one watcher alone. */
struct ur_block {
    int32_t refs;
    struct ur_channel *channel; /* of an event; NULL otherwise */
    int64_t number, sequence;
    bool last;
    size_t length;
    char text[];
};

/* What the hub knows of a job that runs or is watched. */
struct ur_channel {
    struct ur_channel *next; /* in its bucket */
    int32_t refs;            /* events in the ring, blocks being read, watchers' entries */
    char job[UR_JOB_ID_BYTES];
    int64_t sequence;        /* of the newest published event; 0: none seen yet */
    struct ur_block *newest; /* what a watcher gets after a gap; NULL: none */
};

/* Where a watcher stands in one job. */
struct ur_watch_entry {
    struct ur_channel *channel;
    int64_t seen; /* sequence of the last event delivered */
    bool ended;   /* its last event was delivered */
};

struct ur_watcher {
    struct ur_hub *hub;
    struct ur_watcher *next, *previous;
    struct ur_watch_entry *entries;
    int32_t n_entries, capacity;
    bool all;         /* of all jobs: entries are added as jobs appear */
    int64_t position; /* events up to this number are delivered, or are of no concern */
    size_t pending;   /* bytes of published events not yet delivered, while live */
    bool overflow;    /* pending passed the limit */

    bool replaying; /* its next events come from the store */
    bool queued;    /* it is in the replay queue */
    bool reading;   /* the replay thread works on it: entries and position are its own */
    bool closed;    /* by its owner while it was being read for */
    struct ur_watcher *replay_next;

    struct ur_block *out; /* being copied out */
    size_t offset;
    struct ur_block *replayed; /* comes after out */
    bool failed;               /* the store could not be read: the client comes back */
    bool waiting;              /* a read gave 0: wake is owed */
    int64_t last_bytes_us;
    void (*wake)(void *context);
    void *context;
};

struct ur_hub {
    struct ur_store *store;
    int32_t max_watchers;
    pthread_mutex_t mutex; /* guards everything below and all watchers and channels */
    pthread_cond_t replay_wanted;
    pthread_t replayer;
    bool started, closed, ending;

    struct ur_channel *buckets[UR_HUB_BUCKETS];
    struct ur_block *ring[UR_HUB_RING_EVENTS];
    size_t ring_begin, ring_count, ring_bytes;
    int64_t dropped_number; /* the ring holds every event after this one */
    int64_t last_number;    /* of the newest published event */

    struct ur_watcher *watchers;
    int32_t n_watchers;
    struct ur_watcher *replay_head, *replay_tail;
    uint64_t events_total, gaps_total;
};

/* All of these want the mutex held. */
struct ur_channel *ur_channel_take(struct ur_hub *hub, const char *job); /* NULL: no memory */
void ur_channel_drop(struct ur_hub *hub, struct ur_channel *channel);
struct ur_block *ur_block_create(const char *text, size_t length); /* NULL: no memory */
void ur_block_drop(struct ur_block *block);                        /* accepts NULL */
/* Gives the oldest event of the ring with a number above `number`; NULL: none. */
struct ur_block *ur_ring_after(const struct ur_hub *hub, int64_t number, size_t *index);
struct ur_block *ur_ring_at(const struct ur_hub *hub, size_t index);
/* Gives the watcher's entry for a channel; a watcher of all jobs gets one with everything
 * before sequence seen. NULL: not its job, or no memory. */
struct ur_watch_entry *ur_watch_entry(struct ur_watcher *watcher, struct ur_channel *channel,
                                      int64_t sequence);
/* A watcher of named jobs is at its end when it has seen the end of each. */
bool ur_watcher_is_over(const struct ur_watcher *watcher);
void ur_watcher_wake(struct ur_watcher *watcher);
/* Puts the watcher into the replay queue. */
void ur_watcher_replay(struct ur_watcher *watcher);
/* Counts what the ring holds for a watcher that is live again. */
void ur_watcher_count_pending(struct ur_watcher *watcher);
void ur_watcher_free(struct ur_watcher *watcher);

struct ur_text;
/* Appends an event in the stream's format. */
void ur_event_print(struct ur_text *text, const struct ur_event *event);

void *ur_hub_replay_main(void *hub);

#endif
