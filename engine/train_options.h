/*
 * The command line of unroll-train.
 *
 * Errors: UR_USAGE with a sentence that names the option. Ownership: texts point into argv.
 */
#ifndef UNROLL_TRAIN_OPTIONS_H
#define UNROLL_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "unroll/status.h"

enum { UR_VERIFY_COUNTS = 16, UR_VERIFY_STEPS = 50 };

struct ur_train_options {
    const char *spec;        /* file with the job's specification */
    const char *folder;      /* --out */
    const char *data_dir;    /* NULL: none */
    const char *events;      /* file to append events to; NULL: none */
    const char *from;        /* checkpoint of another run to begin with; NULL: none */
    const char *describe;    /* name of a data set; NULL: train */
    const char *thread_list; /* --threads as it was written */
    const char *sheet;       /* name of a data set to draw a sheet of; NULL: none */
    int64_t seed;            /* of the sheet */
    int32_t label;           /* class on the sheet; -1: all */
    bool has_look;           /* --seed or --class was given */
    int32_t threads;         /* 0: as the spec says */
    bool verify;
    int32_t verify_threads[UR_VERIFY_COUNTS]; /* each at least 1 */
    int32_t n_verify_threads;
    int32_t verify_steps;
    bool resume;
    bool lines;
    bool worker;
    bool help;
    bool version;
};

enum ur_status ur_train_options_parse(struct ur_train_options *options, int argc, char **argv,
                                      struct ur_error *error);

/* Gives the text of --help. */
const char *ur_train_options_help(void);

#endif
