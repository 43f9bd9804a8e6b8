/*
 * Do the analytic gradients of a network agree with differences of its loss?
 *
 * For sampled entries of every tensor the loss is computed at four points around it, and
 *
 *     (8 (L(w + e) - L(w - e)) - (L(w + 2e) - L(w - 2e))) / 12e
 *
 * is compared with what back-propagation says. The error of that formula falls with e^4, so e
 * can be large enough for a float32 forward pass, whose loss carries about 1e-7 of noise.
 *
 * Units: error = |difference - gradient| / max(|difference|, |gradient|, a tenth of the
 * tensor's root mean square gradient): the last keeps entries that are nothing but noise from
 * counting. Cost: four forward passes an entry. Errors: none; a NaN anywhere gives an infinite
 * error. Ownership: the caller's memory; weights are changed and restored to the bit. Threads:
 * none inside. Source: the five-point stencil, M. Abramowitz and I. Stegun, 25.3.6.
 */
#ifndef UNROLL_TRAIN_GRADCHECK_H
#define UNROLL_TRAIN_GRADCHECK_H

#include <stdint.h>

#include "model/model.h"
#include "model/workspace.h"

struct ur_gradcheck_tensor {
    int32_t entries;   /* how many were looked at */
    size_t worst;      /* which of the tensor's floats is furthest off */
    double gradient;   /* there, analytic */
    double difference; /* there, numeric */
    double error;      /* there, relative */
};

struct ur_gradcheck {
    double error; /* the largest of all tensors */
    int32_t worst_tensor;
    struct ur_gradcheck_tensor tensors[UR_MAX_TENSORS]; /* as in the tensor table */
};

/* What is checked: a shard that lies in the workspace (x, labels, row_weights). */
struct ur_gradcheck_subject {
    const struct ur_model *model;
    struct ur_workspace *workspace;
    float *weights;
    float *gradients; /* n_floats, overwritten */
};

/* Looks at up to entries floats of every tensor, chosen by the seed; all of a smaller one. */
struct ur_gradcheck ur_gradcheck_run(const struct ur_gradcheck_subject *subject,
                                     int32_t entries, uint64_t seed);

#endif
