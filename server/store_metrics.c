#include "store_metrics.h"

#include <inttypes.h>

#include "fail.h"
#include "json_text.h"
#include "store.h"
#include "store_insights.h"
#include "store_jobs.h"
#include "store_sql.h"

static enum ur_status insert_points(struct ur_connection *connection,
                                    const struct ur_job_write *write, struct ur_error *error)
{
    enum ur_status status = UR_OK;
    for (int32_t i = 0; i < write->n_points && status == UR_OK; i++) {
        const struct ur_step_point *point = &write->points[i];
        status = ur_sql_run(connection, error,
                            "INSERT OR REPLACE INTO points VALUES (?,?,?,?,?,?,?,?,?)",
                            "iiinnnnnn", write->row.number, (int64_t)point->step,
                            (int64_t)point->epoch, (double)point->loss, (double)point->accuracy,
                            (double)point->learning_rate, (double)point->gradient_norm,
                            (double)point->images_per_second, (double)point->seconds);
    }
    return status;
}

static enum ur_status insert_epoch(struct ur_connection *connection, int64_t job,
                                   const struct ur_record_epoch *epoch, struct ur_error *error)
{
    return ur_sql_run(connection, error,
                      "INSERT OR REPLACE INTO epochs VALUES (?,?,?,?,?,?,?,?,?)", "iiinnnnnt",
                      job, (int64_t)epoch->epoch, (int64_t)epoch->step,
                      (double)epoch->train_loss, (double)epoch->train_accuracy,
                      (double)epoch->validation_loss, (double)epoch->validation_accuracy,
                      (double)epoch->seconds, epoch->weights_sha256);
}

static enum ur_status insert_confusion(struct ur_connection *connection, int64_t job,
                                       const struct ur_record_confusion *confusion,
                                       struct ur_error *error)
{
    const size_t n = (size_t)confusion->classes * (size_t)confusion->classes;
    const size_t n_bytes = n * sizeof(uint32_t);
    unsigned char *bytes = malloc(n_bytes);
    if (!bytes)
        return ur_no_memory(error);
    struct ur_writer writer = ur_writer_of(bytes, n_bytes);
    for (size_t i = 0; i < n; i++)
        ur_write_u32(&writer, confusion->counts[i]);
    const enum ur_status status =
        ur_sql_run(connection, error, "INSERT OR REPLACE INTO confusions VALUES (?,?,?,?,?)",
                   "iiiib", job, (int64_t)confusion->epoch, (int64_t)confusion->split,
                   (int64_t)confusion->classes, (const void *)bytes, n_bytes);
    free(bytes);
    return status;
}

enum ur_status ur_metrics_insert(struct ur_connection *connection,
                                 const struct ur_job_write *write, struct ur_error *error)
{
    enum ur_status status = insert_points(connection, write, error);
    if (status == UR_OK && write->epoch)
        status = insert_epoch(connection, write->row.number, write->epoch, error);
    if (status == UR_OK && write->confusion.counts)
        status = insert_confusion(connection, write->row.number, &write->confusion, error);
    if (status == UR_OK && write->insight)
        status = ur_insights_insert(connection, write->row.number, write->insight_step,
                                    write->insight, error);
    return status;
}

static uint32_t count_at(const unsigned char *counts, size_t index)
{
    struct ur_reader reader = ur_reader_of(counts + index * sizeof(uint32_t), sizeof(uint32_t));
    return ur_read_u32(&reader);
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

/* Precision, recall and F1 of one class; all 0 where there is nothing to divide by. */
static void print_class(struct ur_text *out, const unsigned char *counts, size_t classes,
                        size_t k)
{
    uint64_t support = 0, predicted = 0;
    const uint64_t hits = count_at(counts, k * classes + k);
    for (size_t i = 0; i < classes; i++) {
        support += count_at(counts, k * classes + i);
        predicted += count_at(counts, i * classes + k);
    }
    ur_json_comma(out);
    ur_text_append(out, "{", 1);
    ur_json_key_number(out, "precision", ratio(hits, predicted));
    ur_json_key_number(out, "recall", ratio(hits, support));
    ur_json_key_number(out, "f1", ratio(2 * hits, support + predicted));
    ur_json_key_integer(out, "support", (int64_t)support);
    ur_text_append(out, "}", 1);
}

static void print_confusion(struct ur_text *out, const unsigned char *counts, size_t classes)
{
    ur_json_key(out, "counts");
    ur_text_append(out, "[", 1);
    for (size_t k = 0; k < classes; k++) {
        ur_json_comma(out);
        ur_text_append(out, "[", 1);
        for (size_t i = 0; i < classes; i++)
            ur_text_format(out, "%s%" PRIu32, i ? "," : "", count_at(counts, k * classes + i));
        ur_text_append(out, "]", 1);
    }
    ur_text_append(out, "]", 1);
    ur_json_key(out, "per_class");
    ur_text_append(out, "[", 1);
    for (size_t k = 0; k < classes; k++)
        print_class(out, counts, classes, k);
    ur_text_append(out, "]", 1);
}

static enum ur_status print_newest(struct ur_connection *reader, const char *job, int32_t epoch,
                                   struct ur_text *out, struct ur_error *error)
{
    static const char *const splits[] = {"train", "validation", "test"};
    int64_t number = 0;
    bool row = false;
    struct sqlite3_stmt *statement = NULL;
    enum ur_status status = ur_store_job_number(reader, job, &number, error);
    if (status == UR_OK)
        status = ur_sql_start(reader, &statement, error,
                              "SELECT epoch, split, classes, counts, length(counts) FROM "
                              "confusions WHERE job=?1 AND (?2<0 OR epoch=?2) "
                              "ORDER BY epoch DESC, split DESC LIMIT 1",
                              "ii", number, (int64_t)epoch);
    if (status == UR_OK)
        status = ur_sql_next(reader, statement, &row, error);
    if (status == UR_OK && !row)
        status = ur_fail(error, UR_NOT_FOUND, "The job has no confusion matrix yet.");
    if (status == UR_OK) {
        const int64_t split = ur_sql_column_integer(statement, 1);
        const size_t classes = (size_t)ur_sql_column_integer(statement, 2);
        const size_t bytes = (size_t)ur_sql_column_integer(statement, 4);
        if (classes > UR_MAX_CLASSES || bytes != classes * classes * sizeof(uint32_t))
            status = ur_sql_damaged(error);
        if (status == UR_OK) {
            ur_text_append(out, "{", 1);
            ur_json_key_string(out, "job", job);
            ur_json_key_integer(out, "epoch", ur_sql_column_integer(statement, 0));
            ur_json_key_string(out, "split", splits[split >= 0 && split <= 2 ? split : 2]);
            ur_json_key_integer(out, "classes", (int64_t)classes);
            print_confusion(out, ur_sql_column_blob(statement, 3), classes);
            ur_text_append(out, "}", 1);
        }
    }
    ur_sql_end(statement);
    return status;
}

enum ur_status ur_store_confusion(struct ur_store *store, const char *job, int32_t epoch,
                                  struct ur_text *out, struct ur_error *error)
{
    struct ur_connection *reader;
    enum ur_status status = ur_store_take_reader(store, &reader, error);
    if (status != UR_OK)
        return status;
    status = print_newest(reader, job, epoch, out, error);
    ur_store_give_reader(store, reader);
    if (status == UR_OK && out->failed)
        status = ur_no_memory(error);
    return status;
}
