/* What a fork may change of a spec: how it trains, and not what its weights stand on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unroll/spec.h"

static void parse(const char *json, struct ur_spec *spec)
{
    struct ur_error error = {0};
    if (ur_spec_parse(spec, json, strlen(json), NULL, &error) != UR_OK)
        fail_msg("%s: %s", json, error.detail);
}

static void test_how_it_trains_may_change(void **state)
{
    static const char *const changes[] = {
        "\"name\":\"other\",\"tags\":[\"a\"]",
        "\"model\":{\"dropout\":0.25}",
        "\"train\":{\"steps\":99}",
        "\"train\":{\"epochs\":3}",
        "\"train\":{\"batch\":16,\"shard_rows\":8}",
        "\"train\":{\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0.5}}",
        "\"train\":{\"schedule\":{\"name\":\"cosine\"},\"clip_norm\":1}",
        "\"train\":{\"label_smoothing\":0.1}",
        "\"run\":{\"threads\":3,\"priority\":2,\"checkpoint_s\":5}",
    };
    (void)state;
    struct ur_spec parent, child;
    parse("{\"dataset\":\"digits\"}", &parent);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct ur_error error = {0};
        char json[256];
        snprintf(json, sizeof json, "{\"dataset\":\"digits\",%s}", changes[i]);
        parse(json, &child);
        if (ur_spec_check_fork(&parent, &child, NULL, &error) != UR_OK)
            fail_msg("%s: %s", changes[i], error.detail);
    }
}

static void test_what_the_weights_stand_on_may_not(void **state)
{
    static const struct {
        const char *json, *pointer;
    } cases[] = {
        {"{\"dataset\":\"mnist\"}", "/dataset"},
        {"{\"dataset\":\"digits\",\"data\":{\"seed\":2}}", "/data/seed"},
        {"{\"dataset\":\"digits\",\"data\":{\"count\":60001}}", "/data/count"},
        {"{\"dataset\":\"digits\",\"model\":{\"cell\":\"gru\"}}", "/model/cell"},
        {"{\"dataset\":\"digits\",\"model\":{\"hidden\":12}}", "/model/hidden"},
        {"{\"dataset\":\"digits\",\"model\":{\"bidirectional\":true}}", "/model/bidirectional"},
        {"{\"dataset\":\"digits\",\"model\":{\"forget_bias\":2}}", "/model/forget_bias"},
        {"{\"dataset\":\"digits\",\"train\":{\"seed\":2}}", "/train/seed"},
        {"{\"dataset\":\"digits\",\"train\":{\"validation\":4999}}", "/train/validation"},
        {"{\"dataset\":\"digits\",\"train\":{\"numerics\":\"portable\"}}", "/train/numerics"},
    };
    (void)state;
    struct ur_spec parent, child;
    parse("{\"dataset\":\"digits\"}", &parent);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ur_error error = {0};
        struct ur_field_errors fields = {0};
        parse(cases[i].json, &child);
        assert_int_equal(ur_spec_check_fork(&parent, &child, &fields, &error), UR_INVALID_SPEC);
        assert_int_equal(fields.count, 1);
        assert_string_equal(fields.items[0].pointer, cases[i].pointer);
        assert_non_null(strstr(error.detail, cases[i].pointer));
    }
}

static void test_everything_wrong_is_told_at_once(void **state)
{
    (void)state;
    struct ur_spec parent, child;
    struct ur_field_errors fields = {0};
    parse("{\"dataset\":\"digits\"}", &parent);
    parse(
        "{\"dataset\":\"mnist\",\"model\":{\"hidden\":7,\"layers\":2},\"train\":{\"batch\":7}}",
        &child);
    assert_int_equal(ur_spec_check_fork(&parent, &child, &fields, NULL), UR_INVALID_SPEC);
    assert_int_equal(fields.count, 3);
    assert_string_equal(fields.items[0].pointer, "/dataset");
    assert_string_equal(fields.items[1].pointer, "/model/hidden");
    assert_string_equal(fields.items[2].pointer, "/model/layers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_it_trains_may_change),
        cmocka_unit_test(test_what_the_weights_stand_on_may_not),
        cmocka_unit_test(test_everything_wrong_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
