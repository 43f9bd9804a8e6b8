/*
 * Models and data sets in the database: what is registered, and what a worker said of a folder.
 *
 * Errors and threads: as store_write.h; every write waits until it is durable.
 */
#ifndef UNROLL_SERVER_STORE_MODELS_H
#define UNROLL_SERVER_STORE_MODELS_H

#include "job.h"
#include "store_write.h"

enum { UR_MODEL_FILE_BYTES = 64 };

struct ur_model_row {
    char name[UR_NAME_BYTES];
    int32_t version; /* set by the insert */
    char job[UR_JOB_ID_BYTES];
    char file[UR_MODEL_FILE_BYTES]; /* below models/ */
    int64_t bytes;
    char weights_sha256[UR_SHA256_HEX_BYTES];
    int64_t created_us;
    char *report; /* JSON, owned by the row */
};

/* Inserts the next version of row->name; a job that has registered before gives that version
 * and *existed. */
enum ur_status ur_store_model_insert(struct ur_store *store, struct ur_model_row *row,
                                     bool *existed, struct ur_error *error);
enum ur_status ur_store_model_delete(struct ur_store *store, const char *name, int32_t version,
                                     struct ur_error *error);
/* Calls each for every model, oldest first; the row is the callee's to keep. */
enum ur_status ur_store_models(struct ur_store *store,
                               enum ur_status (*each)(void *context, struct ur_model_row *row,
                                                      struct ur_error *error),
                               void *context, struct ur_error *error);

enum { UR_SIGNATURE_BYTES = 320 };

struct ur_dataset_row {
    char signature[UR_SIGNATURE_BYTES]; /* of the files that were described */
    struct ur_record_dataset facts;
};

enum ur_status ur_store_dataset_put(struct ur_store *store, const struct ur_dataset_row *row,
                                    struct ur_error *error);
enum ur_status ur_store_datasets(struct ur_store *store,
                                 enum ur_status (*each)(void *context,
                                                        const struct ur_dataset_row *row,
                                                        struct ur_error *error),
                                 void *context, struct ur_error *error);

#endif
