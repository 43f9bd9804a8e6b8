#include "data/dataset.h"

#include "data/digits.h"
#include "data/idx.h"
#include "data/search.h"
#include "data/series.h"
#include "unroll/digest.h"
#include "unroll/text.h"
#include "unroll/wire.h"

enum {
    UR_LEAST_TEST_IMAGES = 10,
    UR_TEST_SHARE = 6,
    UR_DIGEST_CHUNK = 4 << 20 /* bytes between two reports: about ten milliseconds */
};

/* How much of the work is done once the bytes are there and only their digest is missing. */
static const float READ_SHARE = 0.9f;

static enum ur_status report(const struct ur_dataset_request *request, float done)
{
    return request->progress ? request->progress(request->context, done) : UR_OK;
}

/* A part of the work, and where it lies in the whole. */
struct part_of_progress {
    const struct ur_dataset_request *request;
    float begin, share;
};

static enum ur_status report_part(void *context, float done)
{
    const struct part_of_progress *part = context;
    return report(part->request, part->begin + part->share * done);
}

/* Where it begins: the bytes that come say nothing about how many are still to come. */
static enum ur_status report_begin(void *context)
{
    return report_part(context, 0);
}

/* Labels and lengths are digested as u16 little-endian, whatever the machine. */
static void digest_labels(struct ur_digest *digest, const uint16_t *labels, int32_t count)
{
    unsigned char chunk[512];
    for (int32_t first = 0; first < count; first += (int32_t)sizeof chunk / 2) {
        struct ur_writer writer = ur_writer_of(chunk, sizeof chunk);
        for (int32_t i = first; i < count && writer.used < sizeof chunk; i++)
            ur_write_u16(&writer, labels[i]);
        ur_digest_update(digest, chunk, writer.used);
    }
}

static void digest_shape(struct ur_digest *digest, const struct ur_data_shape *shape)
{
    unsigned char bytes[5 * sizeof(uint32_t)];
    struct ur_writer writer = ur_writer_of(bytes, sizeof bytes);
    ur_write_u32(&writer, (uint32_t)shape->steps);
    ur_write_u32(&writer, (uint32_t)shape->width);
    ur_write_u32(&writer, (uint32_t)shape->classes);
    ur_write_u32(&writer, (uint32_t)shape->n_train);
    ur_write_u32(&writer, (uint32_t)shape->n_test);
    ur_digest_update(digest, bytes, sizeof bytes);
}

/* Values of series are digested as float32 little-endian. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats are digested as they lie");

static enum ur_status digest_values(struct ur_digest *digest, const uint8_t *bytes,
                                    size_t count, struct part_of_progress *part)
{
    enum ur_status status = UR_OK;
    for (size_t done = 0; done < count && status == UR_OK; done += UR_DIGEST_CHUNK) {
        const size_t left = count - done;
        ur_digest_update(digest, bytes + done, left < UR_DIGEST_CHUNK ? left : UR_DIGEST_CHUNK);
        status = report_part(part, (float)done / (float)count);
    }
    return status;
}

static enum ur_status digest_dataset(struct ur_dataset *dataset,
                                     const struct ur_dataset_request *request)
{
    const float rest = 1 - READ_SHARE;
    struct part_of_progress train = {request, READ_SHARE, rest * 0.8f};
    struct part_of_progress test = {request, train.begin + train.share, rest * 0.2f};
    const struct ur_data_shape *shape = &dataset->shape;
    const bool image = ur_dataset_is_image(dataset);
    const size_t sequence =
        (size_t)shape->steps * (size_t)shape->width * (image ? 1 : sizeof(float));
    struct ur_digest digest;
    unsigned char result[UR_SHA256_BYTES];
    ur_digest_init(&digest);
    digest_shape(&digest, shape);
    enum ur_status status =
        digest_values(&digest, image ? dataset->train_x : (uint8_t *)dataset->train_values,
                      (size_t)shape->n_train * sequence, &train);
    if (status != UR_OK)
        return status;
    if (!image)
        digest_labels(&digest, dataset->train_lengths, shape->n_train);
    digest_labels(&digest, dataset->train_y, shape->n_train);
    status = digest_values(&digest, image ? dataset->test_x : (uint8_t *)dataset->test_values,
                           (size_t)shape->n_test * sequence, &test);
    if (status != UR_OK)
        return status;
    if (!image)
        digest_labels(&digest, dataset->test_lengths, shape->n_test);
    digest_labels(&digest, dataset->test_y, shape->n_test);
    ur_digest_final(&digest, result);
    ur_hex(result, sizeof result, dataset->sha256);
    return UR_OK;
}

/* The built-in sets. */

static int32_t test_count(int32_t n_train)
{
    const int32_t count = n_train / UR_TEST_SHARE;
    return count < UR_LEAST_TEST_IMAGES ? UR_LEAST_TEST_IMAGES : count;
}

static enum ur_status open_digits(struct ur_dataset *dataset,
                                  const struct ur_dataset_request *request,
                                  struct ur_error *error)
{
    if (request->count < 1)
        return ur_fail(error, UR_INVALID_SPEC, "/data/count must be at least 1.");
    const int32_t n_train = request->count, n_test = test_count(n_train);
    const size_t image = UR_DIGITS_SIDE * UR_DIGITS_SIDE;
    const size_t n_all = (size_t)n_train + (size_t)n_test;
    if (n_all > UR_DATASET_MAX_BYTES / image)
        return ur_fail(
            error, UR_INVALID_SPEC,
            "/data/count is too large: %zu images are more than the limit of %zu bytes.", n_all,
            UR_DATASET_MAX_BYTES);
    dataset->shape = (struct ur_data_shape){UR_DIGITS_SIDE, UR_DIGITS_SIDE, UR_DIGITS_CLASSES,
                                            n_train,        n_test,         0};
    dataset->train_x = malloc((size_t)n_train * image);
    dataset->train_y = malloc((size_t)n_train * sizeof(uint16_t));
    dataset->test_x = malloc((size_t)n_test * image);
    dataset->test_y = malloc((size_t)n_test * sizeof(uint16_t));
    if (!dataset->train_x || !dataset->train_y || !dataset->test_x || !dataset->test_y)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for %zu images.", n_all);

    struct part_of_progress part = {request, 0, READ_SHARE * (float)n_train / (float)n_all};
    struct ur_digits_job job = {.seed = request->seed,
                                .split = UR_DIGITS_TRAIN,
                                .count = n_train,
                                .threads = request->threads,
                                .progress = report_part,
                                .context = &part};
    enum ur_status status = ur_digits_draw_all(&job, dataset->train_x, dataset->train_y);
    if (status != UR_OK)
        return status;
    part = (struct part_of_progress){request, part.share, READ_SHARE - part.share};
    job.split = UR_DIGITS_TEST;
    job.count = n_test;
    return ur_digits_draw_all(&job, dataset->test_x, dataset->test_y);
}

/* Sets in IDX files. */

/* Reads the four files in the order of enum ur_part; together they stay below the limit. */
static enum ur_status read_parts(struct ur_idx parts[UR_PARTS],
                                 const struct ur_found_files *found,
                                 const struct ur_dataset_request *request,
                                 struct ur_error *error)
{
    size_t room = UR_DATASET_MAX_BYTES;
    for (int i = 0; i < UR_PARTS; i++) {
        struct ur_gz gz;
        enum ur_status status = ur_gz_open(&gz, found->fds[i], found->names[i], error);
        if (status != UR_OK)
            return status;
        struct part_of_progress part = {.request = request,
                                        .begin = READ_SHARE * (float)i / UR_PARTS};
        gz.watch = report_begin;
        gz.context = &part;
        const bool images = i == UR_PART_TRAIN_IMAGES || i == UR_PART_TEST_IMAGES;
        status =
            ur_idx_read(&parts[i], &gz, images ? UR_IDX_IMAGES : UR_IDX_LABELS, room, error);
        ur_gz_close(&gz);
        if (status != UR_OK)
            return status;
        room -= parts[i].n_bytes;
    }
    return UR_OK;
}

static enum ur_status check_counts(const struct ur_idx *images, const struct ur_idx *labels,
                                   const char *images_name, const char *labels_name,
                                   struct ur_error *error)
{
    if (images->dims[0] == labels->dims[0])
        return UR_OK;
    return ur_fail(error, UR_BAD_DATASET, "%s holds %d images, but %s holds %d labels.",
                   images_name, images->dims[0], labels_name, labels->dims[0]);
}

/* The training labels say how many classes there are; a test label beyond them is an error. */
static int32_t count_classes(const struct ur_idx *labels)
{
    uint8_t largest = 0;
    for (size_t i = 0; i < labels->n_bytes; i++)
        if (labels->bytes[i] > largest)
            largest = labels->bytes[i];
    return largest + 1;
}

static enum ur_status check_labels(const struct ur_idx *labels, int32_t classes,
                                   const char *name, struct ur_error *error)
{
    for (size_t i = 0; i < labels->n_bytes; i++)
        if (labels->bytes[i] >= classes)
            return ur_fail(error, UR_BAD_DATASET,
                           "%s: label %zu is %u, but the training labels go from 0 to %d only.",
                           name, i, labels->bytes[i], classes - 1);
    return UR_OK;
}

static enum ur_status check_parts(const struct ur_idx parts[UR_PARTS],
                                  const struct ur_found_files *found,
                                  struct ur_data_shape *shape, struct ur_error *error)
{
    const struct ur_idx *train = &parts[UR_PART_TRAIN_IMAGES];
    const struct ur_idx *test = &parts[UR_PART_TEST_IMAGES];
    enum ur_status status =
        check_counts(train, &parts[UR_PART_TRAIN_LABELS], found->names[UR_PART_TRAIN_IMAGES],
                     found->names[UR_PART_TRAIN_LABELS], error);
    if (status == UR_OK)
        status =
            check_counts(test, &parts[UR_PART_TEST_LABELS], found->names[UR_PART_TEST_IMAGES],
                         found->names[UR_PART_TEST_LABELS], error);
    if (status != UR_OK)
        return status;
    if (train->dims[1] != test->dims[1] || train->dims[2] != test->dims[2])
        return ur_fail(error, UR_BAD_DATASET, "%s is of %d x %d, but %s is of %d x %d.",
                       found->names[UR_PART_TRAIN_IMAGES], train->dims[1], train->dims[2],
                       found->names[UR_PART_TEST_IMAGES], test->dims[1], test->dims[2]);
    const int32_t classes = count_classes(&parts[UR_PART_TRAIN_LABELS]);
    if (classes < 2)
        return ur_fail(error, UR_BAD_DATASET,
                       "%s: all labels are 0, there must be 2..%d classes.",
                       found->names[UR_PART_TRAIN_LABELS], UR_MAX_CLASSES);
    *shape = (struct ur_data_shape){train->dims[1], train->dims[2], classes,
                                    train->dims[0], test->dims[0],  0};
    return check_labels(&parts[UR_PART_TEST_LABELS], classes, found->names[UR_PART_TEST_LABELS],
                        error);
}

static uint16_t *widen(const struct ur_idx *labels)
{
    uint16_t *wide = malloc(labels->n_bytes * sizeof *wide);
    for (size_t i = 0; wide && i < labels->n_bytes; i++)
        wide[i] = labels->bytes[i];
    return wide;
}

static uint8_t *take_bytes(struct ur_idx *idx)
{
    uint8_t *bytes = idx->bytes;
    idx->bytes = NULL;
    return bytes;
}

static enum ur_status open_idx(struct ur_dataset *dataset, const struct ur_found_files *found,
                               const struct ur_dataset_request *request, struct ur_error *error)
{
    struct ur_idx parts[UR_PARTS] = {{.bytes = NULL}};
    enum ur_status status = read_parts(parts, found, request, error);
    if (status == UR_OK)
        status = check_parts(parts, found, &dataset->shape, error);
    if (status != UR_OK)
        goto out;
    dataset->train_x = take_bytes(&parts[UR_PART_TRAIN_IMAGES]);
    dataset->test_x = take_bytes(&parts[UR_PART_TEST_IMAGES]);
    dataset->train_y = widen(&parts[UR_PART_TRAIN_LABELS]);
    dataset->test_y = widen(&parts[UR_PART_TEST_LABELS]);
    if (!dataset->train_y || !dataset->test_y)
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory for the labels.");
out:
    for (int i = 0; i < UR_PARTS; i++)
        ur_idx_release(&parts[i]);
    return status;
}

/* Sets of either layout. */

static enum ur_status open_found(struct ur_dataset *dataset,
                                 const struct ur_dataset_request *request,
                                 struct ur_error *error)
{
    struct part_of_progress part = {request, 0, READ_SHARE};
    struct ur_found_files found;
    enum ur_status status =
        ur_dataset_find(&found, request->name, request->extra_folder, error);
    if (status != UR_OK)
        return status;
    if (found.layout == UR_LAYOUT_IDX)
        status = open_idx(dataset, &found, request, error);
    else
        status = ur_series_read(dataset, &found, (struct ur_series_watch){report_part, &part},
                                error);
    ur_found_files_close(&found);
    return status;
}

static enum ur_status open_waves(struct ur_dataset *dataset,
                                 const struct ur_dataset_request *request,
                                 struct ur_error *error)
{
    struct part_of_progress part = {request, 0, READ_SHARE};
    if (request->count < 1)
        return ur_fail(error, UR_INVALID_SPEC, "/data/count must be at least 1.");
    return ur_series_draw(dataset, request->seed, request->count, test_count(request->count),
                          (struct ur_series_watch){report_part, &part}, error);
}

static enum ur_status open_any(struct ur_dataset *dataset,
                               const struct ur_dataset_request *request, struct ur_error *error)
{
    if (strcmp(request->name, UR_DIGITS_NAME) == 0)
        return open_digits(dataset, request, error);
    if (strcmp(request->name, UR_SERIES_NAME) == 0)
        return open_waves(dataset, request, error);
    return open_found(dataset, request, error);
}

static const char *kind_of(const struct ur_dataset *dataset, const char *name)
{
    if (!ur_dataset_is_image(dataset))
        return UR_SERIES_NAME;
    return strcmp(name, UR_DIGITS_NAME) == 0 ? UR_DIGITS_NAME : "idx";
}

enum ur_status ur_dataset_open(struct ur_dataset *dataset,
                               const struct ur_dataset_request *request, struct ur_error *error)
{
    *dataset = (struct ur_dataset){.name = ""};
    enum ur_status status = report(request, 0);
    if (status == UR_OK)
        status = open_any(dataset, request, error);
    if (status == UR_OK)
        status = digest_dataset(dataset, request);
    if (status == UR_OK && !ur_dataset_is_image(dataset))
        status = ur_series_standardise(dataset, error);
    if (status == UR_OK)
        status = report(request, 1);
    if (status != UR_OK) {
        ur_dataset_close(dataset);
        return status;
    }
    ur_copy(dataset->name, sizeof dataset->name, request->name);
    ur_copy(dataset->kind, sizeof dataset->kind, kind_of(dataset, request->name));
    return UR_OK;
}

void ur_dataset_close(struct ur_dataset *dataset)
{
    if (!dataset)
        return;
    free(dataset->train_x);
    free(dataset->odd_x);
    free(dataset->train_y);
    free(dataset->test_x);
    free(dataset->test_y);
    free(dataset->train_values);
    free(dataset->test_values);
    free(dataset->train_lengths);
    free(dataset->test_lengths);
    free(dataset->labels);
    *dataset = (struct ur_dataset){.name = ""};
}
