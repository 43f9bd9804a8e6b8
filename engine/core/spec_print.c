/*
 * The spec as JSON text and its schema, both by one walk over the table. No JSON library: a
 * checkpoint compares specs by their bytes, so the bytes are ours to fix, down to the digits of
 * a number.
 */
#include <assert.h>

#include "unroll/spec.h"

/* What a walk prints: at most one of spec and schema. */
struct walk {
    struct ur_text *out;
    const struct ur_spec *spec; /* NULL: the schema */
    char group[96];             /* pointer of the object being printed, "" for the whole */
    bool first;                 /* nothing was printed in that object yet */
};

/* The shortest of three precisions that reads back as the same number. */
static void print_number(struct ur_text *out, double value)
{
    char digits[40];
    snprintf(digits, sizeof digits, "%.15g", value);
    if (strtod(digits, NULL) != value)
        snprintf(digits, sizeof digits, "%.16g", value);
    if (strtod(digits, NULL) != value)
        snprintf(digits, sizeof digits, "%.17g", value);
    ur_text_format(out, "%s", digits);
}

static void print_key(struct walk *walk, const char *key, size_t length)
{
    ur_text_format(walk->out, "%s\"%.*s\":", walk->first ? "" : ",", (int)length, key);
    walk->first = false;
}

/* The row of an object that may be null; NULL for one that is always there. */
static const struct ur_spec_field *group_field(const char *pointer, size_t length)
{
    size_t count;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    for (size_t i = 0; i < count; i++)
        if (fields[i].type == UR_FIELD_GROUP && strlen(fields[i].pointer) == length &&
            memcmp(fields[i].pointer, pointer, length) == 0)
            return &fields[i];
    return NULL;
}

static void schema_group(struct ur_text *out, const char *pointer, size_t length)
{
    const struct ur_spec_field *field = group_field(pointer, length);
    if (field == NULL)
        ur_text_format(out, "{\"type\":\"object\"");
    else
        ur_text_format(out,
                       "{\"type\":[\"object\",\"null\"],\"default\":null,"
                       "\"description\":\"%s\"",
                       field->help);
    ur_text_format(out, ",\"additionalProperties\":false,\"properties\":{");
}

static void open_group(struct walk *walk, const char *pointer, size_t length)
{
    const char *key = pointer + strlen(walk->group) + 1;
    print_key(walk, key, length - strlen(walk->group) - 1);
    if (walk->spec != NULL)
        ur_text_append(walk->out, "{", 1);
    else
        schema_group(walk->out, pointer, length);
    assert(length < sizeof walk->group);
    memcpy(walk->group, pointer, length);
    walk->group[length] = '\0';
    walk->first = true;
}

static void close_group(struct walk *walk)
{
    ur_text_format(walk->out, "%s", walk->spec != NULL ? "}" : "}}");
    *strrchr(walk->group, '/') = '\0';
    walk->first = false;
}

/* Closes and opens objects until walk->group is the one that holds pointer. */
static void enter_group_of(struct walk *walk, const char *pointer)
{
    size_t parent = (size_t)(strrchr(pointer, '/') - pointer);
    for (;;) {
        size_t current = strlen(walk->group);
        bool inside = current <= parent && memcmp(walk->group, pointer, current) == 0 &&
                      pointer[current] == '/';
        if (!inside)
            close_group(walk);
        else if (current == parent)
            return;
        else
            open_group(walk, pointer, current + 1 + strcspn(pointer + current + 1, "/"));
    }
}

static int32_t int_of(const struct ur_spec *spec, const struct ur_spec_field *field)
{
    int32_t value;
    memcpy(&value, (const char *)spec + field->offset, sizeof value);
    return value;
}

static int64_t int64_of(const struct ur_spec *spec, const struct ur_spec_field *field)
{
    int64_t value;
    memcpy(&value, (const char *)spec + field->offset, sizeof value);
    return value;
}

static double number_of(const struct ur_spec *spec, const struct ur_spec_field *field)
{
    double value;
    memcpy(&value, (const char *)spec + field->offset, sizeof value);
    return value;
}

static void print_enum(struct ur_text *out, const struct ur_spec_field *field, int32_t value)
{
    char name[UR_NAME_BYTES];
    ur_text_format(out, "\"%s\"", ur_spec_enum_name(field->pointer, value, name));
}

static void print_tags(struct ur_text *out, const struct ur_spec *spec)
{
    ur_text_append(out, "[", 1);
    for (int32_t i = 0; i < spec->n_tags; i++)
        ur_text_format(out, "%s\"%s\"", i > 0 ? "," : "", spec->tags[i]);
    ur_text_append(out, "]", 1);
}

/* Names and tags need no escapes: ur_name_valid lets no quote or backslash through. */
static void print_value(struct ur_text *out, const struct ur_spec_field *field,
                        const struct ur_spec *spec)
{
    switch (field->type) {
    case UR_FIELD_NAME:
        if (field->nullable && *((const char *)spec + field->offset) == '\0')
            ur_text_format(out, "null");
        else
            ur_text_format(out, "\"%s\"", (const char *)spec + field->offset);
        break;
    case UR_FIELD_TAGS:
        print_tags(out, spec);
        break;
    case UR_FIELD_INT:
        if (field->nullable && int_of(spec, field) == 0)
            ur_text_format(out, "null");
        else
            ur_text_format(out, "%d", (int)int_of(spec, field));
        break;
    case UR_FIELD_INT64:
        ur_text_format(out, "%lld", (long long)int64_of(spec, field));
        break;
    case UR_FIELD_NUMBER:
        if (field->nullable && !(number_of(spec, field) > 0))
            ur_text_format(out, "null");
        else
            print_number(out, number_of(spec, field));
        break;
    case UR_FIELD_BOOL:
        ur_text_format(out, "%s", int_of(spec, field) != 0 ? "true" : "false");
        break;
    case UR_FIELD_ENUM:
        print_enum(out, field, int_of(spec, field));
        break;
    case UR_FIELD_GROUP: /* only an absent one is a value */
        ur_text_format(out, "null");
        break;
    case UR_FIELD_HOSTS:
        ur_text_format(out, "[]");
        break;
    }
}

/* Of steps and epochs only the one in use is printed: a reader takes both for a mistake. */
static bool is_unused_length(const struct ur_spec *spec, const struct ur_spec_field *field)
{
    return (field->offset == offsetof(struct ur_spec, train.epochs) &&
            spec->train.epochs == 0) ||
           (field->offset == offsetof(struct ur_spec, train.steps) && spec->train.epochs != 0);
}

/* An absent group is printed as null, by its own row; a present one by its members' rows. */
static bool is_unused_group(const struct ur_spec *spec, const struct ur_spec_field *field)
{
    if (field->type == UR_FIELD_GROUP)
        return int_of(spec, field) != 0;
    const size_t length = (size_t)(strrchr(field->pointer, '/') - field->pointer);
    const struct ur_spec_field *group = group_field(field->pointer, length);
    return group != NULL && int_of(spec, group) == 0;
}

static bool decides_result(const struct ur_spec_field *field)
{
    return strcmp(field->pointer, "/name") != 0 && strcmp(field->pointer, "/tags") != 0 &&
           strncmp(field->pointer, "/run/", 5) != 0;
}

static void print_spec(const struct ur_spec *spec, bool result_part, struct ur_text *out)
{
    size_t count;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    struct walk walk = {.out = out, .spec = spec, .first = true};
    ur_text_append(out, "{", 1);
    for (size_t i = 0; i < count; i++) {
        if (is_unused_length(spec, &fields[i]) || is_unused_group(spec, &fields[i]) ||
            (result_part && !decides_result(&fields[i])))
            continue;
        enter_group_of(&walk, fields[i].pointer);
        const char *key = strrchr(fields[i].pointer, '/') + 1;
        print_key(&walk, key, strlen(key));
        print_value(out, &fields[i], spec);
    }
    while (walk.group[0] != '\0')
        close_group(&walk);
    ur_text_append(out, "}", 1);
}

void ur_spec_print(const struct ur_spec *spec, struct ur_text *out)
{
    print_spec(spec, false, out);
}

void ur_spec_print_result_part(const struct ur_spec *spec, struct ur_text *out)
{
    print_spec(spec, true, out);
}

static void schema_bound(struct ur_text *out, const char *closed, const char *open,
                         bool is_open, double value)
{
    ur_text_format(out, ",\"%s\":", is_open ? open : closed);
    print_number(out, value);
}

/* Type, range and default of a number; a field with one value is that constant. */
static void schema_number(struct ur_text *out, const struct ur_spec_field *field)
{
    const char *type = field->type == UR_FIELD_NUMBER ? "number" : "integer";
    if (field->nullable)
        ur_text_format(out, "\"type\":[\"%s\",\"null\"]", type);
    else
        ur_text_format(out, "\"type\":\"%s\"", type);
    if (field->low < field->high) {
        schema_bound(out, "minimum", "exclusiveMinimum", field->open_low, field->low);
        schema_bound(out, "maximum", "exclusiveMaximum", field->open_high, field->high);
    } else {
        ur_text_format(out, ",\"const\":");
        print_number(out, field->standard);
    }
    ur_text_format(out, ",\"default\":");
    if (field->nullable && !(field->standard > 0))
        ur_text_format(out, "null");
    else
        print_number(out, field->standard);
}

static void schema_enum(struct ur_text *out, const struct ur_spec_field *field)
{
    bool one = strchr(field->names, ' ') == NULL;
    ur_text_format(out, "\"type\":\"string\",\"%s\":", one ? "const" : "enum");
    char name[UR_NAME_BYTES];
    if (!one)
        ur_text_append(out, "[", 1);
    for (int32_t i = 0; ur_spec_enum_name(field->pointer, i, name) == name; i++)
        ur_text_format(out, "%s\"%s\"", i > 0 ? "," : "", name);
    if (!one)
        ur_text_append(out, "]", 1);
    ur_text_format(out, ",\"default\":");
    print_enum(out, field, (int32_t)field->standard);
}

/* The pattern says what ur_name_valid checks. */
#define NAME_TYPE(type) "\"type\":" type
#define NAME_PATTERN    ",\"pattern\":\"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$\""

static void schema_field(struct ur_text *out, const struct ur_spec_field *field)
{
    ur_text_append(out, "{", 1);
    switch (field->type) {
    case UR_FIELD_NAME:
        ur_text_format(out, "%s%s",
                       field->nullable ? NAME_TYPE("[\"string\",\"null\"]")
                                       : NAME_TYPE("\"string\""),
                       NAME_PATTERN);
        if (field->nullable)
            ur_text_format(out, ",\"default\":null");
        else if (field->names != NULL)
            ur_text_format(out, ",\"default\":\"%s\"", field->names);
        break;
    case UR_FIELD_TAGS:
        ur_text_format(out,
                       "\"type\":\"array\",\"items\":{%s},\"maxItems\":%d,"
                       "\"uniqueItems\":true,\"default\":[]",
                       NAME_TYPE("\"string\"") NAME_PATTERN, (int)UR_MAX_TAGS);
        break;
    case UR_FIELD_INT:
    case UR_FIELD_INT64:
    case UR_FIELD_NUMBER:
        schema_number(out, field);
        break;
    case UR_FIELD_BOOL:
        ur_text_format(out, "\"type\":\"boolean\"");
        if (!(field->low < field->high))
            ur_text_format(out, ",\"const\":%s", field->standard > 0 ? "true" : "false");
        ur_text_format(out, ",\"default\":%s", field->standard > 0 ? "true" : "false");
        break;
    case UR_FIELD_ENUM:
        schema_enum(out, field);
        break;
    case UR_FIELD_GROUP: /* schema_group has it */
        break;
    case UR_FIELD_HOSTS:
        ur_text_format(out, "\"type\":\"array\",\"const\":[],\"default\":[]");
        break;
    }
    ur_text_format(out, ",\"description\":\"%s\"", field->help);
    if (field->unit != NULL && field->unit[0] != '\0')
        ur_text_format(out, ",\"x-unit\":\"%s\"", field->unit);
    ur_text_append(out, "}", 1);
}

void ur_spec_schema(struct ur_text *out)
{
    size_t count;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    struct walk walk = {.out = out, .first = true};
    ur_text_format(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
                        "\"title\":\"A training job\",\"type\":\"object\","
                        "\"required\":[\"dataset\"],\"additionalProperties\":false,"
                        "\"properties\":{");
    for (size_t i = 0; i < count; i++) {
        if (fields[i].type == UR_FIELD_GROUP)
            continue;
        enter_group_of(&walk, fields[i].pointer);
        const char *key = strrchr(fields[i].pointer, '/') + 1;
        print_key(&walk, key, strlen(key));
        schema_field(out, &fields[i]);
    }
    while (walk.group[0] != '\0')
        close_group(&walk);
    ur_text_format(out, "}}");
}
