/* IDX and gzip files, true and lying. */
#include "folder.h"
#include "idx_file.h"

#include <fcntl.h>

#include "data/idx.h"

static enum ur_status read_bytes(const void *bytes, size_t count, enum ur_idx_kind kind,
                                 size_t limit, struct ur_idx *idx, struct ur_error *error)
{
    struct ur_gz gz;
    *error = (struct ur_error){.status = UR_OK};
    *idx = (struct ur_idx){.bytes = NULL};
    enum ur_status status = ur_gz_open_memory(&gz, bytes, count, "some-file", error);
    if (status == UR_OK)
        status = ur_idx_read(idx, &gz, kind, limit, error);
    ur_gz_close(&gz);
    assert_int_equal(status, error->status);
    return status;
}

/* Expects a refusal whose sentence names the file and holds every one of the words. */
static void refused(struct ur_test_bytes file, enum ur_idx_kind kind, const char *words)
{
    struct ur_idx idx;
    struct ur_error error;
    assert_int_equal(read_bytes(file.data, file.count, kind, 1000, &idx, &error),
                     UR_BAD_DATASET);
    assert_null(idx.bytes);
    if (!strstr(error.detail, "some-file") || !strstr(error.detail, words))
        fail_msg("\"%s\" does not say some-file and %s", error.detail, words);
    free(file.data);
}

static void test_images_and_labels(void **state)
{
    (void)state;
    struct ur_idx idx;
    struct ur_error error;
    struct ur_test_bytes file = ur_test_idx(2051, 2, 3, 4, 24, 251);
    assert_int_equal(read_bytes(file.data, file.count, UR_IDX_IMAGES, 24, &idx, &error), UR_OK);
    assert_int_equal(idx.dims[0], 2);
    assert_int_equal(idx.dims[1], 3);
    assert_int_equal(idx.dims[2], 4);
    assert_int_equal(idx.n_bytes, 24);
    for (int i = 0; i < 24; i++)
        assert_int_equal(idx.bytes[i], i);
    ur_idx_release(&idx);
    free(file.data);

    file = ur_test_idx(2049, 5, 0, 0, 5, 3);
    assert_int_equal(read_bytes(file.data, file.count, UR_IDX_LABELS, 5, &idx, &error), UR_OK);
    assert_int_equal(idx.dims[0], 5);
    assert_int_equal(idx.bytes[4], 1);
    ur_idx_release(&idx);
    ur_idx_release(NULL);
    free(file.data);
}

static void test_lies_are_named(void **state)
{
    (void)state;
    refused(ur_test_idx(2051, 2, 3, 4, 23, 9), UR_IDX_IMAGES,
            "promises 24 bytes of images, it has 23");
    refused(ur_test_idx(2051, 2, 3, 4, 25, 9), UR_IDX_IMAGES, "goes on after the 24 bytes");
    refused(ur_test_idx(2049, 2, 0, 0, 2, 9), UR_IDX_IMAGES, "begins with 2049, not with 2051");
    refused(ur_test_idx(0x0d03, 1, 1, 1, 4, 9), UR_IDX_IMAGES, "begins with 3331");
    refused(ur_test_idx(2051, 0, 3, 4, 0, 9), UR_IDX_IMAGES, "count is 0, it must be 1..");
    refused(ur_test_idx(2051, 1, 4097, 4, 9, 9), UR_IDX_IMAGES,
            "rows is 4097, it must be 1..4096");
    refused(ur_test_idx(2051, 1, 4, 4097, 9, 9), UR_IDX_IMAGES, "columns is 4097");
    refused(ur_test_idx(2051, UINT32_MAX, UINT32_MAX, UINT32_MAX, 9, 9), UR_IDX_IMAGES,
            "count is 4294967295");
    refused(ur_test_idx(2051, INT32_MAX, 4096, 4096, 9, 9), UR_IDX_IMAGES,
            "limit of 1000 bytes");
    refused(ur_test_idx(2049, 1001, 0, 0, 1001, 9), UR_IDX_LABELS, "limit of 1000 bytes");
    refused((struct ur_test_bytes){malloc(1), 0}, UR_IDX_IMAGES, "it has 0 bytes");
}

/* Every length but the right one is refused, plain and packed. */
static void test_truncated_at_every_length(void **state)
{
    (void)state;
    const struct ur_test_bytes plain = ur_test_idx(2051, 2, 3, 4, 24, 251);
    const struct ur_test_bytes packed = ur_test_gzip(plain.data, plain.count);
    const struct ur_test_bytes files[2] = {plain, packed};
    struct ur_idx idx;
    struct ur_error error;
    for (int f = 0; f < 2; f++) {
        for (size_t count = 0; count < files[f].count; count++) {
            unsigned char *cut = malloc(count + 1);
            memcpy(cut, files[f].data, count);
            assert_int_equal(read_bytes(cut, count, UR_IDX_IMAGES, 1000, &idx, &error),
                             UR_BAD_DATASET);
            free(cut);
        }
        assert_int_equal(
            read_bytes(files[f].data, files[f].count, UR_IDX_IMAGES, 1000, &idx, &error),
            UR_OK);
        ur_idx_release(&idx);
        free(files[f].data);
    }
}

static void test_gzip_of_several_members(void **state)
{
    (void)state;
    const struct ur_test_bytes plain = ur_test_idx(2051, 2, 3, 4, 24, 251);
    unsigned char whole[1024];
    size_t used = 0;
    const size_t cuts[] = {0, 7, 7, 20, plain.count}; /* an empty member, too */
    for (int i = 0; i < 4; i++) {
        struct ur_test_bytes member = ur_test_gzip(plain.data + cuts[i], cuts[i + 1] - cuts[i]);
        memcpy(whole + used, member.data, member.count);
        used += member.count;
        free(member.data);
    }
    struct ur_idx idx;
    struct ur_error error;
    assert_int_equal(read_bytes(whole, used, UR_IDX_IMAGES, 1000, &idx, &error), UR_OK);
    assert_memory_equal(idx.bytes, plain.data + 16, 24);
    ur_idx_release(&idx);

    /* What follows the last member must be a member. */
    memcpy(whole + used, "tail", 4);
    assert_int_equal(read_bytes(whole, used + 4, UR_IDX_IMAGES, 1000, &idx, &error),
                     UR_BAD_DATASET);
    free(plain.data);
}

/* A flipped bit of packed data either means nothing or is found. */
static void test_gzip_checksum(void **state)
{
    (void)state;
    const struct ur_test_bytes plain = ur_test_idx(2051, 2, 3, 4, 24, 251);
    const struct ur_test_bytes packed = ur_test_gzip(plain.data, plain.count);
    struct ur_idx idx;
    struct ur_error error;
    for (size_t bit = 80; bit < 8 * packed.count; bit++) { /* after gzip's own header */
        packed.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (read_bytes(packed.data, packed.count, UR_IDX_IMAGES, 1000, &idx, &error) == UR_OK)
            assert_memory_equal(idx.bytes, plain.data + 16, 24); /* bits that mean nothing */
        ur_idx_release(&idx);
        packed.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    packed.data[packed.count - 8] ^= 1; /* the stored checksum */
    assert_int_equal(read_bytes(packed.data, packed.count, UR_IDX_IMAGES, 1000, &idx, &error),
                     UR_BAD_DATASET);
    free(plain.data);
    free(packed.data);
}

/* Ten million zeros pack into ten kilobytes; with a header that promises 24 bytes, only about
 * that much is ever unpacked. */
static void test_bomb_is_not_unpacked(void **state)
{
    (void)state;
    struct ur_test_bytes plain = ur_test_idx(2051, 2, 3, 4, 10 << 20, 1);
    struct ur_test_bytes bomb = ur_test_gzip(plain.data, plain.count);
    struct ur_gz gz;
    struct ur_idx idx;
    struct ur_error error = {.status = UR_OK};
    assert_int_equal(ur_gz_open_memory(&gz, bomb.data, bomb.count, "bomb", &error), UR_OK);
    assert_int_equal(ur_idx_read(&idx, &gz, UR_IDX_IMAGES, 1000, &error), UR_BAD_DATASET);
    assert_non_null(strstr(error.detail, "goes on after"));
    assert_true(gz.stream.total_out == 16 + 24 + 1);
    ur_gz_close(&gz);
    free(plain.data);
    free(bomb.data);
}

static void test_files_as_memory(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    char path[UR_TEST_PATH_BYTES];
    struct ur_test_bytes plain = ur_test_idx(2051, 300, 28, 28, 300 * 784, 251);
    struct ur_test_bytes packed = ur_test_gzip(plain.data, plain.count);
    const struct ur_test_bytes files[2] = {plain, packed};
    for (int f = 0; f < 2; f++) {
        ur_test_write(ur_test_path(&folder, "file", path), files[f].data, files[f].count);
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct ur_gz gz;
        struct ur_idx idx;
        struct ur_error error = {.status = UR_OK};
        assert_int_equal(ur_gz_open(&gz, fd, "file", &error), UR_OK);
        assert_int_equal(ur_idx_read(&idx, &gz, UR_IDX_IMAGES, 1 << 20, &error), UR_OK);
        assert_int_equal(idx.n_bytes, 300 * 784);
        assert_memory_equal(idx.bytes, plain.data + 16, idx.n_bytes);
        ur_idx_release(&idx);
        ur_gz_close(&gz);
        close(fd);
    }
    free(plain.data);
    free(packed.data);
    ur_test_folder_remove(&folder);
}

static void test_folder_cannot_be_read(void **state)
{
    (void)state;
    struct ur_gz gz;
    struct ur_error error = {.status = UR_OK};
    const int fd = open("/", O_RDONLY | O_CLOEXEC);
    assert_int_equal(ur_gz_open(&gz, fd, "a folder", &error), UR_IO);
    assert_null(gz.buffer);
    close(fd);
    ur_gz_close(&gz);
    ur_gz_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images_and_labels),
        cmocka_unit_test(test_lies_are_named),
        cmocka_unit_test(test_truncated_at_every_length),
        cmocka_unit_test(test_gzip_of_several_members),
        cmocka_unit_test(test_gzip_checksum),
        cmocka_unit_test(test_bomb_is_not_unpacked),
        cmocka_unit_test(test_files_as_memory),
        cmocka_unit_test(test_folder_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
