#include "store_models.h"

#include <inttypes.h>

#include "fail.h"
#include "store.h"
#include "store_sql.h"

struct model_write {
    struct ur_write base;
    struct ur_model_row *row;
    bool existed;
};

static enum ur_status run_model_insert(struct ur_connection *connection, struct ur_write *base,
                                       struct ur_error *error)
{
    struct model_write *write = (struct model_write *)base;
    struct ur_model_row *row = write->row;
    int64_t version = 0;
    enum ur_status status =
        ur_sql_integer(connection, &version, 0, error, "SELECT version FROM models WHERE job=?",
                       "t", row->job);
    write->existed = version > 0;
    if (status != UR_OK || write->existed) {
        row->version = (int32_t)version;
        return status;
    }
    status = ur_sql_run(connection, error,
                        "INSERT INTO model_names VALUES (?,1) "
                        "ON CONFLICT (name) DO UPDATE SET last=last+1",
                        "t", row->name);
    if (status == UR_OK)
        status = ur_sql_integer(connection, &version, 0, error,
                                "SELECT last FROM model_names WHERE name=?", "t", row->name);
    row->version = (int32_t)version;
    if (status == UR_OK)
        status = ur_sql_run(connection, error, "INSERT INTO models VALUES (?,?,?,?,?,?,?,?)",
                            "tittitti", row->name, version, row->job, row->file, row->bytes,
                            row->weights_sha256, row->report, row->created_us);
    return status;
}

enum ur_status ur_store_model_insert(struct ur_store *store, struct ur_model_row *row,
                                     bool *existed, struct ur_error *error)
{
    struct model_write write = {.base.run = run_model_insert, .row = row};
    const enum ur_status status = ur_store_put_and_wait(store, &write.base, error);
    *existed = write.existed;
    return status;
}

struct model_delete {
    struct ur_write base;
    const char *name;
    int32_t version;
};

static enum ur_status run_model_delete(struct ur_connection *connection, struct ur_write *base,
                                       struct ur_error *error)
{
    const struct model_delete *write = (const struct model_delete *)base;
    return ur_sql_run(connection, error, "DELETE FROM models WHERE name=? AND version=?", "ti",
                      write->name, (int64_t)write->version);
}

enum ur_status ur_store_model_delete(struct ur_store *store, const char *name, int32_t version,
                                     struct ur_error *error)
{
    struct model_delete write = {
        .base.run = run_model_delete, .name = name, .version = version};
    return ur_store_put_and_wait(store, &write.base, error);
}

static enum ur_status read_model(struct sqlite3_stmt *statement, struct ur_model_row *row,
                                 struct ur_error *error)
{
    *row = (struct ur_model_row){.version = (int32_t)ur_sql_column_integer(statement, 1),
                                 .bytes = ur_sql_column_integer(statement, 4),
                                 .created_us = ur_sql_column_integer(statement, 7)};
    ur_copy(row->name, sizeof row->name, ur_sql_column_text(statement, 0));
    ur_copy(row->job, sizeof row->job, ur_sql_column_text(statement, 2));
    ur_copy(row->file, sizeof row->file, ur_sql_column_text(statement, 3));
    ur_copy(row->weights_sha256, sizeof row->weights_sha256, ur_sql_column_text(statement, 5));
    row->report = strdup(ur_sql_column_text(statement, 6));
    return row->report ? UR_OK : ur_no_memory(error);
}

enum ur_status ur_store_models(struct ur_store *store,
                               enum ur_status (*each)(void *context, struct ur_model_row *row,
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
                          "SELECT name, version, job, file, bytes, weights_sha256, report, "
                          "created_us FROM models ORDER BY created_us, name, version",
                          "");
    while (status == UR_OK && more) {
        status = ur_sql_next(reader, statement, &more, error);
        if (status != UR_OK || !more)
            break;
        struct ur_model_row row;
        status = read_model(statement, &row, error);
        if (status == UR_OK)
            status = each(context, &row, error);
    }
    ur_sql_end(statement);
    ur_store_give_reader(store, reader);
    return status;
}

struct dataset_write {
    struct ur_write base;
    const struct ur_dataset_row *row;
};

static enum ur_status run_dataset_put(struct ur_connection *connection, struct ur_write *base,
                                      struct ur_error *error)
{
    const struct ur_dataset_row *row = ((const struct dataset_write *)base)->row;
    const struct ur_record_dataset *facts = &row->facts;
    return ur_sql_run(
        connection, error, "INSERT OR REPLACE INTO datasets VALUES (?,?,?,?,?,?,?,?,?)",
        "ttttiiiii", facts->name, row->signature, facts->kind, facts->sha256,
        (int64_t)facts->shape.steps, (int64_t)facts->shape.width, (int64_t)facts->shape.classes,
        (int64_t)facts->shape.n_train, (int64_t)facts->shape.n_test);
}

enum ur_status ur_store_dataset_put(struct ur_store *store, const struct ur_dataset_row *row,
                                    struct ur_error *error)
{
    struct dataset_write write = {.base.run = run_dataset_put, .row = row};
    return ur_store_put_and_wait(store, &write.base, error);
}

enum ur_status ur_store_datasets(struct ur_store *store,
                                 enum ur_status (*each)(void *context,
                                                        const struct ur_dataset_row *row,
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
                          "SELECT name, signature, kind, sha256, steps, width, classes, "
                          "n_train, n_test FROM datasets",
                          "");
    while (status == UR_OK && more) {
        status = ur_sql_next(reader, statement, &more, error);
        if (status != UR_OK || !more)
            break;
        struct ur_dataset_row row = {
            .facts.shape = {.steps = (int32_t)ur_sql_column_integer(statement, 4),
                            .width = (int32_t)ur_sql_column_integer(statement, 5),
                            .classes = (int32_t)ur_sql_column_integer(statement, 6),
                            .n_train = (int32_t)ur_sql_column_integer(statement, 7),
                            .n_test = (int32_t)ur_sql_column_integer(statement, 8)}};
        ur_copy(row.facts.name, sizeof row.facts.name, ur_sql_column_text(statement, 0));
        ur_copy(row.signature, sizeof row.signature, ur_sql_column_text(statement, 1));
        ur_copy(row.facts.kind, sizeof row.facts.kind, ur_sql_column_text(statement, 2));
        ur_copy(row.facts.sha256, sizeof row.facts.sha256, ur_sql_column_text(statement, 3));
        row.facts.shape.series = strcmp(row.facts.kind, UR_KIND_SERIES) == 0;
        status = each(context, &row, error);
    }
    ur_sql_end(statement);
    ur_store_give_reader(store, reader);
    return status;
}
