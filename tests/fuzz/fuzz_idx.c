/*
 * IDX files from a stranger, plain or gzip. The first byte chooses images or labels, the rest
 * is the file. Whatever comes: a verdict, details fit for a reply, and values of the promised
 * size where it was taken.
 */
#include <stdint.h>

#include "data/idx.h"
#include "unroll/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { LIMIT = 1 << 20 };
    if (size == 0)
        return 0;
    const enum ur_idx_kind kind = data[0] & 1 ? UR_IDX_LABELS : UR_IDX_IMAGES;
    struct ur_gz gz;
    struct ur_idx idx = {.bytes = NULL};
    struct ur_error error = {.status = UR_OK};
    enum ur_status status = ur_gz_open_memory(&gz, data + 1, size - 1, "a-file", &error);
    if (status == UR_OK)
        status = ur_idx_read(&idx, &gz, kind, LIMIT, &error);
    require(status == error.status && (status == UR_OK) == (idx.bytes != NULL));
    require(ur_text_printable(error.detail, strlen(error.detail)));
    if (status == UR_OK) {
        size_t product = 1;
        for (int i = 0; i < 3; i++)
            product *= (size_t)idx.dims[i];
        require(product == idx.n_bytes && idx.n_bytes <= LIMIT);
    }
    ur_idx_release(&idx);
    ur_gz_close(&gz);
    return 0;
}
