/*
 * Replays a fuzz corpus as a unit test: include the harness, then call this with its folder.
 * Each crash that was ever fixed is a file there.
 *
 * Cost: one call for each file. Errors: fails the test where the folder is missing or empty, so
 * that a moved corpus is noticed. Threads: one.
 */
#ifndef UNROLL_TESTS_FUZZ_REPLAY_H
#define UNROLL_TESTS_FUZZ_REPLAY_H

#include <dirent.h>
#include <stdint.h>

enum { UR_REPLAY_MAX_BYTES = 4 << 20 };

static inline void ur_replay_file(const char *path, int (*harness)(const uint8_t *, size_t))
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *bytes = malloc(UR_REPLAY_MAX_BYTES);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, UR_REPLAY_MAX_BYTES, file);
    fclose(file);

    /* A block of exactly the file's size lets a sanitizer see the first byte past it. */
    uint8_t *exact = realloc(bytes, size > 0 ? size : 1);
    assert_non_null(exact);
    assert_int_equal(harness(exact, size), 0);
    free(exact);
}

static inline void ur_replay_folder(const char *folder, int (*harness)(const uint8_t *, size_t))
{
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        ur_replay_file(path, harness);
        files++;
    }
    closedir(listing);
    assert_true(files > 0);
}

#endif
