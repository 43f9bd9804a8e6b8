/* The bytes of checkpoint and model files: what is written is what is read, and nothing else is
 * believed. */
#include "folder.h"
#include "small_network.h"

#include "checkpoint_reseal.h"
#include "io/checkpoint_sections.h"

static size_t encode(struct small_network *small, enum ur_checkpoint_file_kind kind)
{
    struct ur_error error = {.status = UR_OK};
    small_network_make(small, kind, 7);
    assert_int_equal(ur_checkpoint_encode(&small->content, small->buffer, &error), UR_OK);
    return ur_checkpoint_bytes(&small->content);
}

/* Parses a copy of exactly that length, so that a sanitizer sees any step beyond it. */
static enum ur_status parse(const unsigned char *bytes, size_t count)
{
    struct ur_checkpoint_file file;
    struct ur_error error = {.status = UR_OK};
    unsigned char *copy = malloc(count ? count : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, count);
    const enum ur_status status = ur_checkpoint_parse(&file, copy, count, &error);
    assert_int_equal(status, error.status);
    if (status == UR_OK) {
        ur_checkpoint_close(&file);
        return status;
    }
    assert_null(file.bytes);
    free(copy);
    return status;
}

static void test_round_trip(void **state)
{
    (void)state;
    static struct small_network small;
    const size_t count = encode(&small, UR_FILE_CHECKPOINT);
    unsigned char *bytes = malloc(count);
    memcpy(bytes, small.buffer, count);
    struct ur_checkpoint_file file;
    struct ur_error error = {.status = UR_OK};
    assert_int_equal(ur_checkpoint_parse(&file, bytes, count, &error), UR_OK);
    assert_int_equal(file.kind, UR_FILE_CHECKPOINT);
    assert_int_equal(file.spec_bytes, strlen(small.content.spec_json));
    assert_memory_equal(file.spec_json, small.content.spec_json, file.spec_bytes);
    assert_null(file.report_json);
    assert_int_equal(file.history_bytes, sizeof small.history);
    assert_memory_equal(file.history, small.history, sizeof small.history);
    assert_int_equal(file.info.step, 7);
    assert_true(file.info.seconds == 1.5);
    assert_memory_equal(&file.info.shape, &small.content.info.shape, sizeof file.info.shape);
    assert_string_equal(file.info.numerics_profile, "avx2");
    assert_string_equal(file.info.program_version, "0.1.0");
    assert_string_equal(file.info.dataset_sha256, "");
    assert_true(isnan(file.info.best_validation_accuracy));

    char sha256[UR_SHA256_HEX_BYTES];
    ur_digest_hex(file.weights, small.params.n_parameters * sizeof(float), sha256);
    assert_string_equal(file.info.weights_sha256, sha256);

    const unsigned char *packed[4] = {file.weights, file.adam_m, file.adam_v, file.ema};
    const float *expected[4] = {small.weights, small.adam_m, small.adam_v, small.ema};
    for (int a = 0; a < 4; a++) {
        float out[SMALL_FLOATS];
        memset(out, 0x7f, sizeof out); /* the padding must become zero */
        assert_int_equal(ur_checkpoint_unpack(&file, &small.params, packed[a], out, &error),
                         UR_OK);
        assert_memory_equal(out, expected[a], sizeof out);
    }
    ur_checkpoint_close(&file);
    ur_checkpoint_close(&file);
    ur_checkpoint_close(NULL);
}

static void test_model_has_a_report_and_no_more(void **state)
{
    (void)state;
    static struct small_network small;
    const size_t count = encode(&small, UR_FILE_MODEL);
    unsigned char *bytes = malloc(count);
    memcpy(bytes, small.buffer, count);
    struct ur_checkpoint_file file;
    assert_int_equal(ur_checkpoint_parse(&file, bytes, count, NULL), UR_OK);
    assert_int_equal(file.kind, UR_FILE_MODEL);
    assert_null(file.adam_m);
    assert_null(file.adam_v);
    assert_null(file.ema);
    assert_ptr_equal(ur_checkpoint_result(&file), file.weights);
    assert_null(file.history);
    assert_int_equal(file.report_bytes, strlen(small.content.report_json));
    assert_memory_equal(file.report_json, small.content.report_json, file.report_bytes);
    ur_checkpoint_close(&file);

    small.buffer[12] = UR_FILE_CHECKPOINT; /* a model that says it is a checkpoint */
    assert_int_equal(parse(small.buffer, count), UR_BAD_CHECKPOINT);
    const size_t longer = encode(&small, UR_FILE_CHECKPOINT);
    small.buffer[12] = UR_FILE_MODEL;
    assert_int_equal(parse(small.buffer, longer), UR_BAD_CHECKPOINT);
}

/* Gives a section another tag; both have seven bytes and a zero. */
static void rename_section(unsigned char *bytes, const char *old, const char *new)
{
    unsigned char *entry = bytes + UR_CHECKPOINT_HEADER_BYTES;
    while (memcmp(entry, old, 8) != 0)
        entry += UR_CHECKPOINT_ENTRY_BYTES;
    memcpy(entry, new, 8);
}

/* Only a checkpoint may have a running mean, and it answers where there is one. */
static void test_a_running_mean_is_a_checkpoints_own(void **state)
{
    (void)state;
    static struct small_network small;
    struct ur_checkpoint_file file;
    const size_t with = encode(&small, UR_FILE_CHECKPOINT);
    unsigned char *bytes = malloc(with);
    memcpy(bytes, small.buffer, with);
    assert_int_equal(ur_checkpoint_parse(&file, bytes, with, NULL), UR_OK);
    assert_non_null(file.ema);
    assert_ptr_equal(ur_checkpoint_result(&file), file.ema);
    ur_checkpoint_close(&file);

    small.content.ema = NULL;
    const size_t without = ur_checkpoint_bytes(&small.content);
    assert_true(without < with);
    bytes = malloc(without);
    assert_int_equal(ur_checkpoint_encode(&small.content, bytes, NULL), UR_OK);
    assert_int_equal(ur_checkpoint_parse(&file, bytes, without, NULL), UR_OK);
    assert_null(file.ema);
    ur_checkpoint_close(&file);

    /* One of another length than the weights. */
    encode(&small, UR_FILE_CHECKPOINT);
    rename_section(small.buffer, "EMA\0\0\0\0", "FUTURE\0");
    ur_test_reseal(small.buffer, with);
    assert_int_equal(parse(small.buffer, with), UR_OK);
    rename_section(small.buffer, "HISTORY", "EMA\0\0\0\0");
    ur_test_reseal(small.buffer, with);
    assert_int_equal(parse(small.buffer, with), UR_BAD_CHECKPOINT);

    /* A model in which nothing else is wrong. */
    encode(&small, UR_FILE_CHECKPOINT);
    small.buffer[12] = UR_FILE_MODEL;
    rename_section(small.buffer, "ADAM_M\0", "FUTURE1");
    rename_section(small.buffer, "ADAM_V\0", "FUTURE2");
    rename_section(small.buffer, "HISTORY", "FUTURE3");
    ur_test_reseal(small.buffer, with);
    assert_int_equal(parse(small.buffer, with), UR_BAD_CHECKPOINT);
    rename_section(small.buffer, "EMA\0\0\0\0", "FUTURE4");
    ur_test_reseal(small.buffer, with);
    assert_int_equal(parse(small.buffer, with), UR_OK);
}

/* The size is planned before step 0, with digests not known yet, and must hold to the end. */
static void test_size_does_not_depend_on_info(void **state)
{
    (void)state;
    static struct small_network small;
    const size_t count = encode(&small, UR_FILE_CHECKPOINT);
    memset(small.content.info.dataset_sha256, 'a', UR_SHA256_HEX_BYTES - 1);
    small.content.info.step = INT32_MAX;
    small.content.info.best_validation_accuracy = 0.5f;
    assert_int_equal(ur_checkpoint_bytes(&small.content), count);
}

static void test_every_truncation_is_found(void **state)
{
    (void)state;
    static struct small_network small;
    for (int kind = UR_FILE_CHECKPOINT; kind <= UR_FILE_MODEL; kind++) {
        const size_t count = encode(&small, (enum ur_checkpoint_file_kind)kind);
        for (size_t cut = 0; cut < count; cut++)
            assert_int_equal(parse(small.buffer, cut), UR_BAD_CHECKPOINT);
        assert_int_equal(parse(small.buffer, count), UR_OK);
        assert_int_equal(parse(small.buffer, count + 1), UR_BAD_CHECKPOINT);
    }
}

static void test_every_flipped_bit_is_found(void **state)
{
    (void)state;
    static struct small_network small;
    for (int kind = UR_FILE_CHECKPOINT; kind <= UR_FILE_MODEL; kind++) {
        const size_t count = encode(&small, (enum ur_checkpoint_file_kind)kind);
        for (size_t bit = 0; bit < 8 * count; bit++) {
            small.buffer[bit / 8] ^= (unsigned char)(1u << bit % 8);
            if (parse(small.buffer, count) != UR_BAD_CHECKPOINT)
                fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
            small.buffer[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        assert_int_equal(parse(small.buffer, count), UR_OK);
    }
}

/* Where a section begins. */
static size_t begin_of(const unsigned char *bytes, const char *tag)
{
    for (size_t entry = 64;; entry += 56)
        if (strncmp((const char *)bytes + entry, tag, 8) == 0) {
            struct ur_reader reader = ur_reader_of(bytes + entry + 8, 8);
            return ur_read_u64(&reader);
        }
}

static void put_u32(unsigned char *at, uint32_t value)
{
    struct ur_writer writer = ur_writer_of(at, 4);
    ur_write_u32(&writer, value);
}

/* Digests only find accidents. With right digests, lengths and numbers are still checked. */
static void test_right_digests_are_not_enough(void **state)
{
    (void)state;
    static struct small_network small;
    const size_t count = encode(&small, UR_FILE_CHECKPOINT);
    ur_test_reseal(small.buffer, count);
    assert_int_equal(parse(small.buffer, count), UR_OK); /* resealing alone changes nothing */

    const size_t tensors = begin_of(small.buffer, "TENSORS");
    const size_t weights = begin_of(small.buffer, "WEIGHTS");
    const size_t info = begin_of(small.buffer, "INFO");
    const size_t dims = tensors + 4 + 4 + strlen("layer0.forward.W") + 4;
    const struct {
        size_t at;
        uint32_t value;
        const char *what;
    } lies[] = {
        {tensors, 0, "no tensors"},
        {tensors, 4, "one tensor more"},
        {tensors, UINT32_MAX, "very many tensors"},
        {tensors + 4, 0, "a tensor without a name"},
        {tensors + 4, UINT32_MAX, "a very long name"},
        {tensors + 8, 0x00000a1b, "control characters in a name"},
        {dims - 4, 3, "rank 3"},
        {dims - 4, 0, "rank 0"},
        {dims, 3, "more rows than there are numbers"},
        {dims, 0, "no rows"},
        {dims, 0x40000002, "a product that wraps around"},
        {weights, 0x7f800000, "infinity among the weights"},
        {weights, 0x7fc00000, "not a number among the weights"},
        {begin_of(small.buffer, "ADAM_M"), 0xff800000, "minus infinity among the means"},
        {begin_of(small.buffer, "ADAM_V") + 4, 0x7f800001, "a signalling NaN"},
        {info, 2, "another layout of INFO"},
        {info + 4, 0x80000000, "a negative step"},
        {info + 12, 0x7ff80000, "seconds that are no number"},
        {info + 16, 0, "no time steps"},
        {info + 20, 0x10000, "a row too wide"},
        {info + 24, 1001, "too many classes"},
        {info + 28, 0x80000000, "a negative number of images"},
        {info + 36, 0x61616161, "a digest of four letters"},
        {info + 101, 0x1b1b1b1b, "escapes in the numerics profile"},
        {info + 101 + 28, 0x61616161, "a text without an end"},
        {info + 230, 0x40000000, "an accuracy of 2"},
        {info + 234, 0x80000000, "a negative best step"},
        {16, (uint32_t)count + 1, "another length in the header"},
        {20, 1, "a length of four gigabytes more"},
        {24, 33, "too many sections"},
        {28, 1, "what must be zero"},
        {64, 0x21212121, "SPEC under another name"},
        {64 + 56, 0x43455053, "no INFO"},
        {64 + 8, 0, "a section over the header"},
        {64 + 8 + 4, 1, "a section four gigabytes away"},
        {64 + 16, 1, "a shorter section, and bytes behind it"},
        {64 + 16 + 4, UINT32_MAX, "a section that ends beyond everything"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        encode(&small, UR_FILE_CHECKPOINT);
        put_u32(small.buffer + lies[i].at, lies[i].value);
        ur_test_reseal(small.buffer, count);
        if (parse(small.buffer, count) != UR_BAD_CHECKPOINT)
            fail_msg("believed: %s", lies[i].what);
    }
}

/* A network of series carries the scale of its values, and is known by it. */
static void test_series(void **state)
{
    (void)state;
    static struct small_network small;
    static const double wrong[] = {0, -1, (double)NAN, (double)INFINITY};
    for (int k = 0; k < 2; k++) {
        const enum ur_checkpoint_file_kind kind = k == 0 ? UR_FILE_CHECKPOINT : UR_FILE_MODEL;
        small_network_make(&small, kind, 7);
        small.content.info.shape.series = 1;
        small.content.info.mean = -2.5;
        small.content.info.deviation = 0.125;
        const size_t count = ur_checkpoint_bytes(&small.content);
        assert_int_equal(ur_checkpoint_encode(&small.content, small.buffer, NULL), UR_OK);
        unsigned char *bytes = malloc(count);
        memcpy(bytes, small.buffer, count);
        struct ur_checkpoint_file file;
        assert_int_equal(ur_checkpoint_parse(&file, bytes, count, NULL), UR_OK);
        assert_int_equal(file.info.shape.series, 1);
        assert_true(file.info.mean == -2.5 && file.info.deviation == 0.125);
        ur_checkpoint_close(&file);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            memcpy(small.buffer + begin_of(small.buffer, "SERIES") + 8, &wrong[i], 8);
            ur_test_reseal(small.buffer, count);
            assert_int_equal(parse(small.buffer, count), UR_BAD_CHECKPOINT);
        }
    }
    small_network_make(&small, UR_FILE_MODEL, 7);
    assert_int_equal(ur_checkpoint_encode(&small.content, small.buffer, NULL), UR_OK);
    assert_int_equal(parse(small.buffer, ur_checkpoint_bytes(&small.content)), UR_OK);
}

/* A section of a later version is skipped. */
static void test_unknown_sections_are_skipped(void **state)
{
    (void)state;
    static struct small_network small;
    const size_t count = encode(&small, UR_FILE_MODEL);
    unsigned char *report = small.buffer + 64;
    while (memcmp(report, "REPORT", 6) != 0)
        report += 56;
    memcpy(report, "FUTURE", 6);
    ur_test_reseal(small.buffer, count);
    unsigned char *bytes = malloc(count);
    memcpy(bytes, small.buffer, count);
    struct ur_checkpoint_file file;
    assert_int_equal(ur_checkpoint_parse(&file, bytes, count, NULL), UR_OK);
    assert_null(file.report_json);
    ur_checkpoint_close(&file);

    memcpy(report, "SPEC\0\0", 6); /* a tag that is known, for the second time */
    ur_test_reseal(small.buffer, count);
    assert_int_equal(parse(small.buffer, count), UR_BAD_CHECKPOINT);
}

static void test_tensors_must_be_the_networks(void **state)
{
    (void)state;
    static struct small_network small;
    const size_t count = encode(&small, UR_FILE_MODEL);
    unsigned char *bytes = malloc(count);
    memcpy(bytes, small.buffer, count);
    struct ur_checkpoint_file file;
    assert_int_equal(ur_checkpoint_parse(&file, bytes, count, NULL), UR_OK);
    float out[SMALL_FLOATS];
    for (int change = 0; change < 5; change++) {
        struct ur_params params = small.params;
        struct ur_error error = {.status = UR_OK};
        if (change == 0)
            params.items[1].name[0] = 'L';
        else if (change == 1)
            params.items[0].dims[0] = 3, params.items[0].dims[1] = 2;
        else if (change == 2)
            params.count = 2;
        else if (change == 3)
            params.items[1].rank = 2, params.items[1].dims[1] = 1;
        else
            params.items[2].dims[1] = 5;
        assert_int_equal(ur_checkpoint_unpack(&file, &params, file.weights, out, &error),
                         UR_BAD_CHECKPOINT);
    }
    ur_checkpoint_close(&file);
}

static void test_nothing_infinite_is_written(void **state)
{
    (void)state;
    static struct small_network small;
    const struct ur_test_folder folder = ur_test_folder_make();
    char path[UR_TEST_PATH_BYTES];
    for (int a = 0; a < 4; a++) {
        struct ur_error error = {.status = UR_OK};
        small_network_make(&small, UR_FILE_CHECKPOINT, 1);
        float *arrays[4] = {small.weights, small.adam_m, small.adam_v, small.ema};
        arrays[a][small.params.items[2].offset + 3] = a == 1 ? NAN : -INFINITY;
        assert_int_equal(small_network_write(&small, folder.path, true, &error), UR_DIVERGED);
        assert_non_null(strstr(error.detail, "dense.W"));
        assert_int_equal(access(ur_test_path(&folder, "last.unroll", path), F_OK), -1);
        assert_int_equal(access(ur_test_path(&folder, "last.unroll.tmp", path), F_OK), -1);
    }
    ur_test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_model_has_a_report_and_no_more),
        cmocka_unit_test(test_a_running_mean_is_a_checkpoints_own),
        cmocka_unit_test(test_size_does_not_depend_on_info),
        cmocka_unit_test(test_every_truncation_is_found),
        cmocka_unit_test(test_every_flipped_bit_is_found),
        cmocka_unit_test(test_right_digests_are_not_enough),
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_unknown_sections_are_skipped),
        cmocka_unit_test(test_tensors_must_be_the_networks),
        cmocka_unit_test(test_nothing_infinite_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
