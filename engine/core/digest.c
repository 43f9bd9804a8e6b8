#include "unroll/digest.h"

#include <nettle/sha2.h>

#include "unroll/text.h"

_Static_assert(sizeof(struct sha256_ctx) <= sizeof((struct ur_digest *)0)->state,
               "the header's room must hold libnettle's state");

/* The state is copied in and out rather than cast: the header hides its type, and a hundred
 * bytes are nothing beside what is digested. */
static struct sha256_ctx load(const struct ur_digest *digest)
{
    struct sha256_ctx context;
    memcpy(&context, digest->state, sizeof context);
    return context;
}

static void store(struct ur_digest *digest, const struct sha256_ctx *context)
{
    memcpy(digest->state, context, sizeof *context);
}

void ur_digest_init(struct ur_digest *digest)
{
    struct sha256_ctx context;
    memset(digest, 0, sizeof *digest);
    memset(&context, 0, sizeof context);
    sha256_init(&context);
    store(digest, &context);
}

void ur_digest_update(struct ur_digest *digest, const void *bytes, size_t count)
{
    struct sha256_ctx context = load(digest);
    sha256_update(&context, count, bytes);
    store(digest, &context);
}

void ur_digest_final(struct ur_digest *digest, unsigned char out[UR_SHA256_BYTES])
{
    struct sha256_ctx context = load(digest);
    sha256_digest(&context, UR_SHA256_BYTES, out);
    store(digest, &context);
}

void ur_digest_hex(const void *bytes, size_t count, char out[UR_SHA256_HEX_BYTES])
{
    struct ur_digest digest;
    unsigned char raw[UR_SHA256_BYTES];
    ur_digest_init(&digest);
    ur_digest_update(&digest, bytes, count);
    ur_digest_final(&digest, raw);
    ur_hex(raw, sizeof raw, out);
}
