/*
 * Old events come from the store, by one thread for all watchers, 64 KB at a time: an event
 * loop never waits for a disk, and a watcher that reads a long history slowly holds one such
 * piece.
 *
 * How a watcher goes live without a loss: the thread notes the newest published number, reads
 * the store until there is no more, and only then looks at the ring. What was committed in
 * between is in what it read or in the ring, and what is in both is known by its number.
 */
#include "hub_inside.h"
#include "store_events.h"
#include "unroll/log.h"
#include "unroll/text.h"

/* Events of other jobs that are passed over in one go. */
enum { MAX_SCANNED = 20000 };

struct replay {
    struct ur_watcher *watcher;
    struct ur_text text;
    int32_t n_scanned;
};

/* Finds the entry of an event's job. Entries are this thread's while it reads; but a watcher of
 * all jobs may need a new one, and channels are everybody's. */
static struct ur_watch_entry *entry_of(struct ur_watcher *watcher, const struct ur_event *event)
{
    for (int32_t i = 0; i < watcher->n_entries; i++)
        if (strcmp(watcher->entries[i].channel->job, event->job) == 0)
            return &watcher->entries[i];
    if (!watcher->all)
        return NULL;
    struct ur_hub *hub = watcher->hub;
    struct ur_watch_entry *entry = NULL;
    pthread_mutex_lock(&hub->mutex);
    struct ur_channel *channel = ur_channel_take(hub, event->job);
    if (channel)
        entry = ur_watch_entry(watcher, channel, event->sequence);
    ur_channel_drop(hub, channel);
    pthread_mutex_unlock(&hub->mutex);
    return entry;
}

static bool add_event(void *context, const struct ur_event *event)
{
    struct replay *replay = context;
    struct ur_watcher *watcher = replay->watcher;
    struct ur_watch_entry *entry = entry_of(watcher, event);
    watcher->position = event->number > watcher->position ? event->number : watcher->position;
    if (entry && event->sequence > entry->seen) {
        ur_event_print(&replay->text, event);
        entry->seen = event->sequence;
        entry->ended = entry->ended || event->last;
    }
    return replay->text.length < UR_REPLAY_BYTES && ++replay->n_scanned < MAX_SCANNED;
}

static struct ur_watcher *next_watcher(struct ur_hub *hub)
{
    while (!hub->replay_head && !hub->ending)
        pthread_cond_wait(&hub->replay_wanted, &hub->mutex);
    struct ur_watcher *watcher = hub->ending ? NULL : hub->replay_head;
    if (!watcher)
        return NULL;
    hub->replay_head = watcher->replay_next;
    if (!hub->replay_head)
        hub->replay_tail = NULL;
    watcher->queued = false;
    watcher->reading = true;
    return watcher;
}

/* Takes over what was read; the mutex is held again. */
static void hand_over(struct replay *replay, int64_t published, bool finished,
                      enum ur_status status)
{
    struct ur_watcher *watcher = replay->watcher;
    if (replay->text.length > 0 && !replay->text.failed)
        watcher->replayed = ur_block_create(ur_text_get(&replay->text), replay->text.length);
    if (status != UR_OK || (replay->text.length > 0 && !watcher->replayed))
        watcher->failed = true;
    if (finished) {
        if (watcher->position < published)
            watcher->position = published;
        watcher->replaying = watcher->position < watcher->hub->dropped_number;
        if (!watcher->replaying)
            ur_watcher_count_pending(watcher);
    }
    if (watcher->replaying && !watcher->replayed && !watcher->failed)
        ur_watcher_replay(watcher);
    else
        ur_watcher_wake(watcher);
}

static void replay_once(struct ur_watcher *watcher)
{
    struct ur_hub *hub = watcher->hub;
    struct replay replay = {.watcher = watcher};
    struct ur_error error = {0};
    bool finished = false;
    ur_text_init(&replay.text, UR_REPLAY_BYTES + UR_RECORD_MAX_BYTES + 1024);
    const int64_t published = hub->last_number;
    const bool one = !watcher->all && watcher->n_entries == 1;
    const char *job = one ? watcher->entries[0].channel->job : NULL;
    const int64_t after = one ? watcher->entries[0].seen : watcher->position;
    pthread_mutex_unlock(&hub->mutex);

    const enum ur_status status =
        ur_store_events(hub->store, job, after, add_event, &replay, &finished, &error);
    if (status != UR_OK)
        ur_log(UR_LOG_ERROR, "a stream cannot be replayed: %s", error.detail);

    pthread_mutex_lock(&hub->mutex);
    watcher->reading = false;
    if (watcher->closed)
        ur_watcher_free(watcher);
    else
        hand_over(&replay, published, finished, status);
    ur_text_release(&replay.text);
}

void *ur_hub_replay_main(void *argument)
{
    struct ur_hub *hub = argument;
    pthread_mutex_lock(&hub->mutex);
    for (struct ur_watcher *watcher = next_watcher(hub); watcher; watcher = next_watcher(hub))
        replay_once(watcher);
    pthread_mutex_unlock(&hub->mutex);
    return NULL;
}
