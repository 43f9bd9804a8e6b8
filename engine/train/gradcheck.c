#include "train/gradcheck.h"

#include <math.h>

#include "unroll/rng.h"

/* The noise of the loss over this, and this to the fourth power, are both below 1e-5. */
static const float STEP = 0.02f;

static double total_weight(const struct ur_gradcheck_subject *subject)
{
    double sum = 0.0;
    for (int32_t row = 0; row < subject->model->shard_rows; row++)
        sum += (double)subject->workspace->row_weights[row];
    return sum;
}

/* The mean loss over the shard's rows; leaves dlogits of that mean. */
static double mean_loss(const struct ur_gradcheck_subject *subject)
{
    struct ur_workspace *workspace = subject->workspace;
    const double rows = total_weight(subject);
    ur_model_forward_training(subject->model, subject->weights, workspace->x, workspace);
    return ur_model_loss(subject->model, workspace->labels, workspace->row_weights,
                         (float)(1.0 / rows), workspace)
               .loss /
           rows;
}

/* L(w + step) - L(w - step), and in *width how far apart the two weights are as floats. */
static double loss_difference(const struct ur_gradcheck_subject *subject, size_t at, float step,
                              double *width)
{
    const float weight = subject->weights[at];
    subject->weights[at] = weight + step;
    const double above_at = (double)subject->weights[at];
    const double above = mean_loss(subject);
    subject->weights[at] = weight - step;
    *width = above_at - (double)subject->weights[at];
    const double below = mean_loss(subject);
    subject->weights[at] = weight;
    return above - below;
}

/* The stencil as a combination of two slopes, each over its true width. */
static double slope(const struct ur_gradcheck_subject *subject, size_t at)
{
    double near_width, far_width;
    const double near = loss_difference(subject, at, STEP, &near_width);
    const double far = loss_difference(subject, at, 2.0f * STEP, &far_width);
    return (4.0 * near / near_width - far / far_width) / 3.0;
}

static double root_mean_square(const float *x, size_t n)
{
    double squares = 0.0;
    for (size_t k = 0; k < n; k++)
        squares += (double)x[k] * (double)x[k];
    return sqrt(squares / (double)n);
}

static double relative_error(double difference, double gradient, double floor)
{
    const double size = fmax(fmax(fabs(difference), fabs(gradient)), floor);
    const double error = size > 0.0 ? fabs(difference - gradient) / size : 0.0;
    return isfinite(difference) && isfinite(gradient) ? error : (double)INFINITY;
}

static struct ur_gradcheck_tensor check_tensor(const struct ur_gradcheck_subject *subject,
                                               int32_t index, int32_t entries, uint64_t seed)
{
    const struct ur_tensor *tensor = &subject->model->params.items[index];
    const struct ur_rng_key key = {.seed = seed, .purpose = UR_RNG_TEST};
    const float *gradients = subject->gradients + tensor->offset;
    const double floor = 0.1 * root_mean_square(gradients, tensor->count);
    struct ur_gradcheck_tensor result = {.error = -1.0};

    for (; result.entries < entries && (size_t)result.entries < tensor->count;
         result.entries++) {
        const size_t k = ur_rng_permute(key, (uint32_t)index, (uint32_t)result.entries,
                                        (uint32_t)tensor->count);
        const double difference = slope(subject, tensor->offset + k);
        const double error = relative_error(difference, (double)gradients[k], floor);
        if (error > result.error) {
            result.worst = k;
            result.gradient = (double)gradients[k];
            result.difference = difference;
            result.error = error;
        }
    }
    return result;
}

struct ur_gradcheck ur_gradcheck_run(const struct ur_gradcheck_subject *subject,
                                     int32_t entries, uint64_t seed)
{
    struct ur_gradcheck result = {.error = -1.0};

    mean_loss(subject);
    ur_model_backward(subject->model, subject->weights, subject->workspace->x,
                      subject->workspace, subject->gradients);
    for (int32_t k = 0; k < subject->model->params.count; k++) {
        result.tensors[k] = check_tensor(subject, k, entries, seed);
        if (result.tensors[k].error > result.error) {
            result.error = result.tensors[k].error;
            result.worst_tensor = k;
        }
    }
    return result;
}
