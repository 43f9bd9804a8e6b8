/*
 * SQLite in the five calls that the store needs, with errors as statuses.
 *
 * Statements are prepared once per connection and found again by the address of their text, so
 * pass string literals. Values are bound by a string of types: t text (const char *, NULL is
 * NULL), i int64_t, n double (NaN is NULL), b blob (const void *, size_t).
 * Errors: UR_DISK_FULL, UR_NO_MEMORY, UR_CONFLICT for a constraint, UR_IO for all else; the
 * detail never holds SQL. Threads: a connection is used by one thread at a time.
 */
#ifndef UNROLL_SERVER_STORE_SQL_H
#define UNROLL_SERVER_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/status.h"

struct sqlite3;
struct sqlite3_stmt;

enum { UR_MAX_STATEMENTS = 48 };

struct ur_connection {
    struct sqlite3 *db;
    struct {
        const char *sql;
        struct sqlite3_stmt *statement;
    } cached[UR_MAX_STATEMENTS];
    int n_cached;
    bool lost_sync; /* an fsync failed on this connection */
};

/* Opens path with the settings of every connection of ours. */
enum ur_status ur_connection_open(struct ur_connection *connection, const char *path,
                                  bool read_only, struct ur_error *error);
/* Accepts NULL and a zeroed struct. */
void ur_connection_close(struct ur_connection *connection);

/* Fails with the way out of a damaged database. */
enum ur_status ur_sql_damaged(struct ur_error *error);

/* Binds the values and leaves the statement before its first row. */
enum ur_status ur_sql_start(struct ur_connection *connection, struct sqlite3_stmt **statement,
                            struct ur_error *error, const char *sql, const char *types, ...);
/* Steps to the next row; *row = false at the end. */
enum ur_status ur_sql_next(struct ur_connection *connection, struct sqlite3_stmt *statement,
                           bool *row, struct ur_error *error);
/* Makes the statement ready to be started again; accepts NULL. */
void ur_sql_end(struct sqlite3_stmt *statement);
/* Starts, runs to the end, and ends a statement without rows. */
enum ur_status ur_sql_run(struct ur_connection *connection, struct ur_error *error,
                          const char *sql, const char *types, ...);
/* Runs a text of several statements. */
enum ur_status ur_sql_script(struct ur_connection *connection, const char *sql,
                             struct ur_error *error);
/* Gives the first column of the only row; fallback where there is none or it is NULL. */
enum ur_status ur_sql_integer(struct ur_connection *connection, int64_t *out, int64_t fallback,
                              struct ur_error *error, const char *sql, const char *types, ...);

/* Gives the rowid of the last insert. */
int64_t ur_sql_last_rowid(struct ur_connection *connection);

/* Columns of the current row: NaN for NULL, "" for NULL. */
double ur_sql_column_number(struct sqlite3_stmt *statement, int column);
int64_t ur_sql_column_integer(struct sqlite3_stmt *statement, int column);
const char *ur_sql_column_text(struct sqlite3_stmt *statement, int column);
const unsigned char *ur_sql_column_blob(struct sqlite3_stmt *statement, int column);

#endif
