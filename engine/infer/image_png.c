/*
 * PNG in and out, the only file that knows libpng. The classic interface, row by row: libpng
 * never holds more than two rows, except for an interlaced picture, which it fills in seven
 * passes and which therefore has to be held whole (64 MB at most).
 *
 * libpng reports errors by longjmp. All state lives in struct job, in the frame of the caller
 * of setjmp's function, so nothing that matters can be clobbered.
 */
#include <png.h>
#include <setjmp.h>

#include "infer/deadline.h"
#include "infer/image.h"

enum { IHDR_END = 24, ROWS_BETWEEN_LOOKS = 16 };

struct job {
    png_structp png;
    png_infop info;
    const unsigned char *at; /* reading */
    size_t left;
    unsigned char *out; /* writing */
    size_t room, used;
    struct ur_picture *picture;
    uint8_t *rows;    /* as libpng gives them: one, or all of an interlaced picture */
    uint8_t *flat;    /* one row without alpha */
    int32_t channels; /* in rows: 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha */
    struct ur_error *error;
    enum ur_status status;
};

static void on_error(png_structp png, png_const_charp message)
{
    struct job *job = png_get_error_ptr(png);
    if (job->status == UR_OK)
        job->status = ur_fail(job->error, UR_BAD_IMAGE, "The PNG is broken: %s.", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep out, size_t count)
{
    struct job *job = png_get_io_ptr(png);
    if (count > job->left)
        png_error(png, "the file ends early");
    memcpy(out, job->at, count);
    job->at += count;
    job->left -= count;
}

/* Refuses an honest header of a giant in our words, before libpng sees it. */
static enum ur_status check_header(const unsigned char *body, size_t n_bytes,
                                   struct ur_error *error)
{
    if (n_bytes < IHDR_END)
        return ur_fail(error, UR_BAD_IMAGE, "The PNG is broken: the file ends early.");
    const uint32_t width = png_get_uint_32(body + 16), height = png_get_uint_32(body + 20);
    return ur_picture_check_size(width, height, error);
}

/* Chunks that no pixel needs are skipped unread: they are where the bombs are. */
static void set_limits(png_structp png)
{
    png_set_user_limits(png, UR_IMAGE_MAX_SIDE, UR_IMAGE_MAX_SIDE);
    png_set_chunk_cache_max(png, UR_PNG_MAX_CHUNKS);
    png_set_chunk_malloc_max(png, UR_PNG_MAX_CHUNK);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
}

/* Asks for 8 bits a sample, no palette, transparency as an alpha channel. */
static void set_transforms(png_structp png, png_infop info)
{
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

/* Lays a row on white. */
static const uint8_t *flatten(const struct job *job, const uint8_t *row, int32_t width)
{
    if (job->channels == 1 || job->channels == 3)
        return row;
    const int32_t colours = job->channels - 1;
    const uint8_t *in = row;
    uint8_t *out = job->flat;
    for (int32_t x = 0; x < width; x++, in += job->channels, out += colours) {
        const uint32_t alpha = in[colours];
        for (int32_t k = 0; k < colours; k++)
            out[k] = (uint8_t)((in[k] * alpha + 255u * (255u - alpha) + 127u) / 255u);
    }
    return job->flat;
}

static void look_at_clock(const struct job *job, png_uint_32 row)
{
    if (row % ROWS_BETWEEN_LOOKS == 0 && ur_deadline_passed())
        png_error(job->png, "decoding takes too long");
}

static void read_interlaced(struct job *job, png_uint_32 height, size_t row_bytes, int passes)
{
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 y = 0; y < height; y++) {
            look_at_clock(job, y);
            png_read_row(job->png, job->rows + y * row_bytes, NULL);
        }
    for (png_uint_32 y = 0; y < height; y++)
        ur_picture_add_row(job->picture,
                           flatten(job, job->rows + y * row_bytes, job->picture->source_width));
}

static void read_rows(struct job *job, png_uint_32 height)
{
    for (png_uint_32 y = 0; y < height; y++) {
        look_at_clock(job, y);
        png_read_row(job->png, job->rows, NULL);
        ur_picture_add_row(job->picture, flatten(job, job->rows, job->picture->source_width));
    }
}

/* Everything between the header and the end; libpng's errors jump out of it. */
static void decode(struct job *job)
{
    png_read_info(job->png, job->info);
    const png_uint_32 width = png_get_image_width(job->png, job->info);
    const png_uint_32 height = png_get_image_height(job->png, job->info);
    const bool interlaced = png_get_interlace_type(job->png, job->info) != PNG_INTERLACE_NONE;
    set_transforms(job->png, job->info);
    job->channels = png_get_channels(job->png, job->info);

    const size_t row_bytes = png_get_rowbytes(job->png, job->info);
    job->status =
        ur_picture_begin(job->picture, width, height, job->channels > 2 ? 3 : 1, job->error);
    if (job->status != UR_OK)
        return;
    job->rows = malloc(interlaced ? row_bytes * height : row_bytes);
    job->flat = malloc((size_t)width * 3);
    if (job->rows == NULL || job->flat == NULL) {
        job->status = ur_fail(job->error, UR_NO_MEMORY, "There is no memory for the picture.");
        return;
    }
    if (interlaced)
        read_interlaced(job, height, row_bytes, PNG_INTERLACE_ADAM7_PASSES);
    else
        read_rows(job, height);
    png_read_end(job->png, NULL);
}

enum ur_status ur_image_decode_png(const unsigned char *body, size_t n_bytes,
                                   struct ur_picture *picture, struct ur_error *error)
{
    struct job job = {.at = body, .left = n_bytes, .picture = picture, .error = error};
    job.status = check_header(body, n_bytes, error);
    if (job.status != UR_OK)
        return job.status;
    job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    if (job.png != NULL)
        job.info = png_create_info_struct(job.png);
    if (job.info == NULL) {
        job.status = ur_fail(error, UR_NO_MEMORY, "There is no memory for a PNG.");
        goto out;
    }
    if (setjmp(png_jmpbuf(job.png)) == 0) {
        png_set_read_fn(job.png, &job, read_bytes);
        set_limits(job.png);
        decode(&job);
    }
out:
    png_destroy_read_struct(&job.png, &job.info, NULL);
    free(job.rows);
    free(job.flat);
    return job.status;
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count)
{
    struct job *job = png_get_io_ptr(png);
    if (count > job->room - job->used)
        png_error(png, "the buffer is too small");
    memcpy(job->out + job->used, bytes, count);
    job->used += count;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static void encode(const struct job *job, const uint8_t *pixels, png_uint_32 width,
                   png_uint_32 height)
{
    png_set_IHDR(job->png, job->info, width, height, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    for (png_uint_32 y = 0; y < height; y++)
        png_write_row(job->png, pixels + (size_t)y * width);
    png_write_end(job->png, NULL);
}

size_t ur_image_png_bytes(int32_t width, int32_t height)
{
    const size_t pixels = ((size_t)width + 1) * (size_t)height;
    return pixels + pixels / 512 + UR_IMAGE_PNG_SPARE_BYTES;
}

enum ur_status ur_image_encode_png(const uint8_t *pixels, int32_t width, int32_t height,
                                   unsigned char *out, size_t room, size_t *n_bytes,
                                   struct ur_error *error)
{
    struct job job = {.out = out, .room = room, .error = error};
    job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    if (job.png != NULL)
        job.info = png_create_info_struct(job.png);
    if (job.info == NULL) {
        job.status = ur_fail(error, UR_NO_MEMORY, "There is no memory for a PNG.");
        goto out;
    }
    if (setjmp(png_jmpbuf(job.png)) == 0) {
        png_set_write_fn(job.png, &job, write_bytes, flush_nothing);
        encode(&job, pixels, (png_uint_32)width, (png_uint_32)height);
    }
out:
    png_destroy_write_struct(&job.png, &job.info);
    *n_bytes = job.used;
    return job.status;
}
