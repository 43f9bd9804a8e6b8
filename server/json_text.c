#include "json_text.h"

#include <inttypes.h>
#include <math.h>

#include "unroll/clock.h"

static const char *escape_of(unsigned char byte)
{
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

void ur_json_string(struct ur_text *json, const char *text)
{
    if (!text) {
        ur_text_append(json, "null", 4);
        return;
    }
    ur_text_append(json, "\"", 1);
    const char *plain = text;
    for (const char *at = text; *at; at++) {
        const unsigned char byte = (unsigned char)*at;
        const char *escape = escape_of(byte);
        if (!escape && byte >= 0x20 && byte != 0x7f)
            continue;
        ur_text_append(json, plain, (size_t)(at - plain));
        plain = at + 1;
        if (escape)
            ur_text_append(json, escape, 2);
        else
            ur_text_format(json, "\\u%04x", byte);
    }
    ur_text_append(json, plain, strlen(plain));
    ur_text_append(json, "\"", 1);
}

/* Nearly every number here was a float once, and 0.005 must not come out as 0.00499999989. */
void ur_json_number(struct ur_text *json, double value)
{
    char text[32];
    if (!isfinite(value)) {
        ur_text_append(json, "null", 4);
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtof(text, NULL) == (float)value)
            break;
    }
    ur_text_append(json, text, strlen(text));
}

void ur_json_time(struct ur_text *json, int64_t wall_us)
{
    char text[UR_TIMESTAMP_BYTES];
    if (wall_us == 0) {
        ur_text_append(json, "null", 4);
        return;
    }
    ur_clock_format(wall_us, text);
    ur_text_format(json, "\"%s\"", text);
}

void ur_json_comma(struct ur_text *json)
{
    const char last = json->length ? json->data[json->length - 1] : '{';
    if (last != '{' && last != '[')
        ur_text_append(json, ",", 1);
}

void ur_json_key(struct ur_text *json, const char *key)
{
    ur_json_comma(json);
    ur_text_format(json, "\"%s\":", key);
}

void ur_json_key_string(struct ur_text *json, const char *key, const char *text)
{
    ur_json_key(json, key);
    ur_json_string(json, text);
}

void ur_json_key_string_or_null(struct ur_text *json, const char *key, const char *text)
{
    ur_json_key_string(json, key, text && *text ? text : NULL);
}

void ur_json_key_number(struct ur_text *json, const char *key, double value)
{
    ur_json_key(json, key);
    ur_json_number(json, value);
}

void ur_json_key_integer(struct ur_text *json, const char *key, int64_t value)
{
    ur_json_key(json, key);
    ur_text_format(json, "%" PRId64, value);
}

void ur_json_key_boolean(struct ur_text *json, const char *key, bool value)
{
    ur_json_key(json, key);
    ur_text_format(json, "%s", value ? "true" : "false");
}

void ur_json_key_time(struct ur_text *json, const char *key, int64_t wall_us)
{
    ur_json_key(json, key);
    ur_json_time(json, wall_us);
}

void ur_json_key_raw(struct ur_text *json, const char *key, const char *text)
{
    ur_json_key(json, key);
    text = text ? text : "null";
    ur_text_append(json, text, strlen(text));
}
