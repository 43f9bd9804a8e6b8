/*
 * The tensor table: the single truth about parameters. Allocation, initialisation, checkpoints,
 * the gradient check, norms and exports all loop over it; nobody else knows how many weights
 * there are or where they lie.
 *
 * Shapes: W [I][G*H]  U [H][G*H]  b [G*H]  dense.W [D*H][C]  dense.b [C], row-major float32,
 * gates in the order i f g o (LSTM, G = 4) or r z n (GRU, G = 3; bn [H] is its recurrent bias
 * of n); an RNN has G = 1. D directions; above the first layer I = D*H, forward first. With a
 * projection to R units, P [H][R], and R stands for H in U's rows, dense.W's and that I.
 * Format: one float array; tensor k occupies [offset, offset + count). Offsets are multiples of
 * 16 floats; the padding stays zero, in gradients and optimizer state too. Every array of
 * parameters (weights, gradients, the optimizer's moments) has this one layout.
 * Units: floats. Cost: arithmetic. Errors: UR_JOB_TOO_BIG. Ownership: no pointers.
 * Threads: pure functions.
 */
#ifndef UNROLL_MODEL_PARAMS_H
#define UNROLL_MODEL_PARAMS_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/limits.h"
#include "unroll/plan.h"
#include "unroll/spec.h"
#include "unroll/status.h"

enum ur_tensor_init {
    UR_TENSOR_ZERO,
    UR_TENSOR_GLOROT,
    UR_TENSOR_NORMAL,
    UR_TENSOR_LSTM_BIAS,
    UR_TENSOR_ORTHOGONAL,
    UR_TENSOR_UNIFORM
};

enum { UR_TENSOR_NAME_BYTES = 48, UR_TENSOR_MAX_RANK = 2, UR_TENSOR_ALIGN_FLOATS = 16 };

struct ur_tensor {
    char name[UR_TENSOR_NAME_BYTES]; /* "layer0.forward.W", its .U .b .bn .P,
                                        "layer1.backward.W", "dense.W", "dense.b" */
    int32_t rank;
    int32_t dims[UR_TENSOR_MAX_RANK]; /* rows, columns; a vector has rank 1 */
    size_t offset;                    /* floats */
    size_t count;                     /* floats */
    int32_t fan_in, fan_out;          /* of one gate's matrix, for the initialisers */
    enum ur_tensor_init init;
    float constant; /* LSTM_BIAS: the forget gate's bias; UNIFORM: the largest magnitude */
    size_t twice;   /* UNIFORM: that many from the start are the sum of two draws */
};

struct ur_params {
    int32_t count;
    struct ur_tensor items[UR_MAX_TENSORS];
    size_t n_parameters; /* floats that mean something */
    size_t n_floats;     /* with padding: the length of every parameter array */
};

/* Builds the table of a spec on data of that shape. */
enum ur_status ur_params_build(struct ur_params *params, const struct ur_spec *spec,
                               const struct ur_data_shape *shape, struct ur_error *error);

/* Gives the tensor of that name, NULL if there is none. */
const struct ur_tensor *ur_params_find(const struct ur_params *params, const char *name);

/* Writes initial weights (n_floats of them): a pure function of the table and the seed. */
void ur_params_init(const struct ur_params *params, uint64_t seed, float *weights);

/* Writes the SHA-256 of the weights, tensor after tensor in the table's order, without padding,
 * float32 little-endian. */
void ur_params_digest(const struct ur_params *params, const float *weights,
                      char out[UR_SHA256_HEX_BYTES]);

#endif
