#include "hub.h"

#include <inttypes.h>

#include "hub_inside.h"
#include "unroll/clock.h"
#include "unroll/text.h"

struct ur_watch_entry *ur_watch_entry(struct ur_watcher *watcher, struct ur_channel *channel,
                                      int64_t sequence)
{
    for (int32_t i = 0; i < watcher->n_entries; i++)
        if (watcher->entries[i].channel == channel)
            return &watcher->entries[i];
    if (!watcher->all)
        return NULL;
    if (watcher->n_entries == watcher->capacity) {
        const int32_t capacity = watcher->capacity ? watcher->capacity * 2 : 8;
        struct ur_watch_entry *entries =
            realloc(watcher->entries, (size_t)capacity * sizeof *entries);
        if (!entries)
            return NULL;
        watcher->entries = entries;
        watcher->capacity = capacity;
    }
    channel->refs++;
    watcher->entries[watcher->n_entries] =
        (struct ur_watch_entry){channel, sequence - 1, false};
    return &watcher->entries[watcher->n_entries++];
}

void ur_watcher_wake(struct ur_watcher *watcher)
{
    if (!watcher->waiting || watcher->closed)
        return;
    watcher->waiting = false;
    watcher->wake(watcher->context);
}

void ur_watcher_replay(struct ur_watcher *watcher)
{
    struct ur_hub *hub = watcher->hub;
    watcher->replaying = true;
    watcher->pending = 0;
    watcher->overflow = false;
    if (watcher->queued || watcher->reading || watcher->replayed)
        return; /* what was read comes first; the read after it asks again */
    watcher->queued = true;
    watcher->replay_next = NULL;
    if (hub->replay_tail)
        hub->replay_tail->replay_next = watcher;
    else
        hub->replay_head = watcher;
    hub->replay_tail = watcher;
    pthread_cond_signal(&hub->replay_wanted);
}

void ur_watcher_count_pending(struct ur_watcher *watcher)
{
    const struct ur_hub *hub = watcher->hub;
    size_t index;
    watcher->pending = 0;
    for (ur_ring_after(hub, watcher->position, &index); index < hub->ring_count; index++) {
        const struct ur_block *block = ur_ring_at(hub, index);
        const struct ur_watch_entry *entry =
            ur_watch_entry(watcher, block->channel, block->sequence);
        if (entry && block->sequence > entry->seen)
            watcher->pending += block->length;
    }
}

bool ur_watcher_is_over(const struct ur_watcher *watcher)
{
    if (watcher->all)
        return false;
    for (int32_t i = 0; i < watcher->n_entries; i++)
        if (!watcher->entries[i].ended)
            return false;
    return true;
}

static void print_gap(struct ur_text *text, const struct ur_channel *channel, int64_t from)
{
    char data[160];
    const int64_t to = channel->sequence - 1;
    snprintf(data, sizeof data, "{\"job\":\"%s\",\"from\":%" PRId64 ",\"to\":%" PRId64 "}",
             channel->job, from, to);
    ur_event_print(text, &(struct ur_event){
                             .job = channel->job, .sequence = to, .name = "gap", .data = data});
}

static bool is_behind(const struct ur_watch_entry *entry)
{
    return entry->channel->sequence > entry->seen && entry->channel->newest;
}

/* Skips to the newest event of each job, with a gap event for what is left out. */
static void skip_to_newest(struct ur_watcher *watcher)
{
    struct ur_hub *hub = watcher->hub;
    struct ur_text text;
    ur_text_init(&text, (size_t)16 << 20);
    for (int32_t i = 0; i < watcher->n_entries; i++) {
        const struct ur_watch_entry *entry = &watcher->entries[i];
        if (!is_behind(entry))
            continue;
        if (entry->channel->sequence - 1 > entry->seen)
            print_gap(&text, entry->channel, entry->seen + 1);
        ur_text_append(&text, entry->channel->newest->text, entry->channel->newest->length);
    }
    watcher->out = text.failed ? NULL : ur_block_create(ur_text_get(&text), text.length);
    watcher->offset = 0;
    ur_text_release(&text);
    if (!watcher->out)
        return; /* it stays overflown; the next read tries again */
    for (int32_t i = 0; i < watcher->n_entries; i++) {
        struct ur_watch_entry *entry = &watcher->entries[i];
        if (!is_behind(entry))
            continue;
        hub->gaps_total += entry->channel->sequence - 1 > entry->seen;
        entry->seen = entry->channel->sequence;
        entry->ended = entry->ended || entry->channel->newest->last;
    }
    watcher->position = hub->last_number;
    watcher->pending = 0;
    watcher->overflow = false;
}

/* Takes the next published event that concerns the watcher. */
static void take_next(struct ur_watcher *watcher)
{
    const struct ur_hub *hub = watcher->hub;
    size_t index;
    if (watcher->position < hub->dropped_number) {
        ur_watcher_replay(watcher);
        return;
    }
    for (ur_ring_after(hub, watcher->position, &index); index < hub->ring_count; index++) {
        struct ur_block *block = ur_ring_at(hub, index);
        struct ur_watch_entry *entry = ur_watch_entry(watcher, block->channel, block->sequence);
        watcher->position = block->number;
        if (!entry || block->sequence <= entry->seen)
            continue;
        entry->seen = block->sequence;
        entry->ended = entry->ended || block->last;
        watcher->pending -= block->length < watcher->pending ? block->length : watcher->pending;
        block->refs++;
        watcher->out = block;
        watcher->offset = 0;
        return;
    }
    watcher->pending = 0;
}

static size_t copy_out(struct ur_watcher *watcher, char *out, size_t size)
{
    const size_t left = watcher->out->length - watcher->offset;
    const size_t count = left < size ? left : size;
    memcpy(out, watcher->out->text + watcher->offset, count);
    watcher->offset += count;
    if (watcher->offset == watcher->out->length) {
        ur_block_drop(watcher->out);
        watcher->out = NULL;
        watcher->offset = 0;
    }
    return count;
}

/* Finds something to copy out; false if there is nothing now. */
static bool refill(struct ur_watcher *watcher)
{
    if (!watcher->out) {
        watcher->out = watcher->replayed;
        watcher->replayed = NULL;
    }
    if (watcher->out)
        return true;
    if (watcher->failed)
        return false;
    if (watcher->replaying) {
        ur_watcher_replay(watcher);
        return false;
    }
    if (watcher->overflow)
        skip_to_newest(watcher);
    else if (watcher->pending > 0)
        take_next(watcher);
    return watcher->out != NULL;
}

ptrdiff_t ur_watcher_read(struct ur_watcher *watcher, char *out, size_t size)
{
    struct ur_hub *hub = watcher->hub;
    size_t copied = 0;
    pthread_mutex_lock(&hub->mutex);
    while (copied < size && refill(watcher))
        copied += copy_out(watcher, out + copied, size - copied);
    ptrdiff_t result = (ptrdiff_t)copied;
    if (copied > 0)
        watcher->last_bytes_us = ur_clock_us();
    else if (hub->closed || watcher->failed ||
             (!watcher->replaying && ur_watcher_is_over(watcher)))
        result = -1;
    else if (size > 0)
        watcher->waiting = true;
    pthread_mutex_unlock(&hub->mutex);
    return result;
}

void ur_watcher_heartbeat(struct ur_watcher *watcher)
{
    pthread_mutex_lock(&watcher->hub->mutex);
    if (!watcher->out && !watcher->pending)
        watcher->out = ur_block_create(": ka\n\n", 6);
    pthread_mutex_unlock(&watcher->hub->mutex);
}

void ur_watcher_free(struct ur_watcher *watcher)
{
    for (int32_t i = 0; i < watcher->n_entries; i++)
        ur_channel_drop(watcher->hub, watcher->entries[i].channel);
    ur_block_drop(watcher->out);
    ur_block_drop(watcher->replayed);
    free(watcher->entries);
    free(watcher);
}

static void leave_replay_queue(struct ur_watcher *watcher)
{
    struct ur_hub *hub = watcher->hub;
    struct ur_watcher *before = NULL;
    for (struct ur_watcher *at = hub->replay_head; at != watcher; at = at->replay_next)
        before = at;
    if (before)
        before->replay_next = watcher->replay_next;
    else
        hub->replay_head = watcher->replay_next;
    if (hub->replay_tail == watcher)
        hub->replay_tail = before;
}

void ur_watcher_close(struct ur_watcher *watcher)
{
    if (!watcher)
        return;
    struct ur_hub *hub = watcher->hub;
    pthread_mutex_lock(&hub->mutex);
    if (watcher->next)
        watcher->next->previous = watcher->previous;
    if (watcher->previous)
        watcher->previous->next = watcher->next;
    else
        hub->watchers = watcher->next;
    hub->n_watchers--;
    watcher->closed = true;
    if (watcher->queued)
        leave_replay_queue(watcher);
    if (!watcher->reading) /* otherwise the replay thread frees it when it is done */
        ur_watcher_free(watcher);
    pthread_mutex_unlock(&hub->mutex);
}
