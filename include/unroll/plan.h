/*
 * How much memory a job takes, from its spec and the shape of its data alone: what the daemon
 * admits by and what the trainer allocates. The trainer asserts that its arenas have exactly
 * these sizes, and a test compares both over a grid of specs.
 *
 * Shapes: x [T][B][I], gates [T][B][4H], h and c [T+1][B][H]; one workspace for each thread,
 * one gradient for each shard. Units: bytes, and counts of float parameters. Cost: arithmetic.
 * Errors: UR_JOB_TOO_BIG where a size leaves 2^46 bytes. Threads: pure functions.
 */
#ifndef UNROLL_PLAN_H
#define UNROLL_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/spec.h"
#include "unroll/status.h"

/* The shape of a data set; of images as they lie in the files, whatever the model's scan. */
struct ur_data_shape {
    int32_t steps;   /* T: time steps of one sequence (rows of an image) */
    int32_t width;   /* I: values of one step (columns) */
    int32_t classes; /* C */
    int32_t n_train; /* sequences, the validation split included */
    int32_t n_test;
    int32_t series; /* 0: images, a byte a value; 1: float values, and a length of its own for
                       each sequence, T at most */
};

/* Gives the shape as the model reads it: scanned by columns (enum ur_scan), an image's columns
 * are the time steps. */
static inline struct ur_data_shape ur_shape_scanned(const struct ur_data_shape *shape,
                                                    int32_t scan)
{
    struct ur_data_shape seen = *shape;
    if (scan == UR_SCAN_COLUMNS) {
        seen.steps = shape->width;
        seen.width = shape->steps;
    }
    return seen;
}

struct ur_plan {
    size_t n_parameters; /* floats */
    size_t params_bytes; /* weights, optimizer state, one gradient for each shard */
    size_t work_bytes;   /* activations kept for backward, scratch, the batch */
    size_t data_bytes; /* the data set in memory: values, labels, lengths; and the test part of
                            the set of /train/evaluate_on */
    size_t base_bytes; /* program, BLAS buffers, thread stacks: a measured constant and a share
                          for each thread; files while they are put together */
    size_t total_bytes;
    size_t model_bytes; /* of the model's file, at most: weights, spec and report */
};

/* Plans a job at a thread count of at least 1. */
enum ur_status ur_plan_job(const struct ur_spec *spec, const struct ur_data_shape *shape,
                           int32_t threads, struct ur_plan *plan, struct ur_error *error);

/* Adds the set of /train/evaluate_on to a plan: its test part stays in memory beside the job's
 * own set; as a whole it is there only while it is read, before anything else is. */
enum ur_status ur_plan_add_transfer(struct ur_plan *plan, const struct ur_data_shape *shape,
                                    struct ur_error *error);

/* Checks that a set can be evaluated on by a model of another: the same time steps, values and
 * classes. UR_INVALID_SPEC, naming the field and both shapes. */
enum ur_status ur_plan_check_transfer(const struct ur_data_shape *own,
                                      const struct ur_data_shape *other,
                                      struct ur_error *error);

/* Checks what a job asks of its data: an option that is for images only is refused for series,
 * and augmentation for images that are too large for it, with a field error for each.
 * UR_INVALID_SPEC. fields may be NULL. */
enum ur_status ur_plan_check_data(const struct ur_spec *spec, const struct ur_data_shape *shape,
                                  struct ur_field_errors *fields, struct ur_error *error);

/* Checks that the predictor will be able to take the model: one that is trained for hours and
 * then cannot be asked helps nobody. UR_JOB_TOO_BIG. */
enum ur_status ur_plan_check_model(const struct ur_plan *plan, struct ur_error *error);

#endif
