#include "store_sql.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>

/* The sentence of a damaged database: F24 wants the way out in it. */
#define DAMAGED                                                                                \
    "The database unroll.db is damaged. Models are whole files in models/ and need no "        \
    "database. To save what can be read, run in the state directory: "                         \
    "sqlite3 unroll.db .recover | sqlite3 saved.db && mv saved.db unroll.db && "               \
    "rm -f unroll.db-wal unroll.db-shm"

enum ur_status ur_sql_damaged(struct ur_error *error)
{
    return ur_fail(error, UR_IO, DAMAGED);
}

static enum ur_status fail(struct ur_connection *connection, int result, struct ur_error *error)
{
    switch (result & 0xff) {
    case SQLITE_FULL:
        return ur_fail(error, UR_DISK_FULL,
                       "The disk is full; nothing of this request was kept.");
    case SQLITE_NOMEM:
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the database.");
    case SQLITE_CONSTRAINT:
        return ur_fail(error, UR_CONFLICT,
                       "The database holds something of that name already.");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ur_sql_damaged(error);
    default:
        break;
    }
    if (result == SQLITE_IOERR_FSYNC || result == SQLITE_IOERR_DIR_FSYNC)
        connection->lost_sync = true;
    const int cause = connection->db ? sqlite3_system_errno(connection->db) : 0;
    if ((result & 0xff) == SQLITE_IOERR && cause)
        return ur_fail_errno(error, cause, "The database could not be read or written");
    return ur_fail(error, UR_IO, "The database could not be read or written (%s)",
                   sqlite3_errstr(result));
}

enum ur_status ur_connection_open(struct ur_connection *connection, const char *path,
                                  bool read_only, struct ur_error *error)
{
    *connection = (struct ur_connection){0};
    const int flags =
        SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
        (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    const int result = sqlite3_open_v2(path, &connection->db, flags, NULL);
    if (result != SQLITE_OK) {
        const enum ur_status status = fail(connection, result, error);
        ur_connection_close(connection);
        return status;
    }
    sqlite3_busy_timeout(connection->db, 5000);
    /* cache_size is in KiB: the daemon idles small, and the kernel caches the file anyway. */
    const enum ur_status status = ur_sql_script(
        connection,
        read_only ? "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF;"
                    "PRAGMA cache_size=-512; PRAGMA query_only=ON;"
                  : "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                    "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF;"
                    "PRAGMA cache_size=-2048; PRAGMA journal_size_limit=8388608;",
        error);
    if (status != UR_OK)
        ur_connection_close(connection);
    return status;
}

void ur_connection_close(struct ur_connection *connection)
{
    if (!connection)
        return;
    for (int i = 0; i < connection->n_cached; i++)
        sqlite3_finalize(connection->cached[i].statement);
    sqlite3_close(connection->db);
    *connection = (struct ur_connection){0};
}

static enum ur_status find_statement(struct ur_connection *connection, const char *sql,
                                     sqlite3_stmt **statement, struct ur_error *error)
{
    for (int i = 0; i < connection->n_cached; i++)
        if (connection->cached[i].sql == sql) {
            *statement = connection->cached[i].statement;
            return UR_OK;
        }
    assert(connection->n_cached < UR_MAX_STATEMENTS);
    const int result =
        sqlite3_prepare_v3(connection->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
    if (result != SQLITE_OK)
        return fail(connection, result, error);
    connection->cached[connection->n_cached].sql = sql;
    connection->cached[connection->n_cached++].statement = *statement;
    return UR_OK;
}

/* Texts and blobs are borrowed: callers keep them until the statement has run. */
static int bind(sqlite3_stmt *statement, const char *types, va_list *values)
{
    int result = SQLITE_OK;
    for (int i = 0; types[i] && result == SQLITE_OK; i++) {
        const int at = i + 1;
        switch (types[i]) {
        case 't':
            result = sqlite3_bind_text(statement, at, va_arg(*values, const char *), -1,
                                       SQLITE_STATIC);
            break;
        case 'i':
            result = sqlite3_bind_int64(statement, at, va_arg(*values, int64_t));
            break;
        case 'n':
            result = sqlite3_bind_double(statement, at, va_arg(*values, double));
            break;
        case 'b': {
            const void *bytes = va_arg(*values, const void *);
            result = sqlite3_bind_blob64(statement, at, bytes, va_arg(*values, size_t),
                                         SQLITE_STATIC);
            break;
        }
        default:
            assert(false && "an unknown type of value");
        }
    }
    return result;
}

static enum ur_status start(struct ur_connection *connection, sqlite3_stmt **statement,
                            struct ur_error *error, const char *sql, const char *types,
                            va_list *values)
{
    *statement = NULL;
    sqlite3_stmt *found = NULL;
    const enum ur_status status = find_statement(connection, sql, &found, error);
    if (status != UR_OK)
        return status;
    const int result = bind(found, types, values);
    if (result != SQLITE_OK) {
        ur_sql_end(found);
        return fail(connection, result, error);
    }
    *statement = found;
    return UR_OK;
}

enum ur_status ur_sql_start(struct ur_connection *connection, sqlite3_stmt **statement,
                            struct ur_error *error, const char *sql, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    const enum ur_status status = start(connection, statement, error, sql, types, &values);
    va_end(values);
    return status;
}

enum ur_status ur_sql_next(struct ur_connection *connection, sqlite3_stmt *statement, bool *row,
                           struct ur_error *error)
{
    const int result = sqlite3_step(statement);
    *row = result == SQLITE_ROW;
    if (result == SQLITE_ROW || result == SQLITE_DONE)
        return UR_OK;
    return fail(connection, result, error);
}

void ur_sql_end(sqlite3_stmt *statement)
{
    if (!statement)
        return;
    sqlite3_reset(statement); /* repeats the error of the last step, which was reported then */
    sqlite3_clear_bindings(statement);
}

enum ur_status ur_sql_run(struct ur_connection *connection, struct ur_error *error,
                          const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement;
    bool row = true;
    va_list values;
    va_start(values, types);
    enum ur_status status = start(connection, &statement, error, sql, types, &values);
    va_end(values);
    while (status == UR_OK && row)
        status = ur_sql_next(connection, statement, &row, error);
    ur_sql_end(statement);
    return status;
}

enum ur_status ur_sql_script(struct ur_connection *connection, const char *sql,
                             struct ur_error *error)
{
    const int result = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? UR_OK : fail(connection, result, error);
}

enum ur_status ur_sql_integer(struct ur_connection *connection, int64_t *out, int64_t fallback,
                              struct ur_error *error, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement;
    bool row = false;
    va_list values;
    va_start(values, types);
    enum ur_status status = start(connection, &statement, error, sql, types, &values);
    va_end(values);
    *out = fallback;
    if (status == UR_OK)
        status = ur_sql_next(connection, statement, &row, error);
    if (row && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(statement, 0);
    ur_sql_end(statement);
    return status;
}

int64_t ur_sql_last_rowid(struct ur_connection *connection)
{
    return sqlite3_last_insert_rowid(connection->db);
}

double ur_sql_column_number(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return (double)NAN;
    return sqlite3_column_double(statement, column);
}

int64_t ur_sql_column_integer(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_int64(statement, column);
}

const char *ur_sql_column_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? (const char *)text : "";
}

const unsigned char *ur_sql_column_blob(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_blob(statement, column);
}
