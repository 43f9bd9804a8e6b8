/*
 * Each record has one function that says what may be in it (`*_valid`), and its writer and its
 * reader both ask it: what a reader would refuse is never sent, and a record of ours that is
 * wrong shows where it was made.
 */
#include "unroll/record.h"

#include <math.h>
#include <stdbool.h>

#include "unroll/text.h"

/* Reads a whole number that a peer wrote as int32; a negative one fails in the range checks. */
static int32_t read_i32(struct ur_reader *reader)
{
    uint32_t bits = ur_read_u32(reader);
    int32_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void write_i32(struct ur_writer *writer, int32_t value)
{
    ur_write_u32(writer, (uint32_t)value);
}

static enum ur_status finish(const struct ur_reader *reader, bool valid, const char *what,
                             struct ur_error *error)
{
    if (ur_reader_done(reader) && valid)
        return UR_OK;
    return ur_fail(error, UR_PROTOCOL, "A worker sent a malformed %s record.", what);
}

static void refuse_unless(struct ur_writer *writer, bool valid)
{
    if (!valid)
        writer->failed = true;
}

static bool text_valid(const char *text)
{
    return ur_text_printable(text, strlen(text));
}

static bool sha256_valid(const char *hex)
{
    return strlen(hex) == UR_SHA256_HEX_BYTES - 1 &&
           strspn(hex, "0123456789abcdef") == UR_SHA256_HEX_BYTES - 1;
}

static bool within(int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high;
}

static bool is_fraction(float value)
{
    return value >= 0.0f && value <= 1.0f;
}

static bool is_amount(float value)
{
    return isfinite(value) && value >= 0.0f;
}

static bool shape_valid(const struct ur_data_shape *shape)
{
    return within(shape->steps, 1, UR_MAX_STEPS_PER_ROW) &&
           within(shape->width, 1, UR_MAX_WIDTH) && within(shape->classes, 1, UR_MAX_CLASSES) &&
           shape->n_train >= 1 && shape->n_test >= 0;
}

static void shape_write(struct ur_writer *writer, const struct ur_data_shape *shape)
{
    write_i32(writer, shape->steps);
    write_i32(writer, shape->width);
    write_i32(writer, shape->classes);
    write_i32(writer, shape->n_train);
    write_i32(writer, shape->n_test);
}

static void shape_read(struct ur_reader *reader, struct ur_data_shape *shape)
{
    shape->steps = read_i32(reader);
    shape->width = read_i32(reader);
    shape->classes = read_i32(reader);
    shape->n_train = read_i32(reader);
    shape->n_test = read_i32(reader);
}

/* HELLO. The version comes first and alone decides: another version's fields may be others. */

static bool hello_valid(const struct ur_record_hello *record)
{
    return record->version == UR_RECORD_VERSION && text_valid(record->program_version) &&
           text_valid(record->numerics_profile) && text_valid(record->blas) &&
           sha256_valid(record->dataset_sha256) && shape_valid(&record->shape) &&
           within(record->threads, 1, UR_MAX_THREADS) && record->steps >= 1 &&
           within(record->first_step, 0, record->steps) && record->n_parameters >= 1;
}

void ur_record_hello_write(struct ur_writer *writer, const struct ur_record_hello *record)
{
    refuse_unless(writer, hello_valid(record));
    ur_write_u32(writer, record->version);
    ur_write_string(writer, record->program_version);
    ur_write_string(writer, record->numerics_profile);
    ur_write_string(writer, record->blas);
    ur_write_string(writer, record->dataset_sha256);
    shape_write(writer, &record->shape);
    write_i32(writer, record->threads);
    write_i32(writer, record->steps);
    write_i32(writer, record->first_step);
    ur_write_u64(writer, record->n_parameters);
    ur_write_u64(writer, record->memory_bytes);
}

enum ur_status ur_record_hello_read(const struct ur_frame *frame,
                                    struct ur_record_hello *record, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    *record = (struct ur_record_hello){.version = ur_read_u32(&reader)};
    if (!reader.failed && record->version != UR_RECORD_VERSION)
        return ur_fail(error, UR_PROTOCOL,
                       "The worker speaks version %u of the protocol, this program version %d.",
                       (unsigned)record->version, (int)UR_RECORD_VERSION);
    ur_read_string(&reader, record->program_version, sizeof record->program_version);
    ur_read_string(&reader, record->numerics_profile, sizeof record->numerics_profile);
    ur_read_string(&reader, record->blas, sizeof record->blas);
    ur_read_string(&reader, record->dataset_sha256, sizeof record->dataset_sha256);
    shape_read(&reader, &record->shape);
    record->threads = read_i32(&reader);
    record->steps = read_i32(&reader);
    record->first_step = read_i32(&reader);
    record->n_parameters = ur_read_u64(&reader);
    record->memory_bytes = ur_read_u64(&reader);
    return finish(&reader, hello_valid(record), "hello", error);
}

/* PHASE */

static bool phase_valid(const struct ur_record_phase *record)
{
    return record->phase <= UR_PHASE_SAVING && is_fraction(record->done);
}

void ur_record_phase_write(struct ur_writer *writer, const struct ur_record_phase *record)
{
    refuse_unless(writer, phase_valid(record));
    ur_write_u32(writer, record->phase);
    ur_write_f32(writer, record->done);
}

enum ur_status ur_record_phase_read(const struct ur_frame *frame,
                                    struct ur_record_phase *record, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    record->phase = ur_read_u32(&reader);
    record->done = ur_read_f32(&reader);
    return finish(&reader, phase_valid(record), "phase", error);
}

/* STEPS. Loss and gradient norm may be anything: the point of a diverging step is told too. */

static bool point_valid(const struct ur_step_point *point)
{
    return point->step >= 1 && point->epoch >= 0 && is_fraction(point->accuracy) &&
           is_amount(point->learning_rate) && is_amount(point->images_per_second) &&
           is_amount(point->seconds);
}

static bool steps_valid(const struct ur_record_steps *record)
{
    if (record->count > UR_MAX_STEP_POINTS)
        return false;
    for (uint32_t i = 0; i < record->count; i++)
        if (!point_valid(&record->points[i]) ||
            (i > 0 && record->points[i].step <= record->points[i - 1].step))
            return false;
    return true;
}

static void point_read(struct ur_reader *reader, struct ur_step_point *point)
{
    point->step = read_i32(reader);
    point->epoch = read_i32(reader);
    point->loss = ur_read_f32(reader);
    point->accuracy = ur_read_f32(reader);
    point->learning_rate = ur_read_f32(reader);
    point->gradient_norm = ur_read_f32(reader);
    point->images_per_second = ur_read_f32(reader);
    point->seconds = ur_read_f32(reader);
}

void ur_record_steps_write(struct ur_writer *writer, const struct ur_record_steps *record)
{
    refuse_unless(writer, steps_valid(record));
    ur_write_u32(writer, record->dropped);
    ur_write_u32(writer, record->count);
    for (uint32_t i = 0; i < record->count && !writer->failed; i++) {
        const struct ur_step_point *point = &record->points[i];
        write_i32(writer, point->step);
        write_i32(writer, point->epoch);
        ur_write_f32(writer, point->loss);
        ur_write_f32(writer, point->accuracy);
        ur_write_f32(writer, point->learning_rate);
        ur_write_f32(writer, point->gradient_norm);
        ur_write_f32(writer, point->images_per_second);
        ur_write_f32(writer, point->seconds);
    }
}

enum ur_status ur_record_steps_read(const struct ur_frame *frame,
                                    struct ur_record_steps *record, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    record->dropped = ur_read_u32(&reader);
    record->count = ur_read_u32(&reader);
    for (uint32_t i = 0; i < record->count && i < UR_MAX_STEP_POINTS; i++)
        point_read(&reader, &record->points[i]);
    bool read = !reader.failed; /* points past a failure were never written */
    return finish(&reader, read && steps_valid(record), "steps", error);
}

/* EPOCH */

static bool epoch_valid(const struct ur_record_epoch *record)
{
    return record->epoch >= 1 && record->step >= 1 && is_fraction(record->train_accuracy) &&
           (isnan(record->validation_accuracy) || is_fraction(record->validation_accuracy)) &&
           is_amount(record->seconds) && sha256_valid(record->weights_sha256);
}

void ur_record_epoch_write(struct ur_writer *writer, const struct ur_record_epoch *record)
{
    refuse_unless(writer, epoch_valid(record));
    write_i32(writer, record->epoch);
    write_i32(writer, record->step);
    ur_write_f32(writer, record->train_loss);
    ur_write_f32(writer, record->train_accuracy);
    ur_write_f32(writer, record->validation_loss);
    ur_write_f32(writer, record->validation_accuracy);
    ur_write_f32(writer, record->seconds);
    ur_write_string(writer, record->weights_sha256);
}

enum ur_status ur_record_epoch_read(const struct ur_frame *frame,
                                    struct ur_record_epoch *record, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    record->epoch = read_i32(&reader);
    record->step = read_i32(&reader);
    record->train_loss = ur_read_f32(&reader);
    record->train_accuracy = ur_read_f32(&reader);
    record->validation_loss = ur_read_f32(&reader);
    record->validation_accuracy = ur_read_f32(&reader);
    record->seconds = ur_read_f32(&reader);
    ur_read_string(&reader, record->weights_sha256, sizeof record->weights_sha256);
    return finish(&reader, epoch_valid(record), "epoch", error);
}

/* CHECKPOINT */

static bool checkpoint_valid(const struct ur_record_checkpoint *record)
{
    return record->step >= 0 && record->kind <= UR_CHECKPOINT_MODEL && record->bytes > 0 &&
           sha256_valid(record->weights_sha256);
}

void ur_record_checkpoint_write(struct ur_writer *writer,
                                const struct ur_record_checkpoint *record)
{
    refuse_unless(writer, checkpoint_valid(record));
    write_i32(writer, record->step);
    ur_write_u32(writer, record->kind);
    ur_write_u64(writer, record->bytes);
    ur_write_string(writer, record->weights_sha256);
}

enum ur_status ur_record_checkpoint_read(const struct ur_frame *frame,
                                         struct ur_record_checkpoint *record,
                                         struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    record->step = read_i32(&reader);
    record->kind = ur_read_u32(&reader);
    record->bytes = ur_read_u64(&reader);
    ur_read_string(&reader, record->weights_sha256, sizeof record->weights_sha256);
    return finish(&reader, checkpoint_valid(record), "checkpoint", error);
}

/* CONFUSION */

static bool confusion_valid(const struct ur_record_confusion *record)
{
    return record->epoch >= 0 && record->split <= UR_SPLIT_TEST &&
           within(record->classes, 1, UR_MAX_CLASSES);
}

void ur_record_confusion_write(struct ur_writer *writer,
                               const struct ur_record_confusion *record)
{
    refuse_unless(writer, confusion_valid(record));
    write_i32(writer, record->epoch);
    ur_write_u32(writer, record->split);
    write_i32(writer, record->classes);
    size_t cells = (size_t)record->classes * (size_t)record->classes;
    for (size_t i = 0; i < cells && !writer->failed; i++)
        ur_write_u32(writer, record->counts[i]);
}

enum ur_status ur_record_confusion_read(const struct ur_frame *frame,
                                        struct ur_record_confusion *record, uint32_t *counts,
                                        size_t capacity, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    record->epoch = read_i32(&reader);
    record->split = ur_read_u32(&reader);
    record->classes = read_i32(&reader);
    record->counts = counts;
    bool valid = confusion_valid(record);
    size_t cells = valid ? (size_t)record->classes * (size_t)record->classes : 0;
    valid = valid && cells <= capacity;
    for (size_t i = 0; valid && i < cells; i++)
        counts[i] = ur_read_u32(&reader);
    return finish(&reader, valid, "confusion", error);
}

/* END. The report is JSON that its readers parse anyway: here it is only bytes without a
 * NUL. */

static bool end_valid(const struct ur_record_end *record)
{
    return record->status < UR_STATUS_COUNT && record->stopped <= 1 &&
           (record->stopped == 0 || record->status == UR_OK) && text_valid(record->detail) &&
           (record->report_bytes == 0 ||
            memchr(record->report, '\0', record->report_bytes) == NULL);
}

void ur_record_end_write(struct ur_writer *writer, const struct ur_record_end *record)
{
    /* The last word of a worker must arrive, whatever a file name put into its detail. */
    struct ur_record_end clean = *record;
    ur_copy_printable(clean.detail, sizeof clean.detail, record->detail);
    refuse_unless(writer, end_valid(&clean) && record->report_bytes <= UR_RECORD_MAX_BYTES);
    ur_write_u32(writer, clean.status);
    ur_write_u8(writer, clean.stopped);
    ur_write_string(writer, clean.detail);
    ur_write_u32(writer, (uint32_t)clean.report_bytes);
    ur_write_bytes(writer, clean.report, clean.report_bytes);
}

enum ur_status ur_record_end_read(const struct ur_frame *frame, struct ur_record_end *record,
                                  struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    record->status = ur_read_u32(&reader);
    record->stopped = ur_read_u8(&reader);
    ur_read_string(&reader, record->detail, sizeof record->detail);
    record->report_bytes = ur_read_u32(&reader);
    record->report = (const char *)ur_read_view(&reader, record->report_bytes);
    if (record->report == NULL)
        record->report_bytes = 0;
    return finish(&reader, end_valid(record), "end", error);
}

/* INSIGHT */

static bool insight_valid(const struct ur_record_insight *record)
{
    return record->step >= 1 && record->json_bytes >= 2 &&
           memchr(record->json, '\0', record->json_bytes) == NULL;
}

void ur_record_insight_write(struct ur_writer *writer, const struct ur_record_insight *record)
{
    refuse_unless(writer, insight_valid(record) && record->json_bytes <= UR_RECORD_MAX_BYTES);
    write_i32(writer, record->step);
    ur_write_u32(writer, (uint32_t)record->json_bytes);
    ur_write_bytes(writer, record->json, record->json_bytes);
}

enum ur_status ur_record_insight_read(const struct ur_frame *frame,
                                      struct ur_record_insight *record, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    record->step = read_i32(&reader);
    record->json_bytes = ur_read_u32(&reader);
    record->json = (const char *)ur_read_view(&reader, record->json_bytes);
    return finish(&reader, record->json != NULL && insight_valid(record), "insight", error);
}

/* DATASET */

static bool dataset_valid(const struct ur_record_dataset *record)
{
    return ur_name_valid(record->name) && ur_name_valid(record->kind) &&
           sha256_valid(record->sha256) && shape_valid(&record->shape);
}

void ur_record_dataset_write(struct ur_writer *writer, const struct ur_record_dataset *record)
{
    refuse_unless(writer, dataset_valid(record));
    ur_write_string(writer, record->name);
    ur_write_string(writer, record->kind);
    ur_write_string(writer, record->sha256);
    shape_write(writer, &record->shape);
}

enum ur_status ur_record_dataset_read(const struct ur_frame *frame,
                                      struct ur_record_dataset *record, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(frame->payload, frame->bytes);
    *record = (struct ur_record_dataset){0};
    ur_read_string(&reader, record->name, sizeof record->name);
    ur_read_string(&reader, record->kind, sizeof record->kind);
    ur_read_string(&reader, record->sha256, sizeof record->sha256);
    shape_read(&reader, &record->shape);
    record->shape.series = strcmp(record->kind, UR_KIND_SERIES) == 0;
    return finish(&reader, dataset_valid(record), "dataset", error);
}
