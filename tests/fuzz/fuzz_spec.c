/*
 * A job's JSON from a stranger. Whatever comes: a verdict, details fit for a reply, and a spec
 * that was taken prints as JSON that is taken again as the same spec.
 */
#include <stdint.h>

#include "unroll/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_details(const struct ur_field_errors *fields, const struct ur_error *error)
{
    require(ur_text_printable(error->detail, strlen(error->detail)));
    for (int32_t i = 0; i < fields->count; i++) {
        const struct ur_field_error *item = &fields->items[i];
        require(ur_text_printable(item->pointer, strlen(item->pointer)));
        require(ur_text_printable(item->detail, strlen(item->detail)));
    }
}

static void check_round_trip(const struct ur_spec *spec)
{
    struct ur_text text;
    struct ur_spec again;
    ur_text_init(&text, UR_JSON_MAX_BYTES);
    ur_spec_print(spec, &text);
    require(!text.failed);
    require(ur_spec_parse(&again, ur_text_get(&text), text.length, NULL, NULL) == UR_OK);
    require(memcmp(spec, &again, sizeof again) == 0);
    ur_text_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ur_field_errors fields;
    struct ur_spec spec;
    struct ur_error error = {0};
    enum ur_status status = ur_spec_parse(&spec, (const char *)data, size, &fields, &error);
    require(status == error.status);
    require((fields.count > 0) == (status == UR_INVALID_SPEC));
    check_details(&fields, &error);
    if (status == UR_OK)
        check_round_trip(&spec);
    return 0;
}
