/*
 * The daemon's end of the resident predictor: starts unroll-predict, loads models into it,
 * passes requests on, and starts it again when it dies (within 100 ms; the requests it held are
 * retried once, then answered UR_UNAVAILABLE).
 *
 * The model registry is here too: name, version, file, the job it came from. Files are named by
 * the server, never by a user. A model's row is committed after its file is durable.
 *
 * The newest version of each model is kept loaded, at most UR_PREDICT_SLOTS of them; others are
 * loaded when they are asked for, in place of the one that was used least recently.
 *
 * Errors: UR_NOT_FOUND (no such model or version, or none at all yet), UR_NO_DIGIT,
 * UR_BAD_IMAGE, UR_BAD_MODEL, UR_UNAVAILABLE, UR_TIMEOUT. Threads: any but an event loop's:
 * classify waits for its answer.
 */
#ifndef UNROLL_SERVER_PREDICTOR_H
#define UNROLL_SERVER_PREDICTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/limits.h"
#include "unroll/predict.h"
#include "unroll/status.h"
#include "unroll/text.h"

struct ur_config;
struct ur_store;
struct ur_predictor;

enum ur_status ur_predictor_create(struct ur_predictor **out, const struct ur_config *config,
                                   struct ur_store *store, struct ur_error *error);
/* No call may be under way. Accepts NULL. */
void ur_predictor_destroy(struct ur_predictor *predictor);

/*
 * Registers the model file of a job (copied, fsynced, then its row committed) as the next
 * version of name, and, unless the report's "input" is "series", makes it the default. A job
 * that has registered before keeps its version.
 */
enum ur_status ur_predictor_register(struct ur_predictor *predictor, const char *name,
                                     const char *job_id, const char *file,
                                     const char *report_json, int32_t *version,
                                     struct ur_error *error);

/* Appends {"items":[{"name","version","job","created_at","bytes","weights_sha256","test":{…},
 * "input","ready","versions":[…],"model_version_status":[…]}…],"next":null}. */
enum ur_status ur_predictor_models(struct ur_predictor *predictor, struct ur_text *json,
                                   struct ur_error *error);
/* Appends one model (version 0: the newest). */
enum ur_status ur_predictor_model(struct ur_predictor *predictor, const char *name,
                                  int32_t version, struct ur_text *json,
                                  struct ur_error *error);
/* Removes one version and its file. */
enum ur_status ur_predictor_model_delete(struct ur_predictor *predictor, const char *name,
                                         int32_t version, struct ur_error *error);

struct ur_classify_request {
    const char *model; /* NULL: the default, the newest that reads pictures */
    int32_t version;   /* 0: the newest */
    enum ur_preprocess preprocess;
    bool want_image;
    const unsigned char *body;
    size_t body_bytes;
};
struct ur_classify_reply {
    char model[UR_NAME_BYTES]; /* the one that answered */
    int32_t version;
    struct ur_predict_answer answer; /* its image is not set */
    unsigned char *image;            /* PNG, the caller frees it; NULL if not wanted */
    size_t image_bytes;
};
enum ur_status ur_predictor_classify(struct ur_predictor *predictor,
                                     const struct ur_classify_request *request,
                                     struct ur_classify_reply *reply, struct ur_error *error);

/* Numbers for /metrics and /readyz. */
struct ur_predictor_counts {
    bool ready, seccomp, landlock;
    int32_t models;
    uint64_t requests_total, failures_total, restarts_total;
    double seconds_total; /* in the predictor */
};
void ur_predictor_counts(struct ur_predictor *predictor, struct ur_predictor_counts *counts);

#endif
