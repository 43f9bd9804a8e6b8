/* docs/spec.md and docs/worker-protocol.md say what the code does: each field's row, the
 * examples, and the bytes of a frame are made here and looked up there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "unroll/record.h"
#include "unroll/spec.h"

static char *read_page(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/docs/%s", UR_SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 1 << 18);
    assert_non_null(text);
    size_t length = fread(text, 1, (1 << 18) - 1, file);
    assert_in_range(length, 1, (1 << 18) - 2);
    fclose(file);
    return text;
}

static void write_default(const struct ur_spec_field *field, struct ur_text *out)
{
    char name[UR_NAME_BYTES];
    bool whole = field->type == UR_FIELD_INT || field->type == UR_FIELD_INT64;
    if (strcmp(field->pointer, "/dataset") == 0)
        ur_text_format(out, "required");
    else if (field->nullable && !(field->standard > 0))
        ur_text_format(out, "`null`");
    else if (field->type == UR_FIELD_NAME)
        ur_text_format(out, "`\"%s\"`", field->names);
    else if (field->type == UR_FIELD_ENUM)
        ur_text_format(out, "`\"%s\"`",
                       ur_spec_enum_name(field->pointer, (int32_t)field->standard, name));
    else if (field->type == UR_FIELD_BOOL)
        ur_text_format(out, "`%s`", field->standard > 0 ? "true" : "false");
    else if (whole || field->type == UR_FIELD_NUMBER)
        ur_text_format(out, "`%.15g`", field->standard);
    else
        ur_text_format(out, "`[]`");
}

static void write_range(const struct ur_spec_field *field, struct ur_text *out)
{
    const char *unit = field->unit != NULL && field->unit[0] != '\0' ? field->unit : NULL;
    char name[UR_NAME_BYTES];
    if (field->type == UR_FIELD_NAME) {
        ur_text_format(out, "a name%s", field->nullable ? ", or null" : "");
    } else if (field->type == UR_FIELD_GROUP) {
        ur_text_format(out, "an object, or null");
    } else if (field->type == UR_FIELD_TAGS) {
        ur_text_format(out, "up to 16 names");
    } else if (field->type == UR_FIELD_ENUM) {
        for (int32_t i = 0; ur_spec_enum_name(field->pointer, i, name) == name; i++)
            ur_text_format(out, "%s`%s`", i > 0 ? " " : "", name);
    } else if (!(field->low < field->high)) {
        ur_text_format(out, "fixed");
    } else if (field->type == UR_FIELD_BOOL) {
        ur_text_format(out, "`true` `false`");
    } else {
        ur_text_format(out, "%s%.16g..%s%.16g%s%s", field->open_low ? "above " : "", field->low,
                       field->open_high ? "below " : "", field->high, unit != NULL ? " " : "",
                       unit != NULL ? unit : "");
        if (field->nullable)
            ur_text_format(out, ", or null");
    }
}

static void test_every_field_has_its_row(void **state)
{
    (void)state;
    char *page = read_page("spec.md");
    size_t count;
    bool all = true;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    for (size_t i = 0; i < count; i++) {
        struct ur_text row;
        ur_text_init(&row, 1000);
        ur_text_format(&row, "| `%s` | ", fields[i].pointer);
        write_default(&fields[i], &row);
        ur_text_format(&row, " | ");
        write_range(&fields[i], &row);
        ur_text_format(&row, " | %s |", fields[i].help);
        if (strstr(page, ur_text_get(&row)) == NULL) {
            print_error("docs/spec.md lacks: %s\n", ur_text_get(&row));
            all = false;
        }
        ur_text_release(&row);
    }
    free(page);
    assert_true(all);
}

/* Copies the nth fenced block (from 0) of a page. */
static void block(const char *page, int nth, char *out, size_t size)
{
    const char *at = page;
    for (int i = 0; i < 2 * nth + 1; i++) {
        at = strstr(at, "```");
        assert_non_null(at);
        at += 3;
    }
    at = strchr(at, '\n') + 1;
    const char *end = strstr(at, "```");
    assert_non_null(end);
    assert_true((size_t)(end - at) < size);
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
}

static void test_the_example_is_true(void **state)
{
    (void)state;
    static char given[8192], expected[8192];
    char *page = read_page("spec.md");
    block(page, 0, given, sizeof given);
    block(page, 1, expected, sizeof expected);
    struct ur_spec spec;
    struct ur_text text;
    assert_int_equal(ur_spec_parse(&spec, given, strlen(given), NULL, NULL), UR_OK);
    ur_text_init(&text, 1 << 16);
    ur_spec_print(&spec, &text);

    /* The page breaks its lines where the program does not: equal as documents, in order. */
    json_t *wanted = json_loads(expected, JSON_REJECT_DUPLICATES, NULL);
    json_t *printed = json_loads(ur_text_get(&text), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(wanted);
    char *a = json_dumps(wanted, JSON_COMPACT), *b = json_dumps(printed, JSON_COMPACT);
    assert_string_equal(a, b);
    free(a);
    free(b);
    json_decref(wanted);
    json_decref(printed);
    ur_text_release(&text);
    free(page);
}

static void test_the_wrong_example_is_wrong(void **state)
{
    (void)state;
    static char given[8192], expected[8192];
    static struct ur_field_errors fields;
    char *page = read_page("spec.md");
    block(page, 2, given, sizeof given);
    block(page, 3, expected, sizeof expected);
    struct ur_spec spec;
    struct ur_text text;
    assert_int_equal(ur_spec_parse(&spec, given, strlen(given), &fields, NULL),
                     UR_INVALID_SPEC);
    ur_text_init(&text, 8192);
    for (int32_t i = 0; i < fields.count; i++)
        ur_text_format(&text, "%s %s\n", fields.items[i].pointer, fields.items[i].detail);
    assert_string_equal(ur_text_get(&text), expected);
    ur_text_release(&text);
    free(page);
}

static void test_documented_bytes(void **state)
{
    (void)state;
    unsigned char frame[64];
    char hex[256] = "";
    struct ur_writer writer =
        ur_writer_of(frame + UR_FRAME_HEADER_BYTES, sizeof frame - UR_FRAME_HEADER_BYTES);
    ur_record_phase_write(&writer, &(struct ur_record_phase){UR_PHASE_EVALUATING, 0.5f});
    ur_frame_header(frame, UR_RECORD_PHASE, writer.used);
    for (size_t i = 0; i < UR_FRAME_HEADER_BYTES + writer.used; i++)
        snprintf(hex + strlen(hex), sizeof hex - strlen(hex), "%s%02x", i > 0 ? " " : "",
                 frame[i]);
    char *page = read_page("worker-protocol.md");
    assert_non_null(strstr(page, hex));
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_has_its_row),
        cmocka_unit_test(test_the_example_is_true),
        cmocka_unit_test(test_the_wrong_example_is_wrong),
        cmocka_unit_test(test_documented_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
