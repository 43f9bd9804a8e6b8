#include <jansson.h>

#include "core/spec_values.h"

/* Longest text of a wrong value that is quoted back. */
enum { QUOTE_BYTES = 40 };

const char *ur_spec_value_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static void wrong_kind(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                       const char *want, const json_t *value)
{
    ur_field_error_add(parse->errors, field->pointer, "must be %s%s, got %s", want,
                       field->nullable ? " or null" : "", ur_spec_value_kind(value));
}

/* Writes "must be 1..4096, got 0" and its relatives. */
static void out_of_range(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                         double value)
{
    if (!(field->low < field->high))
        ur_field_error_add(parse->errors, field->pointer, "must be %.15g in this version",
                           field->standard);
    else if (field->open_low && field->open_high)
        ur_field_error_add(parse->errors, field->pointer,
                           "must be above %.15g and below %.15g, got %.15g", field->low,
                           field->high, value);
    else if (field->open_low)
        ur_field_error_add(parse->errors, field->pointer,
                           "must be above %.15g and at most %.15g, got %.15g", field->low,
                           field->high, value);
    else if (field->open_high)
        ur_field_error_add(parse->errors, field->pointer,
                           "must be at least %.15g and below %.15g, got %.15g", field->low,
                           field->high, value);
    else
        ur_field_error_add(parse->errors, field->pointer, "must be %.16g..%.16g, got %.16g",
                           field->low, field->high, value);
}

static bool in_range(const struct ur_spec_field *field, double value)
{
    bool above = field->open_low ? value > field->low : value >= field->low;
    bool below = field->open_high ? value < field->high : value <= field->high;
    return above && below;
}

static void store(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                  const void *value, size_t size)
{
    memcpy((char *)parse->spec + field->offset, value, size);
}

static void parse_whole(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                        const json_t *value)
{
    if (json_is_real(value)) {
        ur_field_error_add(parse->errors, field->pointer,
                           "must be a whole number, written without a point or an exponent");
        return;
    }
    if (!json_is_integer(value)) {
        wrong_kind(parse, field, "a whole number", value);
        return;
    }
    /* Every bound is below 2^53, so the comparison in double is exact where it matters. */
    int64_t wide = json_integer_value(value);
    int32_t narrow = (int32_t)wide;
    if (!in_range(field, (double)wide))
        out_of_range(parse, field, (double)wide);
    else if (field->type == UR_FIELD_INT64)
        store(parse, field, &wide, sizeof wide);
    else
        store(parse, field, &narrow, sizeof narrow);
}

static void parse_number(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                         const json_t *value)
{
    if (!json_is_number(value)) {
        wrong_kind(parse, field, "a number", value);
        return;
    }
    double number = json_number_value(value);
    if (in_range(field, number))
        store(parse, field, &number, sizeof number);
    else
        out_of_range(parse, field, number);
}

static void parse_bool(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                       const json_t *value)
{
    int32_t flag = json_is_true(value);
    if (!json_is_boolean(value))
        wrong_kind(parse, field, "true or false", value);
    else if (!in_range(field, flag))
        ur_field_error_add(parse->errors, field->pointer, "must be %s in this version",
                           field->standard > 0 ? "true" : "false");
    else
        store(parse, field, &flag, sizeof flag);
}

/* Copies blank-separated names with commas between them. */
static void list_names(const char *names, char *out, size_t size)
{
    struct ur_text text;
    ur_text_init(&text, size - 1);
    for (const char *at = names; *at != '\0'; at++)
        ur_text_format(&text, "%s", *at == ' ' ? ", " : (char[]){*at, '\0'});
    ur_copy(out, size, ur_text_get(&text));
    ur_text_release(&text);
}

static void parse_enum(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                       const json_t *value)
{
    if (!json_is_string(value)) {
        wrong_kind(parse, field, "a string", value);
        return;
    }
    const char *wanted = json_string_value(value);
    char name[UR_NAME_BYTES];
    for (int32_t i = 0; ur_spec_enum_name(field->pointer, i, name) == name; i++) {
        if (strcmp(name, wanted) == 0) {
            store(parse, field, &i, sizeof i);
            return;
        }
    }

    char names[96], quote[QUOTE_BYTES];
    list_names(field->names, names, sizeof names);
    ur_copy_printable(quote, sizeof quote, wanted);
    if (strchr(field->names, ' ') == NULL)
        ur_field_error_add(parse->errors, field->pointer,
                           "must be \"%s\" in this version, got \"%s\"", names, quote);
    else
        ur_field_error_add(parse->errors, field->pointer, "must be one of %s, got \"%s\"",
                           names, quote);
}

static const char name_rule[] = "must be 1..64 characters of A-Z a-z 0-9 . _ - and not start "
                                "with a dot";

static bool is_name(const json_t *value)
{
    return json_is_string(value) && ur_name_valid(json_string_value(value));
}

static void parse_name(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                       const json_t *value)
{
    if (!json_is_string(value))
        wrong_kind(parse, field, "a string", value);
    else if (!is_name(value))
        ur_field_error_add(parse->errors, field->pointer, "%s", name_rule);
    else
        ur_copy((char *)parse->spec + field->offset, UR_NAME_BYTES, json_string_value(value));
}

static bool has_tag(const struct ur_spec *spec, const char *tag)
{
    for (int32_t i = 0; i < spec->n_tags; i++)
        if (strcmp(spec->tags[i], tag) == 0)
            return true;
    return false;
}

static void parse_tags(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                       const json_t *value)
{
    if (!json_is_array(value)) {
        wrong_kind(parse, field, "a list of strings", value);
        return;
    }
    if (json_array_size(value) > UR_MAX_TAGS) {
        ur_field_error_add(parse->errors, field->pointer, "must have at most %d items, got %zu",
                           (int)UR_MAX_TAGS, json_array_size(value));
        return;
    }
    parse->spec->n_tags = 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        char pointer[32];
        snprintf(pointer, sizeof pointer, "%s/%zu", field->pointer, i);
        if (!json_is_string(item))
            ur_field_error_add(parse->errors, pointer, "must be a string, got %s",
                               ur_spec_value_kind(item));
        else if (!is_name(item))
            ur_field_error_add(parse->errors, pointer, "%s", name_rule);
        else if (has_tag(parse->spec, json_string_value(item)))
            ur_field_error_add(parse->errors, pointer, "is there twice");
        else
            ur_copy(parse->spec->tags[parse->spec->n_tags++], UR_NAME_BYTES,
                    json_string_value(item));
    }
}

/* Zero, of the size that is stored: 0, 0.0, "" or the flag of an absent group. */
static void store_null(struct ur_spec_parse *parse, const struct ur_spec_field *field)
{
    static const char zeros[sizeof(double)];
    size_t size = sizeof(int32_t);
    if (field->type == UR_FIELD_NUMBER)
        size = sizeof(double);
    if (field->type == UR_FIELD_NAME)
        size = 1;
    store(parse, field, zeros, size);
}

static void parse_group(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                        const json_t *value)
{
    const int32_t given = 1;
    if (json_is_object(value))
        store(parse, field, &given, sizeof given);
    else
        wrong_kind(parse, field, "an object", value);
}

void ur_spec_value_parse(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                         const json_t *value)
{
    if (field->nullable && json_is_null(value)) {
        store_null(parse, field);
        return;
    }
    switch (field->type) {
    case UR_FIELD_NAME:
        parse_name(parse, field, value);
        break;
    case UR_FIELD_TAGS:
        parse_tags(parse, field, value);
        break;
    case UR_FIELD_INT:
    case UR_FIELD_INT64:
        parse_whole(parse, field, value);
        break;
    case UR_FIELD_NUMBER:
        parse_number(parse, field, value);
        break;
    case UR_FIELD_BOOL:
        parse_bool(parse, field, value);
        break;
    case UR_FIELD_ENUM:
        parse_enum(parse, field, value);
        break;
    case UR_FIELD_GROUP:
        parse_group(parse, field, value);
        break;
    case UR_FIELD_HOSTS:
        if (!json_is_array(value) || json_array_size(value) > 0)
            ur_field_error_add(parse->errors, field->pointer, "must be [] in this version");
        break;
    }
}
