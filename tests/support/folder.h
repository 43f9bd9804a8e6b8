/*
 * Folders and files for tests: made under TMPDIR, removed with everything in them.
 *
 * Errors: whatever fails, fails the test. Ownership: the caller removes the folder. Threads:
 * one.
 */
#ifndef UNROLL_TESTS_FOLDER_H
#define UNROLL_TESTS_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UR_TEST_PATH_BYTES = 512 };

struct ur_test_folder {
    char path[UR_TEST_PATH_BYTES];
};

static inline struct ur_test_folder ur_test_folder_make(void)
{
    struct ur_test_folder folder;
    const char *parent = getenv("TMPDIR");
    snprintf(folder.path, sizeof folder.path, "%s/unroll-test-XXXXXX",
             parent ? parent : "/tmp");
    assert_non_null(mkdtemp(folder.path));
    return folder;
}

static inline int ur_test_remove_one(const char *path, const struct stat *about, int type,
                                     struct FTW *place)
{
    (void)about, (void)type, (void)place;
    return remove(path);
}

static inline void ur_test_folder_remove(const struct ur_test_folder *folder)
{
    assert_int_equal(nftw(folder->path, ur_test_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Gives folder/name in a buffer of the caller's. */
static inline const char *ur_test_path(const struct ur_test_folder *folder, const char *name,
                                       char out[UR_TEST_PATH_BYTES])
{
    const int length = snprintf(out, UR_TEST_PATH_BYTES, "%s/%s", folder->path, name);
    assert_true(length > 0 && length < UR_TEST_PATH_BYTES);
    return out;
}

static inline void ur_test_write(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

/* Reads a whole file; the caller frees it. */
static inline unsigned char *ur_test_read(const char *path, size_t *count)
{
    struct stat about;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &about), 0);
    *count = (size_t)about.st_size;
    unsigned char *bytes = malloc(*count + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *count, file), *count);
    fclose(file);
    return bytes;
}

#endif
