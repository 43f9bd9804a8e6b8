/* Growing texts, short texts, digests, the clock's dates and the log's lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "unroll/clock.h"
#include "unroll/digest.h"
#include "unroll/limits.h"
#include "unroll/log.h"
#include "unroll/text.h"

static void test_text_grows_to_its_maximum(void **state)
{
    (void)state;
    struct ur_text text;
    ur_text_init(&text, 100);
    assert_string_equal(ur_text_get(&text), "");
    for (int i = 0; i < 10; i++)
        ur_text_format(&text, "%s", "0123456789");
    assert_int_equal(text.length, 100);
    assert_false(text.failed);
    ur_text_append(&text, "", 0);
    assert_false(text.failed);

    ur_text_append(&text, "x", 1);
    assert_true(text.failed);
    ur_text_format(&text, "%s", "");
    assert_int_equal(strlen(ur_text_get(&text)), 100);
    assert_null(ur_text_take(&text));

    ur_text_append(&text, "again", 5);
    assert_false(text.failed);
    ur_text_reset(&text);
    assert_string_equal(ur_text_get(&text), "");
    ur_text_append(&text, "b", 1);
    char *taken = ur_text_take(&text);
    assert_string_equal(taken, "b");
    assert_null(text.data);
    free(taken);

    taken = ur_text_take(&text);
    assert_string_equal(taken, "");
    free(taken);
    ur_text_release(&text);
    ur_text_release(NULL);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "lstm-mnist", "A.b_c-9", "-", "_", "a..b"};
    static const char *const bad[] = {"",    ".",   ".hidden",  "..",   "a/b",
                                      "a b", "a\n", "\xc3\xa4", "a\\b", "%2e"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(ur_name_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ur_name_valid(bad[i]));
    char name[UR_NAME_BYTES + 1];
    memset(name, 'x', sizeof name);
    name[UR_NAME_BYTES] = '\0';
    assert_false(ur_name_valid(name));
    name[UR_NAME_BYTES - 1] = '\0';
    assert_true(ur_name_valid(name));
}

static void test_copies(void **state)
{
    (void)state;
    char out[4];
    assert_true(ur_copy(out, sizeof out, "abc"));
    assert_string_equal(out, "abc");
    assert_false(ur_copy(out, sizeof out, "abcd"));
    assert_string_equal(out, "abc");
    assert_true(ur_copy_printable(out, sizeof out, "\xe2\x82\xac"));
    assert_string_equal(out, "\xe2\x82\xac");
    assert_false(ur_copy_printable(out, sizeof out, "a\xe2\x82\xac"));
    assert_string_equal(out, "a");
    assert_false(ur_copy_printable(out, sizeof out, "\x1b\n\xff"));
    assert_string_equal(out, "???");
}

static void test_printable(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "plain ~",
                                       "\xc2\xa0",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    /* Controls, C1 controls, overlong forms, surrogates, past U+10FFFF, cut short, stray. */
    static const char *const bad[] = {"\t",
                                      "\x7f",
                                      "\xc2\x9b",
                                      "\xc0\xaf",
                                      "\xe0\x80\xaf",
                                      "\xf0\x80\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe2\x82",
                                      "\xc3",
                                      "\x80",
                                      "\xc3(",
                                      "\xff"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(ur_text_printable(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ur_text_printable(bad[i], strlen(bad[i])));
    assert_false(ur_text_printable("a\0b", 3));
}

static void test_whole_numbers(void **state)
{
    (void)state;
    int64_t value = 77;
    assert_true(ur_parse_int64("0", 0, 9, &value));
    assert_int_equal(value, 0);
    assert_true(ur_parse_int64("9223372036854775807", 0, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
    assert_true(ur_parse_int64("-9223372036854775808", INT64_MIN, 0, &value));
    assert_true(value == INT64_MIN);
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1x",
                                      "0x10",
                                      "1.0",
                                      "1e3",
                                      "--1",
                                      "11",
                                      "-6",
                                      "9223372036854775808",
                                      "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ur_parse_int64(bad[i], -5, 10, &value));
    assert_false(ur_parse_int64("-0", 0, 10, &value));
    assert_true(value == INT64_MIN);
}

/* RFC 4648, section 10. */
static void test_base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct ur_text text;
        ur_text_init(&text, 8);
        ur_text_base64(&text, (const unsigned char *)pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(ur_text_get(&text), pairs[i][1]);
        ur_text_release(&text);
    }
    struct ur_text text;
    ur_text_init(&text, 4);
    ur_text_base64(&text, (const unsigned char[]){0xfb, 0xef, 0xff}, 3);
    assert_string_equal(ur_text_get(&text), "++//");
    ur_text_base64(&text, (const unsigned char[]){1}, 1);
    assert_true(text.failed);
    ur_text_release(&text);
}

/* FIPS 180-4's examples. */
static void test_digest_known_answers(void **state)
{
    (void)state;
    char hex[UR_SHA256_HEX_BYTES];
    ur_digest_hex("", 0, hex);
    assert_string_equal(hex,
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ur_digest_hex("abc", 3, hex);
    assert_string_equal(hex,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

    struct ur_digest digest;
    unsigned char raw[UR_SHA256_BYTES];
    char piece[999];
    memset(piece, 'a', sizeof piece);
    ur_digest_init(&digest);
    for (size_t left = 1000000; left > 0;) {
        size_t take = left < sizeof piece ? left : sizeof piece;
        ur_digest_update(&digest, piece, take);
        left -= take;
    }
    ur_digest_final(&digest, raw);
    ur_hex(raw, sizeof raw, hex);
    assert_string_equal(hex,
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void assert_date(int64_t wall_us, const char *expected)
{
    char out[UR_TIMESTAMP_BYTES];
    ur_clock_format(wall_us, out);
    assert_string_equal(out, expected);
}

static void test_dates(void **state)
{
    (void)state;
    assert_date(0, "1970-01-01T00:00:00.000Z");
    assert_date(-1, "1969-12-31T23:59:59.999Z");
    assert_date(1709209845999999, "2024-02-29T12:30:45.999Z");
    int64_t before = ur_clock_us();
    assert_true(ur_clock_us() >= before);
    assert_true(ur_clock_wall_us() > 1700000000000000);
}

/* Runs one ur_log with fd 2 in a pipe and gives what came out. */
static void capture(char *out, size_t size, enum ur_log_level level, const char *message)
{
    int pipes[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    ur_log(level, "%s", message);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipes[1]);
    ssize_t got = read(pipes[0], out, size - 1);
    close(pipes[0]);
    out[got > 0 ? got : 0] = '\0';
}

static void test_log_lines(void **state)
{
    (void)state;
    char line[2 * UR_LOG_LINE_BYTES];
    ur_log_setup("unroll-test", UR_LOG_INFO);
    capture(line, sizeof line, UR_LOG_DEBUG, "not shown");
    assert_string_equal(line, "");

    capture(line, sizeof line, UR_LOG_WARNING, "a\n2026 forged \x1b[2J\x9b \\x0a");
    char *body = strchr(line, ' ');
    assert_non_null(body);
    assert_string_equal(body,
                        " warning unroll-test: a\\x0a2026 forged \\x1b[2J\\x9b \\\\x0a\n");

    for (size_t pad = 0; pad < 6; pad++) { /* an escape at the edge is whole or absent */
        char message[2 * UR_LOG_LINE_BYTES];
        memset(message, '\n', sizeof message);
        memset(message, 'p', pad);
        message[sizeof message - 1] = '\0';
        capture(line, sizeof line, UR_LOG_ERROR, message);
        size_t length = strlen(line);
        assert_in_range(length, UR_LOG_LINE_BYTES - 8, UR_LOG_LINE_BYTES);
        assert_string_equal(line + length - 5, "\\x0a\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows_to_its_maximum),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_digest_known_answers),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_log_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
