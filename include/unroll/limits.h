/*
 * Every maximum in one place, with its unit and its reason. A growing buffer is born with one
 * of these.
 */
#ifndef UNROLL_LIMITS_H
#define UNROLL_LIMITS_H

#include <stddef.h>

/* A job. The shape limits keep every product of sizes inside size_t with room to spare. */
enum {
    UR_MAX_HIDDEN =
        4096,          /* units: 4 gates x 4096 x 4096 floats are 268 MB, more is no CPU job */
    UR_MAX_LAYERS = 8, /* recurrent layers: the API's own figure */
    UR_MAX_DIRECTIONS = 2,       /* of a layer: forward and backward */
    UR_MAX_BATCH = 4096,         /* rows: the API's own figure */
    UR_MAX_SHARD_ROWS = 256,     /* rows: past this a core's caches no longer hold a shard */
    UR_MAX_STEPS_PER_ROW = 4096, /* time steps of one sequence */
    UR_MAX_WIDTH = 4096,         /* values in one time step */
    UR_AUGMENT_MAX_SIDE = 128, /* pixels of an image that is augmented: its scratch lies on the
                                  stack of a thread */
    UR_MAX_CLASSES = 1000,     /* classes: a confusion matrix of them is 4 MB */
    UR_MAX_THREADS = 256,      /* OpenMP threads of one worker */
    UR_MAX_TENSORS =
        256, /* rows of a tensor table: 8 layers x 2 directions x a dozen, and some */
};

/* Time steps of a layer that a record of insight tells at most: a picture of more has more
 * columns than a screen has pixels for. */
enum { UR_INSIGHT_POINTS = 256 };

/* Names of jobs, tags, data sets and models: [A-Za-z0-9._-], not starting with a dot, so never
 * a path. */
enum { UR_NAME_BYTES = 65, UR_MAX_TAGS = 16 };

enum {
    UR_SHA256_BYTES = 32,
    UR_SHA256_HEX_BYTES = 65,      /* with the final NUL */
    UR_RECORD_MAX_BYTES = 1 << 20, /* bytes of one worker record: a confusion matrix or a report
                                      fits, a flood does not */
    UR_PREDICT_MAX_BYTES = 64 << 20, /* bytes of one predictor frame: a model of 1980 units
                                        fits; a larger one is no job (plan.h) */
    UR_JSON_MAX_BYTES = 1 << 20,   /* bytes of a JSON body: jansson turns 1 MiB of brackets into
                                      46 MB, more is an attack */
    UR_JSON_MAX_DEPTH = 32,        /* nesting of a JSON body */
    UR_IMAGE_MAX_BYTES = 10 << 20, /* bytes of a posted picture */
    UR_IMAGE_MAX_SIDE = 4096,      /* pixels */
    UR_IMAGE_MAX_PIXELS = 16 << 20, /* pixels of a whole picture: 16 MP of RGBA are 64 MB */
    UR_LOG_LINE_BYTES = 1024,       /* bytes of one log line, longer ones are cut */
    UR_MAX_QUEUED_JOBS = 1000,      /* jobs waiting: past this a POST is answered 429 */
};

/* Bytes of one data set once unpacked: past 2 GiB a gzip file is taken for a bomb. */
#define UR_DATASET_MAX_BYTES ((size_t)2 << 30)

#endif
