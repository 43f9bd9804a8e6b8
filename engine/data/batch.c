#include "data/batch.h"

#include <assert.h>
#include <stdbool.h>

#include "unroll/record.h"

static struct ur_rng_key order_key(uint64_t seed, enum ur_rng_purpose purpose)
{
    return (struct ur_rng_key){.seed = seed, .purpose = (uint32_t)purpose};
}

enum ur_status ur_order_init(struct ur_order *order, const struct ur_spec *spec,
                             const struct ur_data_shape *shape, struct ur_error *error)
{
    const int32_t n_all = shape->n_train, n_validation = spec->train.validation;
    *order = (struct ur_order){.seed = (uint64_t)spec->train.seed,
                               .batch = spec->train.batch,
                               .scan = spec->model.scan};
    const enum ur_status status = ur_augment_init(&order->augment, spec, shape, error);
    if (status != UR_OK)
        return status;
    if (n_validation < 0 || n_validation >= n_all)
        return ur_fail(error, UR_INVALID_SPEC,
                       "/train/validation must be 0..%d: the data set has %d training samples.",
                       n_all - 1, n_all);
    order->split = malloc((size_t)n_all * sizeof *order->split);
    if (!order->split)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the order of %d samples.",
                       n_all);
    order->n_validation = n_validation;
    order->n_train = n_all - n_validation;
    const struct ur_rng_key key = order_key(order->seed, UR_RNG_SPLIT);
    for (int32_t i = 0; i < n_all; i++)
        order->split[i] = ur_rng_permute(key, 0, (uint32_t)i, (uint32_t)n_all);
    return UR_OK;
}

void ur_order_release(struct ur_order *order)
{
    if (!order)
        return;
    free(order->split);
    *order = (struct ur_order){.split = NULL};
}

int32_t ur_order_epoch(const struct ur_order *order, int32_t step)
{
    return (int32_t)((int64_t)step * order->batch / order->n_train);
}

/* Which sample a position of the endless stream is. */
struct place {
    uint32_t epoch, sample;
};

static struct place place_of(const struct ur_order *order, int64_t position)
{
    const struct ur_rng_key key = order_key(order->seed, UR_RNG_SHUFFLE);
    const uint32_t epoch = (uint32_t)(position / order->n_train);
    const uint32_t place = (uint32_t)(position % order->n_train);
    const uint32_t element = ur_rng_permute(key, epoch, place, (uint32_t)order->n_train);
    return (struct place){.epoch = epoch, .sample = order->split[element]};
}

int32_t ur_order_last_epoch(const struct ur_order *order, int32_t step)
{
    return (int32_t)(((int64_t)(step + 1) * order->batch - 1) / order->n_train);
}

/* Where the samples come from and where they go. */
struct target {
    struct ur_data_shape shape; /* as the model reads it */
    bool columns;
    const struct ur_augment *augment; /* NULL: images as they are */
    const uint8_t *images;            /* [n][T][I], by columns [n][I][T]; or */
    const float *values;              /* [n][T][I] */
    const uint16_t *sizes;            /* [n] lengths of series */
    const uint16_t *classes;
    int32_t shard_rows;
    float *x; /* [T][B][I] */
    int32_t *labels;
    float *row_weights;
    int32_t *lengths;
};

/* What lies in a data set past a series' length is zero. */
static void copy_series(const struct target *target, int32_t row, uint32_t sample)
{
    const size_t width = (size_t)target->shape.width, steps = (size_t)target->shape.steps;
    const float *series = target->values + (size_t)sample * steps * width;
    for (size_t t = 0; t < steps; t++)
        memcpy(target->x + (t * (size_t)target->shard_rows + (size_t)row) * width,
               series + t * width, width * sizeof *series);
    target->lengths[row] = target->sizes[sample];
}

/* Where the pixels of the image in a row go. */
static struct ur_pixels pixels_of(const struct target *target, int32_t row)
{
    const size_t width = (size_t)target->shape.width;
    const size_t step = (size_t)target->shard_rows * width;
    return (struct ur_pixels){.first = target->x + (size_t)row * width,
                              .down = target->columns ? 1 : step,
                              .across = target->columns ? step : 1};
}

static void copy_image(const struct target *target, int32_t row, struct place place)
{
    const size_t width = (size_t)target->shape.width, steps = (size_t)target->shape.steps;
    const size_t across = target->columns ? steps : width, down = steps * width / across;
    const uint8_t *image = target->images + (size_t)place.sample * steps * width;
    const struct ur_pixels out = pixels_of(target, row);
    if (target->augment) {
        ur_augment_draw(target->augment, image, place.epoch, place.sample, out);
        return;
    }
    for (size_t r = 0; r < down; r++)
        for (size_t c = 0; c < across; c++)
            out.first[r * out.down + c * out.across] = (float)image[r * across + c] / 255.0f;
}

static void fill_row(const struct target *target, int32_t row, struct place place)
{
    if (target->values)
        copy_series(target, row, place.sample);
    else
        copy_image(target, row, place);
    target->labels[row] = target->classes[place.sample];
    target->row_weights[row] = 1.0f;
}

/* Padding is zero in every field: nothing of the shard before may stay behind in it. */
static void pad_row(const struct target *target, int32_t row)
{
    const size_t width = (size_t)target->shape.width, rows = (size_t)target->shard_rows;
    for (size_t t = 0; t < (size_t)target->shape.steps; t++)
        memset(target->x + (t * rows + (size_t)row) * width, 0, width * sizeof(float));
    target->labels[row] = 0;
    target->row_weights[row] = 0.0f;
    if (target->values)
        target->lengths[row] = 1;
}

void ur_batch_fill(const struct ur_order *order, const struct ur_dataset *dataset, int32_t step,
                   int32_t first_row, int32_t shard_rows, float *x, int32_t *labels,
                   float *row_weights, int32_t *lengths)
{
    struct target target = {.shape = ur_shape_scanned(&dataset->shape, order->scan),
                            .columns = order->scan == UR_SCAN_COLUMNS,
                            .augment = order->augment.on ? &order->augment : NULL,
                            .images = dataset->train_x,
                            .values = dataset->train_values,
                            .sizes = dataset->train_lengths,
                            .classes = dataset->train_y,
                            .shard_rows = shard_rows,
                            .x = x,
                            .labels = labels,
                            .row_weights = row_weights,
                            .lengths = lengths};
    const int64_t start = (int64_t)step * order->batch + first_row;
    assert(step >= 0 && first_row >= 0 && first_row < order->batch);
    for (int32_t row = 0; row < shard_rows; row++) {
        if (row >= order->batch - first_row) {
            pad_row(&target, row);
            continue;
        }
        const struct place place = place_of(order, start + row);
        if (dataset->odd_x)
            target.images = place.epoch % 2 != 0 ? dataset->odd_x : dataset->train_x;
        fill_row(&target, row, place);
    }
}

void ur_batch_places(const struct ur_order *order, int32_t step, int32_t first_row,
                     int32_t shard_rows, uint32_t *epochs, uint32_t *samples)
{
    const int64_t start = (int64_t)step * order->batch + first_row;
    for (int32_t row = 0; row < shard_rows; row++) {
        struct place place = {0};
        if (row < order->batch - first_row)
            place = place_of(order, start + row);
        epochs[row] = place.epoch;
        samples[row] = place.sample;
    }
}

void ur_batch_fill_split(const struct ur_order *order, const struct ur_dataset *dataset,
                         int split, int32_t first, int32_t shard_rows, float *x,
                         int32_t *labels, float *row_weights, int32_t *lengths)
{
    const bool test = split == UR_SPLIT_TEST;
    const struct target target = {.shape = ur_shape_scanned(&dataset->shape, order->scan),
                                  .columns = order->scan == UR_SCAN_COLUMNS,
                                  .images = test ? dataset->test_x : dataset->train_x,
                                  .values = test ? dataset->test_values : dataset->train_values,
                                  .sizes =
                                      test ? dataset->test_lengths : dataset->train_lengths,
                                  .classes = test ? dataset->test_y : dataset->train_y,
                                  .shard_rows = shard_rows,
                                  .x = x,
                                  .labels = labels,
                                  .row_weights = row_weights,
                                  .lengths = lengths};
    const uint32_t *samples =
        split == UR_SPLIT_VALIDATION ? order->split + order->n_train : order->split;
    const int32_t count = test                           ? dataset->shape.n_test
                          : split == UR_SPLIT_VALIDATION ? order->n_validation
                                                         : order->n_train;
    assert(first >= 0 && first <= count);
    for (int32_t row = 0; row < shard_rows; row++) {
        if (row < count - first)
            fill_row(&target, row,
                     (struct place){.sample =
                                        test ? (uint32_t)(first + row) : samples[first + row]});
        else
            pad_row(&target, row);
    }
}
