#include "store_events.h"

#include "store_jobs.h"
#include "store_sql.h"

enum { LATE_EVENTS = 64 };

static enum ur_status read_tail(struct ur_connection *reader, const char *job,
                                struct ur_events_tail *tail, struct ur_error *error)
{
    int64_t number = 0;
    bool row = false;
    struct sqlite3_stmt *statement = NULL;
    enum ur_status status = ur_store_job_number(reader, job, &number, error);
    if (status == UR_OK)
        status = ur_sql_start(reader, &statement, error,
                              "SELECT sequence, number FROM events WHERE job=? "
                              "ORDER BY sequence DESC LIMIT 1",
                              "i", number);
    if (status == UR_OK)
        status = ur_sql_next(reader, statement, &row, error);
    if (row) {
        tail->sequence = ur_sql_column_integer(statement, 0);
        tail->number = ur_sql_column_integer(statement, 1);
    }
    ur_sql_end(statement);
    /* The end is the last event; but earlier versions let a few changes of the name follow. */
    if (row && status == UR_OK)
        status = ur_sql_integer(reader, &tail->end, 0, error,
                                "SELECT max(sequence) FROM events WHERE job=? AND sequence>? "
                                "AND name='end'",
                                "ii", number, tail->sequence - LATE_EVENTS);
    return status;
}

enum ur_status ur_store_events_tail(struct ur_store *store, const char *job,
                                    struct ur_events_tail *tail, struct ur_error *error)
{
    *tail = (struct ur_events_tail){0};
    struct ur_connection *reader;
    enum ur_status status = ur_store_take_reader(store, &reader, error);
    if (status != UR_OK)
        return status;
    status = read_tail(reader, job, tail, error);
    ur_store_give_reader(store, reader);
    return status;
}

/* Asks for one number. */
static enum ur_status ask(struct ur_store *store, const char *sql, const char *types,
                          const char *job, int64_t value, int64_t *out, struct ur_error *error)
{
    struct ur_connection *reader;
    *out = 0;
    enum ur_status status = ur_store_take_reader(store, &reader, error);
    if (status != UR_OK)
        return status;
    status = ur_sql_integer(reader, out, 0, error, sql, types, job, value);
    ur_store_give_reader(store, reader);
    return status;
}

enum ur_status ur_store_event_number(struct ur_store *store, const char *job, int64_t sequence,
                                     int64_t *number, struct ur_error *error)
{
    return ask(store,
               "SELECT events.number FROM events JOIN jobs ON jobs.number=job "
               "WHERE jobs.id=? AND sequence<=? ORDER BY sequence DESC LIMIT 1",
               "ti", job, sequence, number, error);
}

enum ur_status ur_store_event_before(struct ur_store *store, const char *job, int64_t number,
                                     int64_t *sequence, struct ur_error *error)
{
    return ask(store,
               "SELECT sequence FROM events JOIN jobs ON jobs.number=job "
               "WHERE jobs.id=? AND events.number<=? ORDER BY sequence DESC LIMIT 1",
               "ti", job, number, sequence, error);
}

enum ur_status ur_store_events_last(struct ur_store *store, int64_t *number,
                                    struct ur_error *error)
{
    return ask(store, "SELECT max(number) FROM events", "", NULL, 0, number, error);
}

static enum ur_status start_events(struct ur_connection *reader,
                                   struct sqlite3_stmt **statement, const char *job,
                                   int64_t after, struct ur_error *error)
{
    if (job)
        return ur_sql_start(reader, statement, error,
                            "SELECT events.number, sequence, id, events.name, data FROM jobs "
                            "CROSS JOIN events ON job=jobs.number WHERE id=? AND sequence>? "
                            "ORDER BY sequence",
                            "ti", job, after);
    return ur_sql_start(reader, statement, error,
                        "SELECT events.number, sequence, id, events.name, data FROM events "
                        "CROSS JOIN jobs ON jobs.number=job WHERE events.number>? "
                        "ORDER BY events.number",
                        "i", after);
}

enum ur_status ur_store_events(struct ur_store *store, const char *job, int64_t after,
                               bool (*each)(void *context, const struct ur_event *event),
                               void *context, bool *finished, struct ur_error *error)
{
    struct ur_connection *reader;
    struct sqlite3_stmt *statement = NULL;
    *finished = false;
    enum ur_status status = ur_store_take_reader(store, &reader, error);
    if (status != UR_OK)
        return status;
    status = start_events(reader, &statement, job, after, error);
    for (bool more = true; status == UR_OK && more;) {
        status = ur_sql_next(reader, statement, &more, error);
        if (status != UR_OK || !more) {
            *finished = status == UR_OK;
            break;
        }
        const char *name = ur_sql_column_text(statement, 3);
        more = each(context, &(struct ur_event){.number = ur_sql_column_integer(statement, 0),
                                                .sequence = ur_sql_column_integer(statement, 1),
                                                .job = ur_sql_column_text(statement, 2),
                                                .name = name,
                                                .data = ur_sql_column_text(statement, 4),
                                                .last = strcmp(name, "end") == 0});
    }
    ur_sql_end(statement);
    ur_store_give_reader(store, reader);
    return status;
}
