/*
 * Long series are thinned on the way out: the rows are cut into buckets of equal length, and
 * each keeps its last value, its least and its greatest, so that peaks and the best epoch never
 * vanish. Everything is read in one pass; memory is that of the thinned series.
 */
#include "store.h"

#include <inttypes.h>
#include <math.h>

#include "fail.h"
#include "json_text.h"
#include "store_jobs.h"
#include "store_sql.h"

struct source {
    const char *name;
    const char *count_sql, *rows_sql;
};

#define OF_POINTS(name, column)                                                                \
    {                                                                                          \
        name, "SELECT count(*) FROM points WHERE job=? AND step>=?",                           \
            "SELECT step, " column " FROM points WHERE job=? AND step>=? ORDER BY step"        \
    }
#define OF_EPOCHS(name, column)                                                                \
    {                                                                                          \
        name, "SELECT count(*) FROM epochs WHERE job=? AND step>=?",                           \
            "SELECT step, " column " FROM epochs WHERE job=? AND step>=? ORDER BY step"        \
    }

static const struct source sources[] = {
    OF_POINTS("train.loss", "loss"),
    OF_POINTS("train.accuracy", "accuracy"),
    OF_POINTS("train.learning_rate", "learning_rate"),
    OF_POINTS("train.gradient_norm", "gradient_norm"),
    OF_POINTS("train.images_per_second", "images_per_second"),
    OF_EPOCHS("validation.loss", "validation_loss"),
    OF_EPOCHS("validation.accuracy", "validation_accuracy"),
};

enum { N_SOURCES = sizeof sources / sizeof *sources };

struct point {
    int64_t step;
    double last, least, greatest; /* NaN where the bucket holds no number */
};

struct series {
    const struct source *source;
    struct point *points;
    size_t n_points;
};

static void add_to_point(struct point *point, int64_t step, double value)
{
    point->step = step;
    point->last = value;
    if (isfinite(value) && !(value >= point->least))
        point->least = value;
    if (isfinite(value) && !(value <= point->greatest))
        point->greatest = value;
}

static enum ur_status read_series(struct ur_connection *reader, int64_t job,
                                  const struct ur_series_request *request,
                                  struct series *series, struct ur_error *error)
{
    int64_t count = 0;
    struct sqlite3_stmt *statement = NULL;
    const int64_t from = request->from_step;
    enum ur_status status =
        ur_sql_integer(reader, &count, 0, error, series->source->count_sql, "ii", job, from);
    const int64_t buckets = count < request->max_points ? count : request->max_points;
    if (status != UR_OK || buckets == 0)
        return status;
    series->points = calloc((size_t)buckets, sizeof *series->points);
    if (!series->points)
        return ur_no_memory(error);
    for (int64_t i = 0; i < buckets; i++)
        series->points[i] = (struct point){0, (double)NAN, (double)NAN, (double)NAN};

    status = ur_sql_start(reader, &statement, error, series->source->rows_sql, "ii", job, from);
    bool row = true;
    /* Rows that came between the two queries are left to the next request. */
    for (int64_t i = 0; status == UR_OK && i < count; i++) {
        status = ur_sql_next(reader, statement, &row, error);
        if (!row)
            break;
        const int64_t bucket = i * buckets / count;
        add_to_point(&series->points[bucket], ur_sql_column_integer(statement, 0),
                     ur_sql_column_number(statement, 1));
        series->n_points = (size_t)bucket + 1;
    }
    ur_sql_end(statement);
    return status;
}

static void print_column(struct ur_text *out, const char *key, const struct series *series,
                         size_t offset)
{
    ur_json_key(out, key);
    ur_text_append(out, "[", 1);
    for (size_t i = 0; i < series->n_points; i++) {
        const char *point = (const char *)&series->points[i];
        double value;
        memcpy(&value, point + offset, sizeof value);
        ur_json_comma(out);
        ur_json_number(out, value);
    }
    ur_text_append(out, "]", 1);
}

static void print_series(struct ur_text *out, const struct series *series)
{
    ur_json_key(out, series->source->name);
    ur_text_append(out, "{", 1);
    ur_json_key(out, "step");
    ur_text_append(out, "[", 1);
    for (size_t i = 0; i < series->n_points; i++)
        ur_text_format(out, "%s%" PRId64, i ? "," : "", series->points[i].step);
    ur_text_append(out, "]", 1);
    print_column(out, "value", series, offsetof(struct point, last));
    print_column(out, "min", series, offsetof(struct point, least));
    print_column(out, "max", series, offsetof(struct point, greatest));
    ur_text_append(out, "}", 1);
}

static void print_json(struct ur_text *out, const char *job, const struct series *series,
                       size_t n)
{
    ur_text_append(out, "{", 1);
    ur_json_key_string(out, "job", job);
    ur_json_key(out, "series");
    ur_text_append(out, "{", 1);
    for (size_t i = 0; i < n; i++)
        print_series(out, &series[i]);
    ur_text_append(out, "}}", 2);
}

/* One row for every step that any series has; a series without that step leaves its field
 * empty. */
static void print_csv(struct ur_text *out, const struct series *series, size_t n)
{
    size_t at[N_SOURCES] = {0};
    ur_text_append(out, "step", 4);
    for (size_t i = 0; i < n; i++)
        ur_text_format(out, ",%s", series[i].source->name);
    ur_text_append(out, "\n", 1);
    for (;;) {
        int64_t step = INT64_MAX;
        for (size_t i = 0; i < n; i++)
            if (at[i] < series[i].n_points && series[i].points[at[i]].step < step)
                step = series[i].points[at[i]].step;
        if (step == INT64_MAX)
            return;
        ur_text_format(out, "%" PRId64, step);
        for (size_t i = 0; i < n; i++) {
            ur_text_append(out, ",", 1);
            if (at[i] == series[i].n_points || series[i].points[at[i]].step != step)
                continue;
            const double value = series[i].points[at[i]++].last;
            if (isfinite(value))
                ur_json_number(out, value);
        }
        ur_text_append(out, "\n", 1);
    }
}

static const struct source *find_source(const char *name, size_t length)
{
    for (size_t i = 0; i < N_SOURCES; i++)
        if (strlen(sources[i].name) == length && memcmp(sources[i].name, name, length) == 0)
            return &sources[i];
    return NULL;
}

/* Fills series from the comma-separated names; each once. */
static enum ur_status choose(const char *names, struct series series[N_SOURCES], size_t *n,
                             struct ur_error *error)
{
    *n = 0;
    if (!names || !*names) {
        for (; *n < N_SOURCES; ++*n)
            series[*n].source = &sources[*n];
        return UR_OK;
    }
    for (const char *at = names; *at;) {
        const size_t length = strcspn(at, ",");
        const struct source *source = find_source(at, length);
        if (!source)
            return ur_fail(error, UR_BAD_REQUEST,
                           "There is no series \"%.*s\"; there is train.loss, train.accuracy, "
                           "train.learning_rate, train.gradient_norm, train.images_per_second, "
                           "validation.loss, validation.accuracy.",
                           length < 64 ? (int)length : 64, at);
        bool chosen = false;
        for (size_t i = 0; i < *n; i++)
            chosen = chosen || series[i].source == source;
        if (!chosen)
            series[(*n)++].source = source;
        at += length + (at[length] == ',');
    }
    return UR_OK;
}

enum ur_status ur_store_series(struct ur_store *store, const struct ur_series_request *request,
                               struct ur_text *out, struct ur_error *error)
{
    struct series series[N_SOURCES] = {0};
    size_t n = 0;
    int64_t job = 0;
    struct ur_connection *reader = NULL;
    if (request->max_points < 1 || request->max_points > 10000)
        return ur_fail(error, UR_BAD_REQUEST, "max_points must be 1..10000.");
    enum ur_status status = choose(request->names, series, &n, error);
    if (status == UR_OK)
        status = ur_store_take_reader(store, &reader, error);
    if (status == UR_OK)
        status = ur_store_job_number(reader, request->job, &job, error);
    for (size_t i = 0; i < n && status == UR_OK; i++)
        status = read_series(reader, job, request, &series[i], error);
    ur_store_give_reader(store, reader);
    if (status == UR_OK && request->csv)
        print_csv(out, series, n);
    else if (status == UR_OK)
        print_json(out, request->job, series, n);
    if (status == UR_OK && out->failed)
        status = ur_fail(error, UR_NO_MEMORY, "The series do not fit; ask for fewer points.");
    for (size_t i = 0; i < n; i++)
        free(series[i].points);
    return status;
}
