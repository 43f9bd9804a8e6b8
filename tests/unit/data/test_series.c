/* Series as a data set: from files and drawn; standardised, padded, digested, in batches. */
#include "folder.h"

#include <math.h>
#include <sys/stat.h>
#include <zlib.h>

#include "data/batch.h"
#include "data/dataset.h"
#include "data/search.h"
#include "data/series.h"
#include "data/waves.h"
#include "unroll/digest.h"
#include "unroll/record.h"

static void write_file(const struct ur_test_folder *folder, const char *file, const char *text)
{
    char path[UR_TEST_PATH_BYTES], name[128];
    mkdir(ur_test_path(folder, "waves", path), 0700);
    snprintf(name, sizeof name, "waves/%s", file);
    ur_test_write(ur_test_path(folder, name, path), text, strlen(text));
}

static void write_packed(const struct ur_test_folder *folder, const char *file,
                         const char *text)
{
    char path[UR_TEST_PATH_BYTES], name[128];
    mkdir(ur_test_path(folder, "waves", path), 0700);
    snprintf(name, sizeof name, "waves/%s", file);
    gzFile packed = gzopen(ur_test_path(folder, name, path), "wb");
    assert_int_equal(gzwrite(packed, text, (unsigned)strlen(text)), (int)strlen(text));
    gzclose(packed);
}

static enum ur_status open_named(struct ur_dataset *dataset, const char *name,
                                 const char *folder, struct ur_error *error)
{
    const struct ur_dataset_request request = {
        .name = name, .count = 60, .seed = 3, .extra_folder = folder};
    *error = (struct ur_error){.status = UR_OK};
    return ur_dataset_open(dataset, &request, error);
}

static void refused(const struct ur_test_folder *folder, const char *words)
{
    struct ur_dataset dataset;
    struct ur_error error;
    assert_int_equal(open_named(&dataset, "waves", folder->path, &error), UR_BAD_DATASET);
    assert_null(dataset.train_values);
    if (!strstr(error.detail, words))
        fail_msg("\"%s\" does not say %s", error.detail, words);
}

static const char train_text[] = "1\t1\t2\tNaN\n-1\t5\tNaN\tNaN\n1\t4\t3\tNaN\n";
static const char test_text[] = "-1\t3\t8\t3\t3\n1\t13\tNaN\tNaN\tNaN\n";

/* The training values 1 2 5 4 3 have the mean 3 and the deviation sqrt(2). */
static void test_files(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    struct ur_dataset dataset;
    struct ur_error error;
    write_file(&folder, "waves_TRAIN.tsv", train_text);
    write_file(&folder, "waves_TEST.tsv", test_text);
    assert_int_equal(open_named(&dataset, "waves", folder.path, &error), UR_OK);
    const struct ur_data_shape shape = {4, 1, 2, 3, 2, 1};
    assert_memory_equal(&dataset.shape, &shape, sizeof shape);
    assert_string_equal(dataset.kind, "series");
    assert_false(ur_dataset_is_image(&dataset));
    assert_string_equal(dataset.labels[0], "-1");
    static const float raw[] = {1, 2, 0, 0, 5, 0, 0, 0, 4, 3, 0, 0};
    static const float raw_test[] = {3, 8, 3, 3, 13, 0, 0, 0};
    static const uint16_t lengths[] = {2, 1, 2}, y[] = {1, 0, 1};
    static const uint16_t test_lengths[] = {4, 1}, test_y[] = {0, 1};
    assert_memory_equal(dataset.train_lengths, lengths, sizeof lengths);
    assert_memory_equal(dataset.train_y, y, sizeof y);
    assert_memory_equal(dataset.test_lengths, test_lengths, sizeof test_lengths);
    assert_memory_equal(dataset.test_y, test_y, sizeof test_y);
    assert_true(dataset.mean == 3 && dataset.deviation == sqrt(2));
    for (size_t k = 0; k < 12; k++)
        assert_true(dataset.train_values[k] ==
                    (k % 4 < lengths[k / 4] ? (float)(((double)raw[k] - 3) / sqrt(2)) : 0));
    for (size_t k = 0; k < 8; k++)
        assert_true(
            dataset.test_values[k] ==
            (k % 4 < test_lengths[k / 4] ? (float)(((double)raw_test[k] - 3) / sqrt(2)) : 0));

    /* The digest is of what the files say, before it is standardised. */
    const uint32_t head[5] = {4, 1, 2, 3, 2};
    unsigned char sha[UR_SHA256_BYTES];
    char hex[UR_SHA256_HEX_BYTES];
    struct ur_digest digest;
    ur_digest_init(&digest);
    ur_digest_update(&digest, head, sizeof head);
    ur_digest_update(&digest, raw, sizeof raw);
    ur_digest_update(&digest, lengths, sizeof lengths);
    ur_digest_update(&digest, y, sizeof y);
    ur_digest_update(&digest, raw_test, sizeof raw_test);
    ur_digest_update(&digest, test_lengths, sizeof test_lengths);
    ur_digest_update(&digest, test_y, sizeof test_y);
    ur_digest_final(&digest, sha);
    ur_hex(sha, sizeof sha, hex);
    assert_string_equal(dataset.sha256, hex);
    ur_dataset_close(&dataset);
    ur_test_folder_remove(&folder);
}

/* The same set without padding, packed, with a header: the same digest. */
static void test_spellings(void **state)
{
    (void)state;
    const struct ur_test_folder one = ur_test_folder_make(), other = ur_test_folder_make();
    struct ur_dataset dataset;
    struct ur_error error;
    char sha256[UR_SHA256_HEX_BYTES];
    write_file(&one, "waves_TRAIN.tsv", train_text);
    write_file(&one, "test.csv", "-1,3,8,3,3\n1,13");
    assert_int_equal(open_named(&dataset, "waves", one.path, &error), UR_OK);
    memcpy(sha256, dataset.sha256, sizeof sha256);
    ur_dataset_close(&dataset);
    write_packed(&other, "train.csv.gz", "a,b,label\n1,2,1.0\n5,,-1\n4,3,1\n");
    write_packed(&other, "waves_TEST.tsv.gz", test_text);
    assert_int_equal(open_named(&dataset, "waves", other.path, &error), UR_OK);
    assert_string_equal(dataset.sha256, sha256);
    ur_dataset_close(&dataset);

    struct ur_dataset_entry entries[4];
    assert_int_equal(ur_dataset_list(other.path, entries, 4), 3);
    assert_string_equal(entries[2].name, "waves");
    assert_string_equal(entries[2].kind, "series");
    assert_int_equal(ur_dataset_list(other.path, entries, 1), 1);
    ur_test_folder_remove(&one);
    ur_test_folder_remove(&other);
}

static void test_wrong_sets(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    write_file(&folder, "waves_TRAIN.tsv", train_text);
    refused(&folder, "not complete: waves_TEST.tsv is missing (or test.csv)");
    write_file(&folder, "waves_TEST.tsv", "1\t1\n-1\t1\n2\t1\n");
    refused(&folder, "waves_TEST.tsv: line 3: the label \"2\" does not occur in "
                     "waves_TRAIN.tsv");
    write_file(&folder, "waves_TEST.tsv", "1\t3e38\n");
    write_file(&folder, "waves_TRAIN.tsv", "1\t1\n2\t1\t1\n");
    refused(&folder, "All training values are 1: there is nothing to learn from");
    write_file(&folder, "waves_TRAIN.tsv", "1\t1e-30\n2\t2e-30\n");
    refused(&folder, "A value is not finite once");
    ur_test_folder_remove(&folder);
}

static void check_split(const struct ur_dataset *dataset, int32_t count, const float *values,
                        const uint16_t *lengths, const uint16_t *y, enum ur_waves_split split)
{
    for (int32_t i = 0; i < count; i++) {
        float series[UR_WAVES_STEPS];
        const int32_t length = ur_waves_draw(3, split, (uint32_t)i, series);
        assert_in_range(length, UR_WAVES_LEAST_STEPS, UR_WAVES_STEPS);
        assert_int_equal(lengths[i], length);
        assert_int_equal(y[i], i % UR_WAVES_CLASSES);
        for (size_t t = 0; t < UR_WAVES_STEPS; t++) {
            const double scaled = ((double)series[t] - dataset->mean) / dataset->deviation;
            assert_true(values[(size_t)i * UR_WAVES_STEPS + t] ==
                        ((int32_t)t < length ? (float)scaled : 0.0f));
            assert_true((int32_t)t < length || series[t] == 0.0f);
        }
    }
}

static void test_built_in(void **state)
{
    (void)state;
    struct ur_dataset dataset, other;
    struct ur_error error;
    assert_int_equal(open_named(&dataset, "series", NULL, &error), UR_OK);
    const struct ur_data_shape shape = {120, 1, 6, 60, 10, 1};
    assert_memory_equal(&dataset.shape, &shape, sizeof shape);
    assert_string_equal(dataset.kind, "series");
    assert_string_equal(dataset.labels[5], "chirp");
    check_split(&dataset, 60, dataset.train_values, dataset.train_lengths, dataset.train_y,
                UR_WAVES_TRAIN);
    check_split(&dataset, 10, dataset.test_values, dataset.test_lengths, dataset.test_y,
                UR_WAVES_TEST);
    assert_memory_not_equal(dataset.train_lengths, dataset.test_lengths, 20);
    /* The bytes are the same on every machine. */
    assert_string_equal(dataset.sha256,
                        "2519531c377d8add1e57f25f85d32f13d374e516cab6a82fb7ded92cdbbecdf7");
    const struct ur_dataset_request wanted = {.name = "series", .count = 0};
    assert_int_equal(ur_dataset_open(&other, &wanted, &error), UR_INVALID_SPEC);
    const struct ur_dataset_request many = {.name = "series", .count = INT32_MAX};
    error = (struct ur_error){.status = UR_OK};
    assert_int_equal(ur_dataset_open(&other, &many, &error), UR_INVALID_SPEC);
    assert_non_null(strstr(error.detail, "/data/count"));
    ur_dataset_close(&dataset);
}

static enum ur_status give_up(void *context, float done)
{
    float *last = context;
    *last = done;
    return done > 0 ? UR_CANCELLED : UR_OK;
}

static void test_opening_can_be_given_up(void **state)
{
    (void)state;
    struct ur_dataset dataset;
    float done = 0;
    const struct ur_dataset_request request = {
        .name = "series", .count = 20000, .progress = give_up, .context = &done};
    assert_int_equal(ur_dataset_open(&dataset, &request, NULL), UR_CANCELLED);
    assert_true(done > 0 && done < 0.9f);
    assert_null(dataset.train_values);
}

/* A shard holds each series with its length; past it, and in rows past the end, it is zero. */
static void test_batch(void **state)
{
    (void)state;
    enum { ROWS = 8, N_TEST = 10 };
    struct ur_dataset dataset;
    struct ur_error error;
    struct ur_order order;
    struct ur_spec spec;
    static float x[UR_WAVES_STEPS * ROWS], row_weights[ROWS];
    int32_t labels[ROWS], lengths[ROWS];
    ur_spec_defaults(&spec);
    spec.train.validation = 0;
    assert_int_equal(open_named(&dataset, "series", NULL, &error), UR_OK);
    assert_int_equal(ur_order_init(&order, &spec, &dataset.shape, &error), UR_OK);
    memset(x, 0x7f, sizeof x);
    memset(lengths, 0x7f, sizeof lengths);
    ur_batch_fill_split(&order, &dataset, UR_SPLIT_TEST, ROWS, ROWS, x, labels, row_weights,
                        lengths);
    for (size_t row = 0; row < ROWS; row++) {
        const size_t sample = ROWS + row;
        const bool there = sample < N_TEST;
        assert_int_equal(lengths[row], there ? dataset.test_lengths[sample] : 1);
        assert_int_equal(labels[row], there ? dataset.test_y[sample] : 0);
        assert_true(row_weights[row] == (there ? 1.0f : 0.0f));
        for (size_t t = 0; t < UR_WAVES_STEPS; t++)
            assert_true(x[t * ROWS + row] ==
                        (there ? dataset.test_values[sample * UR_WAVES_STEPS + t] : 0.0f));
    }
    ur_batch_fill(&order, &dataset, 0, 0, ROWS, x, labels, row_weights, lengths);
    const uint32_t element = ur_rng_permute(
        (struct ur_rng_key){.seed = (uint64_t)spec.train.seed, .purpose = UR_RNG_SHUFFLE}, 0, 0,
        60);
    assert_int_equal(lengths[0], dataset.train_lengths[order.split[element]]);
    ur_order_release(&order);
    ur_dataset_close(&dataset);
}

int main(void)
{
    unsetenv("UNROLL_DATASETS");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_wrong_sets),
        cmocka_unit_test(test_built_in),
        cmocka_unit_test(test_opening_can_be_given_up),
        cmocka_unit_test(test_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
