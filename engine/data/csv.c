#include "data/csv.h"

#include <float.h>
#include <math.h>
#include <strings.h>

#include "unroll/text.h"

/* A file while it is read. */
struct reading {
    struct ur_csv *csv;
    struct ur_csv_scan *scan;
    size_t max_bytes;
    int32_t label_column;    /* from 0 */
    const char *header_name; /* of that column; NULL: none says so */
};

static bool is_missing(const char *text)
{
    return text[0] == '\0' || strcasecmp(text, "nan") == 0 || strcasecmp(text, "-nan") == 0;
}

/* Decimal numbers only: strtod would also take "inf", "nan" and hexadecimal ones. */
static bool parse_number(const char *text, double *number)
{
    char *end;
    if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false;
    *number = strtod(text, &end);
    return *end == '\0' && isfinite(*number);
}

static bool is_number(const char *text)
{
    double number;
    return parse_number(text, &number);
}

static enum ur_status fail_at(const struct ur_csv_scan *scan, int32_t column,
                              struct ur_error *error, const char *what)
{
    char shown[UR_CSV_SHOWN_BYTES];
    return ur_fail(error, UR_BAD_DATASET, "%s: line %lld, column %d: found \"%s\", %s.",
                   scan->gz->name, (long long)scan->line, (int)column + 1,
                   ur_csv_shown(scan->fields[column], shown), what);
}

/* Memory. */

static bool grow(void **array, size_t *room, size_t least, size_t size)
{
    size_t wanted = *room > 0 ? 2 * *room : 1024;
    if (wanted < least)
        wanted = least;
    void *grown = realloc(*array, wanted * size);
    if (!grown)
        return false;
    *array = grown;
    *room = wanted;
    return true;
}

static bool grow_rows(struct ur_csv *csv)
{
    size_t room = csv->room_rows;
    void *lengths = csv->lengths, *labels = csv->labels;
    const bool grown = grow(&lengths, &room, 1, sizeof *csv->lengths);
    csv->lengths = lengths;
    if (!grown)
        return false;
    room = csv->room_rows;
    const bool both = grow(&labels, &room, 1, sizeof *csv->labels);
    csv->labels = labels;
    csv->room_rows = both ? room : csv->room_rows;
    return both;
}

/* Makes room for a line's worth of values and a row. */
static enum ur_status make_room(struct reading *reading, struct ur_error *error)
{
    struct ur_csv *csv = reading->csv;
    bool there = true;
    if (csv->room_values - csv->n_values < UR_CSV_MAX_COLUMNS) {
        void *values = csv->values;
        there = grow(&values, &csv->room_values, csv->n_values + UR_CSV_MAX_COLUMNS,
                     sizeof *csv->values);
        csv->values = values;
    }
    if (there && (size_t)csv->n == csv->room_rows)
        there = grow_rows(csv);
    if (there && !csv->spellings) {
        csv->spellings = malloc(UR_MAX_CLASSES * sizeof *csv->spellings);
        csv->sorted = malloc(UR_MAX_CLASSES * sizeof *csv->sorted);
        there = csv->spellings && csv->sorted;
    }
    if (there)
        return UR_OK;
    return ur_fail(error, UR_NO_MEMORY, "There is no memory for the series of %s.",
                   reading->scan->gz->name);
}

/* Labels. */

/* Gives where a label stands, or belongs, in the sorted array. */
static int32_t place_of(const struct ur_csv *csv, const char *text, bool *there)
{
    int32_t low = 0, high = csv->n_spellings;
    *there = false;
    while (low < high && !*there) {
        const int32_t middle = low + (high - low) / 2;
        const int order = strcmp(text, csv->spellings[csv->sorted[middle]].text);
        *there = order == 0;
        if (order == 0)
            low = middle;
        else if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum ur_status take_label(const struct reading *reading, uint16_t *label,
                                 struct ur_error *error)
{
    struct ur_csv *csv = reading->csv;
    const struct ur_csv_scan *scan = reading->scan;
    const int32_t column = reading->label_column;
    if (column >= scan->count)
        return ur_fail(error, UR_BAD_DATASET,
                       "%s: line %lld has %d columns, and the label is in column %d.",
                       scan->gz->name, (long long)scan->line, (int)scan->count,
                       (int)column + 1);
    const char *text = scan->fields[column];
    if (is_missing(text))
        return fail_at(scan, column, error, "must be a label");
    if (reading->header_name && strcasecmp(text, reading->header_name) == 0)
        return fail_at(scan, column, error,
                       "which the first line, taken for a header, has as the column's name");
    bool there;
    const int32_t place = place_of(csv, text, &there);
    if (!there && csv->n_spellings == UR_MAX_CLASSES)
        return fail_at(scan, column, error, "one label more than the limit of 1000");
    if (!there) {
        struct ur_csv_label *added = &csv->spellings[csv->n_spellings];
        ur_copy(added->text, sizeof added->text, text);
        added->line = scan->line;
        memmove(csv->sorted + place + 1, csv->sorted + place,
                (size_t)(csv->n_spellings - place) * sizeof *csv->sorted);
        csv->sorted[place] = (uint16_t)csv->n_spellings++;
    }
    *label = csv->sorted[place];
    return UR_OK;
}

/* Values. */

static enum ur_status take_values(const struct reading *reading, int32_t *length,
                                  struct ur_error *error)
{
    const struct ur_csv_scan *scan = reading->scan;
    float *values = reading->csv->values + reading->csv->n_values;
    int32_t missing = -1; /* the first column without a value */
    *length = 0;
    for (int32_t column = 0; column < scan->count; column++) {
        double number;
        if (column == reading->label_column)
            continue;
        if (is_missing(scan->fields[column])) {
            missing = missing < 0 ? column : missing;
            continue;
        }
        if (!parse_number(scan->fields[column], &number) || fabs(number) > (double)FLT_MAX)
            return fail_at(scan, column, error, "must be a finite number of at most 3.4e38");
        if (missing >= 0)
            return fail_at(scan, missing, error,
                           "must be a number: only at a line's end may values be missing");
        if (*length == UR_MAX_STEPS_PER_ROW)
            return fail_at(scan, column, error, "one value more than the limit of 4096");
        values[(*length)++] = (float)number;
    }
    if (*length == 0)
        return ur_fail(error, UR_BAD_DATASET,
                       "%s: line %lld has no values, a series has 1..%d.", scan->gz->name,
                       (long long)scan->line, (int)UR_MAX_STEPS_PER_ROW);
    return UR_OK;
}

static enum ur_status take_row(struct reading *reading, struct ur_error *error)
{
    struct ur_csv *csv = reading->csv;
    int32_t length = 0;
    uint16_t label = 0;
    enum ur_status status = make_room(reading, error);
    if (status == UR_OK)
        status = take_label(reading, &label, error);
    if (status == UR_OK)
        status = take_values(reading, &length, error);
    if (status != UR_OK)
        return status;
    const int32_t longest = length > csv->longest ? length : csv->longest;
    if ((size_t)csv->n + 1 > reading->max_bytes / ((size_t)longest * sizeof(float)))
        return ur_fail(error, UR_BAD_DATASET,
                       "%s: with line %lld, %d series, each padded to %d values, are more than "
                       "the limit of %zu bytes.",
                       reading->scan->gz->name, (long long)reading->scan->line, csv->n + 1,
                       (int)longest, reading->max_bytes);
    csv->lengths[csv->n] = (uint16_t)length;
    csv->labels[csv->n] = label;
    csv->n_values += (size_t)length;
    csv->longest = longest;
    csv->n++;
    return UR_OK;
}

/* Tells whether the first line is a header, and what it says. */
static bool take_header(struct reading *reading)
{
    static const char *const names[] = {"label", "class", "target"};
    const struct ur_csv_scan *scan = reading->scan;
    bool any_number = false;
    for (int32_t column = 0; column < scan->count; column++) {
        for (size_t k = 0; k < sizeof names / sizeof *names && !reading->header_name; k++)
            if (strcasecmp(scan->fields[column], names[k]) == 0) {
                reading->label_column = column;
                reading->header_name = names[k];
            }
        any_number = any_number || is_number(scan->fields[column]);
    }
    return reading->header_name || !any_number;
}

static enum ur_status read_rows(struct reading *reading, struct ur_error *error)
{
    struct ur_csv_scan *scan = reading->scan;
    bool first = true;
    for (;;) {
        enum ur_status status = ur_csv_scan_line(scan, error);
        if (status != UR_OK)
            return status;
        if (scan->count == 0)
            break;
        if (!first || !take_header(reading))
            status = take_row(reading, error);
        if (status != UR_OK)
            return status;
        first = false;
    }
    if (reading->csv->n == 0)
        return ur_fail(error, UR_BAD_DATASET, "%s holds no series.", scan->gz->name);
    return UR_OK;
}

enum ur_status ur_csv_read(struct ur_csv *csv, struct ur_gz *gz, size_t max_bytes,
                           struct ur_error *error)
{
    struct ur_csv_scan scan;
    struct reading reading = {.csv = csv, .scan = &scan, .max_bytes = max_bytes};
    *csv = (struct ur_csv){.n = 0};
    enum ur_status status = ur_csv_scan_init(&scan, gz, UR_DATASET_MAX_BYTES, error);
    if (status == UR_OK)
        status = read_rows(&reading, error);
    ur_csv_scan_release(&scan);
    if (status != UR_OK)
        ur_csv_release(csv);
    return status;
}

void ur_csv_release(struct ur_csv *csv)
{
    if (!csv)
        return;
    free(csv->values);
    free(csv->lengths);
    free(csv->labels);
    free(csv->spellings);
    free(csv->sorted);
    *csv = (struct ur_csv){.n = 0};
}

/* Classes. */

struct key {
    double number; /* 0 where labels are words */
    const char *text;
    int32_t spelling;
};

/* Of equal numbers the one that comes first in the file goes first and names the class. */
static int by_number(const void *a, const void *b)
{
    const struct key *one = a, *other = b;
    if (one->number != other->number)
        return one->number < other->number ? -1 : 1;
    return one->spelling - other->spelling;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct key *)a)->text, ((const struct key *)b)->text);
}

/* Fills keys in the order of the classes; true where labels are numbers. */
static bool sort_labels(const struct ur_csv *csv, struct key *keys)
{
    bool numbers = true;
    for (int32_t k = 0; k < csv->n_spellings; k++) {
        keys[k] = (struct key){0, csv->spellings[k].text, k};
        numbers = parse_number(keys[k].text, &keys[k].number) && numbers;
    }
    qsort(keys, (size_t)csv->n_spellings, sizeof *keys, numbers ? by_number : by_text);
    return numbers;
}

static bool same_class(bool numbers, const struct key *key, const char *text)
{
    double number;
    if (!numbers)
        return strcmp(key->text, text) == 0;
    return parse_number(text, &number) && number == key->number;
}

static void replace_labels(struct ur_csv *csv, const uint16_t *class_of)
{
    for (int32_t i = 0; i < csv->n; i++)
        csv->labels[i] = class_of[csv->labels[i]];
}

/* Maps the test part's spellings: classes [n_keys] goes with keys. */
static enum ur_status map_test(const struct ur_csv *test, const char *test_name,
                               const char *train_name, const struct key *keys, int32_t n_keys,
                               bool numbers, const uint16_t *class_of_train, uint16_t *class_of,
                               struct ur_error *error)
{
    for (int32_t k = 0; k < test->n_spellings; k++) {
        const struct ur_csv_label *label = &test->spellings[k];
        int32_t at = 0;
        while (at < n_keys && !same_class(numbers, &keys[at], label->text))
            at++;
        char shown[UR_CSV_SHOWN_BYTES];
        if (at == n_keys)
            return ur_fail(error, UR_BAD_DATASET,
                           "%s: line %lld: the label \"%s\" does not occur in %s.", test_name,
                           (long long)label->line, ur_csv_shown(label->text, shown),
                           train_name);
        class_of[k] = class_of_train[keys[at].spelling];
    }
    return UR_OK;
}

enum ur_status ur_csv_classes(struct ur_csv *train, const char *train_name, struct ur_csv *test,
                              const char *test_name, char (*names)[UR_CSV_FIELD_BYTES],
                              int32_t *classes, struct ur_error *error)
{
    uint16_t of_train[UR_MAX_CLASSES], of_test[UR_MAX_CLASSES];
    struct key keys[UR_MAX_CLASSES];
    const int32_t n_keys = train->n_spellings;
    const bool numbers = sort_labels(train, keys);
    int32_t count = 0;
    for (int32_t k = 0; k < n_keys; k++) {
        if (k == 0 || !same_class(numbers, &keys[k - 1], keys[k].text))
            ur_copy_printable(names[count++], UR_CSV_FIELD_BYTES, keys[k].text);
        of_train[keys[k].spelling] = (uint16_t)(count - 1);
    }
    if (count < 2)
        return ur_fail(error, UR_BAD_DATASET,
                       "%s: all labels are the same, there must be 2..%d classes.", train_name,
                       UR_MAX_CLASSES);
    enum ur_status status =
        map_test(test, test_name, train_name, keys, n_keys, numbers, of_train, of_test, error);
    if (status != UR_OK)
        return status;
    replace_labels(train, of_train);
    replace_labels(test, of_test);
    *classes = count;
    return UR_OK;
}
