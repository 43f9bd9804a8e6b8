/*
 * Pictures from a stranger: PNG, JPEG, PGM or raw bytes, through decoder and centring. The
 * first byte chooses the network's shape and the preprocessing, the rest is the body. Whatever
 * comes: a verdict with words fit for a reply once they are made printable, a picture that goes
 * through again unchanged where nothing is centred, and every pixel written.
 */
#include <stdint.h>

#include "infer/image.h"
#include "unroll/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_again(const uint8_t *out, size_t pixels, int32_t steps, int32_t width)
{
    uint8_t *again = malloc(pixels);
    unsigned char *png = malloc(ur_image_png_bytes(width, steps));
    size_t n_bytes = 0;
    require(again != NULL && png != NULL);
    require(ur_image_encode_png(out, width, steps, png, ur_image_png_bytes(width, steps),
                                &n_bytes, NULL) == UR_OK);
    require(ur_image_read(png, n_bytes, UR_PREPROCESS_NONE, steps, width, again, NULL) ==
            UR_OK);
    require(memcmp(again, out, pixels) == 0);
    free(again);
    free(png);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int32_t shapes[][2] = {{28, 28}, {8, 8}, {16, 40}, {5, 1}};
    if (size == 0)
        return 0;
    const int32_t steps = shapes[data[0] % 4][0], width = shapes[data[0] % 4][1];
    const size_t pixels = (size_t)steps * (size_t)width;
    const enum ur_preprocess preprocess = data[0] & 4 ? UR_PREPROCESS_NONE : UR_PREPROCESS_AUTO;
    struct ur_error error = {0};
    uint8_t *out = malloc(pixels);
    require(out != NULL);
    const enum ur_status status =
        ur_image_read(data + 1, size - 1, preprocess, steps, width, out, &error);
    require(status == error.status || status == UR_OK);
    require(status == UR_OK || status == UR_BAD_IMAGE || status == UR_NO_DIGIT ||
            status == UR_TOO_LARGE);
    char shown[UR_ERROR_DETAIL_BYTES];
    ur_copy_printable(shown, sizeof shown, error.detail);
    require(ur_text_printable(shown, strlen(shown)));
    if (status == UR_OK)
        check_again(out, pixels, steps, width);
    free(out);
    return 0;
}
