/*
 * The watchdog: absolute deadlines for connections, which the HTTP library does not have (its
 * own timeout starts again with every byte), and a decent end for those that are refused in the
 * middle of a body.
 *
 *     head      10 s from the first connection, or from the first line of a later request
 *     idle      75 s between two requests of a kept connection
 *     body      at least 1 KB/s on the whole, once 10 s are over
 *     write     30 s without a byte acknowledged while bytes are waiting
 *     answer    none: the server itself is at work
 *
 * A connection is cut by shutdown(2): the library then sees an ordinary end. Lingering: a
 * socket that is closed while unread bytes are waiting sends a reset, and the client may never
 * see why it was refused; so its last descriptor is kept here, and what still comes is thrown
 * away for up to 2 seconds or 8 MB.
 *
 * Cost: a scan of all connections each second, one or two system calls for those that write.
 * Ownership: a peer belongs to the watchdog. Threads: join, leave and the notes from poll
 * threads; wait and tick from one ticker thread. The story that must not happen: the watchdog
 * decides to cut descriptor 9, the library closes 9 and accepts a new connection as 9, and the
 * newcomer is cut. `leave` runs before close(2) and takes the mutex that a cut holds, so it
 * cannot.
 */
#ifndef UNROLL_SERVER_WATCHDOG_H
#define UNROLL_SERVER_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/status.h"

struct ur_watchdog;
struct ur_peer;

enum ur_peer_phase {
    UR_PEER_HEAD,
    UR_PEER_BODY,
    UR_PEER_ANSWER,
    UR_PEER_WRITE,
    UR_PEER_STREAM, /* writes, and waits for events in between */
    UR_PEER_IDLE
};

enum ur_status ur_watchdog_create(struct ur_watchdog **out, struct ur_error *error);
/* All peers must have left. Accepts NULL. */
void ur_watchdog_destroy(struct ur_watchdog *watchdog);

/* A connection begins; NULL without memory: it then has no deadlines but the library's. */
struct ur_peer *ur_watchdog_join(struct ur_watchdog *watchdog, int fd);
/* A connection ends; its descriptor is still open. Accepts NULL. */
void ur_watchdog_leave(struct ur_watchdog *watchdog, struct ur_peer *peer);

/* Notes on a connection; all accept NULL. */
void ur_peer_enter(struct ur_peer *peer, enum ur_peer_phase phase);
void ur_peer_received(struct ur_peer *peer, size_t bytes);
/* Its end shall linger. */
void ur_peer_linger(struct ur_peer *peer);

/* Waits for timeout_ms or a wake, throwing away what lingering connections send. */
void ur_watchdog_wait(struct ur_watchdog *watchdog, int timeout_ms);
void ur_watchdog_wake(struct ur_watchdog *watchdog);
/* Cuts what is too slow at now_us and gives how many. */
int ur_watchdog_tick(struct ur_watchdog *watchdog, int64_t now_us);

#endif
