/* The job's specification: most tests loop over the table, so a new row is tested too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "unroll/spec.h"

enum { ROOM = 1 << 16 };

static struct ur_field_errors wrong;

static enum ur_status parse(const char *json, struct ur_spec *spec, struct ur_error *error)
{
    *error = (struct ur_error){0};
    return ur_spec_parse(spec, json, strlen(json), &wrong, error);
}

/* Writes {"dataset":"mnist", ...} with one more field: the value at a pointer. A projection may
 * have any size in its range only below the largest of layers. */
static void with_field(char *out, size_t size, const char *pointer, const char *value)
{
    struct ur_text text;
    ur_text_init(&text, size - 1);
    ur_text_format(&text, "{%s",
                   strcmp(pointer, "/dataset") == 0 ? "" : "\"dataset\":\"mnist\",");
    int depth = 0;
    const bool projects = strcmp(pointer, "/model/projection") == 0;
    for (const char *at = pointer; *at != '\0'; depth++) {
        size_t length = strcspn(at + 1, "/");
        ur_text_format(&text, "%s\"%.*s\":", depth > 0 ? "{" : "", (int)length, at + 1);
        at += length + 1;
    }
    ur_text_format(&text, "%s%s", value, projects ? ",\"hidden\":4096" : "");
    for (; depth > 0; depth--)
        ur_text_append(&text, "}", 1);
    assert_false(text.failed);
    ur_copy(out, size, ur_text_get(&text));
    ur_text_release(&text);
}

static void assert_good(const char *pointer, const char *value, struct ur_spec *spec)
{
    char json[512];
    struct ur_error error;
    with_field(json, sizeof json, pointer, value);
    if (parse(json, spec, &error) != UR_OK)
        fail_msg("%s: %s", json, error.detail);
}

static void assert_bad(const char *pointer, const char *value, const char *detail)
{
    char json[512];
    struct ur_spec spec;
    struct ur_error error;
    with_field(json, sizeof json, pointer, value);
    if (parse(json, &spec, &error) != UR_INVALID_SPEC)
        fail_msg("%s was taken", json);
    assert_int_equal(wrong.count, 1);
    assert_string_equal(wrong.items[0].pointer, pointer);
    if (detail != NULL)
        assert_string_equal(wrong.items[0].detail, detail);
    else
        assert_memory_equal(wrong.items[0].detail, "must ", 5);
    assert_memory_equal(error.detail, pointer, strlen(pointer));
}

static void test_defaults(void **state)
{
    (void)state;
    struct ur_spec spec, standard;
    struct ur_error error;
    assert_int_equal(parse("{\"dataset\":\"mnist\"}", &spec, &error), UR_OK);
    assert_int_equal(wrong.count, 0);
    assert_string_equal(spec.name, "job");
    assert_string_equal(spec.dataset, "mnist");
    assert_int_equal(spec.data.count, 60000);
    assert_int_equal(spec.model.hidden, 128);
    assert_int_equal(spec.model.layers, 1);
    assert_int_equal(spec.model.readout, UR_READOUT_LAST);
    assert_true(spec.model.forget_bias == 1.0);
    assert_int_equal(spec.train.steps, 781);
    assert_int_equal(spec.train.epochs, 0);
    assert_int_equal(spec.train.batch, 128);
    assert_int_equal(spec.train.shard_rows, 32);
    assert_int_equal(spec.train.seed, 1);
    assert_true(spec.train.learning_rate == 0.001);
    assert_true(spec.train.beta1 == 0.9 && spec.train.beta2 == 0.999);
    assert_int_equal(spec.train.optimizer, UR_OPTIMIZER_ADAM);
    assert_true(spec.train.epsilon == 1e-8 && spec.train.clip_norm == 0);
    assert_int_equal(spec.train.validation, 5000);
    assert_int_equal(spec.run.checkpoint_s, 60);
    assert_int_equal(spec.run.display_every, 10);

    ur_spec_defaults(&standard);
    assert_string_equal(standard.dataset, "");
    ur_copy(standard.dataset, sizeof standard.dataset, "mnist");
    assert_memory_equal(&spec, &standard, sizeof spec);
}

/* The contract's own example, and every field of it printed at its place. */
static void test_contract_example(void **state)
{
    (void)state;
    static const char json[] =
        "{\"name\":\"lstm-mnist\",\"tags\":[\"demo\"],\"dataset\":\"mnist\","
        "\"data\":{\"count\":60000,\"seed\":1,\"fresh\":false},"
        "\"model\":{\"cell\":\"lstm\",\"hidden\":128,\"layers\":1,\"bidirectional\":false,"
        "\"activation\":\"tanh\",\"readout\":\"last\",\"forget_bias\":1,\"dropout\":0,"
        "\"projection\":0,\"init\":\"glorot\",\"scan\":\"rows\"},"
        "\"train\":{\"steps\":781,\"batch\":128,\"shard_rows\":32,\"seed\":1,"
        "\"numerics\":\"auto\",\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.001,"
        "\"beta1\":0.9,\"beta2\":0.999,\"epsilon\":1e-08,\"momentum\":0.9,"
        "\"alpha\":0.99,\"weight_decay\":0},"
        "\"schedule\":{\"name\":\"constant\",\"warmup_steps\":0,\"step_size\":1000,"
        "\"gamma\":0.1,\"min_factor\":0,\"pct_start\":0.3,\"div_factor\":25,"
        "\"final_div_factor\":10000,\"patience\":3},\"clip_norm\":null,\"label_smoothing\":0,"
        "\"augment\":null,\"ema\":null,\"validation\":5000,\"evaluate_on\":null,"
        "\"early_stopping\":null,\"time_budget_s\":null,\"truncate_bptt\":null},"
        "\"run\":{\"threads\":0,\"ranks\":1,\"hosts\":[],\"priority\":0,\"checkpoint_s\":60,"
        "\"display_every\":10,\"insight_every\":0}}";
    struct ur_spec spec;
    struct ur_error error;
    struct ur_text text;
    assert_int_equal(parse(json, &spec, &error), UR_OK);
    ur_text_init(&text, ROOM);
    ur_spec_print(&spec, &text);
    assert_string_equal(ur_text_get(&text), json);
    ur_text_release(&text);
}

static void print_double(char out[40], double value)
{
    snprintf(out, 40, "%.17g", value);
}

static void test_every_range(void **state)
{
    (void)state;
    size_t count;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    for (size_t i = 0; i < count; i++) {
        const struct ur_spec_field *field = &fields[i];
        bool whole = field->type == UR_FIELD_INT || field->type == UR_FIELD_INT64;
        if (!whole && field->type != UR_FIELD_NUMBER)
            continue;
        struct ur_spec spec;
        char low[40], high[40], below[40], above[40], inside[40];
        print_double(low, field->low);
        print_double(high, field->high);
        print_double(below, field->low - 1);
        print_double(above, field->high + 1);
        print_double(inside, field->low < field->high ? field->high / 2 : field->low);
        if (whole)
            snprintf(inside, sizeof inside, "%lld",
                     (long long)(field->low / 2 + field->high / 2));
        assert_good(field->pointer, inside, &spec);
        if (field->open_low)
            assert_bad(field->pointer, low, NULL);
        else
            assert_good(field->pointer, low, &spec);
        if (field->open_high)
            assert_bad(field->pointer, high, NULL);
        else
            assert_good(field->pointer, high, &spec);
        assert_bad(field->pointer, below, NULL);
        assert_bad(field->pointer, above, NULL);
        if (whole) {
            assert_bad(field->pointer, "1.0",
                       "must be a whole number, written without a point or an exponent");
            assert_bad(field->pointer, "1e0", NULL);
            assert_bad(field->pointer, "9223372036854775807", NULL);
            assert_bad(field->pointer, "-9223372036854775808", NULL);
        }
    }
}

static void test_every_wrong_type(void **state)
{
    (void)state;
    static const char *const values[] = {
        "\"x/\"", "99999999999999999", "true", "[[]]", "{\"a\":1}", "null", "-0.5"};
    size_t count;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            bool takes_null = fields[i].nullable;
            bool takes_true = fields[i].type == UR_FIELD_BOOL && fields[i].low < fields[i].high;
            bool takes_half = fields[i].type == UR_FIELD_NUMBER && fields[i].low <= -0.5;
            if ((takes_null && strcmp(values[v], "null") == 0) ||
                (takes_true && strcmp(values[v], "true") == 0) ||
                (takes_half && strcmp(values[v], "-0.5") == 0))
                continue;
            if (fields[i].type == UR_FIELD_TAGS && strcmp(values[v], "[[]]") == 0)
                continue; /* wrong inside, at /tags/0 */
            if (fields[i].type == UR_FIELD_GROUP && strcmp(values[v], "{\"a\":1}") == 0)
                continue; /* wrong inside, at a */
            assert_bad(fields[i].pointer, values[v], NULL);
        }
    }
}

static void test_sentences(void **state)
{
    (void)state;
    assert_bad("/train/batch", "0", "must be 1..4096, got 0");
    assert_bad("/train/batch", "\"128\"", "must be a whole number, got a string");
    assert_bad("/train/seed", "9007199254740992",
               "must be 0..9007199254740991, got 9007199254740992");
    assert_bad("/train/optimizer/learning_rate", "0",
               "must be above 0 and at most 1000, got 0");
    assert_bad("/train/optimizer/beta1", "1", "must be at least 0 and below 1, got 1");
    assert_bad("/train/optimizer/name", "\"lion\"",
               "must be one of sgd, momentum, nesterov, rmsprop, adam, adamw, got \"lion\"");
    assert_bad("/train/schedule/name", "\"linear\"",
               "must be one of constant, step, exponential, cosine, onecycle, plateau, got "
               "\"linear\"");
    assert_bad("/train/schedule/gamma", "0", "must be 1e-06..1, got 0");
    assert_bad("/train/clip_norm", "true", "must be a number or null, got true");
    assert_bad("/model/layers", "9", "must be 1..8, got 9");
    assert_bad("/model/bidirectional", "1", "must be true or false, got a number");
    assert_bad("/model/cell", "\"gnu\"", "must be one of lstm, rnn, gru, got \"gnu\"");
    assert_bad("/model/activation", "\"relu\"", "must be tanh unless /model/cell is rnn");
    assert_bad("/run/ranks", "2", "must be 1 in this version");
    assert_bad("/model/readout", "\"max\\u001b[2J\"",
               "must be one of last, mean, final, max, got \"max?[2J\"");
    assert_bad("/train/augment", "true", "must be an object or null, got true");
    assert_bad("/train/augment/shift", "14.5", "must be 0..14, got 14.5");
    assert_bad("/train/augment/turn", "1", "is not a field of a job");
    assert_bad("/train/ema", "1", "must be above 0 and below 1, got 1");
    assert_bad("/train/evaluate_on", "7", "must be a string or null, got a number");
    assert_bad("/train/early_stopping/patience", "0", "must be 1..100000, got 0");
    assert_bad("/run/hosts", "[\"a\"]", "must be [] in this version");
    assert_bad("/model", "[]", "must be an object, got a list");
    assert_bad("/train/optimizer", "\"adam\"", "must be an object, got a string");
    assert_bad("/dataset", "\"../etc\"",
               "must be 1..64 characters of A-Z a-z 0-9 . _ - and not start with a dot");
    assert_bad("/train/batchs", "1", "is not a field of a job; did you mean /train/batch?");
    assert_bad("/hidden", "1", "is not a field of a job; did you mean /model/hidden?");
    assert_bad("/hiden", "1", "is not a field of a job; did you mean /model/hidden?");
    assert_bad("/train/schedule/nam", "1",
               "is not a field of a job; did you mean /train/schedule/name?");
    assert_bad("/modle", "{}", "is not a field of a job; did you mean /model?");
    assert_bad("/flavour", "1", "is not a field of a job");
}

static void assert_error(int32_t index, const char *pointer, const char *detail)
{
    assert_true(index < wrong.count);
    assert_string_equal(wrong.items[index].pointer, pointer);
    assert_string_equal(wrong.items[index].detail, detail);
}

static void test_all_errors_at_once(void **state)
{
    (void)state;
    struct ur_spec spec;
    struct ur_error error;
    assert_int_equal(parse("{\"train\":{\"batch\":0,\"steps\":1,\"epochs\":1},\"a/b~c\":1,"
                           "\"model\":{\"hidden\":\"many\"},\"tags\":[\"a\",7,\"a\"]}",
                           &spec, &error),
                     UR_INVALID_SPEC);
    assert_int_equal(wrong.count, 7);
    assert_error(0, "/train/batch", "must be 1..4096, got 0");
    assert_error(1, "/a~1b~0c", "is not a field of a job");
    assert_error(2, "/model/hidden", "must be a whole number, got a string");
    assert_error(3, "/tags/1", "must be a string, got a number");
    assert_error(4, "/tags/2", "is there twice");
    assert_error(5, "/train/epochs", "cannot be given together with /train/steps");
    assert_error(6, "/dataset", "is required");
    assert_string_equal(error.detail, "/train/batch must be 1..4096, got 0 (and 6 more).");
    /* Without a place for the details the verdict is the same. */
    assert_int_equal(ur_spec_parse(&spec, "{}", 2, NULL, NULL), UR_INVALID_SPEC);
}

static void test_more_errors_than_room(void **state)
{
    (void)state;
    struct ur_text text;
    struct ur_spec spec;
    struct ur_error error;
    ur_text_init(&text, ROOM);
    ur_text_format(&text, "{\"dataset\":\"mnist\"");
    for (int i = 0; i < 500; i++)
        ur_text_format(&text, ",\"%d%0100d\\u20ac\":1", i, 0);
    ur_text_format(&text, "}");
    assert_int_equal(parse(ur_text_get(&text), &spec, &error), UR_INVALID_SPEC);
    assert_int_equal(wrong.count, UR_MAX_FIELD_ERRORS);
    ur_text_release(&text);
    ur_field_error_add(NULL, "/x", "nobody listens");
}

static void test_steps_or_epochs(void **state)
{
    (void)state;
    struct ur_spec spec;
    struct ur_error error;
    assert_good("/train/epochs", "3", &spec);
    assert_int_equal(spec.train.steps, 0);
    assert_int_equal(spec.train.epochs, 3);
    assert_good("/train/epochs", "null", &spec);
    assert_int_equal(spec.train.steps, 781);
    assert_good("/train/steps", "null", &spec);
    assert_int_equal(spec.train.steps, 781);
    assert_int_equal(
        parse("{\"dataset\":\"m\",\"train\":{\"steps\":null,\"epochs\":2}}", &spec, &error),
        UR_OK);
    assert_int_equal(spec.train.epochs, 2);
    assert_int_equal(spec.train.steps, 0);
    assert_int_equal(
        parse("{\"dataset\":\"m\",\"train\":{\"steps\":5,\"epochs\":null}}", &spec, &error),
        UR_OK);
    assert_int_equal(spec.train.steps, 5);
    assert_good("/train/clip_norm", "2.5", &spec);
    assert_true(spec.train.clip_norm == 2.5);
    assert_good("/train/clip_norm", "null", &spec);
    assert_true(spec.train.clip_norm == 0);
}

static void assert_bad_json(const char *json, size_t length)
{
    struct ur_spec spec;
    struct ur_error error = {0};
    wrong.count = 99;
    assert_int_equal(ur_spec_parse(&spec, json, length, &wrong, &error), UR_BAD_JSON);
    assert_int_equal(wrong.count, 0);
    assert_true(ur_text_printable(error.detail, strlen(error.detail)));
}

static void test_bad_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "}",
        "[]",
        "3",
        "\"x\"",
        "null",
        "{\"dataset\":\"m\"}x",
        "{\"dataset\":\"m\"} {}",
        "{\"dataset\":\"m\",}",
        "{\"dataset\":\"m\",\"dataset\":\"n\"}",
        "{\"dataset\":\"m\",\"train\":{\"batch\":1,\"batch\":1}}",
        "{\"dataset\":'m'}",
        "{\"dataset\":\"\xff\"}",
        "{\"dataset\":\"\\ud800\"}",
        "{\"dataset\":\"a\\u0000b\"}",
        "{\"train\":{\"batch\":1e400}}",
        "{\"train\":{\"batch\":99999999999999999999}}",
        "{\"train\":{\"batch\":NaN}}",
        "{\"train\":{\"batch\":01}}",
        "{\"\x1b[2J\":1}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_bad_json(texts[i], strlen(texts[i]));

    struct ur_spec spec;
    struct ur_error error = {0};
    assert_int_equal(ur_spec_parse(&spec, "{\"dataset\":\"m\"}\0", 16, NULL, &error),
                     UR_BAD_JSON);
    assert_string_equal(error.detail, "The text holds a NUL byte.");
    assert_int_equal(parse("{\n  \"dataset\" 3}", &spec, &error), UR_BAD_JSON);
    assert_memory_equal(error.detail, "Line 2, column ", 15);
}

static void test_depth_and_size(void **state)
{
    (void)state;
    static char text[UR_JSON_MAX_BYTES + 2];
    struct ur_spec spec;
    struct ur_error error;
    size_t used = (size_t)snprintf(text, sizeof text, "{\"a\":");
    memset(text + used, '[', UR_JSON_MAX_DEPTH);
    memset(text + used + UR_JSON_MAX_DEPTH, ']', UR_JSON_MAX_DEPTH);
    text[used + 2 * UR_JSON_MAX_DEPTH] = '}';
    assert_bad_json(text, used + 2 * UR_JSON_MAX_DEPTH + 1);
    memmove(text + used, text + used + 1, 2 * UR_JSON_MAX_DEPTH);
    memcpy(text + used + 2 * UR_JSON_MAX_DEPTH - 2, "}", 2);
    assert_int_equal(parse(text, &spec, &error), UR_INVALID_SPEC);

    /* Brackets inside a string are letters. */
    assert_int_equal(
        parse("{\"dataset\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}", &spec, &error),
        UR_INVALID_SPEC);

    memset(text, ' ', sizeof text);
    memcpy(text, "{\"dataset\":\"m\"}", 15);
    assert_int_equal(ur_spec_parse(&spec, text, UR_JSON_MAX_BYTES, &wrong, NULL), UR_OK);
    assert_bad_json(text, UR_JSON_MAX_BYTES + 1);
    memset(text, '[', sizeof text);
    assert_bad_json(text, UR_JSON_MAX_BYTES);
}

/* The value of a field that is not its default; false where there is none. */
static bool other_value(const struct ur_spec_field *field, char out[80])
{
    char name[UR_NAME_BYTES];
    switch (field->type) {
    case UR_FIELD_NAME:
        ur_copy(out, 80, "\"other\"");
        return true;
    case UR_FIELD_TAGS:
        ur_copy(out, 80, "[\"one\",\"two\"]");
        return true;
    case UR_FIELD_INT:
    case UR_FIELD_INT64:
        snprintf(out, 80, "%lld", (long long)field->high);
        return field->low < field->high;
    case UR_FIELD_NUMBER:
        snprintf(out, 80, "%.17g", field->low / 3 + field->high / 7);
        return field->low < field->high;
    case UR_FIELD_ENUM:
        if (ur_spec_enum_name(field->pointer, 1, name) != name)
            return false;
        snprintf(out, 80, "\"%s\"", name);
        return true;
    case UR_FIELD_BOOL:
        ur_copy(out, 80, "true");
        return field->low < field->high;
    case UR_FIELD_GROUP:
        ur_copy(out, 80, "{}");
        return true;
    case UR_FIELD_HOSTS:
        break;
    }
    return false;
}

/* What is printed is read back as the same spec, and the result part tells exactly the fields
 * that may change a result. */
static void test_printing_keeps_every_field(void **state)
{
    (void)state;
    size_t count;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    struct ur_spec standard, spec, second;
    struct ur_error error;
    struct ur_text plain, text, result;
    ur_text_init(&plain, ROOM);
    ur_text_init(&text, ROOM);
    ur_text_init(&result, ROOM);
    ur_spec_defaults(&standard);
    ur_copy(standard.dataset, sizeof standard.dataset, "mnist");
    ur_spec_print_result_part(&standard, &plain);

    for (size_t i = 0; i < count; i++) {
        char value[80];
        if (!other_value(&fields[i], value))
            continue;
        if (strcmp(fields[i].pointer, "/model/activation") == 0)
            assert_int_equal(parse("{\"dataset\":\"mnist\",\"model\":{\"cell\":\"rnn\","
                                   "\"activation\":\"relu\"}}",
                                   &spec, &error),
                             UR_OK);
        else if (strcmp(fields[i].pointer, "/data/fresh") == 0)
            assert_int_equal(
                parse("{\"dataset\":\"digits\",\"data\":{\"fresh\":true}}", &spec, &error),
                UR_OK);
        else
            assert_good(fields[i].pointer, value, &spec);
        assert_memory_not_equal(&spec, &standard, sizeof spec);
        ur_text_reset(&text);
        ur_spec_print(&spec, &text);
        assert_int_equal(parse(ur_text_get(&text), &second, &error), UR_OK);
        assert_memory_equal(&spec, &second, sizeof spec);

        ur_text_reset(&result);
        ur_spec_print_result_part(&spec, &result);
        bool same = strcmp(ur_text_get(&result), ur_text_get(&plain)) == 0;
        bool beside = strcmp(fields[i].pointer, "/name") == 0 ||
                      strcmp(fields[i].pointer, "/tags") == 0 ||
                      strncmp(fields[i].pointer, "/run/", 5) == 0;
        assert_int_equal(same, beside);
    }
    ur_text_release(&plain);
    ur_text_release(&text);
    ur_text_release(&result);
}

/* A group that may be null: absent, null, empty and filled. */
static void test_groups_that_may_be_null(void **state)
{
    (void)state;
    static const struct {
        const char *given, *printed;
    } cases[] = {
        {"null", "\"early_stopping\":null,"},
        {"{}", "\"early_stopping\":{\"patience\":5,\"min_delta\":0},"},
        {"{\"patience\":2}", "\"early_stopping\":{\"patience\":2,\"min_delta\":0},"},
    };
    struct ur_text text;
    ur_text_init(&text, ROOM);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ur_spec spec;
        assert_good("/train/early_stopping", cases[i].given, &spec);
        assert_int_equal(spec.train.early_stopping.on, i > 0);
        ur_text_reset(&text);
        ur_spec_print(&spec, &text);
        assert_non_null(strstr(ur_text_get(&text), cases[i].printed));
    }
    ur_text_release(&text);
}

static void assert_bad_document(const char *json, const char *pointer, const char *detail)
{
    struct ur_spec spec;
    struct ur_error error;
    assert_int_equal(parse(json, &spec, &error), UR_INVALID_SPEC);
    assert_int_equal(wrong.count, 1);
    assert_string_equal(wrong.items[0].pointer, pointer);
    assert_string_equal(wrong.items[0].detail, detail);
}

static void test_fields_that_need_each_other(void **state)
{
    (void)state;
    assert_bad_document("{\"dataset\":\"m\",\"model\":{\"cell\":\"gru\",\"projection\":8}}",
                        "/model/projection", "must be 0 unless /model/cell is lstm");
    assert_bad_document("{\"dataset\":\"m\",\"model\":{\"hidden\":8,\"projection\":8}}",
                        "/model/projection", "must be below /model/hidden, which is 8, got 8");
    assert_bad_document(
        "{\"dataset\":\"m\",\"train\":{\"validation\":0,\"early_stopping\":{}}}",
        "/train/early_stopping", "must be null where /train/validation is 0");
    assert_bad_document(
        "{\"dataset\":\"m\",\"train\":{\"validation\":0,\"schedule\":{\"name\":\"plateau\"}}}",
        "/train/schedule/name", "must not be plateau where /train/validation is 0");
    assert_bad_document("{\"dataset\":\"mnist\",\"data\":{\"fresh\":true}}", "/data/fresh",
                        "must be false unless /dataset is digits");
}

static void test_numbers_print_shortest(void **state)
{
    (void)state;
    static const char *const digits[] = {"0.1",
                                         "0.001",
                                         "1e-08",
                                         "0.30000000000000004",
                                         "1000",
                                         "1e-300",
                                         "0.12345678901234568",
                                         "0.604420312244"};
    for (size_t i = 0; i < sizeof digits / sizeof digits[0]; i++) {
        struct ur_spec spec;
        struct ur_text text;
        char expected[64];
        ur_text_init(&text, ROOM);
        assert_good("/train/optimizer/learning_rate", digits[i], &spec);
        ur_spec_print(&spec, &text);
        snprintf(expected, sizeof expected, "\"learning_rate\":%s,", digits[i]);
        assert_non_null(strstr(ur_text_get(&text), expected));
        ur_text_release(&text);
    }
}

/* Finds the schema of a pointer, checking on the way that no object takes unknown fields. */
static json_t *schema_of(json_t *schema, const char *pointer)
{
    while (*pointer != '\0') {
        char key[64];
        size_t length = strcspn(pointer + 1, "/");
        snprintf(key, sizeof key, "%.*s", (int)length, pointer + 1);
        assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
        schema = json_object_get(json_object_get(schema, "properties"), key);
        assert_non_null(schema);
        pointer += length + 1;
    }
    return schema;
}

static void test_schema_says_what_the_table_says(void **state)
{
    (void)state;
    struct ur_text text;
    ur_text_init(&text, ROOM);
    ur_spec_schema(&text);
    assert_false(text.failed);
    json_t *schema = json_loads(ur_text_get(&text), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(schema);

    size_t count;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    for (size_t i = 0; i < count; i++) {
        json_t *field = schema_of(schema, fields[i].pointer);
        assert_string_equal(json_string_value(json_object_get(field, "description")),
                            fields[i].help);
        json_t *standard = json_object_get(field, "default");
        if (strcmp(fields[i].pointer, "/dataset") == 0) {
            assert_null(standard);
            continue;
        }
        assert_non_null(standard);
        struct ur_spec spec; /* the schema's default is a value that the parser takes */
        char *value = json_dumps(standard, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
        assert_good(fields[i].pointer, value, &spec);
        free(value);
        bool varies = json_object_get(field, "const") == NULL;
        char other[80];
        bool can_vary = other_value(&fields[i], other);
        assert_int_equal(varies, can_vary);
    }
    json_decref(schema);
    ur_text_release(&text);
}

/* Every allocation of the parser fails in turn: an error, and nothing lost. jansson
 * takes a string it had no room for to be a bad token, so that may be the error. */
static int allocations_left;
static long blocks;

static void *failing_malloc(size_t size)
{
    if (allocations_left-- <= 0)
        return NULL;
    blocks++;
    return malloc(size);
}

static void counted_free(void *pointer)
{
    blocks -= pointer != NULL;
    free(pointer);
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    static const char json[] = "{\"dataset\":\"mnist\",\"tags\":[\"a\",\"b\"],"
                               "\"train\":{\"batch\":64,\"optimizer\":{\"beta1\":0.5}}}";
    struct ur_spec spec;
    enum ur_status status = UR_INTERNAL;
    json_set_alloc_funcs(failing_malloc, counted_free);
    int n = 0;
    for (; status != UR_OK && n < 1000; n++) {
        struct ur_error error = {0};
        allocations_left = n;
        status = ur_spec_parse(&spec, json, sizeof json - 1, NULL, &error);
        assert_int_equal(blocks, 0);
        if (status != UR_OK)
            assert_true(status == UR_NO_MEMORY || status == UR_BAD_JSON);
    }
    json_set_alloc_funcs(malloc, free);
    assert_in_range(n, 10, 999);
    assert_int_equal(spec.train.batch, 64);
}

static void test_enum_names(void **state)
{
    (void)state;
    char out[UR_NAME_BYTES];
    assert_string_equal(ur_spec_enum_name("/model/readout", UR_READOUT_MEAN, out), "mean");
    assert_string_equal(ur_spec_enum_name("/train/numerics", UR_NUMERICS_NATIVE, out),
                        "native");
    assert_string_equal(ur_spec_enum_name("/model/readout", 4, out), "?");
    assert_string_equal(ur_spec_enum_name("/model/readout", -1, out), "?");
    assert_string_equal(ur_spec_enum_name("/model/hidden", 0, out), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_contract_example),
        cmocka_unit_test(test_every_range),
        cmocka_unit_test(test_every_wrong_type),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_all_errors_at_once),
        cmocka_unit_test(test_more_errors_than_room),
        cmocka_unit_test(test_steps_or_epochs),
        cmocka_unit_test(test_bad_json),
        cmocka_unit_test(test_depth_and_size),
        cmocka_unit_test(test_printing_keeps_every_field),
        cmocka_unit_test(test_groups_that_may_be_null),
        cmocka_unit_test(test_fields_that_need_each_other),
        cmocka_unit_test(test_numbers_print_shortest),
        cmocka_unit_test(test_schema_says_what_the_table_says),
        cmocka_unit_test(test_every_failing_allocation),
        cmocka_unit_test(test_enum_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
