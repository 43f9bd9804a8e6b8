#include "unroll/text.h"

#include <assert.h>
#include <stdarg.h>

#include "unroll/limits.h"

void ur_text_init(struct ur_text *text, size_t maximum)
{
    assert(maximum < SIZE_MAX);
    *text = (struct ur_text){.maximum = maximum};
}

void ur_text_release(struct ur_text *text)
{
    if (text == NULL)
        return;
    free(text->data);
    *text = (struct ur_text){0};
}

void ur_text_reset(struct ur_text *text)
{
    text->length = 0;
    text->failed = false;
    if (text->data != NULL)
        text->data[0] = '\0';
}

/* Makes room for more bytes and the NUL; doubles, so that appending stays linear. */
static bool reserve(struct ur_text *text, size_t more)
{
    if (text->failed || more > text->maximum - text->length) {
        text->failed = true;
        return false;
    }
    size_t needed = text->length + more + 1;
    if (needed <= text->capacity)
        return true;

    size_t capacity = text->capacity > 0 ? text->capacity : 64;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    if (capacity > text->maximum + 1)
        capacity = text->maximum + 1;
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void ur_text_append(struct ur_text *text, const void *bytes, size_t length)
{
    if (!reserve(text, length))
        return;
    if (length > 0)
        memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void ur_text_format(struct ur_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) {
        text->failed = true;
    } else if (reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

const char *ur_text_get(const struct ur_text *text)
{
    return text->data != NULL ? text->data : "";
}

char *ur_text_take(struct ur_text *text)
{
    reserve(text, 0); /* even an empty text is handed out as a string */
    char *data = NULL;
    if (text->failed) {
        free(text->data);
    } else {
        data = text->data;
        data[text->length] = '\0';
    }
    ur_text_init(text, text->maximum);
    return data;
}

static bool is_name_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
}

bool ur_name_valid(const char *name)
{
    size_t length = 0;
    for (; name[length] != '\0'; length++)
        if (length + 1 >= UR_NAME_BYTES || !is_name_character(name[length]))
            return false;
    return length > 0 && name[0] != '.';
}

/* Gives the bytes of the UTF-8 character at text (RFC 3629: shortest form, no surrogates, up to
 * U+10FFFF), 0 for none. */
static size_t utf8_character(const unsigned char *text, size_t left)
{
    unsigned char first = text[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    unsigned char second = text[1];
    bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                 (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return wrong ? 0 : length;
}

/* U+0000..U+001F, U+007F, and U+0080..U+009F, which some terminals obey like escapes. */
static bool is_control(const unsigned char *character)
{
    return character[0] < 0x20 || character[0] == 0x7f ||
           (character[0] == 0xc2 && character[1] < 0xa0);
}

bool ur_text_printable(const char *bytes, size_t length)
{
    const unsigned char *at = (const unsigned char *)bytes;
    while (length > 0) {
        size_t character = utf8_character(at, length);
        if (character == 0 || is_control(at))
            return false;
        at += character;
        length -= character;
    }
    return true;
}

bool ur_copy_printable(char *out, size_t size, const char *source)
{
    const unsigned char *at = (const unsigned char *)source;
    size_t left = strlen(source), used = 0;
    bool same = true;
    while (left > 0) {
        size_t character = utf8_character(at, left);
        bool shown = character > 0 && !is_control(at);
        size_t take = character > 0 ? character : 1;
        size_t put = shown ? character : 1;
        if (put > size - 1 - used) {
            same = false;
            break;
        }
        if (shown)
            memcpy(out + used, at, character);
        else
            out[used] = '?';
        same = same && shown;
        used += put;
        at += take;
        left -= take;
    }
    out[used] = '\0';
    return same;
}

bool ur_copy(char *out, size_t size, const char *source)
{
    assert(size > 0);
    size_t length = strlen(source);
    bool whole = length < size;
    size_t kept = whole ? length : size - 1;
    memcpy(out, source, kept);
    out[kept] = '\0';
    return whole;
}

bool ur_parse_int64(const char *text, int64_t low, int64_t high, int64_t *out)
{
    bool negative = low < 0 && text[0] == '-';
    const char *at = negative ? text + 1 : text;
    if (*at == '\0')
        return false;

    int64_t value = 0; /* kept negative while reading: INT64_MIN has no positive twin */
    for (; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *at - '0', &value))
            return false;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
        return false;
    if (value < low || value > high)
        return false;
    *out = value;
    return true;
}

void ur_hex(const unsigned char *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = '\0';
}

void ur_text_base64(struct ur_text *text, const unsigned char *bytes, size_t count)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (count > SIZE_MAX / 4 || !reserve(text, (count + 2) / 3 * 4)) {
        text->failed = true;
        return;
    }
    char *out = text->data + text->length;
    for (size_t i = 0; i < count; i += 3) {
        size_t left = count - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)bytes[i + 2] : 0;
        *out++ = letters[group >> 18];
        *out++ = letters[(group >> 12) & 63];
        *out++ = left > 1 ? letters[(group >> 6) & 63] : '=';
        *out++ = left > 2 ? letters[group & 63] : '=';
    }
    *out = '\0';
    text->length = (size_t)(out - text->data);
}
