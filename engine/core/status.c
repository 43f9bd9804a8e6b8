#include "unroll/status.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

struct status_row {
    const char *code;
    int http;
    int exit_code;
    const char *sentence;
};

static const struct status_row rows[UR_STATUS_COUNT] = {
#define STATUS_ROW(name, code, http, exit_code, sentence)                                      \
    [UR_##name] = {code, http, exit_code, sentence},
    UR_STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

static const struct status_row *row_of(enum ur_status status)
{
    return (unsigned)status < UR_STATUS_COUNT ? &rows[status] : &rows[UR_INTERNAL];
}

const char *ur_status_code(enum ur_status status)
{
    return row_of(status)->code;
}

enum ur_status ur_status_from_code(const char *code)
{
    for (int i = 0; i < UR_STATUS_COUNT; i++)
        if (strcmp(rows[i].code, code) == 0)
            return (enum ur_status)i;
    return UR_INTERNAL;
}

const char *ur_status_sentence(enum ur_status status)
{
    return row_of(status)->sentence;
}

int ur_status_http(enum ur_status status)
{
    return row_of(status)->http;
}

int ur_status_exit(enum ur_status status)
{
    return row_of(status)->exit_code;
}

/* A cut in the middle of a UTF-8 character would make the sentence unfit for JSON. */
static void drop_half_character(char *text, size_t size)
{
    size_t length = strlen(text);
    if (length + 1 < size)
        return;
    size_t lead = length;
    while (lead > 0 && length - lead < 4 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead == 0 || (unsigned char)text[lead - 1] < 0xc0)
        return;
    unsigned char first = (unsigned char)text[lead - 1];
    size_t want = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (length - (lead - 1) < want)
        text[lead - 1] = '\0';
}

__attribute__((format(printf, 3, 0))) static void
fill(struct ur_error *error, enum ur_status status, const char *format, va_list arguments)
{
    error->status = status;
    if (vsnprintf(error->detail, sizeof error->detail, format, arguments) <= 0)
        snprintf(error->detail, sizeof error->detail, "%s", ur_status_sentence(status));
    drop_half_character(error->detail, sizeof error->detail);
}

enum ur_status ur_fail(struct ur_error *error, enum ur_status status, const char *format, ...)
{
    assert(status != UR_OK);
    if (error == NULL || error->status != UR_OK)
        return status;
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, format, arguments);
    va_end(arguments);
    return status;
}

enum ur_status ur_fail_errno(struct ur_error *error, int errno_value, const char *format, ...)
{
    enum ur_status status = UR_IO;
    if (errno_value == ENOSPC || errno_value == EDQUOT)
        status = UR_DISK_FULL;
    else if (errno_value == ENOMEM)
        status = UR_NO_MEMORY;
    if (error == NULL || error->status != UR_OK)
        return status;

    va_list arguments;
    va_start(arguments, format);
    fill(error, status, format, arguments);
    va_end(arguments);

    char reason[128];
    size_t used = strlen(error->detail);
    snprintf(error->detail + used, sizeof error->detail - used, ": %s",
             strerror_r(errno_value, reason, sizeof reason));
    drop_half_character(error->detail, sizeof error->detail);
    return status;
}
