/*
 * The failure that every function of the daemon may have.
 */
#ifndef UNROLL_SERVER_FAIL_H
#define UNROLL_SERVER_FAIL_H

#include "unroll/status.h"

/* Fails with UR_NO_MEMORY and its own sentence. */
static inline enum ur_status ur_no_memory(struct ur_error *error)
{
    return ur_fail(error, UR_NO_MEMORY, "%s", ur_status_sentence(UR_NO_MEMORY));
}

#endif
