/*
 * Group commit: the writer takes everything that waits, runs it inside one transaction with a
 * savepoint for each write, and commits once. Under load the fsync is shared by all who wait;
 * idle, a write is durable after one fsync. Nothing is delayed to be grouped.
 */
#include "store_inside.h"

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>

#include "unroll/log.h"

/* A failing disk is tried again this often. */
enum {
    RETRY_MS = 500,
    MAX_GROUP = 512,
    WAL_ALARM_BYTES = 64 << 20, /* a reader holds an old snapshot, or checkpoints fail */
    WAL_LOOK_EVERY = 256        /* commits */
};

static bool disk_failed(enum ur_status status)
{
    return status == UR_IO || status == UR_DISK_FULL || status == UR_NO_MEMORY;
}

/* Runs one write inside a savepoint, so that it can be undone alone. Only a failure of the disk
 * comes back: it ends the whole group. */
static enum ur_status run_one(struct ur_connection *connection, struct ur_write *write,
                              struct ur_error *error)
{
    write->error = (struct ur_error){0};
    enum ur_status status = ur_sql_run(connection, error, "SAVEPOINT one", "");
    if (status != UR_OK)
        return status;
    const enum ur_status result = write->run(connection, write, &write->error);
    if (disk_failed(result))
        return ur_fail(error, result, "%s", write->error.detail);
    if (result != UR_OK)
        status = ur_sql_run(connection, error, "ROLLBACK TO one", "");
    if (status == UR_OK)
        status = ur_sql_run(connection, error, "RELEASE one", "");
    return status;
}

static enum ur_status run_group(struct ur_connection *connection, struct ur_write *group,
                                struct ur_error *error)
{
    enum ur_status status = ur_sql_run(connection, error, "BEGIN IMMEDIATE", "");
    if (status != UR_OK)
        return status;
    for (struct ur_write *write = group; write && status == UR_OK; write = write->next)
        status = run_one(connection, write, error);
    if (status == UR_OK)
        status = ur_sql_run(connection, error, "COMMIT", "");
    if (status != UR_OK) {
        struct ur_error ignored = {0}; /* some errors have rolled back already */
        ur_sql_run(connection, &ignored, "ROLLBACK", "");
    }
    return status;
}

/* Takes at most MAX_GROUP writes off the queue; the mutex is held. */
static struct ur_write *take_group(struct ur_store *store)
{
    struct ur_write *group = store->head, *last = NULL;
    int32_t count = 0;
    for (struct ur_write *write = group; write && count < MAX_GROUP; write = write->next) {
        last = write;
        count++;
    }
    if (!last)
        return NULL;
    store->head = last->next;
    if (!store->head)
        store->tail = NULL;
    store->n_waiting -= count;
    last->next = NULL;
    return group;
}

static void finish(struct ur_store *store, struct ur_write *write)
{
    struct ur_ticket *ticket = write->ticket;
    if (write->done)
        write->done(store, write, &write->error);
    if (!ticket) {
        if (write->release)
            write->release(write);
        return;
    }
    pthread_mutex_lock(&store->mutex);
    ticket->error = write->error;
    ticket->finished = true;
    pthread_cond_broadcast(&store->answered);
    pthread_mutex_unlock(&store->mutex);
}

/* Puts the writes that survive a failure back to the head, in their order, and finishes the
 * others with it. */
static void finish_failed(struct ur_store *store, struct ur_write *group,
                          const struct ur_error *error, bool keep)
{
    struct ur_write *kept = NULL, **end = &kept;
    struct ur_write *last = NULL;
    int32_t count = 0;
    for (struct ur_write *write = group, *next; write; write = next) {
        next = write->next;
        if (keep && write->keep) {
            *end = last = write;
            end = &write->next;
            count++;
            continue;
        }
        write->next = NULL;
        write->error = *error;
        finish(store, write);
    }
    if (!last)
        return;
    pthread_mutex_lock(&store->mutex);
    last->next = store->head;
    store->head = kept;
    if (!store->tail)
        store->tail = last;
    store->n_waiting += count;
    pthread_mutex_unlock(&store->mutex);
}

/* Answers everybody who waits further back, too: what is kept may be more than a group, and
 * then their turn would not come before the disk is well again. */
static void finish_waiting(struct ur_store *store, const struct ur_error *error)
{
    struct ur_write *answered = NULL, **end = &answered, *last = NULL;
    pthread_mutex_lock(&store->mutex);
    for (struct ur_write **link = &store->head; *link;) {
        struct ur_write *write = *link;
        if (write->keep) {
            last = write;
            link = &write->next;
            continue;
        }
        *link = write->next;
        write->next = NULL;
        *end = write;
        end = &write->next;
        store->n_waiting--;
    }
    store->tail = last;
    pthread_mutex_unlock(&store->mutex);
    for (struct ur_write *write = answered, *next; write; write = next) {
        next = write->next;
        write->error = *error;
        finish(store, write);
    }
}

static void finish_committed(struct ur_store *store, struct ur_write *group)
{
    for (struct ur_write *write = group, *next; write; write = next) {
        next = write->next;
        finish(store, write);
    }
}

static void wait_before_retry(struct ur_store *store)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += RETRY_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&store->mutex);
    int result = 0;
    while (!store->closing && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&store->waiting, &store->mutex, &until);
    pthread_mutex_unlock(&store->mutex);
}

/* After a failed fsync the kernel may have dropped pages that SQLite believes to be on disk:
 * going on would build on them. Reads stay possible; the next start reads what is really
 * there. */
static void lose_sync(struct ur_store *store)
{
    pthread_mutex_lock(&store->mutex);
    const bool first = !store->broken;
    store->broken = true;
    pthread_mutex_unlock(&store->mutex);
    if (first)
        ur_log(UR_LOG_ERROR, "an fsync of the database failed: it is read-only until the "
                             "next start");
}

/* The log shrinks to its limit at a checkpoint, so one that stays long has a reason. */
static void watch_log(struct ur_store *store)
{
    char path[UR_PATH_BYTES + 8];
    struct stat about;
    if (++store->n_commits % WAL_LOOK_EVERY != 0)
        return;
    snprintf(path, sizeof path, "%s-wal", store->path);
    if (stat(path, &about) == 0 && about.st_size > WAL_ALARM_BYTES)
        ur_log(UR_LOG_WARNING, "the database's log has grown to %jd MB",
               (intmax_t)about.st_size >> 20);
}

static void write_group(struct ur_store *store, struct ur_write *group, bool *failing)
{
    struct ur_error error = {0};
    enum ur_status status;
    if (store->broken)
        status = ur_fail(&error, UR_IO,
                         "The database could not be made durable and takes no more writes; "
                         "start the server again.");
    else
        status = run_group(&store->writer, group, &error);
    if (status == UR_OK) {
        if (*failing)
            ur_log(UR_LOG_INFO, "the database can be written again");
        *failing = false;
        finish_committed(store, group);
        watch_log(store);
        return;
    }
    if (store->writer.lost_sync)
        lose_sync(store);
    if (!*failing)
        ur_log(UR_LOG_ERROR, "the database cannot be written: %s", error.detail);
    *failing = true;
    pthread_mutex_lock(&store->mutex);
    const bool keep = !store->broken && !store->closing;
    pthread_mutex_unlock(&store->mutex);
    finish_failed(store, group, &error, keep);
    if (!keep)
        return;
    finish_waiting(store, &error);
    wait_before_retry(store);
}

void *ur_store_writer_main(void *argument)
{
    struct ur_store *store = argument;
    bool failing = false;
    for (;;) {
        pthread_mutex_lock(&store->mutex);
        while (!store->head && !store->closing)
            pthread_cond_wait(&store->waiting, &store->mutex);
        struct ur_write *group = take_group(store);
        pthread_mutex_unlock(&store->mutex);
        if (!group)
            return NULL;
        write_group(store, group, &failing);
    }
}

void ur_store_put_ticket(struct ur_store *store, struct ur_write *write,
                         struct ur_ticket *ticket)
{
    write->next = NULL;
    write->ticket = ticket;
    if (ticket) {
        *ticket = (struct ur_ticket){0};
        write->keep = false;
    }
    pthread_mutex_lock(&store->mutex);
    if (store->tail)
        store->tail->next = write;
    else
        store->head = write;
    store->tail = write;
    store->n_waiting++;
    pthread_cond_signal(&store->waiting);
    pthread_mutex_unlock(&store->mutex);
}

void ur_store_put(struct ur_store *store, struct ur_write *write)
{
    ur_store_put_ticket(store, write, NULL);
}

enum ur_status ur_store_wait(struct ur_store *store, struct ur_ticket *ticket,
                             struct ur_error *error)
{
    pthread_mutex_lock(&store->mutex);
    while (!ticket->finished)
        pthread_cond_wait(&store->answered, &store->mutex);
    pthread_mutex_unlock(&store->mutex);
    if (ticket->error.status != UR_OK)
        return ur_fail(error, ticket->error.status, "%s", ticket->error.detail);
    return UR_OK;
}

enum ur_status ur_store_put_and_wait(struct ur_store *store, struct ur_write *write,
                                     struct ur_error *error)
{
    struct ur_ticket ticket;
    ur_store_put_ticket(store, write, &ticket);
    return ur_store_wait(store, &ticket, error);
}

int32_t ur_store_backlog(struct ur_store *store)
{
    pthread_mutex_lock(&store->mutex);
    const int32_t count = store->n_waiting;
    pthread_mutex_unlock(&store->mutex);
    return count;
}

bool ur_store_writable(struct ur_store *store)
{
    pthread_mutex_lock(&store->mutex);
    const bool writable = !store->broken;
    pthread_mutex_unlock(&store->mutex);
    return writable;
}
