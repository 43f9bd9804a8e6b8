/*
 * A job's JSON against the table. The whole document is walked even where something is wrong,
 * so that a person learns of all mistakes at once.
 */
#include <jansson.h>

#include "core/spec_suggest.h"
#include "core/spec_values.h"
#include "unroll/spec.h"

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

static void unknown_key(struct ur_spec_parse *parse, const char *group, const char *pointer,
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
static void parse_object(struct ur_spec_parse *parse, const char *group, json_t *object)
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
        else if (field != NULL) {
            ur_spec_value_parse(parse, field, value);
            if (field->type == UR_FIELD_GROUP && json_is_object(value))
                parse_object(parse, where, value);
        } else if (!is_group)
            unknown_key(parse, group, where, key);
        else if (!json_is_object(value))
            ur_field_error_add(parse->errors, where, "must be an object, got %s",
                               ur_spec_value_kind(value));
        else
            parse_object(parse, where, value);
        ur_text_release(&pointer);
    }
}

/* Steps and epochs are two ways to say one thing, and the default of one must give way. */
static void settle_length(struct ur_spec_parse *parse, json_t *root)
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

/* Only an RNN's activation can be chosen; a cell of gates is what it is by its own. */
static void check_activation(struct ur_spec_parse *parse)
{
    if (parse->spec->model.cell != UR_CELL_RNN &&
        parse->spec->model.activation != UR_ACTIVATION_TANH)
        ur_field_error_add(parse->errors, "/model/activation",
                           "must be tanh unless /model/cell is rnn");
}

/* PyTorch's proj_size too is the LSTM's alone, and must be smaller than what it projects. */
static void check_projection(struct ur_spec_parse *parse)
{
    const struct ur_spec *spec = parse->spec;
    if (spec->model.projection == 0)
        return;
    if (spec->model.cell != UR_CELL_LSTM)
        ur_field_error_add(parse->errors, "/model/projection",
                           "must be 0 unless /model/cell is lstm");
    else if (spec->model.projection >= spec->model.hidden)
        ur_field_error_add(parse->errors, "/model/projection",
                           "must be below /model/hidden, which is %d, got %d",
                           (int)spec->model.hidden, (int)spec->model.projection);
}

/* Only images that a program draws can be others every time. */
static void check_fresh(struct ur_spec_parse *parse)
{
    const struct ur_spec *spec = parse->spec;
    if (spec->data.fresh && strcmp(spec->dataset, UR_DIGITS_NAME) != 0)
        ur_field_error_add(parse->errors, "/data/fresh",
                           "must be false unless /dataset is " UR_DIGITS_NAME);
}

/* Whoever waits for validation to improve must have some. */
static void check_validation(struct ur_spec_parse *parse)
{
    if (parse->spec->train.validation > 0)
        return;
    if (parse->spec->train.early_stopping.on)
        ur_field_error_add(parse->errors, "/train/early_stopping",
                           "must be null where /train/validation is 0");
    if (parse->spec->train.schedule == UR_SCHEDULE_PLATEAU)
        ur_field_error_add(parse->errors, "/train/schedule/name",
                           "must not be plateau where /train/validation is 0");
}

/* jansson would recurse 2048 deep and build all of it; brackets are counted before it
 * starts. */
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
    /* jansson has nothing to say where an allocation failed, or takes the token for a bad
     * one. */
    if (*root == NULL && where.text[0] == '\0')
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to read the job.");
    if (*root == NULL) {
        char text[JSON_ERROR_TEXT_LENGTH];
        ur_copy_printable(text, sizeof text, where.text);
        return ur_fail(error, UR_BAD_JSON, "Line %d, column %d: %s.", where.line, where.column,
                       text);
    }
    if (!json_is_object(*root)) {
        status = ur_fail(error, UR_BAD_JSON, "A job is a JSON object, this is %s.",
                         ur_spec_value_kind(*root));
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

    struct ur_spec_parse parse = {.spec = spec, .errors = errors};
    parse_object(&parse, "", root);
    settle_length(&parse, root);
    check_activation(&parse);
    check_projection(&parse);
    check_validation(&parse);
    check_fresh(&parse);
    if (json_object_get(root, "dataset") == NULL)
        ur_field_error_add(errors, "/dataset", "is required");
    json_decref(root);
    return report(errors, error);
}
