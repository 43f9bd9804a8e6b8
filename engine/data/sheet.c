#include "data/sheet.h"

#include <zlib.h>

enum {
    GAP = 2,             /* white pixels between two images */
    CHUNK_EXTRA = 12,    /* length, name, checksum */
    HEADER_BYTES = 13,   /* of IHDR */
    SIGNATURE_BYTES = 8, /* of a PNG */
    MAX_SIDE = 30000     /* pixels: a gigabyte at most, and far more than anybody looks at */
};

struct sheet {
    int32_t width, height; /* pixels */
    size_t stride;         /* bytes of a line: PNG's filter byte (0, none), then the pixels */
    uint8_t *lines;
};

static void put_u32(uint8_t *out, uint32_t value)
{
    for (int k = 0; k < 4; k++)
        out[k] = (uint8_t)(value >> (24 - 8 * k));
}

/* Appends a chunk around the data that lie at out + 8 already; gives its end. */
static uint8_t *close_chunk(uint8_t *out, const char name[4], size_t n_bytes)
{
    put_u32(out, (uint32_t)n_bytes);
    memcpy(out + 4, name, 4);
    put_u32(out + 8 + n_bytes, (uint32_t)crc32(0, out + 4, (uInt)(n_bytes + 4)));
    return out + CHUNK_EXTRA + n_bytes;
}

static enum ur_status encode(const struct sheet *sheet, unsigned char **png, size_t *n_bytes,
                             struct ur_error *error)
{
    static const uint8_t signature[SIGNATURE_BYTES] = {0x89, 'P',  'N', 'G',
                                                       '\r', '\n', 26,  '\n'};
    const uLong raw = (uLong)(sheet->stride * (size_t)sheet->height);
    uLongf packed = compressBound(raw);
    uint8_t *file = malloc(SIGNATURE_BYTES + 3 * CHUNK_EXTRA + HEADER_BYTES + packed);
    if (!file)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a picture.");
    memcpy(file, signature, sizeof signature);
    uint8_t *at = file + SIGNATURE_BYTES;
    put_u32(at + 8, (uint32_t)sheet->width);
    put_u32(at + 12, (uint32_t)sheet->height);
    memcpy(at + 16, (const uint8_t[]){8, 0, 0, 0, 0}, 5); /* 8 bits, grey, not interlaced */
    at = close_chunk(at, "IHDR", HEADER_BYTES);
    if (compress2(at + 8, &packed, sheet->lines, raw, Z_BEST_COMPRESSION) != Z_OK) {
        free(file);
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to pack a picture.");
    }
    at = close_chunk(at, "IDAT", packed);
    at = close_chunk(at, "IEND", 0);
    *png = file;
    *n_bytes = (size_t)(at - file);
    return UR_OK;
}

/* Lays an image into its place: dark on white. */
static void lay(struct sheet *sheet, const struct ur_data_shape *shape, const uint8_t *image,
                int32_t row, int32_t column)
{
    const size_t gap = GAP;
    const size_t top = gap + (size_t)row * ((size_t)shape->steps + gap);
    const size_t left = gap + (size_t)column * ((size_t)shape->width + gap);
    for (size_t y = 0; y < (size_t)shape->steps; y++) {
        uint8_t *out = sheet->lines + (top + y) * sheet->stride + 1 + left;
        for (size_t x = 0; x < (size_t)shape->width; x++)
            out[x] = (uint8_t)(255 - image[y * (size_t)shape->width + x]);
    }
}

static void lay_all(struct sheet *sheet, const struct ur_dataset *dataset, int32_t only)
{
    const struct ur_data_shape *shape = &dataset->shape;
    const size_t image = (size_t)shape->steps * (size_t)shape->width;
    int32_t counts[UR_MAX_CLASSES] = {0};
    for (int32_t i = 0; i < shape->n_train; i++) {
        const int32_t label = dataset->train_y[i];
        if (only != UR_SHEET_ALL_CLASSES && label != only)
            continue;
        const int32_t place = counts[label]++;
        const int32_t row = only == UR_SHEET_ALL_CLASSES ? label : place / UR_SHEET_COLUMNS;
        const int32_t column = only == UR_SHEET_ALL_CLASSES ? place : place % UR_SHEET_COLUMNS;
        if (row < shape->classes && column < UR_SHEET_COLUMNS)
            lay(sheet, shape, dataset->train_x + (size_t)i * image, row, column);
    }
}

enum ur_status ur_sheet_png(const struct ur_dataset *dataset, int32_t class_or_all,
                            unsigned char **png, size_t *n_bytes, struct ur_error *error)
{
    const struct ur_data_shape *shape = &dataset->shape;
    if (shape->series || !dataset->train_x)
        return ur_fail(error, UR_BAD_DATASET, "%s holds no images.", dataset->name);
    if (class_or_all != UR_SHEET_ALL_CLASSES &&
        (class_or_all < 0 || class_or_all >= shape->classes))
        return ur_fail(error, UR_BAD_DATASET, "%s has the classes 0..%d, not %d.",
                       dataset->name, (int)shape->classes - 1, (int)class_or_all);
    struct sheet sheet = {
        .width = GAP + UR_SHEET_COLUMNS * (shape->width + GAP),
        .height = GAP + shape->classes * (shape->steps + GAP),
    };
    if (sheet.width > MAX_SIDE || sheet.height > MAX_SIDE)
        return ur_fail(error, UR_BAD_DATASET, "A sheet of %d x %d pixels is too large.",
                       (int)sheet.width, (int)sheet.height);
    sheet.stride = (size_t)sheet.width + 1;
    sheet.lines = malloc(sheet.stride * (size_t)sheet.height);
    if (!sheet.lines)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a picture.");
    memset(sheet.lines, 255, sheet.stride * (size_t)sheet.height);
    for (int32_t y = 0; y < sheet.height; y++)
        sheet.lines[(size_t)y * sheet.stride] = 0;
    lay_all(&sheet, dataset, class_or_all);
    const enum ur_status status = encode(&sheet, png, n_bytes, error);
    free(sheet.lines);
    return status;
}
