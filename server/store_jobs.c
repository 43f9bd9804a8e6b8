#include "store_jobs.h"

#include <assert.h>

#include "fail.h"
#include "store.h"
#include "store_metrics.h"
#include "store_sql.h"
#include "unroll/clock.h"
#include "unroll/log.h"

#define DAY_US (INT64_C(24) * 3600 * 1000000)

#define JOB_COLUMNS                                                                            \
    "id, state, command, name, tags, priority, spec, restarts, created_us, started_us, "       \
    "ended_us, parameters, memory_bytes, dataset_sha256, numerics_profile, version, "          \
    "error_code, error_detail, model_name, model_version, report, parent, parent_step, step, " \
    "steps, epoch, "                                                                           \
    "epoch_ended, checkpoint_step, loss, accuracy, images_per_second, best_step, best_epoch, " \
    "best_accuracy, weights_sha256"

static enum ur_status insert_row(struct ur_connection *connection, struct ur_job_row *row,
                                 struct ur_error *error)
{
    const enum ur_status status = ur_sql_run(
        connection, error,
        "INSERT INTO jobs (id, state, name, tags, priority, spec, created_us, parameters, "
        "memory_bytes, dataset_sha256, version, parent, parent_step) "
        "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        "tittitiiittti", row->id, (int64_t)row->state, row->name, row->tags,
        (int64_t)row->priority, row->spec, row->created_us, (int64_t)row->parameters,
        (int64_t)row->memory_bytes, row->dataset_sha256, row->version, row->parent,
        (int64_t)row->parent_step);
    row->number = ur_sql_last_rowid(connection);
    return status;
}

static enum ur_status update_facts(struct ur_connection *connection,
                                   const struct ur_job_row *row, struct ur_error *error)
{
    return ur_sql_run(
        connection, error,
        "UPDATE jobs SET state=?, command=?, name=?, tags=?, priority=?, restarts=?, "
        "started_us=?, ended_us=?, parameters=?, memory_bytes=?, dataset_sha256=?, "
        "numerics_profile=?, version=?, error_code=?, error_detail=?, model_name=?, "
        "model_version=?, report=? WHERE number=?",
        "iittiiiiiittttttiti", (int64_t)row->state, (int64_t)row->command, row->name, row->tags,
        (int64_t)row->priority, (int64_t)row->restarts, row->started_us, row->ended_us,
        (int64_t)row->parameters, (int64_t)row->memory_bytes, row->dataset_sha256,
        row->numerics_profile, row->version, row->error_code, row->error_detail,
        row->model_name, (int64_t)row->model_version, row->report, row->number);
}

static enum ur_status update_progress(struct ur_connection *connection,
                                      const struct ur_job_row *row, struct ur_error *error)
{
    const struct ur_job_progress *at = &row->at;
    return ur_sql_run(
        connection, error,
        "UPDATE jobs SET step=?, steps=?, epoch=?, epoch_ended=?, checkpoint_step=?, loss=?, "
        "accuracy=?, images_per_second=?, best_step=?, best_epoch=?, best_accuracy=?, "
        "weights_sha256=? WHERE number=?",
        "iiiiinnniinti", (int64_t)at->step, (int64_t)at->steps, (int64_t)at->epoch,
        (int64_t)at->epoch_ended, (int64_t)at->checkpoint_step, at->loss, at->accuracy,
        at->images_per_second, (int64_t)at->best_step, (int64_t)at->best_epoch,
        at->best_accuracy, at->weights_sha256, row->number);
}

/* The sequence is taken from the rows themselves, so that it has no hole whatever failed
 * before. */
static enum ur_status insert_events(struct ur_connection *connection,
                                    struct ur_job_write *write, struct ur_error *error)
{
    const int64_t job = write->row.number;
    int64_t sequence = 0;
    if (write->n_events == 0)
        return UR_OK;
    enum ur_status status =
        ur_sql_integer(connection, &sequence, 0, error,
                       "SELECT max(sequence) FROM events WHERE job=?", "i", job);
    for (int i = 0; i < write->n_events && status == UR_OK; i++) {
        write->events[i].sequence = ++sequence;
        status =
            ur_sql_run(connection, error,
                       "INSERT INTO events (job, sequence, name, data) VALUES (?,?,?,?)",
                       "iitt", job, sequence, write->events[i].name, write->events[i].data);
        write->events[i].number = ur_sql_last_rowid(connection);
    }
    return status;
}

static enum ur_status keep_reply(struct ur_connection *connection,
                                 const struct ur_job_write *write, struct ur_error *error)
{
    if (!write->key[0])
        return UR_OK;
    const int64_t now = ur_clock_wall_us();
    enum ur_status status =
        ur_sql_run(connection, error, "DELETE FROM idempotency WHERE expires_us < ?", "i", now);
    if (status == UR_OK)
        status = ur_sql_run(connection, error, "INSERT INTO idempotency VALUES (?,?,?,?,?)",
                            "tttti", write->key, write->body_sha256, write->row.id,
                            write->reply, now + DAY_US);
    return status;
}

static enum ur_status run_job_write(struct ur_connection *connection, struct ur_write *base,
                                    struct ur_error *error)
{
    struct ur_job_write *write = (struct ur_job_write *)base;
    struct ur_job_row *row = &write->row;
    enum ur_status status = UR_OK;
    if (write->kind == UR_JOB_INSERT)
        status = insert_row(connection, row, error);
    else if (write->kind == UR_JOB_UPDATE)
        status = update_facts(connection, row, error);
    if (status == UR_OK)
        status = update_progress(connection, row, error);
    if (status == UR_OK)
        status = ur_metrics_insert(connection, write, error);
    if (status == UR_OK)
        status = insert_events(connection, write, error);
    if (status == UR_OK)
        status = keep_reply(connection, write, error);
    return status;
}

static void publish_events(struct ur_store *store, struct ur_write *base,
                           const struct ur_error *error)
{
    struct ur_job_write *write = (struct ur_job_write *)base;
    if (error->status != UR_OK) {
        if (!base->ticket)
            ur_log(UR_LOG_ERROR, "job %s: a change is lost: %s", write->row.id, error->detail);
        return;
    }
    if (write->committed)
        write->committed(write->context, write);
    for (int i = 0; i < write->n_events; i++)
        ur_store_publish(store, &(struct ur_event){.number = write->events[i].number,
                                                   .sequence = write->events[i].sequence,
                                                   .job = write->row.id,
                                                   .name = write->events[i].name,
                                                   .data = write->events[i].data,
                                                   .last = write->events[i].last});
}

static void release_job_write(struct ur_write *base)
{
    ur_job_write_destroy((struct ur_job_write *)base);
}

struct ur_job_write *ur_job_write_create(const struct ur_job_row *row,
                                         enum ur_job_write_kind kind)
{
    struct ur_job_write *write = calloc(1, sizeof *write);
    if (!write)
        return NULL;
    write->kind = kind;
    write->base.run = run_job_write;
    write->base.done = publish_events;
    write->base.release = release_job_write;
    write->base.keep = kind != UR_JOB_INSERT;
    bool whole = ur_job_row_copy(&write->row, row);
    if (whole && kind == UR_JOB_INSERT)
        whole = (write->row.spec = strdup(row->spec)) != NULL;
    if (whole)
        return write;
    ur_job_write_destroy(write);
    return NULL;
}

void ur_job_write_destroy(struct ur_job_write *write)
{
    if (!write)
        return;
    ur_job_row_release(&write->row);
    free(write->points);
    free(write->epoch);
    union {
        const uint32_t *read_only;
        void *any;
    } counts = {write->confusion.counts};
    free(counts.any);
    free(write->insight);
    for (int i = 0; i < write->n_events; i++)
        free(write->events[i].data);
    free(write->reply);
    free(write);
}

void ur_job_write_event(struct ur_job_write *write, const char *name, char *data, bool last)
{
    if (!data)
        return;
    assert(write->n_events < UR_MAX_WRITE_EVENTS);
    write->events[write->n_events].name = name;
    write->events[write->n_events].data = data;
    write->events[write->n_events++].last = last;
}

enum ur_status ur_store_reply(struct ur_store *store, const char *key,
                              struct ur_stored_reply *out, struct ur_error *error)
{
    *out = (struct ur_stored_reply){0};
    struct ur_connection *reader;
    struct sqlite3_stmt *statement = NULL;
    enum ur_status status = ur_store_take_reader(store, &reader, error);
    if (status != UR_OK)
        return status;
    status = ur_sql_start(reader, &statement, error,
                          "SELECT body_sha256, job, reply FROM idempotency WHERE key=? AND "
                          "expires_us >= ?",
                          "ti", key, ur_clock_wall_us());
    if (status == UR_OK)
        status = ur_sql_next(reader, statement, &out->found, error);
    if (status == UR_OK && out->found) {
        ur_copy(out->body_sha256, sizeof out->body_sha256, ur_sql_column_text(statement, 0));
        ur_copy(out->job, sizeof out->job, ur_sql_column_text(statement, 1));
        out->reply = strdup(ur_sql_column_text(statement, 2));
        if (!out->reply)
            status = ur_no_memory(error);
    }
    ur_sql_end(statement);
    ur_store_give_reader(store, reader);
    return status;
}

/* A column walked from left to right, in the order of JOB_COLUMNS. */
struct cursor {
    struct sqlite3_stmt *statement;
    int column;
    bool failed;
};

static int64_t next_integer(struct cursor *cursor)
{
    return ur_sql_column_integer(cursor->statement, cursor->column++);
}

static double next_number(struct cursor *cursor)
{
    return ur_sql_column_number(cursor->statement, cursor->column++);
}

static void next_text(struct cursor *cursor, char *out, size_t size)
{
    ur_copy(out, size, ur_sql_column_text(cursor->statement, cursor->column++));
}

/* NULL and "" both give NULL. */
static char *next_owned(struct cursor *cursor)
{
    const char *text = ur_sql_column_text(cursor->statement, cursor->column++);
    if (!*text)
        return NULL;
    char *copy = strdup(text);
    if (!copy)
        cursor->failed = true;
    return copy;
}

static bool read_row(struct sqlite3_stmt *statement, struct ur_job_row *row)
{
    struct cursor c = {.statement = statement};
    *row = (struct ur_job_row){0};
    row->number = next_integer(&c);
    next_text(&c, row->id, sizeof row->id);
    const int64_t state = next_integer(&c);
    row->state =
        state >= 0 && state < UR_JOB_STATE_COUNT ? (enum ur_job_state)state : UR_JOB_FAILED;
    row->command = (enum ur_command)next_integer(&c);
    next_text(&c, row->name, sizeof row->name);
    row->tags = next_owned(&c);
    row->priority = (int32_t)next_integer(&c);
    row->spec = next_owned(&c);
    row->restarts = (int32_t)next_integer(&c);
    row->created_us = next_integer(&c);
    row->started_us = next_integer(&c);
    row->ended_us = next_integer(&c);
    row->parameters = (uint64_t)next_integer(&c);
    row->memory_bytes = (uint64_t)next_integer(&c);
    next_text(&c, row->dataset_sha256, sizeof row->dataset_sha256);
    next_text(&c, row->numerics_profile, sizeof row->numerics_profile);
    next_text(&c, row->version, sizeof row->version);
    next_text(&c, row->error_code, sizeof row->error_code);
    row->error_detail = next_owned(&c);
    next_text(&c, row->model_name, sizeof row->model_name);
    row->model_version = (int32_t)next_integer(&c);
    row->report = next_owned(&c);
    next_text(&c, row->parent, sizeof row->parent);
    row->parent_step = (int32_t)next_integer(&c);
    row->at.step = (int32_t)next_integer(&c);
    row->at.steps = (int32_t)next_integer(&c);
    row->at.epoch = (int32_t)next_integer(&c);
    row->at.epoch_ended = (int32_t)next_integer(&c);
    row->at.checkpoint_step = (int32_t)next_integer(&c);
    row->at.loss = next_number(&c);
    row->at.accuracy = next_number(&c);
    row->at.images_per_second = next_number(&c);
    row->at.best_step = (int32_t)next_integer(&c);
    row->at.best_epoch = (int32_t)next_integer(&c);
    row->at.best_accuracy = next_number(&c);
    next_text(&c, row->at.weights_sha256, sizeof row->at.weights_sha256);
    return !c.failed;
}

enum ur_status ur_store_jobs(struct ur_store *store,
                             enum ur_status (*each)(void *context, struct ur_job_row *row,
                                                    struct ur_error *error),
                             void *context, struct ur_error *error)
{
    struct ur_connection *reader;
    struct sqlite3_stmt *statement = NULL;
    bool more = true;
    enum ur_status status = ur_store_take_reader(store, &reader, error);
    if (status != UR_OK)
        return status;
    status = ur_sql_start(reader, &statement, error,
                          "SELECT number, " JOB_COLUMNS " FROM jobs ORDER BY id", "");
    while (status == UR_OK) {
        status = ur_sql_next(reader, statement, &more, error);
        if (status != UR_OK || !more)
            break;
        struct ur_job_row row;
        if (read_row(statement, &row)) {
            status = each(context, &row, error);
        } else {
            ur_job_row_release(&row);
            status = ur_no_memory(error);
        }
    }
    ur_sql_end(statement);
    ur_store_give_reader(store, reader);
    return status;
}

struct delete_write {
    struct ur_write base;
    int64_t number;
};

static enum ur_status run_delete(struct ur_connection *connection, struct ur_write *base,
                                 struct ur_error *error)
{
    const struct delete_write *write = (const struct delete_write *)base;
    return ur_sql_run(connection, error, "DELETE FROM jobs WHERE number=?", "i", write->number);
}

enum ur_status ur_store_job_delete(struct ur_store *store, int64_t number,
                                   struct ur_error *error)
{
    struct delete_write write = {.base.run = run_delete, .number = number};
    return ur_store_put_and_wait(store, &write.base, error);
}

enum ur_status ur_store_job_number(struct ur_connection *reader, const char *id,
                                   int64_t *number, struct ur_error *error)
{
    enum ur_status status =
        ur_sql_integer(reader, number, 0, error, "SELECT number FROM jobs WHERE id=?", "t", id);
    if (status == UR_OK && *number == 0)
        status = ur_fail(error, UR_NOT_FOUND, "There is no job of that id.");
    return status;
}
