/* Data sets by name: where they are looked for, what is refused, what their digest holds. */
#include "folder.h"
#include "idx_file.h"

#include "data/dataset.h"
#include "data/search.h"
#include "unroll/digest.h"

static const char *const names[UR_PARTS] = {"train-images-idx3-ubyte",
                                            "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                            "t10k-labels-idx1-ubyte"};

static void write_part(const struct ur_test_folder *folder, const char *set, const char *file,
                       struct ur_test_bytes bytes)
{
    char path[UR_TEST_PATH_BYTES], name[128];
    mkdir(ur_test_path(folder, set, path), 0700);
    snprintf(name, sizeof name, "%s/%s", set, file);
    ur_test_write(ur_test_path(folder, name, path), bytes.data, bytes.count);
    free(bytes.data);
}

/* A set of 6 training and 4 test images of 2 x 3, classes 0..2. */
static void write_set(const struct ur_test_folder *folder, const char *set)
{
    write_part(folder, set, names[0], ur_test_idx(2051, 6, 2, 3, 36, 251));
    write_part(folder, set, names[1], ur_test_idx(2049, 6, 0, 0, 6, 3));
    write_part(folder, set, names[2], ur_test_idx(2051, 4, 2, 3, 24, 7));
    write_part(folder, set, names[3], ur_test_idx(2049, 4, 0, 0, 4, 2));
}

static enum ur_status open_named(struct ur_dataset *dataset, const char *name,
                                 const char *folder, struct ur_error *error)
{
    const struct ur_dataset_request request = {
        .name = name, .count = 60, .extra_folder = folder};
    *error = (struct ur_error){.status = UR_OK};
    return ur_dataset_open(dataset, &request, error);
}

static void says(const struct ur_error *error, const char *words)
{
    if (!strstr(error->detail, words))
        fail_msg("\"%s\" does not say %s", error->detail, words);
}

static void refused(const struct ur_test_folder *folder, enum ur_status expected,
                    const char *words)
{
    struct ur_dataset dataset;
    struct ur_error error;
    assert_int_equal(open_named(&dataset, "tiny", folder->path, &error), expected);
    assert_null(dataset.train_x);
    says(&error, words);
}

static void test_idx_set(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    struct ur_dataset dataset;
    struct ur_error error;
    write_set(&folder, "tiny");
    assert_int_equal(open_named(&dataset, "tiny", folder.path, &error), UR_OK);
    assert_string_equal(dataset.name, "tiny");
    assert_string_equal(dataset.kind, "idx");
    const struct ur_data_shape shape = {2, 3, 3, 6, 4, 0};
    assert_memory_equal(&dataset.shape, &shape, sizeof shape);
    assert_int_equal(dataset.train_x[35], 35);
    assert_int_equal(dataset.test_x[8], 1);
    assert_int_equal(dataset.train_y[5], 2);
    assert_int_equal(dataset.test_y[3], 1);

    /* The digest, put together by hand: shape, x, y as u16 little-endian, twice. */
    unsigned char bytes[20 + 36 + 12 + 24 + 8] = {2, 0, 0, 0, 3, 0, 0, 0, 3, 0,
                                                  0, 0, 6, 0, 0, 0, 4, 0, 0, 0};
    for (int i = 0; i < 36; i++)
        bytes[20 + i] = (unsigned char)i;
    for (int i = 0; i < 6; i++)
        bytes[56 + 2 * i] = (unsigned char)(i % 3);
    for (int i = 0; i < 24; i++)
        bytes[68 + i] = (unsigned char)(i % 7);
    for (int i = 0; i < 4; i++)
        bytes[92 + 2 * i] = (unsigned char)(i % 2);
    char sha256[UR_SHA256_HEX_BYTES];
    ur_digest_hex(bytes, sizeof bytes, sha256);
    assert_string_equal(dataset.sha256, sha256);
    ur_dataset_close(&dataset);
    ur_dataset_close(&dataset);
    ur_dataset_close(NULL);
    ur_test_folder_remove(&folder);
}

/* Packed files and the other spelling give the same set, to the digest. */
static void test_spellings(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    struct ur_dataset plain, packed;
    struct ur_error error;
    write_set(&folder, "tiny");
    struct ur_test_bytes images = ur_test_idx(2051, 6, 2, 3, 36, 251);
    write_part(&folder, "packed", "train-images-idx3-ubyte.gz",
               ur_test_gzip(images.data, images.count));
    write_part(&folder, "packed", "train-labels.idx1-ubyte", ur_test_idx(2049, 6, 0, 0, 6, 3));
    write_part(&folder, "packed", names[2], ur_test_idx(2051, 4, 2, 3, 24, 7));
    write_part(&folder, "packed", names[3], ur_test_idx(2049, 4, 0, 0, 4, 2));
    assert_int_equal(open_named(&plain, "tiny", folder.path, &error), UR_OK);
    assert_int_equal(open_named(&packed, "packed", folder.path, &error), UR_OK);
    assert_string_equal(plain.sha256, packed.sha256);
    ur_dataset_close(&plain);
    ur_dataset_close(&packed);
    free(images.data);
    ur_test_folder_remove(&folder);
}

static void test_search_order(void **state)
{
    (void)state;
    const struct ur_test_folder first = ur_test_folder_make(), second = ur_test_folder_make();
    struct ur_dataset dataset;
    struct ur_error error;
    char list[2 * UR_TEST_PATH_BYTES + 8], path[UR_TEST_PATH_BYTES];
    write_set(&second, "tiny");
    write_set(&second, "another");
    write_part(&first, "tiny", names[0], ur_test_idx(2051, 6, 3, 2, 36, 251));
    write_part(&first, "tiny", names[1], ur_test_idx(2049, 6, 0, 0, 6, 3));
    write_part(&first, "tiny", names[2], ur_test_idx(2051, 4, 3, 2, 24, 7));
    write_part(&first, "tiny", names[3], ur_test_idx(2049, 4, 0, 0, 4, 2));
    mkdir(ur_test_path(&first, "another", path), 0700); /* empty: no data set, look further */
    snprintf(list, sizeof list, ":/does/not/exist:%s:", first.path);
    setenv("UNROLL_DATASETS", list, 1);
    assert_int_equal(open_named(&dataset, "tiny", second.path, &error), UR_OK);
    assert_int_equal(dataset.shape.steps, 3);
    ur_dataset_close(&dataset);
    assert_int_equal(open_named(&dataset, "another", second.path, &error), UR_OK);
    assert_int_equal(dataset.shape.steps, 2);
    ur_dataset_close(&dataset);

    struct ur_dataset_entry entries[8];
    assert_int_equal(ur_dataset_list(second.path, entries, 8), 4);
    assert_string_equal(entries[0].name, "digits");
    assert_string_equal(entries[0].kind, "digits");
    assert_string_equal(entries[1].name, "series");
    assert_string_equal(entries[2].name, "another");
    assert_string_equal(entries[3].name, "tiny");
    assert_string_equal(entries[3].kind, "idx");
    assert_int_equal(ur_dataset_list(second.path, entries, 2), 2);
    assert_int_equal(ur_dataset_list(second.path, entries, 0), 0);

    assert_int_equal(open_named(&dataset, "mnits", second.path, &error), UR_UNKNOWN_DATASET);
    says(&error, "\"mnits\"");
    says(&error, "digits, series, another, tiny");
    unsetenv("UNROLL_DATASETS");
    assert_int_equal(open_named(&dataset, "tiny", NULL, &error), UR_UNKNOWN_DATASET);
    ur_test_folder_remove(&first);
    ur_test_folder_remove(&second);
}

/* No name reaches a file outside the search folders. */
static void test_names_are_no_paths(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    static const char *const bad[] = {"../tiny", ".", "..", "", "a/b", "tiny/", ".tiny", "a b"};
    struct ur_dataset dataset;
    struct ur_error error;
    write_set(&folder, "tiny");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(open_named(&dataset, bad[i], folder.path, &error), UR_UNKNOWN_DATASET);
        says(&error, "1..64 characters");
    }
    ur_test_folder_remove(&folder);
}

static void test_wrong_sets(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    char path[UR_TEST_PATH_BYTES];
    write_set(&folder, "tiny");
    write_part(&folder, "tiny", names[1], ur_test_idx(2049, 5, 0, 0, 5, 3));
    refused(
        &folder, UR_BAD_DATASET,
        "train-images-idx3-ubyte holds 6 images, but train-labels-idx1-ubyte holds 5 labels");

    write_set(&folder, "tiny");
    write_part(&folder, "tiny", names[2], ur_test_idx(2051, 4, 3, 2, 24, 7));
    refused(&folder, UR_BAD_DATASET, "is of 2 x 3, but t10k-images-idx3-ubyte is of 3 x 2");

    write_set(&folder, "tiny");
    write_part(&folder, "tiny", names[3], ur_test_idx(2049, 4, 0, 0, 4, 4));
    refused(&folder, UR_BAD_DATASET,
            "t10k-labels-idx1-ubyte: label 3 is 3, but the training labels go from 0 to 2");

    write_set(&folder, "tiny");
    write_part(&folder, "tiny", names[1], ur_test_idx(2049, 6, 0, 0, 6, 1));
    refused(&folder, UR_BAD_DATASET, "all labels are 0");

    write_set(&folder, "tiny");
    unlink(ur_test_path(&folder, "tiny/t10k-labels-idx1-ubyte", path));
    refused(&folder, UR_BAD_DATASET, "t10k-labels-idx1-ubyte is missing");

    assert_int_equal(symlink("/etc/passwd", path), 0);
    refused(&folder, UR_BAD_DATASET, "symbolic link");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* opening it must not wait for a writer */
    refused(&folder, UR_BAD_DATASET, "not a regular file");
    ur_test_folder_remove(&folder);
}

/* People link MNIST; what others may write to, the caller's folder, follows no link. */
static void test_linked_files_in_a_search_folder(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    struct ur_dataset dataset;
    struct ur_error error;
    char path[UR_TEST_PATH_BYTES], away[UR_TEST_PATH_BYTES];
    write_set(&folder, "tiny");
    ur_test_path(&folder, "tiny/t10k-labels-idx1-ubyte", path);
    assert_int_equal(rename(path, ur_test_path(&folder, "elsewhere", away)), 0);
    assert_int_equal(symlink("../elsewhere", path), 0);
    refused(&folder, UR_BAD_DATASET, "symbolic link");
    setenv("UNROLL_DATASETS", folder.path, 1);
    assert_int_equal(open_named(&dataset, "tiny", NULL, &error), UR_OK);
    ur_dataset_close(&dataset);
    unlink(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_int_equal(open_named(&dataset, "tiny", NULL, &error), UR_BAD_DATASET);
    says(&error, "not a regular file");
    unsetenv("UNROLL_DATASETS");
    ur_test_folder_remove(&folder);
}

static void test_a_folder_that_cannot_be_opened_is_not_absent(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    char path[UR_TEST_PATH_BYTES];
    ur_test_path(&folder, "tiny", path);
    assert_int_equal(symlink("tiny", path), 0); /* a ring: root may open all else */
    refused(&folder, UR_IO, "The folder tiny cannot be opened");
    unlink(path);
    ur_test_write(path, "", 0);
    refused(&folder, UR_UNKNOWN_DATASET, "There is no data set");
    ur_test_folder_remove(&folder);
}

static enum ur_status note_progress(void *context, float done)
{
    float *last = context;
    assert_true(done >= *last && done <= 1);
    *last = done;
    return UR_OK;
}

/* Wants the opening to end once a part of the work is done. */
static enum ur_status give_up(void *context, float done)
{
    return done > *(float *)context ? UR_CANCELLED : UR_OK;
}

static void test_opening_can_be_given_up(void **state)
{
    (void)state;
    static const float moments[] = {-1, 0, 0.5f, 0.99f};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        float moment = moments[i];
        struct ur_dataset dataset;
        const struct ur_dataset_request request = {.name = "digits",
                                                   .count = 3000,
                                                   .seed = 5,
                                                   .threads = 2,
                                                   .progress = give_up,
                                                   .context = &moment};
        assert_int_equal(ur_dataset_open(&dataset, &request, NULL), UR_CANCELLED);
        assert_null(dataset.train_x);
    }

    struct ur_test_folder folder = ur_test_folder_make();
    write_set(&folder, "tiny");
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        float moment = moments[i];
        struct ur_dataset dataset;
        const struct ur_dataset_request request = {.name = "tiny",
                                                   .extra_folder = folder.path,
                                                   .progress = give_up,
                                                   .context = &moment};
        assert_int_equal(ur_dataset_open(&dataset, &request, NULL), UR_CANCELLED);
        assert_null(dataset.train_x);
    }
    ur_test_folder_remove(&folder);
}

static void test_digits(void **state)
{
    (void)state;
    struct ur_dataset dataset, other;
    struct ur_error error = {.status = UR_OK};
    float done = 0;
    struct ur_dataset_request request = {.name = "digits",
                                         .count = 1200,
                                         .seed = 5,
                                         .threads = 2,
                                         .progress = note_progress,
                                         .context = &done};
    assert_int_equal(ur_dataset_open(&dataset, &request, &error), UR_OK);
    const struct ur_data_shape shape = {28, 28, 10, 1200, 200, 0};
    assert_memory_equal(&dataset.shape, &shape, sizeof shape);
    assert_string_equal(dataset.kind, "digits");
    assert_true(done == 1);
    request.progress = NULL;
    request.threads = 1;
    assert_int_equal(ur_dataset_open(&other, &request, &error), UR_OK);
    assert_string_equal(dataset.sha256, other.sha256);
    ur_dataset_close(&other);
    request.seed = 6;
    assert_int_equal(ur_dataset_open(&other, &request, &error), UR_OK);
    assert_string_not_equal(dataset.sha256, other.sha256);
    ur_dataset_close(&other);
    ur_dataset_close(&dataset);
    request.count = 0;
    assert_int_equal(ur_dataset_open(&other, &request, &error), UR_INVALID_SPEC);
    request.count = INT32_MAX;
    error = (struct ur_error){.status = UR_OK};
    assert_int_equal(ur_dataset_open(&other, &request, &error), UR_INVALID_SPEC);
    says(&error, "/data/count");
}

int main(void)
{
    unsetenv("UNROLL_DATASETS");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx_set),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_search_order),
        cmocka_unit_test(test_names_are_no_paths),
        cmocka_unit_test(test_wrong_sets),
        cmocka_unit_test(test_linked_files_in_a_search_folder),
        cmocka_unit_test(test_a_folder_that_cannot_be_opened_is_not_absent),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_opening_can_be_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
