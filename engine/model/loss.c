#include "model/loss.h"

#include <assert.h>
#include <string.h>

#include "kernels/softmax.h"
#include "kernels/vec.h"

int32_t ur_loss_argmax(const float *x, int32_t n)
{
    int32_t best = 0;
    for (int32_t k = 1; k < n; k++)
        if (x[k] > x[best])
            best = k;
    return best;
}

/* Takes the target off the probabilities, and gives the logits' mean under it. */
static double subtract_target(float *p, const float *x, size_t n, int32_t label,
                              float smoothing)
{
    if (smoothing == 0.0f) {
        p[label] -= 1.0f;
        return (double)x[label];
    }
    const float each = smoothing / (float)n;
    double sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        p[k] -= each;
        sum += (double)x[k];
    }
    p[label] -= 1.0f - smoothing;
    return (1.0 - (double)smoothing) * (double)x[label] + (double)smoothing * sum / (double)n;
}

struct ur_shard_sums ur_loss_cross_entropy(float *dlogits, const float *logits,
                                           const int32_t *labels, const float *row_weights,
                                           float scale, float smoothing, int32_t rows,
                                           int32_t classes)
{
    const size_t n = (size_t)classes;
    struct ur_shard_sums sums = {0};

    for (int32_t row = 0; row < rows; row++) {
        const float *x = logits + (size_t)row * n;
        float *dx = dlogits + (size_t)row * n;
        const float weight = row_weights[row];
        const int32_t label = labels[row];
        if (weight == 0.0f) {
            memset(dx, 0, n * sizeof *dx);
            continue;
        }
        assert(label >= 0 && label < classes);
        const double log_sum = ur_softmax(dx, x, n);
        const double expected = subtract_target(dx, x, n, label, smoothing);
        ur_vec_scale(dx, dx, weight * scale, n);
        sums.loss += (double)weight * (log_sum - expected);
        sums.weight += (double)weight;
        sums.correct += ur_loss_argmax(x, classes) == label;
    }
    return sums;
}
