/*
 * A growing text with a maximum from its birth, and the few checks on short texts that every
 * program needs.
 *
 * Units: bytes, without the final NUL, which is always there. Errors: the first append past the
 * maximum or without memory sets `failed` and all later ones do nothing: append freely, look
 * once at the end. Ownership: the caller owns the struct; _take hands the text out (free it).
 * Threads: one per struct.
 */
#ifndef UNROLL_TEXT_H
#define UNROLL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ur_text {
    char *data; /* NULL while empty */
    size_t length;
    size_t capacity;
    size_t maximum;
    bool failed;
};

/* Starts an empty text that never grows beyond maximum bytes. */
void ur_text_init(struct ur_text *text, size_t maximum);

/* Frees the text; accepts NULL and a zeroed struct. */
void ur_text_release(struct ur_text *text);

/* Empties the text and keeps its memory. */
void ur_text_reset(struct ur_text *text);

/* Appends length bytes. */
void ur_text_append(struct ur_text *text, const void *bytes, size_t length);

/* Appends a formatted piece. */
void ur_text_format(struct ur_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Gives the text, "" while empty. */
const char *ur_text_get(const struct ur_text *text);

/* Hands the text to the caller, who frees it; NULL if anything failed. The struct is empty
 * afterwards. */
char *ur_text_take(struct ur_text *text);

/* True for 1..64 characters of [A-Za-z0-9._-] that do not start with a dot: the only names that
 * users give to things. */
bool ur_name_valid(const char *name);

/* Copies source into out[size], cut if need be, always with a NUL; false if it was cut. */
bool ur_copy(char *out, size_t size, const char *source);

/* True for valid UTF-8 (RFC 3629) without control characters: fit for JSON, logs and terminals.
 */
bool ur_text_printable(const char *bytes, size_t length);

/* As ur_copy, with '?' for every control character and every byte that is not UTF-8, never cut
 * within a character; false if anything differs from source. */
bool ur_copy_printable(char *out, size_t size, const char *source);

/* Reads a whole decimal number in low..high; false for anything else, a sign or a blank in
 * front included (a '-' is fine where low < 0). */
bool ur_parse_int64(const char *text, int64_t low, int64_t high, int64_t *out);

/* Writes 2 * count lower-case hex digits and a NUL. */
void ur_hex(const unsigned char *bytes, size_t count, char *out);

/* Base64 (RFC 4648, with padding) of count bytes, appended. */
void ur_text_base64(struct ur_text *text, const unsigned char *bytes, size_t count);

#endif
