/*
 * JPEG, the only file that knows libjpeg. A large photo is decoded at a half, a quarter or an
 * eighth of its size, which the cosine transform gives for less than nothing.
 *
 * libjpeg reports errors by longjmp out of error_exit; state lives in struct job, in the frame
 * of the function that calls setjmp. A file that ends early is only a warning to libjpeg, which
 * paints the rest grey: here it is an error, as is every warning that means damaged pixels.
 */
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>
#include <setjmp.h>

#include "infer/deadline.h"
#include "infer/image.h"

struct job {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    struct ur_picture *picture;
    uint8_t *row;
    struct ur_error *error;
    enum ur_status status;
};

_Noreturn static void give_up(struct job *job, const char *what)
{
    if (job->status == UR_OK)
        job->status = ur_fail(job->error, UR_BAD_IMAGE, "The JPEG is broken: %s.", what);
    longjmp(job->jump, 1);
}

static struct job *job_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static void on_error(j_common_ptr jpeg)
{
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    if (jpeg->err->msg_code == JERR_NO_BACKING_STORE)
        give_up(job_of(jpeg), "it needs more than 64 MB to decode");
    give_up(job_of(jpeg), message);
}

/* Level -1 is damage; others are chatter. Some cameras leave bytes between segments. */
static void on_message(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    const bool harmless =
        code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM;
    if (level < 0 && !harmless)
        on_error(jpeg);
}

static void on_output(j_common_ptr jpeg)
{
    (void)jpeg;
}

/* Called between groups of rows, also while a progressive file's scans are taken in. */
static void on_progress(j_common_ptr jpeg)
{
    struct job *job = job_of(jpeg);
    if (job->jpeg.input_scan_number > UR_JPEG_MAX_SCANS)
        give_up(job, "it has more than 100 scans");
    if (ur_deadline_passed())
        give_up(job, "decoding takes too long");
}

static void set_up(struct job *job, const unsigned char *body, size_t n_bytes)
{
    jpeg_create_decompress(&job->jpeg);
    job->jpeg.client_data = job;
    job->jpeg.mem->max_memory_to_use = UR_JPEG_MAX_MEMORY;
    job->progress.progress_monitor = on_progress;
    job->jpeg.progress = &job->progress;
    jpeg_mem_src(&job->jpeg, body, n_bytes);
}

static void choose_colours(struct job *job)
{
    const J_COLOR_SPACE space = job->jpeg.jpeg_color_space;
    if (space != JCS_GRAYSCALE && space != JCS_YCbCr && space != JCS_RGB)
        give_up(job, "its colours are neither grey nor RGB; save it as RGB");
    job->jpeg.out_color_space = space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
}

/* The smallest size that still has all the pixels that will be kept. */
static void choose_scale(struct job *job)
{
    const struct ur_picture *picture = job->picture;
    const JDIMENSION width = job->jpeg.image_width, height = job->jpeg.image_height;
    const JDIMENSION longer = width > height ? width : height;
    const bool keep =
        (int32_t)width == picture->keep_width && (int32_t)height == picture->keep_height;
    job->jpeg.scale_num = 1;
    job->jpeg.scale_denom = 1;
    while (!keep && job->jpeg.scale_denom < 8 &&
           longer / (2 * job->jpeg.scale_denom) >= UR_PICTURE_SIDE)
        job->jpeg.scale_denom *= 2;
}

/* Everything between header and end; libjpeg's errors jump out of it. */
static void decode(struct job *job)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    jpeg_read_header(jpeg, TRUE);
    job->status = ur_picture_check_size(jpeg->image_width, jpeg->image_height, job->error);
    if (job->status != UR_OK)
        return;
    choose_colours(job);
    choose_scale(job);
    jpeg_start_decompress(jpeg);
    job->status = ur_picture_begin(job->picture, jpeg->output_width, jpeg->output_height,
                                   jpeg->output_components, job->error);
    if (job->status != UR_OK)
        return;
    job->row = malloc((size_t)jpeg->output_width * (size_t)jpeg->output_components);
    if (job->row == NULL) {
        job->status = ur_fail(job->error, UR_NO_MEMORY, "There is no memory for the picture.");
        return;
    }
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW rows[1] = {job->row};
        if (jpeg_read_scanlines(jpeg, rows, 1) == 1)
            ur_picture_add_row(job->picture, job->row);
    }
    jpeg_finish_decompress(jpeg);
}

enum ur_status ur_image_decode_jpeg(const unsigned char *body, size_t n_bytes,
                                    struct ur_picture *picture, struct ur_error *error)
{
    struct job job = {.picture = picture, .error = error};
    job.jpeg.err = jpeg_std_error(&job.errors);
    job.jpeg.client_data = &job; /* errors inside of jpeg_create_decompress want it too */
    job.errors.error_exit = on_error;
    job.errors.emit_message = on_message;
    job.errors.output_message = on_output;
    if (setjmp(job.jump) == 0) {
        set_up(&job, body, n_bytes);
        decode(&job);
    }
    jpeg_destroy_decompress(&job.jpeg);
    free(job.row);
    return job.status;
}
