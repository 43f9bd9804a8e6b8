/*
 * IDX files for tests, in memory: a header of any truth, then bytes.
 *
 * Errors: whatever fails, fails the test. Ownership: the caller frees what it gets. Threads:
 * one.
 */
#ifndef UNROLL_TESTS_IDX_FILE_H
#define UNROLL_TESTS_IDX_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

struct ur_test_bytes {
    unsigned char *data;
    size_t count;
};

static inline void ur_test_big_endian(unsigned char *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* Makes a file whose header says magic and dims (those that are not 0), with count bytes:
 * byte i is i % modulus. */
static inline struct ur_test_bytes ur_test_idx(uint32_t magic, uint32_t n, uint32_t rows,
                                               uint32_t columns, size_t count, int modulus)
{
    const uint32_t fields[4] = {magic, n, rows, columns};
    struct ur_test_bytes file = {malloc(16 + count), 0};
    assert_non_null(file.data);
    for (int i = 0; i < 4; i++) {
        if (i >= 2 && fields[i] == 0)
            continue;
        ur_test_big_endian(file.data + file.count, fields[i]);
        file.count += 4;
    }
    for (size_t i = 0; i < count; i++)
        file.data[file.count++] = (unsigned char)(i % (size_t)modulus);
    return file;
}

/* Packs bytes as one gzip member. */
static inline struct ur_test_bytes ur_test_gzip(const void *bytes, size_t count)
{
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)bytes, .avail_in = (uInt)count};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    struct ur_test_bytes packed = {malloc(deflateBound(&stream, count) + 64), 0};
    assert_non_null(packed.data);
    stream.next_out = packed.data;
    stream.avail_out = (uInt)(deflateBound(&stream, count) + 64);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.count = stream.total_out;
    deflateEnd(&stream);
    return packed;
}

#endif
