/*
 * Pieces of JSON, appended to a text: for what is written often and must not build a tree
 * first.
 *
 * Non-finite numbers become null, so that no reply ever holds a bare NaN. Texts are UTF-8;
 * control characters, quotes and backslashes are escaped. Threads: pure functions.
 */
#ifndef UNROLL_SERVER_JSON_TEXT_H
#define UNROLL_SERVER_JSON_TEXT_H

#include <stdint.h>

#include "unroll/text.h"

/* Appends a quoted text; null for NULL. */
void ur_json_string(struct ur_text *json, const char *text);
/* Appends a number with the fewest digits, 6 to 9, that bring it back as a float; null where
 * it is not finite. */
void ur_json_number(struct ur_text *json, double value);
/* Appends a quoted time in RFC 3339; null for 0. */
void ur_json_time(struct ur_text *json, int64_t wall_us);
/* As above, after a comma (unless the text ends with an opening bracket) and a key. */
void ur_json_key(struct ur_text *json, const char *key);
void ur_json_key_string(struct ur_text *json, const char *key, const char *text);
void ur_json_key_number(struct ur_text *json, const char *key, double value);
void ur_json_key_integer(struct ur_text *json, const char *key, int64_t value);
void ur_json_key_boolean(struct ur_text *json, const char *key, bool value);
void ur_json_key_time(struct ur_text *json, const char *key, int64_t wall_us);
/* Appends text that is JSON already; null for NULL. */
void ur_json_key_raw(struct ur_text *json, const char *key, const char *text);
/* As ur_json_key_string, with null for "". */
void ur_json_key_string_or_null(struct ur_text *json, const char *key, const char *text);
/* Appends a comma unless the text is empty or ends with an opening bracket. */
void ur_json_comma(struct ur_text *json);

#endif
