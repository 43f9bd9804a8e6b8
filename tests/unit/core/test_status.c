/* The status table, the first failure, and the memory arena. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "unroll/arena.h"
#include "unroll/status.h"
#include "unroll/text.h"

static void test_every_row_is_whole(void **state)
{
    (void)state;
    for (int i = 0; i < UR_STATUS_COUNT; i++) {
        enum ur_status status = (enum ur_status)i;
        assert_true(strlen(ur_status_code(status)) > 0);
        assert_int_equal(ur_status_from_code(ur_status_code(status)), status);
        assert_true(strlen(ur_status_sentence(status)) > 0);
        assert_in_range(ur_status_http(status), 200, 599);
        assert_in_range(ur_status_exit(status), 0, 125);
        assert_int_equal(ur_status_exit(status) == 0, status == UR_OK);
    }
}

static void test_unknown_is_internal(void **state)
{
    (void)state;
    assert_string_equal(ur_status_code((enum ur_status)UR_STATUS_COUNT), "internal");
    assert_string_equal(ur_status_code((enum ur_status) - 1), "internal");
    assert_int_equal(ur_status_http((enum ur_status)9999), 500);
    assert_int_equal(ur_status_from_code("no-such-code"), UR_INTERNAL);
}

static void test_first_failure_wins(void **state)
{
    (void)state;
    struct ur_error error = {0};
    assert_int_equal(ur_fail(&error, UR_IO, "first %d", 1), UR_IO);
    assert_int_equal(ur_fail(&error, UR_BAD_JSON, "second"), UR_BAD_JSON);
    assert_int_equal(ur_fail_errno(&error, ENOSPC, "third"), UR_DISK_FULL);
    assert_int_equal(error.status, UR_IO);
    assert_string_equal(error.detail, "first 1");
    assert_int_equal(ur_fail(NULL, UR_IO, "nobody listens"), UR_IO);
    assert_int_equal(ur_fail_errno(NULL, EIO, "nobody listens"), UR_IO);
}

static void test_empty_detail_is_the_default_sentence(void **state)
{
    (void)state;
    struct ur_error error = {0};
    ur_fail(&error, UR_NO_DIGIT, "%s", "");
    assert_string_equal(error.detail, ur_status_sentence(UR_NO_DIGIT));
}

static void test_errno_chooses_the_status(void **state)
{
    (void)state;
    static const struct {
        int errno_value;
        enum ur_status status;
    } cases[] = {{EIO, UR_IO},
                 {ENOSPC, UR_DISK_FULL},
                 {EDQUOT, UR_DISK_FULL},
                 {ENOMEM, UR_NO_MEMORY},
                 {ENOENT, UR_IO}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ur_error error = {0};
        assert_int_equal(ur_fail_errno(&error, cases[i].errno_value, "Writing %s failed", "x"),
                         cases[i].status);
        assert_int_equal(error.status, cases[i].status);
        char expected[128];
        snprintf(expected, sizeof expected, "Writing x failed: %s",
                 strerror(cases[i].errno_value));
        assert_string_equal(error.detail, expected);
    }
}

/* Characters of 1 to 4 bytes at every offset from the end of the room. */
static void test_cut_detail_stays_utf8(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xa4", "\xe2\x82\xac",
                                             "\xf0\x9f\x98\x80"};
    for (size_t c = 0; c < 4; c++) {
        for (size_t pad = 0; pad < 8; pad++) {
            char text[2 * UR_ERROR_DETAIL_BYTES] = "";
            size_t used = 0;
            while (used < pad)
                text[used++] = '.';
            while (used + 4 < sizeof text) {
                memcpy(text + used, characters[c], strlen(characters[c]));
                used += strlen(characters[c]);
            }
            struct ur_error error = {0};
            ur_fail(&error, UR_IO, "%s", text);
            assert_true(ur_text_printable(error.detail, strlen(error.detail)));
            assert_true(strlen(error.detail) + 4 >= sizeof error.detail);
        }
    }
}

struct pieces {
    float *a;
    int32_t *b;
    char *c;
};

static void carve(struct pieces *pieces, struct ur_arena *arena)
{
    pieces->a = ur_arena_floats(arena, 17);
    pieces->b = ur_arena_take(arena, 3, sizeof(int32_t));
    pieces->c = ur_arena_take(arena, 0, 1);
}

static void test_arena_planned_is_arena_carved(void **state)
{
    (void)state;
    struct ur_arena plan = ur_arena_planner(), arena;
    struct pieces planned, real;
    struct ur_error error = {0};
    carve(&planned, &plan);
    assert_null(planned.a);
    assert_null(planned.b);
    assert_int_equal(plan.used, 128 + 64);

    assert_int_equal(ur_arena_init(&arena, plan.used, &error), UR_OK);
    carve(&real, &arena);
    assert_int_equal(arena.used, plan.used);
    assert_int_equal(arena.used, arena.size);
    assert_int_equal((uintptr_t)real.a % UR_ARENA_ALIGN, 0);
    assert_int_equal((uintptr_t)real.b % UR_ARENA_ALIGN, 0);
    assert_int_equal((char *)real.b - (char *)real.a, 128);
    for (size_t i = 0; i < plan.used; i++)
        assert_int_equal(arena.base[i], 0);
    ur_arena_release(&arena);
    assert_null(arena.base);
    ur_arena_release(&arena);
    ur_arena_release(NULL);
}

static void test_arena_without_memory(void **state)
{
    (void)state;
    struct ur_arena arena;
    struct ur_error error = {0};
    assert_int_equal(ur_arena_init(&arena, SIZE_MAX, &error), UR_NO_MEMORY);
    assert_int_equal(error.status, UR_NO_MEMORY);
    assert_null(arena.base);
    /* An arena of no bytes is real all the same: nothing can be carved, nothing is planned. */
    assert_int_equal(ur_arena_init(&arena, 0, NULL), UR_OK);
    assert_non_null(arena.base);
    assert_int_equal(arena.size, 0);
    ur_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_whole),
        cmocka_unit_test(test_unknown_is_internal),
        cmocka_unit_test(test_first_failure_wins),
        cmocka_unit_test(test_empty_detail_is_the_default_sentence),
        cmocka_unit_test(test_errno_chooses_the_status),
        cmocka_unit_test(test_cut_detail_stays_utf8),
        cmocka_unit_test(test_arena_planned_is_arena_carved),
        cmocka_unit_test(test_arena_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
