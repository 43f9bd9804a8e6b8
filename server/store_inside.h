/*
 * What store.c (open, close, readers) and store_writer.c (the thread that writes) share; nobody
 * else includes it.
 */
#ifndef UNROLL_SERVER_STORE_INSIDE_H
#define UNROLL_SERVER_STORE_INSIDE_H

#include <pthread.h>

#include "config.h"
#include "store.h"
#include "store_sql.h"
#include "store_write.h"

/* Four readers serve a pool of answering threads without much waiting, at about 0.5 MB each. */
enum { UR_STORE_READERS = 4, UR_SCHEMA_VERSION = 2 };

struct ur_store {
    char folder[UR_PATH_BYTES];
    char path[UR_PATH_BYTES];
    int lock_fd;
    struct ur_connection writer; /* the writer's thread alone, once it runs */
    uint32_t n_commits;          /* the same */

    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;   /* guards all below */
    pthread_cond_t waiting;  /* something was put, or the store closes */
    pthread_cond_t answered; /* a ticket is finished */
    struct ur_write *head, *tail;
    int32_t n_waiting;
    bool closing;
    bool broken; /* an fsync failed: what is in the page cache can no longer be trusted */

    pthread_mutex_t readers_mutex; /* guards the three below */
    pthread_cond_t reader_free;
    struct ur_connection *idle[UR_STORE_READERS];
    int n_idle, n_readers;

    pthread_mutex_t subscriber_mutex; /* held while it is called */
    void (*publish)(void *context, const struct ur_event *event);
    void *publish_context;
};

/* The writer's thread. */
void *ur_store_writer_main(void *store);

#endif
