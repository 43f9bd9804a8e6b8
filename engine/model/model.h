/*
 * A network on one shard: forward over all time steps, softmax cross-entropy, backward through
 * time. It knows neither threads nor optimizers nor whole data sets; the caller gives each
 * thread a workspace of its own.
 *
 * Shapes (T time outermost, B = shard_rows, padded rows have weight zero):
 *     x [T][B][I]   logits [B][C]   labels [B]   row_weights [B]   gradients as the tensor
 * table; of series also lengths [B]: what x holds past a row's length changes nothing.
 *
 * Cost: three GEMM passes over T*B rows; no allocation, no I/O, no lock. Errors: none once
 * planned. Ownership: the caller owns all memory; workspaces are carved from an arena.
 * Threads: a model is read-only and shared; a workspace belongs to one thread at a time.
 * Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997, with the forget
 * gate of F. Gers et al., 2000.
 */
#ifndef UNROLL_MODEL_MODEL_H
#define UNROLL_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/params.h"
#include "unroll/arena.h"
#include "unroll/plan.h"
#include "unroll/spec.h"

struct ur_model {
    struct ur_params params;
    int32_t steps, width, hidden, classes, shard_rows;
    int32_t layers, directions;
    bool series;        /* rows have lengths of their own */
    int32_t projection; /* 0: none */
    int32_t output;     /* R: units that one direction of a layer hands on, H or projection */
    enum ur_cell cell;
    enum ur_activation activation;
    enum ur_readout readout;
    int32_t truncate; /* time steps in a block of back-propagation; 0: all */
    double dropout;   /* of what each layer hands on; 0: none */
    uint64_t seed;    /* of its masks */
};

struct ur_workspace; /* workspace.h */

/* Builds the table and remembers the shapes. */
enum ur_status ur_model_init(struct ur_model *model, const struct ur_spec *spec,
                             const struct ur_data_shape *shape, struct ur_error *error);

/* Reads x, leaves everything that backward needs in the workspace, and the logits in
 * workspace->logits. */
void ur_model_forward(const struct ur_model *model, const float *weights, const float *x,
                      struct ur_workspace *workspace);

/* The same as training does it: with dropout, whose masks belong to the samples and epochs in
 * the workspace. What backward then does follows the last forward. */
void ur_model_forward_training(const struct ur_model *model, const float *weights,
                               const float *x, struct ur_workspace *workspace);

/*
 * Softmax cross-entropy of the logits in the workspace. Writes (softmax - onehot) * row_weight
 * * scale to workspace->dlogits, with scale = 1 / rows of the *global* minibatch, adds up the
 * weighted loss and the correct rows (argmax, the lower index wins a tie).
 */
struct ur_shard_sums {
    double loss; /* sum over rows, not yet divided */
    double weight;
    int32_t correct;
};
struct ur_shard_sums ur_model_loss(const struct ur_model *model, const int32_t *labels,
                                   const float *row_weights, float scale,
                                   struct ur_workspace *workspace);

/* The same against labels of which a share was spread over all classes (loss.h): what training
 * descends. Splits are always scored by the plain loss. */
struct ur_shard_sums ur_model_smoothed_loss(const struct ur_model *model, const int32_t *labels,
                                            const float *row_weights, float scale,
                                            float smoothing, struct ur_workspace *workspace);

/* Back-propagation through time from workspace->dlogits; overwrites gradients (n_floats,
 * padding zero). */
void ur_model_backward(const struct ur_model *model, const float *weights, const float *x,
                       struct ur_workspace *workspace, float *gradients);

#endif
