/*
 * What the three files of the predictor share: predictor.c (the process and its thread),
 * predictor_ask.c (requests and the loading of models), predictor_models.c (the registry).
 * Nobody else includes it.
 */
#ifndef UNROLL_SERVER_PREDICTOR_INSIDE_H
#define UNROLL_SERVER_PREDICTOR_INSIDE_H

#include <pthread.h>

#include "config.h"
#include "predictor.h"
#include "store_models.h"
#include "worker.h"

enum {
    UR_PREDICT_DEADLINE_US = 5000000, /* an answer takes a millisecond; past this it hangs */
    UR_PREDICT_PLACE_US = 250000,     /* what a request waits for its turn */
    UR_PREDICT_FRAME_BYTES =
        18 << 20 /* an answer with a picture of the largest model's input */
};

enum ur_load_state { UR_MODEL_UNLOADED, UR_MODEL_LOADING, UR_MODEL_READY, UR_MODEL_BROKEN };

/* A version of a model. */
struct ur_model {
    struct ur_model_row row;
    char *test;  /* the report's "test", JSON; NULL: none */
    bool series; /* the report's "input": it has no answer to a picture */
    enum ur_load_state state;
    uint32_t slot;         /* while LOADING or READY */
    uint32_t load_request; /* while LOADING */
    char why[160];         /* while BROKEN */
    int64_t used_us;
    int32_t users; /* requests that hold it: it is neither evicted nor freed */
    bool deleted;
};

/* A request that waits for its answer; it lives on the stack of who waits. */
struct ur_asked {
    struct ur_asked *next;
    uint32_t request;
    bool answered, lost; /* lost: the predictor died over it */
    struct ur_classify_reply *reply;
};

struct ur_predictor {
    const struct ur_config *config;
    struct ur_store *store;
    int models_folder; /* descriptor of state/models */

    pthread_mutex_t mutex;  /* guards all below but the socket */
    pthread_cond_t changed; /* an answer, a load, a start, a death */
    pthread_cond_t wanted;  /* the loader has something to do */
    struct ur_model **models;
    int32_t n_models, capacity;
    struct ur_model *slots[UR_PREDICT_SLOTS];
    struct ur_asked *asked;
    uint32_t last_request;
    uint32_t generation; /* counts the predictor's lives */
    bool ready, ending;
    bool kill_wanted;    /* of this life: a death clears it */
    int32_t n_asking;    /* requests that hold a thread of the pool */
    int64_t deadline_us; /* UR_PREDICT_DEADLINE_US; tests shorten it */
    struct ur_predictor_counts counts;

    /* Held while a frame is sent, and while the socket changes. Never taken under mutex. */
    pthread_mutex_t send_mutex;
    int socket; /* -1: none */

    int wake_fd; /* an eventfd: kill_wanted or ending is set */
    pthread_t keeper, loader;
    bool keeper_started, loader_started;
};

/* All of these want the mutex held. */
struct ur_model *ur_model_find(struct ur_predictor *predictor, const char *name,
                               int32_t version);
bool ur_model_is_newest(const struct ur_predictor *predictor, const struct ur_model *model);
void ur_model_release(struct ur_predictor *predictor,
                      struct ur_model *model); /* one user less */
enum ur_status ur_models_restore(struct ur_predictor *predictor, struct ur_error *error);
void ur_models_free(struct ur_predictor *predictor);
/* Takes an answer that came; what nobody waits for is dropped. */
enum ur_status ur_predictor_answered(struct ur_predictor *predictor,
                                     const struct ur_frame *frame, struct ur_error *error);
/* The process is gone: nothing is loaded, everything asked is lost. */
void ur_predictor_lost(struct ur_predictor *predictor);

/* Not these. */
void ur_predictor_wake(struct ur_predictor *predictor);
void *ur_predictor_keeper_main(void *predictor);
void *ur_predictor_loader_main(void *predictor);

#endif
