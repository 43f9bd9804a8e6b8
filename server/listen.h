/*
 * The listening socket, and how many connections this process can afford.
 *
 * Errors: UR_USAGE for an address that is not loopback, UR_IO (with the port) where it cannot
 * be bound. Ownership: the descriptor is the caller's. Threads: any.
 */
#ifndef UNROLL_SERVER_LISTEN_H
#define UNROLL_SERVER_LISTEN_H

#include <stdint.h>

#include "unroll/status.h"

/* Opens a listening socket on a loopback address ("localhost" too); *bound is its port. */
enum ur_status ur_listen_open(const char *host, int32_t port, int *out, int *bound,
                              struct ur_error *error);

/*
 * Gives how many connections may be open: as many as wanted, or fewer where the process may not
 * open 512 descriptors more than that. A server at its limit of descriptors spins.
 */
int32_t ur_listen_affordable(int32_t wanted);

/* Gives how many connections one client's address may hold, 0 for no limit of its own. */
int32_t ur_listen_per_address(const char *host);

#endif
