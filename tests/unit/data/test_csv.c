/* Series in text files: what is read, what is refused and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/csv.h"

static enum ur_status read_limited(struct ur_csv *csv, const char *text, size_t count,
                                   size_t max_bytes, struct ur_error *error)
{
    struct ur_gz gz;
    *error = (struct ur_error){.status = UR_OK};
    assert_int_equal(ur_gz_open_memory(&gz, text, count, "train.csv", error), UR_OK);
    const enum ur_status status = ur_csv_read(csv, &gz, max_bytes, error);
    ur_gz_close(&gz);
    return status;
}

static void check(const char *text, int32_t n, const uint16_t *lengths, const float *values)
{
    struct ur_csv csv;
    struct ur_error error;
    if (read_limited(&csv, text, strlen(text), 1 << 20, &error) != UR_OK)
        fail_msg("%s", error.detail);
    size_t at = 0;
    assert_int_equal(csv.n, n);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(csv.lengths[i], lengths[i]);
        for (size_t t = 0; t < lengths[i]; t++, at++)
            assert_true(csv.values[at] == values[at]);
    }
    assert_int_equal(csv.n_values, at);
    ur_csv_release(&csv);
    ur_csv_release(&csv);
    ur_csv_release(NULL);
}

static void refused_bytes(const char *text, size_t count, const char *words)
{
    struct ur_csv csv;
    struct ur_error error;
    assert_int_equal(read_limited(&csv, text, count, 400, &error), UR_BAD_DATASET);
    assert_null(csv.values);
    if (!strstr(error.detail, words))
        fail_msg("\"%s\" does not say %s", error.detail, words);
}

static void refused(const char *text, const char *words)
{
    refused_bytes(text, strlen(text), words);
}

static const uint16_t three_one[] = {3, 1};
static const float numbers[] = {0.5f, -1.25f, 3e2f, 4};

/* The same two series in every way to write them. */
static void test_layouts(void **state)
{
    (void)state;
    check("1\t0.5\t-1.25\t3e2\n2\t4\tNaN\tnan\n", 2, three_one, numbers);
    check("1,0.5,-1.25,+300.0\n2,4", 2, three_one, numbers);
    check("1,0.5,-1.25,300,,\n2,4,,NaN,,\n", 2, three_one, numbers);
    check("\n1 , 0.5 , -1.25 , 300 \r\n\r\n 2,4\r\n\r\n\n", 2, three_one, numbers);
    check("\xef\xbb\xbf"
          "1,0.5,-1.25,300\n2,4\n",
          2, three_one, numbers);
    check("\"a\",\"0.5\",-1.25,300\nb,4\n", 2, three_one, numbers);
    check("label,0,1,2\na,0.5,-1.25,300\nb,4\n", 2, three_one, numbers);
    check("\xef\xbb\xbf"
          "label,0,1,2\na,0.5,-1.25,300\nb,4\n",
          2, three_one, numbers);
    check("t0,t1,\"Target\",t2\n0.5,-1.25,a,300\n4,,b\n", 2, three_one, numbers);
    check("kind,t0,t1,t2\n1,0.5,-1.25,300\n2,4\n", 2, three_one, numbers);
}

static void test_refused(void **state)
{
    (void)state;
    refused("", "train.csv holds no series");
    refused("label,a,b\n", "train.csv holds no series");
    refused("1,2\n2,3,NaN,4\n",
            "train.csv: line 2, column 3: found \"NaN\", must be a number: only at a line's "
            "end may values be missing");
    refused("1,2\n2,3,,4\n", "line 2, column 3: found \"\", must be a number");
    refused("1,2\n2,3,x7,4\n",
            "line 2, column 3: found \"x7\", must be a finite number of at most 3.4e38");
    refused("1,2\n2,inf\n", "line 2, column 2: found \"inf\"");
    refused("1,2\n2,1e999\n", "line 2, column 2: found \"1e999\"");
    refused("1,2\n2,1e39\n", "line 2, column 2: found \"1e39\"");
    refused("1,2\n2,0x10\n", "line 2, column 2: found \"0x10\"");
    refused("1,2\n2,1e\n", "line 2, column 2: found \"1e\"");
    refused("1,2\n\n2\n", "line 3 has no values, a series has 1..4096");
    refused("1,2\n2,NaN,\n", "line 2 has no values");
    refused("1,2\n,3\n", "line 2, column 1: found \"\", must be a label");
    refused("NaN,2\n1,3\n", "line 1, column 1: found \"NaN\", must be a label");
    refused("a,b,class\n1,2,x\n3\n", "line 3 has 1 columns, and the label is in column 3");
    refused("target,1,2\nother,3,4\ntarget,5,6\n",
            "line 3, column 1: found \"target\", which the first line, taken for a header");
    refused("1,2\n2,\"3\n4\",1\n", "line 2, column 2: a quote is not closed in its line");
    refused("1,2\n2,\"3\" 4\n", "line 2, column 2: there is text after the closing quote");
    refused("1,2\n2,\"3\"\"4\"\n", "line 2, column 2: a quote may only begin and end a field");
    refused("1,2\n2,3\r4\n", "line 2, column 2: a carriage return stands in the middle");
    refused_bytes("1,2\n2,3\0,4\n", 11, "line 2, column 2: a control character is no text");
    refused("1,2\n2,0000000000000000000000000000000000000000000000000000000000000001\n",
            "line 2, column 2: the field is longer than the limit of 63 bytes");
}

/* The limits of a file: columns, labels, bytes. */
static void test_limits(void **state)
{
    (void)state;
    enum { ROOM = 20000 };
    static char text[ROOM];
    size_t at = 0;
    text[at++] = '1';
    for (int32_t k = 0; k < UR_MAX_STEPS_PER_ROW; k++, at += 2)
        memcpy(text + at, ",5", 2);
    struct ur_csv csv;
    struct ur_error error;
    assert_int_equal(read_limited(&csv, text, at, UR_MAX_STEPS_PER_ROW * 4, &error), UR_OK);
    assert_int_equal(csv.longest, UR_MAX_STEPS_PER_ROW);
    ur_csv_release(&csv);
    memcpy(text + at, ",5", 2);
    refused_bytes(text, at + 2, "line 1 has more than 4097 columns");

    at = 0;
    for (int32_t k = 0; k <= UR_MAX_CLASSES; k++)
        at += (size_t)snprintf(text + at, ROOM - at, "c%d,1\n", (int)k);
    assert_int_equal(read_limited(&csv, text, at, ROOM, &error), UR_BAD_DATASET);
    assert_non_null(strstr(error.detail, "line 1001, column 1: found \"c1000\", one label more "
                                         "than the limit of 1000"));

    /* A short series pays for the longest: two of 26 values are 208 bytes, four are 416. */
    at = 0;
    for (int32_t k = 0; k < 4; k++)
        at += (size_t)snprintf(text + at, ROOM - at, k == 2 ? "1%s\n" : "1,1\n",
                               ",1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1");
    refused_bytes(text, at,
                  "with line 4, 4 series, each padded to 26 values, are more than the "
                  "limit of 400 bytes");
}

static void read_both(struct ur_csv *train, struct ur_csv *test, const char *of_train,
                      const char *of_test)
{
    struct ur_error error;
    assert_int_equal(read_limited(train, of_train, strlen(of_train), 400, &error), UR_OK);
    assert_int_equal(read_limited(test, of_test, strlen(of_test), 400, &error), UR_OK);
}

static char names[UR_MAX_CLASSES][UR_CSV_FIELD_BYTES];

static void check_classes(const char *of_train, const char *of_test, const uint16_t *train_y,
                          const uint16_t *test_y, int32_t count)
{
    struct ur_csv train, test;
    int32_t classes = 0;
    read_both(&train, &test, of_train, of_test);
    assert_int_equal(
        ur_csv_classes(&train, "train.csv", &test, "test.csv", names, &classes, NULL), UR_OK);
    assert_int_equal(classes, count);
    assert_memory_equal(train.labels, train_y, (size_t)train.n * sizeof *train_y);
    assert_memory_equal(test.labels, test_y, (size_t)test.n * sizeof *test_y);
    ur_csv_release(&train);
    ur_csv_release(&test);
}

static void test_classes(void **state)
{
    (void)state;
    static const uint16_t numbers_train[] = {2, 0, 1, 2, 0}, numbers_test[] = {1, 2};
    check_classes("10,1\n-1,1\n2.0,1\n1e1,1\n-1.0,1\n", "2,1\n10.00,1\n", numbers_train,
                  numbers_test, 3);
    assert_string_equal(names[0], "-1");
    assert_string_equal(names[2], "10");
    static const uint16_t words_train[] = {2, 0, 1, 3}, words_test[] = {3, 0};
    check_classes("b,1\n1,1\nB,1\nc,1\n", "c,1\n1,1\n", words_train, words_test, 4);
    assert_string_equal(names[1], "B");
}

static void check_wrong_classes(const char *of_train, const char *of_test, const char *words)
{
    struct ur_csv train, test;
    struct ur_error error = {.status = UR_OK};
    int32_t classes;
    read_both(&train, &test, of_train, of_test);
    assert_int_equal(
        ur_csv_classes(&train, "train.csv", &test, "test.csv", names, &classes, &error),
        UR_BAD_DATASET);
    if (!strstr(error.detail, words))
        fail_msg("\"%s\" does not say %s", error.detail, words);
    ur_csv_release(&train);
    ur_csv_release(&test);
}

static void test_wrong_classes(void **state)
{
    (void)state;
    check_wrong_classes("1,1\n2,1\n", "1,1\n\n3,1\n",
                        "test.csv: line 3: the label \"3\" does not occur in train.csv");
    check_wrong_classes("a,1\nb,1\n", "A,1\n", "the label \"A\" does not occur");
    check_wrong_classes("1,1\n1.0,1\n", "1,1\n",
                        "train.csv: all labels are the same, there must be 2..1000 classes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_wrong_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
