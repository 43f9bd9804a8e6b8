/*
 * Replaying the beginning of a run at several numbers of threads: the second law, shown on this
 * machine, with this build and these data.
 *
 * Each replay is a whole run, from loading its data on, that is suspended once its steps are
 * done; what is compared is the digest of its weights. A time budget is passed over: it ends a
 * run at whatever step. Its files go to a folder of their own, which is removed.
 *
 * Format: {"steps":n,"first_step":n,"results":[{"threads":n,"weights_sha256":"…"}…],"same":b}.
 * Cost: one load of the data and the steps, for each number of threads. Errors: UR_INTERNAL
 * where the weights differ, with the JSON whole; UR_INTERRUPTED; whatever a run can do wrong.
 * Ownership: everything is borrowed. Threads: one caller, before any other run.
 */
#ifndef UNROLL_TRAIN_VERIFY_H
#define UNROLL_TRAIN_VERIFY_H

#include <signal.h>

#include "train/trainer.h"

struct ur_verify_request {
    const struct ur_train_request *run; /* its folder, threads and resume are not looked at */
    const int32_t *threads;             /* the numbers to replay at */
    int32_t n_threads;
    int32_t steps;                            /* at most, of each replay */
    const volatile sig_atomic_t *interrupted; /* set: end soon */
};

enum ur_status ur_verify(const struct ur_verify_request *request, struct ur_text *json,
                         struct ur_error *error);

#endif
