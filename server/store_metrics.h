/*
 * What a running job measures, in the database: points of steps, epochs, confusion matrices;
 * and the thinning of long series. Written by store_jobs.c, read through store.h.
 */
#ifndef UNROLL_SERVER_STORE_METRICS_H
#define UNROLL_SERVER_STORE_METRICS_H

#include "unroll/status.h"

struct ur_connection;
struct ur_job_write;

/* Inserts the write's points, epoch and confusion matrix. Points and epochs that were there are
 * replaced: a resumed job repeats them, to the same bits. */
enum ur_status ur_metrics_insert(struct ur_connection *connection,
                                 const struct ur_job_write *write, struct ur_error *error);

#endif
