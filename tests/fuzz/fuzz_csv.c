/*
 * Series in text files from a stranger: what comes before the first byte 0x1e is the training
 * part, the rest the test part. Whatever comes: a verdict, details fit for a reply, and, where
 * it was taken, lengths, values and classes within their limits.
 */
#include <math.h>
#include <stdint.h>

#include "data/csv.h"
#include "unroll/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static enum ur_status read_part(struct ur_csv *csv, const uint8_t *data, size_t size,
                                const char *name, struct ur_error *error)
{
    enum { LIMIT = 1 << 20 };
    struct ur_gz gz;
    *csv = (struct ur_csv){.n = 0};
    enum ur_status status = ur_gz_open_memory(&gz, data, size, name, error);
    if (status == UR_OK)
        status = ur_csv_read(csv, &gz, LIMIT, error);
    ur_gz_close(&gz);
    require((status == UR_OK) == (csv->n > 0));
    require((size_t)csv->n * (size_t)csv->longest * sizeof(float) <= LIMIT);
    return status;
}

static void check_part(const struct ur_csv *csv, int32_t classes)
{
    size_t values = 0;
    for (int32_t i = 0; i < csv->n; i++) {
        require(csv->lengths[i] >= 1 && csv->lengths[i] <= csv->longest);
        require(csv->labels[i] < classes);
        values += csv->lengths[i];
    }
    require(values == csv->n_values && csv->longest <= UR_MAX_STEPS_PER_ROW);
    for (size_t k = 0; k < values; k++)
        require(isfinite(csv->values[k]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char names[UR_MAX_CLASSES][UR_CSV_FIELD_BYTES];
    const uint8_t *mark = size > 0 ? memchr(data, 0x1e, size) : NULL;
    const size_t first = mark ? (size_t)(mark - data) : size;
    struct ur_csv train, test = {.n = 0};
    struct ur_error error = {.status = UR_OK};
    int32_t classes = 0;
    enum ur_status status = read_part(&train, data, first, "train.csv", &error);
    if (status == UR_OK)
        status = read_part(&test, mark ? mark + 1 : data, mark ? size - first - 1 : size,
                           "test.csv", &error);
    if (status == UR_OK)
        status =
            ur_csv_classes(&train, "train.csv", &test, "test.csv", names, &classes, &error);
    require(status == error.status);
    require(ur_text_printable(error.detail, strlen(error.detail)));
    if (status == UR_OK) {
        require(classes >= 2 && classes <= UR_MAX_CLASSES);
        check_part(&train, classes);
        check_part(&test, classes);
        for (int32_t k = 0; k < classes; k++)
            require(ur_text_printable(names[k], strlen(names[k])));
    }
    ur_csv_release(&train);
    ur_csv_release(&test);
    return 0;
}
