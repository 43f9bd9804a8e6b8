/*
 * Logs: one line per record on fd 2, control characters escaped, so that a name chosen by a
 * stranger can neither forge a line nor talk to a terminal.
 *
 *     2026-11-23T21:07:16.123Z info unroll-train: step 781 of 781
 *
 * Cost: one write(2) a line. Errors: none are reported; a log that cannot be written is
 * dropped. Threads: any; lines never mix.
 */
#ifndef UNROLL_LOG_H
#define UNROLL_LOG_H

enum ur_log_level { UR_LOG_DEBUG, UR_LOG_INFO, UR_LOG_WARNING, UR_LOG_ERROR };

/* Names the program and sets the least level that is written; call once, before other threads
 * start. */
void ur_log_setup(const char *program, enum ur_log_level least);

/* Writes one line, cut at UR_LOG_LINE_BYTES. */
void ur_log(enum ur_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
