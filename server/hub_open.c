/*
 * Where a stream begins: at the first event, at an id that the client has seen, at the moment
 * in which it left, or now.
 */
#include "hub.h"

#include "fail.h"
#include "hub_inside.h"
#include "store_events.h"
#include "unroll/clock.h"
#include "unroll/text.h"

static const char greeting[] = "retry: 3000\n: connected\n\n";

/* Finds "<job>:<sequence>" in a list of them; -1: the job is not in it. */
static int64_t sequence_in(const char *list, const char *job)
{
    const size_t length = strlen(job);
    for (const char *at = list; at && *at;) {
        const size_t bytes = strcspn(at, ",");
        char number[24];
        int64_t sequence;
        if (bytes > length + 1 && bytes - length - 1 < sizeof number &&
            memcmp(at, job, length) == 0 && at[length] == ':') {
            memcpy(number, at + length + 1, bytes - length - 1);
            number[bytes - length - 1] = '\0';
            if (ur_parse_int64(number, 0, INT64_MAX, &sequence))
                return sequence;
        }
        at += bytes + (at[bytes] == ',');
    }
    return -1;
}

/* Adds a named job to the watcher, everything up to `seen` delivered. */
static enum ur_status add_job(struct ur_watcher *watcher, const char *job, int64_t seen,
                              const struct ur_events_tail *tail, struct ur_error *error)
{
    struct ur_hub *hub = watcher->hub;
    pthread_mutex_lock(&hub->mutex);
    struct ur_channel *channel = ur_channel_take(hub, job);
    pthread_mutex_unlock(&hub->mutex);
    if (!channel)
        return ur_no_memory(error);
    seen = seen < tail->sequence ? seen : tail->sequence;
    for (int32_t i = 0; i < watcher->n_entries; i++)
        if (watcher->entries[i].channel == channel) { /* it was named twice */
            pthread_mutex_lock(&hub->mutex);
            ur_channel_drop(hub, channel);
            pthread_mutex_unlock(&hub->mutex);
            return UR_OK;
        }
    watcher->entries[watcher->n_entries++] = (struct ur_watch_entry){
        .channel = channel, .seen = seen, .ended = tail->end > 0 && seen >= tail->end};
    watcher->replaying = watcher->replaying || seen < tail->sequence;
    return UR_OK;
}

/* Gives the moment in which the client left: the earliest of the events that its list of ids
 * names; INT64_MAX where it names none. */
static enum ur_status find_moment(struct ur_hub *hub, const struct ur_watch_request *request,
                                  int64_t *moment, struct ur_error *error)
{
    enum ur_status status = UR_OK;
    *moment = INT64_MAX;
    for (int32_t i = 0; i < request->n_jobs && status == UR_OK; i++) {
        const int64_t sequence = sequence_in(request->last_event_id, request->jobs[i]);
        int64_t number = 0;
        if (sequence < 0)
            continue;
        status = ur_store_event_number(hub->store, request->jobs[i], sequence, &number, error);
        *moment = number < *moment ? number : *moment;
    }
    return status;
}

/*
 * Sets where a watcher of named jobs begins. A list of ids is exact. One id alone (all that a
 * browser sends when it comes back to a stream of several jobs) stands for the moment of its
 * commit, in the other jobs too.
 */
static enum ur_status place_named(struct ur_watcher *watcher,
                                  const struct ur_watch_request *request, int64_t now,
                                  struct ur_error *error)
{
    struct ur_store *store = watcher->hub->store;
    int64_t moment;
    enum ur_status status = find_moment(watcher->hub, request, &moment, error);
    for (int32_t i = 0; i < request->n_jobs && status == UR_OK; i++) {
        const char *job = request->jobs[i];
        struct ur_events_tail tail;
        int64_t seen = sequence_in(request->last_event_id, job);
        status = ur_store_events_tail(store, job, &tail, error);
        if (status == UR_OK && seen < 0 && moment != INT64_MAX)
            status = ur_store_event_before(store, job, moment, &seen, error);
        else if (seen < 0)
            seen = request->n_jobs > 1 ? tail.sequence : 0;
        if (status == UR_OK)
            status = add_job(watcher, job, seen, &tail, error);
    }
    watcher->position = now;
    if (moment < now)
        watcher->position = moment;
    else if (watcher->replaying)
        watcher->position = 0;
    return status;
}

/* Takes "<job>:<sequence>" from the front of a list; false where something else stands. */
static bool take_id(const char **list, char job[UR_JOB_ID_BYTES])
{
    const size_t bytes = strcspn(*list, ","), length = strcspn(*list, ":");
    const bool fits = length < bytes && length < UR_JOB_ID_BYTES;
    if (fits)
        ur_copy(job, length + 1, *list);
    *list += bytes + ((*list)[bytes] == ',');
    return fits;
}

/* Notes that a watcher of all jobs has seen the events of one up to a sequence. */
static enum ur_status add_seen(struct ur_watcher *watcher, const char *job, int64_t sequence,
                               struct ur_error *error)
{
    struct ur_hub *hub = watcher->hub;
    enum ur_status status = UR_OK;
    pthread_mutex_lock(&hub->mutex);
    struct ur_channel *channel = ur_channel_take(hub, job);
    struct ur_watch_entry *entry =
        channel ? ur_watch_entry(watcher, channel, sequence + 1) : NULL;
    if (!entry)
        status = ur_no_memory(error);
    else if (entry->seen < sequence)
        entry->seen = sequence;
    ur_channel_drop(hub, channel);
    pthread_mutex_unlock(&hub->mutex);
    return status;
}

/* A watcher of all jobs goes on at the earliest event that its list of ids names, and does not
 * get again what the list says it has of each job. */
static enum ur_status place_all(struct ur_watcher *watcher,
                                const struct ur_watch_request *request, int64_t now,
                                struct ur_error *error)
{
    struct ur_store *store = watcher->hub->store;
    const char *list = request->last_event_id ? request->last_event_id : "";
    int64_t earliest = INT64_MAX;
    enum ur_status status = UR_OK;
    watcher->all = true;
    watcher->position = now;
    while (*list && status == UR_OK) {
        char job[UR_JOB_ID_BYTES];
        int64_t number = 0;
        const int64_t sequence =
            take_id(&list, job) ? sequence_in(request->last_event_id, job) : -1;
        if (sequence < 0)
            continue;
        status = ur_store_event_number(store, job, sequence, &number, error);
        if (status != UR_OK || number == 0)
            continue;
        earliest = number < earliest ? number : earliest;
        struct ur_events_tail tail;
        status = ur_store_events_tail(store, job, &tail, error);
        if (status == UR_OK)
            status = add_seen(watcher, job, sequence < tail.sequence ? sequence : tail.sequence,
                              error);
    }
    if (status != UR_OK || earliest == INT64_MAX)
        return status;
    watcher->position = earliest;
    watcher->replaying = earliest < now;
    return UR_OK;
}

/* Counts the watcher in and puts it into the list; false past the limit. */
static bool enlist(struct ur_watcher *watcher)
{
    struct ur_hub *hub = watcher->hub;
    pthread_mutex_lock(&hub->mutex);
    const bool room = hub->n_watchers < hub->max_watchers && !hub->closed;
    if (room) {
        hub->n_watchers++;
        watcher->next = hub->watchers;
        if (hub->watchers)
            hub->watchers->previous = watcher;
        hub->watchers = watcher;
        /* Between the look into the store and now, events may have been published. */
        if (watcher->position < hub->last_number)
            ur_watcher_replay(watcher);
    }
    pthread_mutex_unlock(&hub->mutex);
    return room;
}

enum ur_status ur_watcher_open(struct ur_watcher **out, struct ur_hub *hub,
                               const struct ur_watch_request *request, bool *ended,
                               struct ur_error *error)
{
    *out = NULL;
    *ended = false;
    struct ur_watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher)
        return ur_no_memory(error);
    watcher->hub = hub;
    watcher->wake = request->wake;
    watcher->context = request->context;
    watcher->last_bytes_us = ur_clock_us();
    watcher->capacity = request->jobs ? request->n_jobs : 0;
    watcher->entries = calloc((size_t)watcher->capacity + 1, sizeof *watcher->entries);
    watcher->out = ur_block_create(greeting, sizeof greeting - 1);
    pthread_mutex_lock(&hub->mutex);
    const int64_t now = hub->last_number;
    pthread_mutex_unlock(&hub->mutex);

    enum ur_status status = UR_OK;
    if (!watcher->entries || !watcher->out)
        status = ur_no_memory(error);
    else if (request->jobs)
        status = place_named(watcher, request, now, error);
    else
        status = place_all(watcher, request, now, error);
    if (status == UR_OK && request->jobs && ur_watcher_is_over(watcher))
        *ended = true;
    else if (status == UR_OK && !enlist(watcher))
        status =
            ur_fail(error, UR_QUEUE_FULL, "There are %d watchers already; try again later.",
                    (int)hub->max_watchers);
    else if (status == UR_OK)
        *out = watcher;
    if (!*out) {
        pthread_mutex_lock(&hub->mutex);
        ur_watcher_free(watcher);
        pthread_mutex_unlock(&hub->mutex);
    }
    return status;
}
