/*
 * SHA-256, the one digest of this program: of weights, data sets, checkpoints and cached files.
 *
 * Cost: about 2 GB/s where the CPU has SHA instructions. Errors: none. Ownership: the struct
 * holds no pointers to free. Threads: one per struct. Source: FIPS 180-4, through libnettle.
 */
#ifndef UNROLL_DIGEST_H
#define UNROLL_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "unroll/limits.h"

struct ur_digest {
    _Alignas(16) unsigned char state[128]; /* struct sha256_ctx of libnettle; digest.c asserts
                                              that it fits */
};

void ur_digest_init(struct ur_digest *digest);
void ur_digest_update(struct ur_digest *digest, const void *bytes, size_t count);
void ur_digest_final(struct ur_digest *digest, unsigned char out[UR_SHA256_BYTES]);

/* Digests count bytes at once and writes them as hex. */
void ur_digest_hex(const void *bytes, size_t count, char out[UR_SHA256_HEX_BYTES]);

#endif
