#include "unroll/wire.h"

struct ur_reader ur_reader_of(const void *bytes, size_t count)
{
    return (struct ur_reader){.at = bytes, .left = count, .failed = false};
}

const unsigned char *ur_read_view(struct ur_reader *reader, size_t count)
{
    if (reader->failed || count > reader->left) {
        reader->failed = true;
        return NULL;
    }
    const unsigned char *view = reader->at;
    if (count > 0)
        reader->at += count;
    reader->left -= count;
    return view;
}

static uint64_t read_number(struct ur_reader *reader, size_t bytes)
{
    const unsigned char *view = ur_read_view(reader, bytes);
    uint64_t value = 0;
    for (size_t i = 0; view != NULL && i < bytes; i++)
        value |= (uint64_t)view[i] << (8 * i);
    return value;
}

uint8_t ur_read_u8(struct ur_reader *reader)
{
    return (uint8_t)read_number(reader, 1);
}

uint16_t ur_read_u16(struct ur_reader *reader)
{
    return (uint16_t)read_number(reader, 2);
}

uint32_t ur_read_u32(struct ur_reader *reader)
{
    return (uint32_t)read_number(reader, 4);
}

uint64_t ur_read_u64(struct ur_reader *reader)
{
    return read_number(reader, 8);
}

float ur_read_f32(struct ur_reader *reader)
{
    uint32_t bits = ur_read_u32(reader);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double ur_read_f64(struct ur_reader *reader)
{
    uint64_t bits = ur_read_u64(reader);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void ur_read_bytes(struct ur_reader *reader, void *out, size_t count)
{
    const unsigned char *view = ur_read_view(reader, count);
    if (count == 0)
        return;
    if (view != NULL)
        memcpy(out, view, count);
    else
        memset(out, 0, count);
}

void ur_read_string(struct ur_reader *reader, char *out, size_t size)
{
    size_t length = ur_read_u32(reader);
    out[0] = '\0';
    if (length >= size) {
        reader->failed = true;
        return;
    }
    const unsigned char *view = ur_read_view(reader, length);
    if (view == NULL || length == 0)
        return;
    if (memchr(view, '\0', length) != NULL) {
        reader->failed = true;
        return;
    }
    memcpy(out, view, length);
    out[length] = '\0';
}

bool ur_reader_done(const struct ur_reader *reader)
{
    return !reader->failed && reader->left == 0;
}

struct ur_writer ur_writer_of(void *buffer, size_t size)
{
    return (struct ur_writer){.data = buffer, .size = size, .used = 0, .failed = false};
}

void ur_write_bytes(struct ur_writer *writer, const void *bytes, size_t count)
{
    if (writer->failed || count > writer->size - writer->used) {
        writer->failed = true;
        return;
    }
    if (count > 0)
        memcpy(writer->data + writer->used, bytes, count);
    writer->used += count;
}

static void write_number(struct ur_writer *writer, uint64_t value, size_t bytes)
{
    unsigned char out[8];
    for (size_t i = 0; i < bytes; i++)
        out[i] = (unsigned char)(value >> (8 * i));
    ur_write_bytes(writer, out, bytes);
}

void ur_write_u8(struct ur_writer *writer, uint8_t value)
{
    write_number(writer, value, 1);
}

void ur_write_u16(struct ur_writer *writer, uint16_t value)
{
    write_number(writer, value, 2);
}

void ur_write_u32(struct ur_writer *writer, uint32_t value)
{
    write_number(writer, value, 4);
}

void ur_write_u64(struct ur_writer *writer, uint64_t value)
{
    write_number(writer, value, 8);
}

void ur_write_f32(struct ur_writer *writer, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    ur_write_u32(writer, bits);
}

void ur_write_f64(struct ur_writer *writer, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    ur_write_u64(writer, bits);
}

void ur_write_string(struct ur_writer *writer, const char *text)
{
    size_t length = strlen(text);
    if (length > UINT32_MAX) {
        writer->failed = true;
        return;
    }
    ur_write_u32(writer, (uint32_t)length);
    ur_write_bytes(writer, text, length);
}
