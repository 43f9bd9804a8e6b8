/*
 * The folder of a run that a person starts by hand. A daemon's worker needs none of this: its
 * daemon made the folder and holds its lock.
 *
 * Errors: UR_CONFLICT where another run is at work in the folder, or where one has left files
 * that a fresh start would remove; UR_IO and its kin where nothing can be written there.
 * Ownership: the lock is the process's until it ends. Threads: one.
 */
#ifndef UNROLL_TRAIN_FOLDER_H
#define UNROLL_TRAIN_FOLDER_H

#include <stdbool.h>

#include "unroll/status.h"

/* Makes and locks the folder; a run without --resume overwrites no other. */
enum ur_status ur_train_folder_claim(const char *folder, bool resume, struct ur_error *error);

#endif
