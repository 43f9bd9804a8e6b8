#include "data/idx.h"

#include "unroll/limits.h"

static const char *kind_name(enum ur_idx_kind kind)
{
    return kind == UR_IDX_IMAGES ? "images" : "labels";
}

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
           (uint32_t)bytes[3];
}

static enum ur_status check_magic(uint32_t found, struct ur_idx *idx, const char *name,
                                  struct ur_error *error)
{
    const uint32_t expected = 0x0800u | (uint32_t)idx->kind;
    if (found == expected)
        return UR_OK;
    return ur_fail(error, UR_BAD_DATASET,
                   "%s is no IDX file of %s: it begins with %u, not with %u.", name,
                   kind_name(idx->kind), found, expected);
}

/* Each limit keeps the dimension inside int32_t and every later product inside size_t. */
static enum ur_status check_dims(struct ur_idx *idx, const uint32_t *dims, size_t max_bytes,
                                 const char *name, struct ur_error *error)
{
    static const char *const what[3] = {"count", "number of rows", "number of columns"};
    static const uint32_t limits[3] = {INT32_MAX, UR_MAX_STEPS_PER_ROW, UR_MAX_WIDTH};
    size_t product = 1;
    for (int i = 0; i < 3; i++) {
        const uint32_t dim = i < (int)idx->kind ? dims[i] : 1;
        if (dim < 1 || dim > limits[i])
            return ur_fail(error, UR_BAD_DATASET, "%s: the %s is %u, it must be 1..%u.", name,
                           what[i], dim, limits[i]);
        idx->dims[i] = (int32_t)dim;
        if (__builtin_mul_overflow(product, (size_t)dim, &product) || product > max_bytes)
            return ur_fail(error, UR_BAD_DATASET,
                           "%s: its header promises more than the limit of %zu bytes.", name,
                           max_bytes);
    }
    idx->n_bytes = product;
    return UR_OK;
}

static enum ur_status read_header(struct ur_idx *idx, struct ur_gz *gz, size_t max_bytes,
                                  struct ur_error *error)
{
    unsigned char header[16];
    size_t got;
    enum ur_status status = ur_gz_read(gz, header, 4, &got, error);
    if (status != UR_OK)
        return status;
    if (got < 4)
        return ur_fail(error, UR_BAD_DATASET,
                       "%s is cut off: it has %zu bytes, less than the header's first 4.",
                       gz->name, got);
    status = check_magic(big_endian(header), idx, gz->name, error);
    if (status != UR_OK)
        return status;
    const size_t rest = 4 * (size_t)idx->kind;
    status = ur_gz_read(gz, header + 4, rest, &got, error);
    if (status != UR_OK)
        return status;
    if (got < rest)
        return ur_fail(error, UR_BAD_DATASET,
                       "%s is cut off: it has %zu bytes of a header of %zu.", gz->name, got + 4,
                       rest + 4);
    uint32_t dims[3] = {0, 0, 0};
    for (int i = 0; i < (int)idx->kind; i++)
        dims[i] = big_endian(header + 4 + 4 * i);
    return check_dims(idx, dims, max_bytes, gz->name, error);
}

/* Reads n_bytes into a buffer that doubles: realloc of large blocks moves pages, not bytes. */
static enum ur_status read_values(struct ur_idx *idx, struct ur_gz *gz, struct ur_error *error)
{
    size_t filled = 0, capacity = 0;
    while (filled < idx->n_bytes) {
        capacity = capacity ? 2 * capacity : (size_t)1 << 20;
        if (capacity > idx->n_bytes)
            capacity = idx->n_bytes;
        uint8_t *grown = realloc(idx->bytes, capacity);
        if (!grown)
            return ur_fail(error, UR_NO_MEMORY, "There is no memory for the %zu bytes of %s.",
                           idx->n_bytes, gz->name);
        idx->bytes = grown;
        size_t got;
        enum ur_status status =
            ur_gz_read(gz, idx->bytes + filled, capacity - filled, &got, error);
        if (status != UR_OK)
            return status;
        if (got < capacity - filled)
            return ur_fail(error, UR_BAD_DATASET,
                           "%s is cut off: its header promises %zu bytes of %s, it has %zu.",
                           gz->name, idx->n_bytes, kind_name(idx->kind), filled + got);
        filled = capacity;
    }
    return UR_OK;
}

static enum ur_status check_end(const struct ur_idx *idx, struct ur_gz *gz,
                                struct ur_error *error)
{
    unsigned char extra;
    size_t got;
    enum ur_status status = ur_gz_read(gz, &extra, 1, &got, error);
    if (status == UR_OK && got > 0)
        return ur_fail(error, UR_BAD_DATASET,
                       "%s goes on after the %zu bytes of %s that its header promises.",
                       gz->name, idx->n_bytes, kind_name(idx->kind));
    return status;
}

enum ur_status ur_idx_read(struct ur_idx *idx, struct ur_gz *gz, enum ur_idx_kind kind,
                           size_t max_bytes, struct ur_error *error)
{
    *idx = (struct ur_idx){.kind = kind};
    enum ur_status status = read_header(idx, gz, max_bytes, error);
    if (status == UR_OK)
        status = read_values(idx, gz, error);
    if (status == UR_OK)
        status = check_end(idx, gz, error);
    if (status != UR_OK)
        ur_idx_release(idx);
    return status;
}

void ur_idx_release(struct ur_idx *idx)
{
    if (!idx)
        return;
    free(idx->bytes);
    *idx = (struct ur_idx){.kind = idx->kind};
}
