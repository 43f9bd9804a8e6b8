#include "store_insights.h"

#include "fail.h"
#include "json_text.h"
#include "store.h"
#include "store_jobs.h"
#include "store_sql.h"

/* Every second one, counted from the second: the first and, of an even number, none but the
 * newest goes with them. */
static const char thin_sql[] =
    "DELETE FROM insights WHERE job=?1 AND step IN (SELECT step FROM (SELECT step, "
    "row_number() OVER (ORDER BY step) AS place FROM insights WHERE job=?1) WHERE place % 2 = "
    "0)";

enum ur_status ur_insights_insert(struct ur_connection *connection, int64_t job, int32_t step,
                                  const char *json, struct ur_error *error)
{
    int64_t count = 0;
    enum ur_status status = ur_sql_integer(
        connection, &count, 0, error, "SELECT count(*) FROM insights WHERE job=?", "i", job);
    if (status == UR_OK && count >= UR_MAX_INSIGHTS)
        status = ur_sql_run(connection, error, thin_sql, "i", job);
    if (status == UR_OK)
        status = ur_sql_run(connection, error, "INSERT OR REPLACE INTO insights VALUES (?,?,?)",
                            "iit", job, (int64_t)step, json);
    return status;
}

static enum ur_status print_rows(struct ur_connection *reader, int64_t number,
                                 const struct ur_insights_request *request, struct ur_text *out,
                                 struct ur_error *error)
{
    struct sqlite3_stmt *statement = NULL;
    int64_t printed = 0, last = 0;
    bool row = true;
    enum ur_status status =
        ur_sql_start(reader, &statement, error,
                     "SELECT step, data FROM insights WHERE job=?1 AND (?2=0 OR step<?2) "
                     "ORDER BY step DESC LIMIT ?3",
                     "iii", number, (int64_t)request->before_step, (int64_t)request->limit + 1);
    ur_json_key(out, "items");
    ur_text_append(out, "[", 1);
    while (status == UR_OK && printed <= request->limit) {
        status = ur_sql_next(reader, statement, &row, error);
        if (status != UR_OK || !row || printed++ == request->limit)
            break;
        last = ur_sql_column_integer(statement, 0);
        ur_json_comma(out);
        ur_text_format(out, "%s", ur_sql_column_text(statement, 1));
    }
    ur_sql_end(statement);
    ur_text_append(out, "]", 1);
    if (row && printed > request->limit) {
        char next[24];
        snprintf(next, sizeof next, "%lld", (long long)last);
        ur_json_key_string(out, "next", next);
    } else {
        ur_json_key_raw(out, "next", NULL);
    }
    return status;
}

enum ur_status ur_store_insights(struct ur_store *store,
                                 const struct ur_insights_request *request, struct ur_text *out,
                                 struct ur_error *error)
{
    struct ur_connection *reader;
    int64_t number = 0;
    enum ur_status status = ur_store_take_reader(store, &reader, error);
    if (status != UR_OK)
        return status;
    status = ur_store_job_number(reader, request->job, &number, error);
    if (status == UR_OK) {
        ur_text_append(out, "{", 1);
        ur_json_key_string(out, "job", request->job);
        status = print_rows(reader, number, request, out, error);
        ur_text_append(out, "}", 1);
    }
    ur_store_give_reader(store, reader);
    if (status == UR_OK && out->failed)
        status = ur_no_memory(error);
    return status;
}
