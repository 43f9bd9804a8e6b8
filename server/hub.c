/*
 * One ring of events for all jobs, in the order of their commits, shared by all watchers: an
 * event costs its bytes once, and a watcher costs a position in the ring. Ten thousand watchers
 * of one job were the measure: publishing walks the list of watchers, adds to a counter and
 * wakes who waits; copying happens in the watchers' own threads.
 */
#include "hub.h"

#include <inttypes.h>

#include "fail.h"
#include "hub_inside.h"
#include "store_events.h"
#include "unroll/clock.h"
#include "unroll/log.h"
#include "unroll/text.h"

/* FNV-1a. */
static size_t bucket_of(const char *job)
{
    uint32_t hash = 2166136261u;
    for (; *job; job++)
        hash = (hash ^ (unsigned char)*job) * 16777619u;
    return hash % UR_HUB_BUCKETS;
}

struct ur_channel *ur_channel_take(struct ur_hub *hub, const char *job)
{
    struct ur_channel **bucket = &hub->buckets[bucket_of(job)];
    for (struct ur_channel *channel = *bucket; channel; channel = channel->next)
        if (strcmp(channel->job, job) == 0) {
            channel->refs++;
            return channel;
        }
    struct ur_channel *channel = calloc(1, sizeof *channel);
    if (!channel)
        return NULL;
    ur_copy(channel->job, sizeof channel->job, job);
    channel->refs = 1;
    channel->next = *bucket;
    *bucket = channel;
    return channel;
}

/* The newest event holds no reference to its channel, or neither would ever go. */
void ur_channel_drop(struct ur_hub *hub, struct ur_channel *channel)
{
    if (!channel || --channel->refs > 0)
        return;
    struct ur_channel **link = &hub->buckets[bucket_of(channel->job)];
    while (*link != channel)
        link = &(*link)->next;
    *link = channel->next;
    if (channel->newest) {
        channel->newest->channel = NULL;
        ur_block_drop(channel->newest);
    }
    free(channel);
}

struct ur_block *ur_block_create(const char *text, size_t length)
{
    struct ur_block *block = malloc(sizeof *block + length);
    if (!block)
        return NULL;
    *block = (struct ur_block){.refs = 1, .length = length};
    memcpy(block->text, text, length);
    return block;
}

void ur_block_drop(struct ur_block *block)
{
    if (block && --block->refs == 0)
        free(block);
}

struct ur_block *ur_ring_at(const struct ur_hub *hub, size_t index)
{
    return hub->ring[(hub->ring_begin + index) % UR_HUB_RING_EVENTS];
}

struct ur_block *ur_ring_after(const struct ur_hub *hub, int64_t number, size_t *index)
{
    size_t low = 0, high = hub->ring_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (ur_ring_at(hub, middle)->number > number)
            high = middle;
        else
            low = middle + 1;
    }
    *index = low;
    return low < hub->ring_count ? ur_ring_at(hub, low) : NULL;
}

static void drop_oldest(struct ur_hub *hub)
{
    struct ur_block *oldest = ur_ring_at(hub, 0);
    struct ur_channel *channel = oldest->channel;
    hub->dropped_number = oldest->number;
    hub->ring_bytes -= oldest->length;
    hub->ring_begin = (hub->ring_begin + 1) % UR_HUB_RING_EVENTS;
    hub->ring_count--;
    ur_block_drop(oldest);
    ur_channel_drop(hub, channel);
}

static void push(struct ur_hub *hub, struct ur_block *block)
{
    while (hub->ring_count > 0 && (hub->ring_count == UR_HUB_RING_EVENTS ||
                                   hub->ring_bytes + block->length > UR_HUB_RING_BYTES))
        drop_oldest(hub);
    hub->ring[(hub->ring_begin + hub->ring_count++) % UR_HUB_RING_EVENTS] = block;
    hub->ring_bytes += block->length;
}

void ur_event_print(struct ur_text *text, const struct ur_event *event)
{
    ur_text_format(text, "id: %s:%" PRId64 "\nevent: %s\ndata: ", event->job, event->sequence,
                   event->name);
    ur_text_append(text, event->data, strlen(event->data));
    ur_text_append(text, "\n\n", 2);
}

static struct ur_block *make_block(struct ur_hub *hub, const struct ur_event *event)
{
    struct ur_text text;
    ur_text_init(&text, UR_RECORD_MAX_BYTES + 1024);
    ur_event_print(&text, event);
    struct ur_block *block =
        text.failed ? NULL : ur_block_create(ur_text_get(&text), text.length);
    ur_text_release(&text);
    if (!block)
        return NULL;
    block->channel = ur_channel_take(hub, event->job);
    block->number = event->number;
    block->sequence = event->sequence;
    block->last = event->last;
    if (block->channel)
        return block;
    free(block);
    return NULL;
}

static void offer(struct ur_watcher *watcher, const struct ur_block *block)
{
    if (watcher->replaying || block->number <= watcher->position)
        return;
    const struct ur_watch_entry *entry =
        ur_watch_entry(watcher, block->channel, block->sequence);
    if (!entry || block->sequence <= entry->seen)
        return;
    if (watcher->pending == 0 && !watcher->overflow)
        watcher->position = block->number - 1;
    watcher->pending += block->length;
    if (watcher->pending > UR_WATCHER_BACKLOG)
        watcher->overflow = true;
    ur_watcher_wake(watcher);
}

void ur_hub_publish(struct ur_hub *hub, const struct ur_event *event)
{
    pthread_mutex_lock(&hub->mutex);
    hub->events_total++;
    hub->last_number = event->number;
    struct ur_block *block = make_block(hub, event);
    if (block) {
        struct ur_channel *channel = block->channel;
        ur_block_drop(channel->newest);
        channel->newest = block;
        channel->sequence = event->sequence;
        block->refs++;
        push(hub, block);
        for (struct ur_watcher *watcher = hub->watchers; watcher; watcher = watcher->next)
            offer(watcher, block);
    } else {
        /* No memory: the ring has a hole now, so everybody goes back to the store. */
        while (hub->ring_count > 0)
            drop_oldest(hub);
        hub->dropped_number = event->number;
        for (struct ur_watcher *watcher = hub->watchers; watcher; watcher = watcher->next)
            ur_watcher_replay(watcher);
    }
    pthread_mutex_unlock(&hub->mutex);
}

static void publish(void *hub, const struct ur_event *event)
{
    ur_hub_publish(hub, event);
}

void ur_hub_forget(struct ur_hub *hub, const char *job)
{
    pthread_mutex_lock(&hub->mutex);
    struct ur_channel *channel = ur_channel_take(hub, job);
    if (channel) {
        ur_block_drop(channel->newest);
        channel->newest = NULL;
    }
    ur_channel_drop(hub, channel);
    pthread_mutex_unlock(&hub->mutex);
}

void ur_hub_close(struct ur_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    hub->closed = true;
    for (struct ur_watcher *watcher = hub->watchers; watcher; watcher = watcher->next)
        ur_watcher_wake(watcher);
    pthread_mutex_unlock(&hub->mutex);
}

enum ur_status ur_hub_create(struct ur_hub **out, struct ur_store *store, int32_t max_watchers,
                             struct ur_error *error)
{
    *out = NULL;
    struct ur_hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return ur_no_memory(error);
    hub->store = store;
    hub->max_watchers = max_watchers;
    pthread_mutex_init(&hub->mutex, NULL);
    pthread_cond_init(&hub->replay_wanted, NULL);
    enum ur_status status = ur_store_events_last(store, &hub->last_number, error);
    hub->dropped_number = hub->last_number;
    if (status == UR_OK && pthread_create(&hub->replayer, NULL, ur_hub_replay_main, hub))
        status = ur_fail(error, UR_NO_MEMORY, "The hub's thread cannot be started.");
    else
        hub->started = status == UR_OK;
    if (status != UR_OK) {
        ur_hub_destroy(hub);
        return status;
    }
    ur_store_subscribe(store, publish, hub);
    *out = hub;
    return UR_OK;
}

void ur_hub_destroy(struct ur_hub *hub)
{
    if (!hub)
        return;
    if (hub->started) {
        ur_store_subscribe(hub->store, NULL, NULL);
        pthread_mutex_lock(&hub->mutex);
        hub->ending = true;
        pthread_cond_broadcast(&hub->replay_wanted);
        pthread_mutex_unlock(&hub->mutex);
        pthread_join(hub->replayer, NULL);
    }
    while (hub->ring_count > 0)
        drop_oldest(hub);
    pthread_mutex_destroy(&hub->mutex);
    pthread_cond_destroy(&hub->replay_wanted);
    free(hub);
}

/* A watcher that reads slowly has something waiting and needs no sign of life. */
void ur_hub_tick(struct ur_hub *hub)
{
    const int64_t now = ur_clock_us();
    pthread_mutex_lock(&hub->mutex);
    for (struct ur_watcher *watcher = hub->watchers; watcher; watcher = watcher->next) {
        if (!watcher->waiting || now - watcher->last_bytes_us < UR_HEARTBEAT_US)
            continue;
        if (!watcher->out)
            watcher->out = ur_block_create(": ka\n\n", 6);
        ur_watcher_wake(watcher);
    }
    pthread_mutex_unlock(&hub->mutex);
}

void ur_hub_counts(struct ur_hub *hub, int32_t *watchers, uint64_t *events_total,
                   uint64_t *gaps_total)
{
    pthread_mutex_lock(&hub->mutex);
    *watchers = hub->n_watchers;
    *events_total = hub->events_total;
    *gaps_total = hub->gaps_total;
    pthread_mutex_unlock(&hub->mutex);
}
