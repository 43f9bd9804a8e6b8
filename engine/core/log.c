#include "unroll/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include "unroll/clock.h"
#include "unroll/limits.h"
#include "unroll/text.h"

static char program_name[UR_NAME_BYTES] = "unroll";
static enum ur_log_level least_level = UR_LOG_INFO;

void ur_log_setup(const char *program, enum ur_log_level least)
{
    ur_copy(program_name, sizeof program_name, program);
    least_level = least;
}

static const char *level_name(enum ur_log_level level)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    return (size_t)level < sizeof names / sizeof names[0] ? names[level] : "error";
}

/*
 * Copies text, escaping every byte that is not printable ASCII, and the backslash itself, so
 * that what was escaped can be told from what was written. Bytes past 0x7f are escaped too:
 * some terminals obey 0x9b like ESC [. Stops where the next escape would not fit; gives the
 * bytes written.
 */
static size_t escape(char *out, size_t room, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    size_t used = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at >= 0x20 && *at < 0x7f && *at != '\\') {
            if (room - used < 1)
                break;
            out[used++] = (char)*at;
        } else if (*at == '\\') {
            if (room - used < 2)
                break;
            out[used++] = '\\';
            out[used++] = '\\';
        } else {
            if (room - used < 4)
                break;
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = digits[*at >> 4];
            out[used++] = digits[*at & 15];
        }
    }
    return used;
}

void ur_log(enum ur_log_level level, const char *format, ...)
{
    if (level < least_level)
        return;

    char message[UR_LOG_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);

    char stamp[UR_TIMESTAMP_BYTES];
    ur_clock_format(ur_clock_wall_us(), stamp);
    char line[UR_LOG_LINE_BYTES];
    int head =
        snprintf(line, sizeof line, "%s %s %s: ", stamp, level_name(level), program_name);
    size_t used = head > 0 ? (size_t)head : 0;
    used += escape(line + used, sizeof line - used - 1, message);
    line[used++] = '\n';

    /* One write for the whole line keeps the lines of several threads and processes apart. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}
