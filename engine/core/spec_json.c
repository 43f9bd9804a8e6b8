/*
 * A job's JSON against the table. The whole document is walked even where something is wrong,
 * so that a person learns of all mistakes at once.
 */
#include <jansson.h>

#include "core/spec_suggest.h"
#include "unroll/spec.h"

struct parse {
    struct ur_spec *spec;
    struct ur_field_errors *errors;
};

/* Longest text of a wrong value that is quoted back. */
enum { QUOTE_BYTES = 40 };

/* Writes what was found instead, for "..., got a string". */
static const char *kind_of(const json_t *value)
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

static void wrong_kind(struct parse *parse, const struct ur_spec_field *field, const char *want,
                       const json_t *value)
{
    ur_field_error_add(parse->errors, field->pointer, "must be %s%s, got %s", want,
                       field->nullable ? " or null" : "", kind_of(value));
}

/* Writes "must be 1..4096, got 0" and its relatives. */
static void out_of_range(struct parse *parse, const struct ur_spec_field *field, double value)
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

static void store(struct parse *parse, const struct ur_spec_field *field, const void *value,
                  size_t size)
{
    memcpy((char *)parse->spec + field->offset, value, size);
}

static void parse_whole(struct parse *parse, const struct ur_spec_field *field,
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

static void parse_number(struct parse *parse, const struct ur_spec_field *field,
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

static void parse_bool(struct parse *parse, const struct ur_spec_field *field,
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

static void parse_enum(struct parse *parse, const struct ur_spec_field *field,
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

static void parse_name(struct parse *parse, const struct ur_spec_field *field,
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

static void parse_tags(struct parse *parse, const struct ur_spec_field *field,
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
                               kind_of(item));
        else if (!is_name(item))
            ur_field_error_add(parse->errors, pointer, "%s", name_rule);
        else if (has_tag(parse->spec, json_string_value(item)))
            ur_field_error_add(parse->errors, pointer, "is there twice");
        else
            ur_copy(parse->spec->tags[parse->spec->n_tags++], UR_NAME_BYTES,
                    json_string_value(item));
    }
}

static void parse_field(struct parse *parse, const struct ur_spec_field *field,
                        const json_t *value)
{
    if (field->nullable && json_is_null(value)) {
        static const char zeros[sizeof(double)];
        store(parse, field, zeros,
              field->type == UR_FIELD_INT ? sizeof(int32_t) : sizeof(double));
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
    case UR_FIELD_NULL:
        if (!json_is_null(value))
            ur_field_error_add(parse->errors, field->pointer, "must be null in this version");
        break;
    case UR_FIELD_HOSTS:
        if (!json_is_array(value) || json_array_size(value) > 0)
            ur_field_error_add(parse->errors, field->pointer, "must be [] in this version");
        break;
    }
}

/* Appends a key to a pointer as RFC 6901 escapes it. */
static void append_key(struct ur_text *pointer, const char *key)
{
    ur_text_append(pointer, "/", 1);
    for (; *key != '\0'; key++) {
        if (*key == '~')
            ur_text_append(pointer, "~0", 2);
        else if (*key == '/')
            ur_text_append(pointer, "~1", 2);
        else
            ur_text_append(pointer, key, 1);
    }
}

static const struct ur_spec_field *find_field(const char *pointer, bool *is_group)
{
    size_t count, length = strlen(pointer);
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    *is_group = false;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(fields[i].pointer, pointer, length) != 0)
            continue;
        if (fields[i].pointer[length] == '\0')
            return &fields[i];
        if (fields[i].pointer[length] == '/')
            *is_group = true;
    }
    return NULL;
}

static void unknown_key(struct parse *parse, const char *group, const char *pointer,
                        const char *key)
{
    char meant[96];
    ur_spec_suggest(group, key, meant, sizeof meant);
    if (meant[0] != '\0')
        ur_field_error_add(parse->errors, pointer, "is not a field of a job; did you mean %s?",
                           meant);
    else
        ur_field_error_add(parse->errors, pointer, "is not a field of a job");
}

/* Walks one object. group is its pointer; it only ever names a group of the table, so the
 * recursion is as deep as the table. */
static void parse_object(struct parse *parse, const char *group, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        struct ur_text pointer;
        ur_text_init(&pointer, UR_JSON_MAX_BYTES * (size_t)2);
        ur_text_format(&pointer, "%s", group);
        append_key(&pointer, key);
        const char *where = ur_text_get(&pointer);

        bool is_group;
        const struct ur_spec_field *field = find_field(where, &is_group);
        if (pointer.failed)
            ur_field_error_add(parse->errors, group, "could not be read: out of memory");
        else if (field != NULL)
            parse_field(parse, field, value);
        else if (!is_group)
            unknown_key(parse, group, where, key);
        else if (!json_is_object(value))
            ur_field_error_add(parse->errors, where, "must be an object, got %s",
                               kind_of(value));
        else
            parse_object(parse, where, value);
        ur_text_release(&pointer);
    }
}

/* Steps and epochs are two ways to say one thing, and the default of one must give way. */
static void settle_length(struct parse *parse, json_t *root)
{
    json_t *train = json_object_get(root, "train");
    json_t *steps = json_object_get(train, "steps"), *epochs = json_object_get(train, "epochs");
    bool steps_given = steps != NULL && !json_is_null(steps);
    bool epochs_given = epochs != NULL && !json_is_null(epochs);
    if (steps_given && epochs_given)
        ur_field_error_add(parse->errors, "/train/epochs",
                           "cannot be given together with /train/steps");
    if (epochs_given)
        parse->spec->train.steps = 0;
    else if (!steps_given) {
        struct ur_spec standard;
        ur_spec_defaults(&standard);
        parse->spec->train.steps = standard.train.steps;
    }
}

/* jansson would recurse 2048 deep and build all of it; brackets are counted before it starts. */
static enum ur_status check_text(const char *json, size_t length, struct ur_error *error)
{
    if (length > UR_JSON_MAX_BYTES)
        return ur_fail(error, UR_BAD_JSON, "The text is longer than %d bytes.",
                       (int)UR_JSON_MAX_BYTES);
    if (length > 0 && memchr(json, '\0', length) != NULL)
        return ur_fail(error, UR_BAD_JSON, "The text holds a NUL byte.");

    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = json[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '[' || c == '{') && ++depth > UR_JSON_MAX_DEPTH)
            return ur_fail(error, UR_BAD_JSON, "The text is nested deeper than %d levels.",
                           (int)UR_JSON_MAX_DEPTH);
        else if (!in_string && (c == ']' || c == '}'))
            depth--;
    }
    return UR_OK;
}

static enum ur_status load(json_t **root, const char *json, size_t length,
                           struct ur_error *error)
{
    enum ur_status status = check_text(json, length, error);
    if (status != UR_OK)
        return status;
    json_error_t where;
    *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, &where);
    /* jansson has nothing to say where an allocation failed, or takes the token for a bad one. */
    if (*root == NULL && where.text[0] == '\0')
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to read the job.");
    if (*root == NULL) {
        char text[JSON_ERROR_TEXT_LENGTH];
        ur_copy_printable(text, sizeof text, where.text);
        return ur_fail(error, UR_BAD_JSON, "Line %d, column %d: %s.", where.line, where.column,
                       text);
    }
    if (!json_is_object(*root)) {
        status =
            ur_fail(error, UR_BAD_JSON, "A job is a JSON object, this is %s.", kind_of(*root));
        json_decref(*root);
        *root = NULL;
    }
    return status;
}

static enum ur_status report(const struct ur_field_errors *errors, struct ur_error *error)
{
    if (errors->count == 0)
        return UR_OK;
    const struct ur_field_error *first = &errors->items[0];
    if (errors->count == 1)
        return ur_fail(error, UR_INVALID_SPEC, "%s %s.", first->pointer, first->detail);
    return ur_fail(error, UR_INVALID_SPEC, "%s %s (and %d more).", first->pointer,
                   first->detail, (int)errors->count - 1);
}

enum ur_status ur_spec_parse(struct ur_spec *spec, const char *json, size_t length,
                             struct ur_field_errors *fields, struct ur_error *error)
{
    struct ur_field_errors own;
    struct ur_field_errors *errors = fields != NULL ? fields : &own;
    errors->count = 0;
    ur_spec_defaults(spec);

    json_t *root = NULL;
    enum ur_status status = load(&root, json, length, error);
    if (status != UR_OK)
        return status;

    struct parse parse = {.spec = spec, .errors = errors};
    parse_object(&parse, "", root);
    settle_length(&parse, root);
    if (json_object_get(root, "dataset") == NULL)
        ur_field_error_add(errors, "/dataset", "is required");
    json_decref(root);
    return report(errors, error);
}
