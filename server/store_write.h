/*
 * How anything gets into the database: a write is put into the queue, run by the writer's
 * thread inside a transaction together with all that waits, and told how the commit went.
 *
 *     put -> run (inside BEGIN … COMMIT) -> done (after the commit, in the order of putting)
 *
 * A write whose run fails with a reason of its own (UR_CONFLICT, UR_NOT_FOUND …) is undone
 * alone. When the disk fails, the whole group is undone: writes with keep set stay at the head
 * of the queue and are tried again every half second, all others are answered with the failure.
 * A write that somebody waits for is never kept: a disk that is full would hold every thread
 * that answers clients.
 *
 * Ownership: the queue owns a write from put until done; then it is released, or goes back to
 * who waits for it. Threads: put from any; run and done on the writer's thread, done without a
 * lock held.
 */
#ifndef UNROLL_SERVER_STORE_WRITE_H
#define UNROLL_SERVER_STORE_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "unroll/status.h"

struct ur_store;
struct ur_connection;

/* What a caller waits on. */
struct ur_ticket {
    bool finished;
    struct ur_error error;
};

struct ur_write {
    enum ur_status (*run)(struct ur_connection *connection, struct ur_write *write,
                          struct ur_error *error);
    /* NULL: nothing to tell */
    void (*done)(struct ur_store *store, struct ur_write *write, const struct ur_error *error);
    /* frees a write that nobody waits for; NULL: the caller frees it some other way */
    void (*release)(struct ur_write *write);
    bool keep; /* survives a failing disk; a ticket clears it */

    /* the queue's */
    struct ur_write *next;
    struct ur_ticket *ticket;
    struct ur_error error;
};

/* Puts a write and returns at once; it is released by the writer. */
void ur_store_put(struct ur_store *store, struct ur_write *write);
/* Puts a write and returns at once, so that it can be done under a lock of the caller's; the
 * caller waits later, without that lock, and owns the write from then on. */
void ur_store_put_ticket(struct ur_store *store, struct ur_write *write,
                         struct ur_ticket *ticket);
enum ur_status ur_store_wait(struct ur_store *store, struct ur_ticket *ticket,
                             struct ur_error *error);
/* Both at once. */
enum ur_status ur_store_put_and_wait(struct ur_store *store, struct ur_write *write,
                                     struct ur_error *error);

/* A committed event, as its subscriber gets it; everything is borrowed. */
struct ur_event {
    int64_t number;   /* over all jobs, in the order of the commits */
    int64_t sequence; /* within the job, from 1 */
    const char *job;  /* its id */
    const char *name;
    const char *data; /* one line of JSON */
    bool last;        /* `end`: nothing follows in this job */
};
/* Sets who is told of committed events, on the writer's thread; NULL: nobody. Returns when the
 * previous one is no longer being called. */
void ur_store_subscribe(struct ur_store *store,
                        void (*publish)(void *context, const struct ur_event *event),
                        void *context);
/* Tells the subscriber; for the done functions of writes. */
void ur_store_publish(struct ur_store *store, const struct ur_event *event);

/* Lends a read-only connection; waits while all are lent. Every take is followed by a give. */
enum ur_status ur_store_take_reader(struct ur_store *store, struct ur_connection **reader,
                                    struct ur_error *error);
void ur_store_give_reader(struct ur_store *store, struct ur_connection *reader);
/* Gives the folder of the state. */
const char *ur_store_folder(const struct ur_store *store);

#endif
