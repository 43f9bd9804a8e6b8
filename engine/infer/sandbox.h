/*
 * Locks the process in before it touches a byte from outside: afterwards it can compute, take
 * memory, and read and write what is open already. Nothing else, and there is no way back.
 *
 * In this order: the parent's death is ours, no core file, no new file of any size, no new
 * descriptor, bounded memory; no new privileges; landlock (no file can be opened, made or
 * removed) where the kernel has it; seccomp (every other system call ends the process) where
 * the kernel takes it. Each is a wall of its own: what one forgets, another stops.
 *
 * Errors: UR_INTERNAL where a limit cannot be set. A kernel without landlock or seccomp is no
 * error, the caller reports what there is. Threads: call with one thread only.
 * Source: seccomp(2), landlock(7), and libseccomp's filter over the list in sandbox.c.
 */
#ifndef UNROLL_INFER_SANDBOX_H
#define UNROLL_INFER_SANDBOX_H

#include <stdbool.h>

#include "unroll/status.h"

enum { UR_SANDBOX_MEMORY_MB = 1024 }; /* address space: 64 models, the largest picture, spare */

struct ur_sandbox {
    bool seccomp, landlock; /* the kernel took it */
};

/* Locks in; *sandbox tells what holds. writes_files: a file that is open already may grow. */
enum ur_status ur_sandbox_enter(struct ur_sandbox *sandbox, bool writes_files,
                                struct ur_error *error);

/* Landlock alone: a ruleset that handles every right and gives none. False where the kernel has
 * none; no_new_privs must be set. */
bool ur_sandbox_deny_files(void);

#endif
