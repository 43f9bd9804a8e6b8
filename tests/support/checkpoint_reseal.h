/*
 * Makes the digests of a damaged checkpoint file right again, so that a test gets past them to
 * the checks of lengths, counts and numbers behind.
 *
 * Ownership: works in place. Errors: none; what lies outside the file is left alone. Threads:
 * pure functions.
 */
#ifndef UNROLL_TESTS_CHECKPOINT_RESEAL_H
#define UNROLL_TESTS_CHECKPOINT_RESEAL_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/checkpoint_fmt.h"
#include "unroll/digest.h"
#include "unroll/text.h"
#include "unroll/wire.h"

static inline void ur_test_digest(const unsigned char *bytes, size_t count, unsigned char *out)
{
    struct ur_digest digest;
    ur_digest_init(&digest);
    ur_digest_update(&digest, bytes, count);
    ur_digest_final(&digest, out);
}

static inline void ur_test_reseal(unsigned char *bytes, size_t count)
{
    if (count < UR_CHECKPOINT_HEADER_BYTES)
        return;
    struct ur_reader header = ur_reader_of(bytes + 24, 4);
    const uint32_t n = ur_read_u32(&header);
    const size_t room = (count - UR_CHECKPOINT_HEADER_BYTES) / UR_CHECKPOINT_ENTRY_BYTES;
    if (n > room)
        return;
    unsigned char *table = bytes + UR_CHECKPOINT_HEADER_BYTES, *info = NULL;
    char weights[UR_SHA256_HEX_BYTES] = "";
    for (int pass = 0; pass < 2; pass++) /* INFO holds a digest of WEIGHTS */
        for (uint32_t i = 0; i < n; i++) {
            unsigned char *entry = table + (size_t)i * UR_CHECKPOINT_ENTRY_BYTES;
            struct ur_reader reader = ur_reader_of(entry + 8, 16);
            const uint64_t offset = ur_read_u64(&reader), length = ur_read_u64(&reader);
            if (offset > count || length > count - offset)
                continue;
            if (memcmp(entry, "WEIGHTS", 8) == 0)
                ur_digest_hex(bytes + offset, length, weights);
            if (memcmp(entry, "INFO\0\0\0", 8) == 0 && length >= 230)
                info = bytes + offset;
            if (pass == 1 && info == bytes + offset)
                memcpy(info + 133, weights, sizeof weights);
            ur_test_digest(bytes + offset, length, entry + 24);
        }
    ur_test_digest(table, (size_t)n * UR_CHECKPOINT_ENTRY_BYTES, bytes + 32);
}

#endif
