/*
 * A trained network that only answers: loaded once from the bytes of its file, all memory
 * planned then, nothing kept for a backward pass.
 *
 * Shapes: pictures [n][height][width] bytes (0 background, 255 ink), read as byte / 255 as in
 * training, by rows or by columns (T and I are the width and the height then);
 * probabilities [n][C]. A picture's answer has the same bits alone and among any others, and
 * agrees with the training forward pass to 1e-5 in the logits (kernels/rows.h sums in another
 * order than a BLAS). Cost: 2 T (I + H) GH operations a picture, layer and direction; 0.1 ms
 * for 128 hidden units on 28x28. Memory: the weights and 2 T DH floats of capacity. Errors:
 * UR_BAD_MODEL for a file that is damaged, not a model, or of a kind that this program cannot
 * run; UR_NO_MEMORY. Ownership: the caller owns the struct; _release accepts NULL and a zeroed
 * struct. Threads: one at a time, the scratch is inside. Source: docs/inference.md.
 */
#ifndef UNROLL_INFER_FORWARD_H
#define UNROLL_INFER_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/arena.h"
#include "unroll/limits.h"
#include "unroll/spec.h"
#include "unroll/status.h"

/* One layer in one direction; the arrays lie in the arena. */
struct ur_forward_layer {
    const float *w, *u, *b, *bn; /* [I][GH] [R][GH] [GH] [H]; bn of a GRU alone */
    const float *p;              /* [H][R] with a projection */
};

struct ur_forward {
    int32_t steps, width, hidden, classes;
    int32_t layers, directions, gates;     /* gates: G of layers/recurrent.h */
    int32_t projection;                    /* 0: none */
    int32_t output;                        /* R: H, or the projection's units */
    int32_t capacity;                      /* pictures at a time */
    int32_t picture_height, picture_width; /* width and steps where it is read by columns */
    bool by_columns;
    bool series; /* reads series: it is loaded, but has no answer to a picture */
    enum ur_cell cell;
    enum ur_activation activation;
    enum ur_readout readout;
    char weights_sha256[UR_SHA256_HEX_BYTES]; /* as the file says */
    struct ur_forward_layer stack[UR_MAX_LAYERS][UR_MAX_DIRECTIONS];
    const float *dense_w, *dense_b;  /* [DR][C] [C] */
    float *x, *sums, *recurrent, *c; /* [capacity][I] [..][GH] [..][GH] [..][H] */
    float *m;                        /* [capacity][H]: what a projection reads */
    float *zero;                     /* [capacity][H]: what the first step finds */
    float *y[2][UR_MAX_DIRECTIONS];  /* [T][capacity][R]: layers write them by turns */
    float *read;                     /* [capacity][DR]: what the dense layer reads */
    struct ur_arena arena;           /* holds all of the above */
};

/* Loads the bytes of a model file (a checkpoint does as well), for capacity >= 1 pictures. */
enum ur_status ur_forward_load(struct ur_forward *forward, const void *bytes, size_t n_bytes,
                               int32_t capacity, struct ur_error *error);

/* Checks that the network reads pictures. UR_WRONG_INPUT for one of series. */
enum ur_status ur_forward_check_pictures(const struct ur_forward *forward,
                                         struct ur_error *error);

void ur_forward_release(struct ur_forward *forward);

/* Writes the logits of 1 <= n <= capacity pictures. */
void ur_forward_logits(struct ur_forward *forward, const uint8_t *pictures, int32_t n,
                       float *logits);

/* Writes the class probabilities of 1 <= n <= capacity pictures. They are NaN where weights are
 * so large that a logit is no number. */
void ur_forward_run(struct ur_forward *forward, const uint8_t *pictures, int32_t n,
                    float *probabilities);

#endif
