/*
 * A trained network that only answers: loaded once from the bytes of its file, all memory
 * planned then, nothing kept for a backward pass.
 *
 * Shapes: pictures [n][T*I] bytes (0 background, 255 ink), read as byte / 255 as in training;
 * probabilities [n][C]. A picture's answer has the same bits alone and among any others, and
 * agrees with the training forward pass to 1e-5 in the logits (kernels/rows.h sums in another
 * order than a BLAS). Cost: 2 T (I + H) 4H operations a picture; 0.1 ms for 128 hidden units on
 * 28x28. Memory: the weights and a few rows of capacity. Errors: UR_BAD_MODEL for a file that
 * is damaged, not a model, or of a kind that this program cannot run; UR_NO_MEMORY. Ownership:
 * the caller owns the struct; _release accepts NULL and a zeroed struct. Threads: one at a
 * time, the scratch is inside. Source: docs/inference.md.
 */
#ifndef UNROLL_INFER_FORWARD_H
#define UNROLL_INFER_FORWARD_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/arena.h"
#include "unroll/limits.h"
#include "unroll/spec.h"
#include "unroll/status.h"

struct ur_forward {
    int32_t steps, width, hidden, classes;
    int32_t capacity; /* pictures at a time */
    enum ur_readout readout;
    char weights_sha256[UR_SHA256_HEX_BYTES]; /* as the file says */
    const float *w, *u, *b;                   /* [I][4H] [H][4H] [4H] */
    const float *dense_w, *dense_b;           /* [H][C] [C] */
    float *x, *gates, *c, *h;                 /* [capacity][I] [..][4H] [..][H] [..][H] */
    float *read;                              /* [capacity][H]: what the dense layer reads */
    struct ur_arena arena;                    /* holds all of the above */
};

/* Loads the bytes of a model file (a checkpoint does as well), for capacity >= 1 pictures. */
enum ur_status ur_forward_load(struct ur_forward *forward, const void *bytes, size_t n_bytes,
                               int32_t capacity, struct ur_error *error);

void ur_forward_release(struct ur_forward *forward);

/* Writes the logits of 1 <= n <= capacity pictures. */
void ur_forward_logits(struct ur_forward *forward, const uint8_t *pictures, int32_t n,
                       float *logits);

/* Writes the class probabilities of 1 <= n <= capacity pictures. They are NaN where weights are
 * so large that a logit is no number. */
void ur_forward_run(struct ur_forward *forward, const uint8_t *pictures, int32_t n,
                    float *probabilities);

#endif
