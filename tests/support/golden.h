/*
 * Arrays that PyTorch made (tests/golden/make_*.py describes the file), read back and found by
 * name. One file a test program.
 */
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unroll/wire.h"

enum { UR_GOLDEN_MAX_ARRAYS = 1024, UR_GOLDEN_MAX_BYTES = 300000 };

struct ur_golden_array {
    char name[64];
    size_t count;
    float *numbers;
};

struct ur_golden {
    uint32_t count;
    struct ur_golden_array items[UR_GOLDEN_MAX_ARRAYS];
};

static inline void ur_golden_read_array(struct ur_reader *reader, struct ur_golden_array *array)
{
    ur_read_string(reader, array->name, sizeof array->name);
    array->count = 1;
    for (uint32_t rank = ur_read_u32(reader); rank > 0; rank--)
        array->count *= ur_read_u32(reader);
    assert_false(reader->failed);
    array->numbers = calloc(array->count, sizeof *array->numbers);
    assert_non_null(array->numbers);
    for (size_t k = 0; k < array->count; k++)
        array->numbers[k] = ur_read_f32(reader);
}

static inline void ur_golden_read(struct ur_golden *golden, const char *path)
{
    static unsigned char bytes[UR_GOLDEN_MAX_BYTES];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t n_bytes = fread(bytes, 1, sizeof bytes, file);
    fclose(file);

    struct ur_reader reader = ur_reader_of(bytes, n_bytes);
    char magic[8];
    ur_read_bytes(&reader, magic, sizeof magic);
    assert_memory_equal(magic, "URGOLDEN", sizeof magic);
    golden->count = ur_read_u32(&reader);
    assert_in_range(golden->count, 1, UR_GOLDEN_MAX_ARRAYS);
    for (uint32_t k = 0; k < golden->count; k++)
        ur_golden_read_array(&reader, &golden->items[k]);
    assert_true(ur_reader_done(&reader));
}

static inline void ur_golden_release(struct ur_golden *golden)
{
    for (uint32_t k = 0; k < golden->count; k++)
        free(golden->items[k].numbers);
    golden->count = 0;
}

/* Finds "before/after" or, without a part before, "after"; the test fails where there is
 * none. */
static inline const struct ur_golden_array *
ur_golden_find(const struct ur_golden *golden, const char *before, const char *after)
{
    char name[160];
    snprintf(name, sizeof name, "%s%s%s", before, before[0] != '\0' ? "/" : "", after);
    for (uint32_t k = 0; k < golden->count; k++)
        if (strcmp(golden->items[k].name, name) == 0)
            return &golden->items[k];
    fail_msg("the golden file has no %s", name);
    abort(); /* fail_msg has jumped away; the compiler does not know */
}

#endif
