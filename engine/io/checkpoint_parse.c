#include <math.h>

#include "io/checkpoint_sections.h"
#include "unroll/digest.h"
#include "unroll/text.h"
#include "unroll/wire.h"

static enum ur_status bad(struct ur_error *error, const char *why)
{
    return ur_fail(error, UR_BAD_CHECKPOINT, "The file is damaged or not of Unroll: %s.", why);
}

static bool has_digest(const unsigned char *bytes, size_t count,
                       const unsigned char expected[UR_SHA256_BYTES])
{
    struct ur_digest state;
    unsigned char sha[UR_SHA256_BYTES];
    ur_digest_init(&state);
    ur_digest_update(&state, bytes, count);
    ur_digest_final(&state, sha);
    return memcmp(sha, expected, sizeof sha) == 0;
}

static enum ur_status parse_header(struct ur_checkpoint_file *file, uint32_t *n_sections,
                                   struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(file->bytes, file->n_bytes);
    unsigned char sha[UR_SHA256_BYTES];
    char magic[sizeof UR_CHECKPOINT_MAGIC - 1];
    ur_read_bytes(&reader, magic, sizeof magic);
    if (reader.failed || memcmp(magic, UR_CHECKPOINT_MAGIC, sizeof magic) != 0)
        return bad(error, "it does not begin with " UR_CHECKPOINT_MAGIC);
    const uint32_t version = ur_read_u32(&reader);
    if (!reader.failed && version != UR_CHECKPOINT_VERSION)
        return ur_fail(error, UR_BAD_CHECKPOINT,
                       "The file has version %u, this program reads version %d.", version,
                       UR_CHECKPOINT_VERSION);
    const uint32_t kind = ur_read_u32(&reader);
    const uint64_t n_bytes = ur_read_u64(&reader);
    *n_sections = ur_read_u32(&reader);
    const uint32_t zero = ur_read_u32(&reader);
    ur_read_bytes(&reader, sha, sizeof sha);
    if (reader.failed || n_bytes != file->n_bytes)
        return bad(error, "it has not the length that its header says");
    if ((kind != UR_FILE_CHECKPOINT && kind != UR_FILE_MODEL) || zero != 0)
        return bad(error, "its kind is unknown");
    if (*n_sections > UR_CHECKPOINT_MAX_SECTIONS)
        return bad(error, "it has too many sections");
    const size_t table = *n_sections * (size_t)UR_CHECKPOINT_ENTRY_BYTES;
    if (reader.left < table || !has_digest(reader.at, table, sha))
        return bad(error, "its section table does not have the digest it should");
    file->kind = (enum ur_checkpoint_file_kind)kind;
    return UR_OK;
}

struct view {
    const unsigned char *at; /* NULL: there is no such section */
    size_t bytes;
};

static bool all_zero(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Checks one section's place and digest and remembers it if its tag is known. end is where the
 * one before ended; it becomes where this one does. */
static enum ur_status take_section(const struct ur_checkpoint_file *file,
                                   struct ur_reader *table, struct view views[UR_SECTIONS],
                                   size_t *end, struct ur_error *error)
{
    static const char tags[UR_SECTIONS][UR_TAG_BYTES] = UR_SECTION_TAGS;
    unsigned char sha[UR_SHA256_BYTES];
    char tag[UR_TAG_BYTES];
    ur_read_bytes(table, tag, sizeof tag);
    const uint64_t offset = ur_read_u64(table), bytes = ur_read_u64(table);
    ur_read_bytes(table, sha, sizeof sha);
    if (offset != ur_section_align(*end) || offset > file->n_bytes ||
        bytes > file->n_bytes - offset)
        return bad(error, "a section does not lie where it must");
    if (!all_zero(file->bytes + *end, offset - *end))
        return bad(error, "there are bytes between its sections");
    if (!has_digest(file->bytes + offset, bytes, sha))
        return bad(error, "a section does not have the digest it should");
    *end = offset + bytes;
    for (int k = 0; k < UR_SECTIONS; k++) {
        if (memcmp(tag, tags[k], sizeof tag) != 0)
            continue;
        if (views[k].at)
            return bad(error, "a section is there twice");
        views[k] = (struct view){file->bytes + offset, bytes};
    }
    return UR_OK;
}

static enum ur_status take_sections(const struct ur_checkpoint_file *file, uint32_t n_sections,
                                    struct view views[UR_SECTIONS], struct ur_error *error)
{
    const size_t table_bytes = n_sections * (size_t)UR_CHECKPOINT_ENTRY_BYTES;
    size_t end = UR_CHECKPOINT_HEADER_BYTES + table_bytes;
    struct ur_reader table =
        ur_reader_of(file->bytes + UR_CHECKPOINT_HEADER_BYTES, table_bytes);
    for (uint32_t i = 0; i < n_sections; i++) {
        enum ur_status status = take_section(file, &table, views, &end, error);
        if (status != UR_OK)
            return status;
    }
    return end == file->n_bytes ? UR_OK : bad(error, "it goes on after its last section");
}

static enum ur_status check_presence(enum ur_checkpoint_file_kind kind,
                                     const struct view views[UR_SECTIONS],
                                     struct ur_error *error)
{
    for (int k = UR_SECTION_SPEC; k <= UR_SECTION_WEIGHTS; k++)
        if (!views[k].at)
            return bad(error, "a section is missing");
    for (int k = UR_SECTION_ADAM_M; k <= UR_SECTION_ADAM_V; k++)
        if ((views[k].at != NULL) != (kind == UR_FILE_CHECKPOINT))
            return bad(error, "its sections are not those of its kind");
    if (views[UR_SECTION_EMA].at && kind != UR_FILE_CHECKPOINT)
        return bad(error, "its sections are not those of its kind");
    if (views[kind == UR_FILE_CHECKPOINT ? UR_SECTION_REPORT : UR_SECTION_HISTORY].at)
        return bad(error, "its sections are not those of its kind");
    if (views[UR_SECTION_SPEC].bytes > UR_JSON_MAX_BYTES ||
        views[UR_SECTION_REPORT].bytes > UR_RECORD_MAX_BYTES)
        return bad(error, "a text is too long");
    return UR_OK;
}

/* Reads a text of fixed length: nothing but zeros after its end, and one at least. */
static void read_field(struct ur_reader *reader, char *out, size_t size)
{
    ur_read_bytes(reader, out, size);
    if (reader->failed || !all_zero((const unsigned char *)out + strnlen(out, size - 1),
                                    size - strnlen(out, size - 1))) {
        reader->failed = true;
        out[0] = '\0';
    }
}

static bool in_range(int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high;
}

static bool is_sha256(const char *text)
{
    return strlen(text) == UR_SHA256_HEX_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == UR_SHA256_HEX_BYTES - 1;
}

static bool info_possible(const struct ur_checkpoint_info *info)
{
    const struct ur_data_shape *shape = &info->shape;
    return info->step >= 0 && info->best_step >= 0 && isfinite(info->seconds) &&
           info->seconds >= 0 && in_range(shape->steps, 1, UR_MAX_STEPS_PER_ROW) &&
           in_range(shape->width, 1, UR_MAX_WIDTH) &&
           in_range(shape->classes, 1, UR_MAX_CLASSES) && shape->n_train >= 0 &&
           shape->n_test >= 0 && is_sha256(info->weights_sha256) &&
           (info->dataset_sha256[0] == '\0' || is_sha256(info->dataset_sha256)) &&
           ur_text_printable(info->numerics_profile, strlen(info->numerics_profile)) &&
           ur_text_printable(info->program_version, strlen(info->program_version)) &&
           !(info->best_validation_accuracy < 0) && !(info->best_validation_accuracy > 1);
}

static enum ur_status parse_info(struct ur_checkpoint_file *file, struct view view,
                                 struct ur_error *error)
{
    struct ur_checkpoint_info *info = &file->info;
    struct ur_reader reader = ur_reader_of(view.at, view.bytes);
    const uint32_t layout = ur_read_u32(&reader);
    info->step = (int32_t)ur_read_u32(&reader);
    info->seconds = ur_read_f64(&reader);
    info->shape.steps = (int32_t)ur_read_u32(&reader);
    info->shape.width = (int32_t)ur_read_u32(&reader);
    info->shape.classes = (int32_t)ur_read_u32(&reader);
    info->shape.n_train = (int32_t)ur_read_u32(&reader);
    info->shape.n_test = (int32_t)ur_read_u32(&reader);
    read_field(&reader, info->dataset_sha256, sizeof info->dataset_sha256);
    read_field(&reader, info->numerics_profile, sizeof info->numerics_profile);
    read_field(&reader, info->weights_sha256, sizeof info->weights_sha256);
    read_field(&reader, info->program_version, sizeof info->program_version);
    info->best_validation_accuracy = ur_read_f32(&reader);
    info->best_step = (int32_t)ur_read_u32(&reader);
    if (!ur_reader_done(&reader) || layout != UR_INFO_LAYOUT || !info_possible(info))
        return bad(error, "its INFO section cannot be");
    return UR_OK;
}

/* The section is what makes a network one of series. */
static enum ur_status parse_series(struct ur_checkpoint_file *file, struct view view,
                                   struct ur_error *error)
{
    struct ur_checkpoint_info *info = &file->info;
    if (!view.at)
        return UR_OK;
    struct ur_reader reader = ur_reader_of(view.at, view.bytes);
    info->shape.series = 1;
    info->mean = ur_read_f64(&reader);
    info->deviation = ur_read_f64(&reader);
    if (!ur_reader_done(&reader) || !isfinite(info->mean) || !isfinite(info->deviation) ||
        !(info->deviation > 0))
        return bad(error, "its SERIES section cannot be");
    return UR_OK;
}

_Static_assert(UR_TENSOR_MAX_RANK == 2, "two dimensions below 2^31 multiply without overflow");

/* Adds up the floats of the tensors; 0 for a table that cannot be, one with more than limit
 * floats among them. */
static size_t count_floats(struct view view, size_t limit)
{
    struct ur_reader reader = ur_reader_of(view.at, view.bytes);
    const uint32_t count = ur_read_u32(&reader);
    size_t total = 0;
    if (count > UR_MAX_TENSORS)
        return 0;
    for (uint32_t k = 0; k < count; k++) {
        char name[UR_TENSOR_NAME_BYTES];
        ur_read_string(&reader, name, sizeof name);
        const uint32_t rank = ur_read_u32(&reader);
        if (reader.failed || !ur_name_valid(name) || rank < 1 || rank > UR_TENSOR_MAX_RANK)
            return 0;
        size_t floats = 1;
        for (uint32_t i = 0; i < rank; i++) {
            const uint32_t dim = ur_read_u32(&reader);
            if (dim < 1 || dim > INT32_MAX)
                return 0;
            floats *= dim;
        }
        if (floats > limit - total)
            return 0;
        total += floats;
    }
    return ur_reader_done(&reader) ? total : 0;
}

static enum ur_status parse_arrays(struct ur_checkpoint_file *file,
                                   const struct view views[UR_SECTIONS], struct ur_error *error)
{
    const size_t limit = views[UR_SECTION_WEIGHTS].bytes / sizeof(float);
    const size_t floats = count_floats(views[UR_SECTION_TENSORS], limit);
    if (floats == 0)
        return bad(error, "its TENSORS section cannot be");
    for (int k = UR_SECTION_WEIGHTS; k <= UR_SECTION_EMA; k++) {
        if (!views[k].at)
            continue;
        if (views[k].bytes != floats * sizeof(float))
            return bad(error, "its tensors do not have as many numbers as it says");
        if (!ur_packed_finite(views[k].at, floats))
            return bad(error, "there is a number in it that is not finite");
    }
    char sha256[UR_SHA256_HEX_BYTES];
    ur_digest_hex(views[UR_SECTION_WEIGHTS].at, views[UR_SECTION_WEIGHTS].bytes, sha256);
    if (strcmp(sha256, file->info.weights_sha256) != 0)
        return bad(error, "its weights do not have the digest that its INFO section says");
    return UR_OK;
}

static void point_into(struct ur_checkpoint_file *file, const struct view views[UR_SECTIONS])
{
    file->spec_json = (const char *)views[UR_SECTION_SPEC].at;
    file->spec_bytes = views[UR_SECTION_SPEC].bytes;
    file->report_json = (const char *)views[UR_SECTION_REPORT].at;
    file->report_bytes = views[UR_SECTION_REPORT].bytes;
    file->weights = views[UR_SECTION_WEIGHTS].at;
    file->adam_m = views[UR_SECTION_ADAM_M].at;
    file->adam_v = views[UR_SECTION_ADAM_V].at;
    file->ema = views[UR_SECTION_EMA].at;
    file->history = views[UR_SECTION_HISTORY].at;
    file->history_bytes = views[UR_SECTION_HISTORY].bytes;
    file->tensors = views[UR_SECTION_TENSORS].at;
    file->tensors_bytes = views[UR_SECTION_TENSORS].bytes;
}

enum ur_status ur_checkpoint_parse(struct ur_checkpoint_file *file, unsigned char *bytes,
                                   size_t n_bytes, struct ur_error *error)
{
    struct view views[UR_SECTIONS] = {{NULL, 0}};
    uint32_t n_sections = 0;
    *file = (struct ur_checkpoint_file){.bytes = bytes, .n_bytes = n_bytes};
    enum ur_status status = parse_header(file, &n_sections, error);
    if (status == UR_OK)
        status = take_sections(file, n_sections, views, error);
    if (status == UR_OK)
        status = check_presence(file->kind, views, error);
    if (status == UR_OK)
        status = parse_info(file, views[UR_SECTION_INFO], error);
    if (status == UR_OK)
        status = parse_series(file, views[UR_SECTION_SERIES], error);
    if (status == UR_OK)
        status = parse_arrays(file, views, error);
    if (status == UR_OK)
        point_into(file, views);
    else
        *file = (struct ur_checkpoint_file){.bytes = NULL}; /* bytes stay the caller's */
    return status;
}

const unsigned char *ur_checkpoint_result(const struct ur_checkpoint_file *file)
{
    return file->ema ? file->ema : file->weights;
}

/* Compares the next tensor of the file with one of the table. */
static enum ur_status same_tensor(struct ur_reader *reader, const struct ur_tensor *tensor,
                                  struct ur_error *error)
{
    char name[UR_TENSOR_NAME_BYTES];
    int32_t dims[UR_TENSOR_MAX_RANK] = {0, 0};
    ur_read_string(reader, name, sizeof name);
    const uint32_t rank = ur_read_u32(reader);
    for (uint32_t i = 0; i < rank && i < UR_TENSOR_MAX_RANK; i++)
        dims[i] = (int32_t)ur_read_u32(reader);
    const int32_t columns = tensor->rank == 2 ? tensor->dims[1] : 0;
    if (!reader->failed && strcmp(name, tensor->name) == 0 && (int32_t)rank == tensor->rank &&
        dims[0] == tensor->dims[0] && dims[1] == columns)
        return UR_OK;
    return ur_fail(error, UR_BAD_CHECKPOINT,
                   "The file holds a tensor %s of %d x %d where the network has %s of %d x %d.",
                   name, dims[0], dims[1], tensor->name, tensor->dims[0], columns);
}

enum ur_status ur_checkpoint_unpack(const struct ur_checkpoint_file *file,
                                    const struct ur_params *params, const unsigned char *packed,
                                    float *out, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(file->tensors, file->tensors_bytes);
    const uint32_t count = ur_read_u32(&reader);
    if (count != (uint32_t)params->count)
        return ur_fail(error, UR_BAD_CHECKPOINT,
                       "The file holds %u tensors, the network has %d.", count, params->count);
    memset(out, 0, params->n_floats * sizeof *out);
    for (int32_t k = 0; k < params->count; k++) {
        const struct ur_tensor *tensor = &params->items[k];
        enum ur_status status = same_tensor(&reader, tensor, error);
        if (status != UR_OK)
            return status;
        memcpy(out + tensor->offset, packed, tensor->count * sizeof *out);
        packed += tensor->count * sizeof *out;
    }
    return UR_OK;
}
