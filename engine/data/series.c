#include "data/series.h"

#include <math.h>

#include "data/csv.h"
#include "data/waves.h"
#include "unroll/text.h"

_Static_assert((int)UR_LABEL_BYTES == (int)UR_CSV_FIELD_BYTES, "a field may be a label");

enum { WATCH_EVERY = 4096 }; /* series drawn between two reports: some ten milliseconds */

static enum ur_status tell(struct ur_series_watch watch, float done)
{
    return watch.progress ? watch.progress(watch.context, done) : UR_OK;
}

/* Files. */

/* Where a file lies in the work, and whom to tell. */
struct place {
    struct ur_series_watch watch;
    float begin;
};

static enum ur_status tell_place(void *context)
{
    const struct place *place = context;
    return tell(place->watch, place->begin);
}

static enum ur_status read_part(struct ur_csv *csv, const struct ur_found_files *found,
                                int part, struct ur_series_watch watch, struct ur_error *error)
{
    struct place place = {watch, (float)part / UR_SERIES_PARTS};
    struct ur_gz gz;
    enum ur_status status = ur_gz_open(&gz, found->fds[part], found->names[part], error);
    if (status != UR_OK)
        return status;
    gz.watch = tell_place;
    gz.context = &place;
    status = ur_csv_read(csv, &gz, UR_DATASET_MAX_BYTES, error);
    ur_gz_close(&gz);
    return status;
}

/* Spreads series that lie one after another to steps values each, from the last one on, so that
 * none is overwritten before it has moved. */
static void spread(float *values, const uint16_t *lengths, int32_t n, size_t n_values,
                   size_t steps)
{
    size_t end = n_values;
    for (size_t i = (size_t)n; i-- > 0;) {
        const size_t length = lengths[i];
        end -= length;
        memmove(values + i * steps, values + end, length * sizeof *values);
        memset(values + i * steps + length, 0, (steps - length) * sizeof *values);
    }
}

/* Takes a part over from what was read. */
static enum ur_status take_part(struct ur_csv *csv, int32_t steps, float **values,
                                uint16_t **lengths, uint16_t **labels, struct ur_error *error)
{
    const size_t n = (size_t)csv->n;
    float *room = realloc(csv->values, n * (size_t)steps * sizeof *room);
    if (!room)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for %zu series.", n);
    csv->values = NULL;
    spread(room, csv->lengths, csv->n, csv->n_values, (size_t)steps);
    *values = room;
    *lengths = csv->lengths;
    *labels = csv->labels;
    csv->lengths = csv->labels = NULL;
    return UR_OK;
}

static enum ur_status check_size(const struct ur_csv *train, const struct ur_csv *test,
                                 int32_t steps, struct ur_error *error)
{
    const size_t n = (size_t)train->n + (size_t)test->n;
    if (n <= UR_DATASET_MAX_BYTES / ((size_t)steps * sizeof(float)))
        return UR_OK;
    return ur_fail(
        error, UR_BAD_DATASET,
        "%zu series, each padded to %d values, are more than the limit of %zu bytes.", n,
        (int)steps, UR_DATASET_MAX_BYTES);
}

enum ur_status ur_series_read(struct ur_dataset *dataset, const struct ur_found_files *found,
                              struct ur_series_watch watch, struct ur_error *error)
{
    struct ur_csv train = {.n = 0}, test = {.n = 0};
    enum ur_status status = read_part(&train, found, UR_PART_TRAIN_SERIES, watch, error);
    if (status == UR_OK)
        status = read_part(&test, found, UR_PART_TEST_SERIES, watch, error);
    if (status != UR_OK)
        goto out;
    const int32_t steps = train.longest > test.longest ? train.longest : test.longest;
    dataset->shape = (struct ur_data_shape){
        .steps = steps, .width = 1, .n_train = train.n, .n_test = test.n, .series = 1};
    dataset->labels = calloc(UR_MAX_CLASSES, sizeof *dataset->labels);
    if (!dataset->labels)
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory for the labels.");
    if (status == UR_OK)
        status = check_size(&train, &test, steps, error);
    if (status == UR_OK)
        status = ur_csv_classes(&train, found->names[UR_PART_TRAIN_SERIES], &test,
                                found->names[UR_PART_TEST_SERIES], dataset->labels,
                                &dataset->shape.classes, error);
    if (status == UR_OK)
        status = take_part(&train, steps, &dataset->train_values, &dataset->train_lengths,
                           &dataset->train_y, error);
    if (status == UR_OK)
        status = take_part(&test, steps, &dataset->test_values, &dataset->test_lengths,
                           &dataset->test_y, error);
out:
    ur_csv_release(&train);
    ur_csv_release(&test);
    return status;
}

/* The built-in set. */

/* One part of it, and where it lies in the work. */
struct drawing {
    uint64_t seed;
    enum ur_waves_split split;
    int32_t n;
    float begin, share;
};

static enum ur_status draw_part(const struct drawing *drawing, float *values, uint16_t *lengths,
                                uint16_t *labels, struct ur_series_watch watch)
{
    for (int32_t i = 0; i < drawing->n; i++) {
        lengths[i] = (uint16_t)ur_waves_draw(drawing->seed, drawing->split, (uint32_t)i,
                                             values + (size_t)i * UR_WAVES_STEPS);
        labels[i] = (uint16_t)(i % UR_WAVES_CLASSES);
        if (i % WATCH_EVERY != 0)
            continue;
        const enum ur_status status =
            tell(watch, drawing->begin + drawing->share * (float)i / (float)drawing->n);
        if (status != UR_OK)
            return status;
    }
    return UR_OK;
}

static bool allocate(struct ur_dataset *dataset, size_t n_train, size_t n_test)
{
    dataset->train_values = malloc(n_train * UR_WAVES_STEPS * sizeof(float));
    dataset->train_lengths = malloc(n_train * sizeof(uint16_t));
    dataset->train_y = malloc(n_train * sizeof(uint16_t));
    dataset->test_values = malloc(n_test * UR_WAVES_STEPS * sizeof(float));
    dataset->test_lengths = malloc(n_test * sizeof(uint16_t));
    dataset->test_y = malloc(n_test * sizeof(uint16_t));
    dataset->labels = calloc(UR_WAVES_CLASSES, sizeof *dataset->labels);
    return dataset->train_values && dataset->train_lengths && dataset->train_y &&
           dataset->test_values && dataset->test_lengths && dataset->test_y && dataset->labels;
}

enum ur_status ur_series_draw(struct ur_dataset *dataset, uint64_t seed, int32_t n_train,
                              int32_t n_test, struct ur_series_watch watch,
                              struct ur_error *error)
{
    const size_t n_all = (size_t)n_train + (size_t)n_test;
    if (n_all > UR_DATASET_MAX_BYTES / (UR_WAVES_STEPS * sizeof(float)))
        return ur_fail(
            error, UR_INVALID_SPEC,
            "/data/count is too large: %zu series are more than the limit of %zu bytes.", n_all,
            UR_DATASET_MAX_BYTES);
    dataset->shape = (struct ur_data_shape){.steps = UR_WAVES_STEPS,
                                            .width = 1,
                                            .classes = UR_WAVES_CLASSES,
                                            .n_train = n_train,
                                            .n_test = n_test,
                                            .series = 1};
    if (!allocate(dataset, (size_t)n_train, (size_t)n_test))
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for %zu series.", n_all);
    for (int32_t k = 0; k < UR_WAVES_CLASSES; k++)
        ur_copy(dataset->labels[k], sizeof dataset->labels[k], ur_waves_class(k));
    const float share = (float)n_train / (float)n_all;
    const struct drawing train = {seed, UR_WAVES_TRAIN, n_train, 0, share};
    const struct drawing test = {seed, UR_WAVES_TEST, n_test, share, 1 - share};
    enum ur_status status = draw_part(&train, dataset->train_values, dataset->train_lengths,
                                      dataset->train_y, watch);
    if (status == UR_OK)
        status = draw_part(&test, dataset->test_values, dataset->test_lengths, dataset->test_y,
                           watch);
    return status;
}

/* Standardising. */

/* Sums are in double and in the order of the file, so that they have the same bits wherever
 * they are taken. */
static double sum_of(const struct ur_dataset *dataset, double mean, bool squares, double *count)
{
    const size_t steps = (size_t)dataset->shape.steps;
    double sum = 0, n = 0;
    for (size_t i = 0; i < (size_t)dataset->shape.n_train; i++) {
        for (size_t t = 0; t < dataset->train_lengths[i]; t++) {
            const double value = (double)dataset->train_values[i * steps + t] - mean;
            sum += squares ? value * value : value;
        }
        n += dataset->train_lengths[i];
    }
    *count = n;
    return sum;
}

/* False where a value leaves what a float holds. */
static bool scale(const struct ur_dataset *dataset, float *values, const uint16_t *lengths,
                  int32_t n)
{
    const size_t steps = (size_t)dataset->shape.steps;
    bool finite = true;
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t t = 0; t < lengths[i]; t++) {
            float *value = &values[i * steps + t];
            *value = (float)(((double)*value - dataset->mean) / dataset->deviation);
            finite = finite && isfinite(*value);
        }
    return finite;
}

enum ur_status ur_series_standardise(struct ur_dataset *dataset, struct ur_error *error)
{
    double count;
    const double sum = sum_of(dataset, 0, false, &count);
    dataset->mean = sum / count;
    dataset->deviation = sqrt(sum_of(dataset, dataset->mean, true, &count) / count);
    if (!(dataset->deviation > 0))
        return ur_fail(error, UR_BAD_DATASET,
                       "All training values are %.9g: there is nothing to learn from.",
                       dataset->mean);
    const bool train =
        scale(dataset, dataset->train_values, dataset->train_lengths, dataset->shape.n_train);
    const bool test =
        scale(dataset, dataset->test_values, dataset->test_lengths, dataset->shape.n_test);
    if (train && test)
        return UR_OK;
    return ur_fail(
        error, UR_BAD_DATASET,
        "A value is not finite once the training values' mean %.9g is subtracted and "
        "it is divided by their deviation %.9g.",
        dataset->mean, dataset->deviation);
}
