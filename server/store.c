#include "store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "schema.h"
#include "unroll/log.h"

/* A database of up to this size is checked at every start; reading it takes about 30 ms. */
enum { CHECKED_BYTES = 32 << 20 };

enum { LOCK_PATIENCE_MS = 2000, LOCK_PAUSE_MS = 20 };

static enum ur_status make_folder(const char *folder, struct ur_error *error)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return ur_fail_errno(error, errno, "The state directory %s cannot be made", folder);
    struct stat about;
    if (stat(folder, &about) != 0)
        return ur_fail_errno(error, errno, "The state directory %s cannot be read", folder);
    if (!S_ISDIR(about.st_mode))
        return ur_fail(error, UR_IO, "The state directory %s is not a folder.", folder);
    return UR_OK;
}

/* The lock lives as long as the descriptor, so a killed daemon leaves none behind; but the
 * kernel may still be taking it apart when its successor starts. */
static enum ur_status take_lock(struct ur_store *store, struct ur_error *error)
{
    char path[UR_PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/lock", store->folder);
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0)
        return ur_fail_errno(error, errno, "The lock file %s cannot be opened", path);
    int result = flock(store->lock_fd, LOCK_EX | LOCK_NB);
    for (int waited_ms = 0; result != 0 && errno == EWOULDBLOCK && waited_ms < LOCK_PATIENCE_MS;
         waited_ms += LOCK_PAUSE_MS) {
        usleep(LOCK_PAUSE_MS * 1000);
        result = flock(store->lock_fd, LOCK_EX | LOCK_NB);
    }
    if (result == 0)
        return UR_OK;
    if (errno == EWOULDBLOCK)
        return ur_fail(error, UR_CONFLICT,
                       "Another unrolld runs on the state directory %s; stop it, or give this "
                       "one another --state-dir.",
                       store->folder);
    return ur_fail_errno(error, errno, "The lock file %s cannot be locked", path);
}

static enum ur_status make_schema(struct ur_connection *writer, struct ur_error *error)
{
    enum ur_status status = ur_sql_script(writer, "BEGIN IMMEDIATE", error);
    if (status == UR_OK)
        status = ur_sql_script(writer, ur_schema_sql, error);
    if (status == UR_OK)
        status = ur_sql_script(writer, "PRAGMA user_version = 2; COMMIT", error);
    return status;
}

static enum ur_status check_pages(struct ur_store *store, struct ur_error *error)
{
    struct stat about;
    if (stat(store->path, &about) != 0 || about.st_size > CHECKED_BYTES)
        return UR_OK;
    int64_t fine;
    const enum ur_status status =
        ur_sql_integer(&store->writer, &fine, 0, error,
                       "SELECT quick_check = 'ok' FROM pragma_quick_check(1)", "");
    if (status == UR_OK && !fine)
        return ur_sql_damaged(error);
    return status;
}

/* From version 1, in one transaction: jobs learn of their parents, and may tell what their
 * steps look like from inside. */
static enum ur_status upgrade(struct ur_store *store, struct ur_error *error)
{
    const enum ur_status status = check_pages(store, error);
    if (status != UR_OK)
        return status;
    return ur_sql_script(&store->writer,
                         "BEGIN IMMEDIATE;"
                         "ALTER TABLE jobs ADD COLUMN parent TEXT NOT NULL DEFAULT '';"
                         "ALTER TABLE jobs ADD COLUMN parent_step INTEGER NOT NULL DEFAULT 0;"
                         "CREATE TABLE insights (job INTEGER NOT NULL REFERENCES jobs ON "
                         "DELETE CASCADE, step INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY "
                         "KEY (job, step)) STRICT, WITHOUT ROWID;"
                         "PRAGMA user_version = 2; COMMIT",
                         error);
}

/* Makes the tables of an empty database; refuses what a newer program wrote. */
static enum ur_status check_schema(struct ur_store *store, struct ur_error *error)
{
    int64_t version;
    const enum ur_status status =
        ur_sql_integer(&store->writer, &version, 0, error, "PRAGMA user_version", "");
    if (status != UR_OK)
        return status;
    if (version == 0)
        return make_schema(&store->writer, error);
    if (version == 1)
        return upgrade(store, error);
    if (version != UR_SCHEMA_VERSION)
        return ur_fail(error, UR_CONFLICT,
                       "The state directory %s was written by another version of unrolld "
                       "(schema %" PRId64 ", this one knows %d).",
                       store->folder, version, UR_SCHEMA_VERSION);
    return check_pages(store, error);
}

static void init_conditions(struct ur_store *store)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&store->mutex, NULL);
    pthread_mutex_init(&store->readers_mutex, NULL);
    pthread_mutex_init(&store->subscriber_mutex, NULL);
    pthread_cond_init(&store->waiting, &monotonic);
    pthread_cond_init(&store->answered, &monotonic);
    pthread_cond_init(&store->reader_free, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

enum ur_status ur_store_open(struct ur_store **out, const char *folder, struct ur_error *error)
{
    *out = NULL;
    struct ur_store *store = calloc(1, sizeof *store);
    if (!store)
        return ur_no_memory(error);
    store->lock_fd = -1;
    init_conditions(store);
    enum ur_status status = UR_OK;
    if (!ur_copy(store->folder, 1000, folder))
        status = ur_fail(error, UR_USAGE, "The path of the state directory is too long.");
    else
        snprintf(store->path, sizeof store->path, "%.1000s/unroll.db", store->folder);
    if (status == UR_OK)
        status = make_folder(folder, error);
    if (status == UR_OK)
        status = take_lock(store, error);
    if (status == UR_OK)
        status = ur_connection_open(&store->writer, store->path, false, error);
    if (status == UR_OK)
        status = check_schema(store, error);
    if (status == UR_OK && pthread_create(&store->thread, NULL, ur_store_writer_main, store))
        status = ur_fail(error, UR_NO_MEMORY, "The writer's thread cannot be started.");
    else if (status == UR_OK)
        store->started = true;
    if (status == UR_OK)
        *out = store;
    else
        ur_store_close(store);
    return status;
}

void ur_store_close(struct ur_store *store)
{
    if (!store)
        return;
    if (store->started) {
        pthread_mutex_lock(&store->mutex);
        store->closing = true;
        pthread_cond_broadcast(&store->waiting);
        pthread_mutex_unlock(&store->mutex);
        pthread_join(store->thread, NULL);
    }
    for (int i = 0; i < store->n_idle; i++) {
        ur_connection_close(store->idle[i]);
        free(store->idle[i]);
    }
    ur_connection_close(&store->writer); /* last: closing it checkpoints the log */
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->mutex);
    pthread_mutex_destroy(&store->readers_mutex);
    pthread_mutex_destroy(&store->subscriber_mutex);
    pthread_cond_destroy(&store->waiting);
    pthread_cond_destroy(&store->answered);
    pthread_cond_destroy(&store->reader_free);
    free(store);
}

const char *ur_store_folder(const struct ur_store *store)
{
    return store->folder;
}

void ur_store_subscribe(struct ur_store *store,
                        void (*publish)(void *context, const struct ur_event *event),
                        void *context)
{
    pthread_mutex_lock(&store->subscriber_mutex);
    store->publish = publish;
    store->publish_context = context;
    pthread_mutex_unlock(&store->subscriber_mutex);
}

void ur_store_publish(struct ur_store *store, const struct ur_event *event)
{
    pthread_mutex_lock(&store->subscriber_mutex);
    if (store->publish)
        store->publish(store->publish_context, event);
    pthread_mutex_unlock(&store->subscriber_mutex);
}

enum ur_status ur_store_take_reader(struct ur_store *store, struct ur_connection **reader,
                                    struct ur_error *error)
{
    *reader = NULL;
    pthread_mutex_lock(&store->readers_mutex);
    while (store->n_idle == 0 && store->n_readers == UR_STORE_READERS)
        pthread_cond_wait(&store->reader_free, &store->readers_mutex);
    if (store->n_idle > 0)
        *reader = store->idle[--store->n_idle];
    else
        store->n_readers++;
    pthread_mutex_unlock(&store->readers_mutex);
    if (*reader)
        return UR_OK;

    struct ur_connection *fresh = calloc(1, sizeof *fresh);
    enum ur_status status =
        fresh ? ur_connection_open(fresh, store->path, true, error) : ur_no_memory(error);
    if (status == UR_OK) {
        *reader = fresh;
        return UR_OK;
    }
    free(fresh);
    pthread_mutex_lock(&store->readers_mutex);
    store->n_readers--;
    pthread_cond_signal(&store->reader_free);
    pthread_mutex_unlock(&store->readers_mutex);
    return status;
}

void ur_store_give_reader(struct ur_store *store, struct ur_connection *reader)
{
    if (!reader)
        return;
    pthread_mutex_lock(&store->readers_mutex);
    store->idle[store->n_idle++] = reader;
    pthread_cond_signal(&store->reader_free);
    pthread_mutex_unlock(&store->readers_mutex);
}
