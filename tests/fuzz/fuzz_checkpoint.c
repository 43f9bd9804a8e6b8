/*
 * Checkpoint and model files from a stranger. With an odd first byte the digests of the rest
 * are made right first, so that the lengths and numbers behind them are reached. Whatever
 * comes: a verdict, details fit for a reply, and nothing believed that points outside the file.
 */
#include <math.h>
#include <stdint.h>

#include "checkpoint_reseal.h"
#include "io/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_view(const struct ur_checkpoint_file *file, const void *view, size_t bytes)
{
    const unsigned char *at = view;
    require(at >= file->bytes && at <= file->bytes + file->n_bytes &&
            bytes <= (size_t)(file->bytes + file->n_bytes - at));
}

static void check_believed(const struct ur_checkpoint_file *file)
{
    static struct ur_params params; /* of no network: unpacking must refuse it */
    float out[1];
    require(!isnan(file->info.seconds) && file->info.step >= 0);
    check_view(file, file->spec_json, file->spec_bytes);
    check_view(file, file->tensors, file->tensors_bytes);
    check_view(file, file->weights, 4);
    require((file->kind == UR_FILE_CHECKPOINT) == (file->adam_m && file->adam_v));
    check_view(file, ur_checkpoint_result(file), 4);
    require(file->kind == UR_FILE_CHECKPOINT || !file->ema);
    require(ur_checkpoint_unpack(file, &params, file->weights, out, NULL) == UR_BAD_CHECKPOINT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct ur_checkpoint_file file;
    struct ur_error error = {.status = UR_OK};
    unsigned char *bytes = malloc(size);
    require(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    if (data[0] & 1)
        ur_test_reseal(bytes, size - 1);
    const enum ur_status status = ur_checkpoint_parse(&file, bytes, size - 1, &error);
    require(status == error.status && (status == UR_OK || status == UR_BAD_CHECKPOINT));
    require(ur_text_printable(error.detail, strlen(error.detail)));
    if (status == UR_OK)
        check_believed(&file);
    else
        free(bytes);
    ur_checkpoint_close(&file);
    return 0;
}
