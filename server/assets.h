/*
 * The page's files, inside the program: index.html, its styles and modules, the libraries it
 * imports, and the presets. web/CMakeLists.txt makes the table at build time.
 *
 * Format: sorted by path. Paths are those of URLs: "/index.html", "/js/main.js",
 * "/vendor/preact/dist/preact.mjs", "/presets/smoke.json". "/" is not in the table: the route
 * maps it. Units: bytes. Cost: a binary search; the bytes are read-only pages of the program.
 * Ownership: everything is static. Threads: read-only.
 */
#ifndef UNROLL_SERVER_ASSETS_H
#define UNROLL_SERVER_ASSETS_H

#include <stddef.h>

struct ur_asset {
    const char *path;
    const char *type; /* the whole Content-Type */
    const char *etag; /* 16 hex digits of the content's SHA-256, no quotes; the gzip twin is
                         another representation and needs another ETag */
    const unsigned char *bytes;
    size_t n_bytes;
    const unsigned char *gzip; /* the twin; NULL where it would not be smaller */
    size_t n_gzip;
};

/* Gives the table and its length. */
const struct ur_asset *ur_assets(size_t *count);

/* Gives the asset of that path, or NULL. */
const struct ur_asset *ur_asset_find(const char *path);

#endif
