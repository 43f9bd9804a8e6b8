/*
 * The events of all jobs, as a stream that was lost can be read again.
 *
 * Cost: an index lookup and the rows. Threads: any; each call takes a reader of its own.
 */
#ifndef UNROLL_SERVER_STORE_EVENTS_H
#define UNROLL_SERVER_STORE_EVENTS_H

#include "store_write.h"

/* Where a job's stream stands. */
struct ur_events_tail {
    int64_t sequence; /* of the newest event; 0: none */
    int64_t number;
    int64_t end; /* sequence of `end`; 0: it has not come */
};
/* UR_NOT_FOUND for an unknown job. */
enum ur_status ur_store_events_tail(struct ur_store *store, const char *job,
                                    struct ur_events_tail *tail, struct ur_error *error);
/* Gives the number of a job's event, or of the last one before it; 0 where there is none. */
enum ur_status ur_store_event_number(struct ur_store *store, const char *job, int64_t sequence,
                                     int64_t *number, struct ur_error *error);
/* Gives the sequence of a job's last event up to a number; 0 where there is none. Cost: the
 * events after it. */
enum ur_status ur_store_event_before(struct ur_store *store, const char *job, int64_t number,
                                     int64_t *sequence, struct ur_error *error);
/* Gives the highest number there is. */
enum ur_status ur_store_events_last(struct ur_store *store, int64_t *number,
                                    struct ur_error *error);

/*
 * Calls each, in order, for the events of one job after sequence `after`, or (job NULL) for
 * those of all jobs after number `after`, until it says false or there are no more. *finished:
 * there are no more.
 */
enum ur_status ur_store_events(struct ur_store *store, const char *job, int64_t after,
                               bool (*each)(void *context, const struct ur_event *event),
                               void *context, bool *finished, struct ur_error *error);

#endif
