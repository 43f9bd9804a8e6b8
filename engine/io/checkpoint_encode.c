#include <assert.h>

#include "io/checkpoint_sections.h"
#include "unroll/digest.h"
#include "unroll/text.h"
#include "unroll/wire.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "packed numbers are copied as they lie in memory");

/* Where everything goes; a section of no bytes is left out. */
struct layout {
    size_t bytes[UR_SECTIONS], offsets[UR_SECTIONS];
    uint32_t count;
    size_t file_bytes;
};

static size_t tensors_bytes(const struct ur_params *params)
{
    size_t bytes = sizeof(uint32_t);
    for (int32_t k = 0; k < params->count; k++)
        bytes += sizeof(uint32_t) * (2 + (size_t)params->items[k].rank) +
                 strlen(params->items[k].name);
    return bytes;
}

static struct layout layout_of(const struct ur_checkpoint_content *content)
{
    const size_t packed = content->params->n_parameters * sizeof(float);
    const bool resumable = content->kind == UR_FILE_CHECKPOINT;
    struct layout layout = {
        .bytes = {
            [UR_SECTION_SPEC] = strlen(content->spec_json),
            [UR_SECTION_INFO] = UR_INFO_BYTES,
            [UR_SECTION_TENSORS] = tensors_bytes(content->params),
            [UR_SECTION_WEIGHTS] = packed,
            [UR_SECTION_ADAM_M] = resumable ? packed : 0,
            [UR_SECTION_ADAM_V] = resumable ? packed : 0,
            [UR_SECTION_EMA] = resumable && content->ema ? packed : 0,
            [UR_SECTION_HISTORY] = resumable ? content->history_bytes : 0,
            [UR_SECTION_REPORT] =
                !resumable && content->report_json ? strlen(content->report_json) : 0,
            [UR_SECTION_SERIES] = content->info.shape.series ? UR_SERIES_BYTES : 0,
        }};
    for (int k = 0; k < UR_SECTIONS; k++)
        layout.count += layout.bytes[k] > 0;
    size_t end = UR_CHECKPOINT_HEADER_BYTES + (size_t)layout.count * UR_CHECKPOINT_ENTRY_BYTES;
    for (int k = 0; k < UR_SECTIONS; k++) {
        if (layout.bytes[k] == 0)
            continue;
        layout.offsets[k] = ur_section_align(end);
        end = layout.offsets[k] + layout.bytes[k];
    }
    layout.file_bytes = end;
    return layout;
}

size_t ur_checkpoint_bytes(const struct ur_checkpoint_content *content)
{
    return layout_of(content).file_bytes;
}

bool ur_packed_finite(const unsigned char *packed, size_t count)
{
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, packed + i * sizeof bits, sizeof bits);
        found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return found == 0;
}

/* Writes a text of fixed length, filled up with zeros. */
static void write_field(struct ur_writer *writer, const char *text, size_t size)
{
    const size_t length = strnlen(text, size - 1);
    ur_write_bytes(writer, text, length);
    for (size_t i = length; i < size; i++)
        ur_write_u8(writer, 0);
}

static void write_info(struct ur_writer *writer, const struct ur_checkpoint_info *info,
                       const char *weights_sha256)
{
    ur_write_u32(writer, UR_INFO_LAYOUT);
    ur_write_u32(writer, (uint32_t)info->step);
    ur_write_f64(writer, info->seconds);
    ur_write_u32(writer, (uint32_t)info->shape.steps);
    ur_write_u32(writer, (uint32_t)info->shape.width);
    ur_write_u32(writer, (uint32_t)info->shape.classes);
    ur_write_u32(writer, (uint32_t)info->shape.n_train);
    ur_write_u32(writer, (uint32_t)info->shape.n_test);
    write_field(writer, info->dataset_sha256, sizeof info->dataset_sha256);
    write_field(writer, info->numerics_profile, sizeof info->numerics_profile);
    write_field(writer, weights_sha256, sizeof info->weights_sha256);
    write_field(writer, info->program_version, sizeof info->program_version);
    ur_write_f32(writer, info->best_validation_accuracy);
    ur_write_u32(writer, (uint32_t)info->best_step);
}

static void write_tensors(struct ur_writer *writer, const struct ur_params *params)
{
    ur_write_u32(writer, (uint32_t)params->count);
    for (int32_t k = 0; k < params->count; k++) {
        ur_write_string(writer, params->items[k].name);
        ur_write_u32(writer, (uint32_t)params->items[k].rank);
        for (int32_t i = 0; i < params->items[k].rank; i++)
            ur_write_u32(writer, (uint32_t)params->items[k].dims[i]);
    }
}

/* Packs an array of the table's layout. A number that is not finite never reaches a disk. */
static enum ur_status pack(const struct ur_params *params, const float *array,
                           unsigned char *out, const char *what, struct ur_error *error)
{
    for (int32_t k = 0; k < params->count; k++) {
        const struct ur_tensor *tensor = &params->items[k];
        memcpy(out, array + tensor->offset, tensor->count * sizeof(float));
        if (!ur_packed_finite(out, tensor->count))
            return ur_fail(error, UR_DIVERGED,
                           "%s of %s are no longer finite, so no file is written.", what,
                           tensor->name);
        out += tensor->count * sizeof(float);
    }
    return UR_OK;
}

static enum ur_status pack_arrays(const struct ur_checkpoint_content *content,
                                  const struct layout *layout, unsigned char *buffer,
                                  struct ur_error *error)
{
    const struct ur_params *params = content->params;
    enum ur_status status =
        pack(params, content->weights, buffer + layout->offsets[UR_SECTION_WEIGHTS], "Weights",
             error);
    if (status == UR_OK && layout->bytes[UR_SECTION_ADAM_M])
        status = pack(params, content->adam_m, buffer + layout->offsets[UR_SECTION_ADAM_M],
                      "the first moments", error);
    if (status == UR_OK && layout->bytes[UR_SECTION_ADAM_V])
        status = pack(params, content->adam_v, buffer + layout->offsets[UR_SECTION_ADAM_V],
                      "the second moments", error);
    if (status == UR_OK && layout->bytes[UR_SECTION_EMA])
        status = pack(params, content->ema, buffer + layout->offsets[UR_SECTION_EMA],
                      "the running means", error);
    return status;
}

static void write_small_sections(const struct ur_checkpoint_content *content,
                                 const struct layout *layout, unsigned char *buffer)
{
    const size_t *bytes = layout->bytes, *offsets = layout->offsets;
    char weights_sha256[UR_SHA256_HEX_BYTES];
    ur_digest_hex(buffer + offsets[UR_SECTION_WEIGHTS], bytes[UR_SECTION_WEIGHTS],
                  weights_sha256);
    struct ur_writer info = ur_writer_of(buffer + offsets[UR_SECTION_INFO], UR_INFO_BYTES);
    write_info(&info, &content->info, weights_sha256);
    struct ur_writer tensors =
        ur_writer_of(buffer + offsets[UR_SECTION_TENSORS], bytes[UR_SECTION_TENSORS]);
    write_tensors(&tensors, content->params);
    assert(!info.failed && info.used == info.size);
    assert(!tensors.failed && tensors.used == tensors.size);
    memcpy(buffer + offsets[UR_SECTION_SPEC], content->spec_json, bytes[UR_SECTION_SPEC]);
    if (bytes[UR_SECTION_HISTORY])
        memcpy(buffer + offsets[UR_SECTION_HISTORY], content->history,
               bytes[UR_SECTION_HISTORY]);
    if (bytes[UR_SECTION_REPORT])
        memcpy(buffer + offsets[UR_SECTION_REPORT], content->report_json,
               bytes[UR_SECTION_REPORT]);
    if (bytes[UR_SECTION_SERIES]) {
        struct ur_writer series =
            ur_writer_of(buffer + offsets[UR_SECTION_SERIES], bytes[UR_SECTION_SERIES]);
        ur_write_f64(&series, content->info.mean);
        ur_write_f64(&series, content->info.deviation);
        assert(!series.failed && series.used == series.size);
    }
}

static void digest(const unsigned char *bytes, size_t count, unsigned char out[UR_SHA256_BYTES])
{
    struct ur_digest state;
    ur_digest_init(&state);
    ur_digest_update(&state, bytes, count);
    ur_digest_final(&state, out);
}

static void write_table(const struct layout *layout, unsigned char *buffer)
{
    static const char tags[UR_SECTIONS][UR_TAG_BYTES] = UR_SECTION_TAGS;
    unsigned char sha[UR_SHA256_BYTES];
    struct ur_writer table = ur_writer_of(buffer + UR_CHECKPOINT_HEADER_BYTES,
                                          (size_t)layout->count * UR_CHECKPOINT_ENTRY_BYTES);
    for (int k = 0; k < UR_SECTIONS; k++) {
        if (layout->bytes[k] == 0)
            continue;
        digest(buffer + layout->offsets[k], layout->bytes[k], sha);
        ur_write_bytes(&table, tags[k], UR_TAG_BYTES);
        ur_write_u64(&table, layout->offsets[k]);
        ur_write_u64(&table, layout->bytes[k]);
        ur_write_bytes(&table, sha, sizeof sha);
    }
    assert(!table.failed && table.used == table.size);
}

static void write_header(const struct ur_checkpoint_content *content,
                         const struct layout *layout, unsigned char *buffer)
{
    unsigned char sha[UR_SHA256_BYTES];
    struct ur_writer header = ur_writer_of(buffer, UR_CHECKPOINT_HEADER_BYTES);
    digest(buffer + UR_CHECKPOINT_HEADER_BYTES,
           (size_t)layout->count * UR_CHECKPOINT_ENTRY_BYTES, sha);
    ur_write_bytes(&header, UR_CHECKPOINT_MAGIC, strlen(UR_CHECKPOINT_MAGIC));
    ur_write_u32(&header, UR_CHECKPOINT_VERSION);
    ur_write_u32(&header, (uint32_t)content->kind);
    ur_write_u64(&header, layout->file_bytes);
    ur_write_u32(&header, layout->count);
    ur_write_u32(&header, 0);
    ur_write_bytes(&header, sha, sizeof sha);
    assert(!header.failed && header.used == header.size);
}

enum ur_status ur_checkpoint_encode(const struct ur_checkpoint_content *content,
                                    unsigned char *buffer, struct ur_error *error)
{
    const struct layout layout = layout_of(content);
    memset(buffer, 0, layout.file_bytes); /* between the sections, too */
    enum ur_status status = pack_arrays(content, &layout, buffer, error);
    if (status != UR_OK)
        return status;
    write_small_sections(content, &layout, buffer);
    write_table(&layout, buffer);
    write_header(content, &layout, buffer);
    return UR_OK;
}
