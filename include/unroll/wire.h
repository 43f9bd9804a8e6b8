/*
 * Little-endian numbers in byte strings: the one way in which our programs write binary and
 * read it back with every length checked.
 *
 * The reader never reads past its end: a read that does sets `failed`, gives zero, and so do
 * all later ones: read the whole message, look once at the end (`ur_reader_done` also demands
 * that nothing is left over). Cost: a few instructions. Ownership: both borrow the buffer.
 * Threads: one per struct.
 */
#ifndef UNROLL_WIRE_H
#define UNROLL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ur_reader {
    const unsigned char *at;
    size_t left; /* bytes */
    bool failed;
};

struct ur_writer {
    unsigned char *data;
    size_t size; /* bytes of the buffer */
    size_t used;
    bool failed; /* something did not fit */
};

struct ur_reader ur_reader_of(const void *bytes, size_t count);
uint8_t ur_read_u8(struct ur_reader *reader);
uint16_t ur_read_u16(struct ur_reader *reader);
uint32_t ur_read_u32(struct ur_reader *reader);
uint64_t ur_read_u64(struct ur_reader *reader);
float ur_read_f32(struct ur_reader *reader);
double ur_read_f64(struct ur_reader *reader);
/* Copies count bytes out. */
void ur_read_bytes(struct ur_reader *reader, void *out, size_t count);
/* Skips count bytes and gives where they start; NULL if there are not that many. */
const unsigned char *ur_read_view(struct ur_reader *reader, size_t count);
/* Reads a u32 length and that many bytes into out[size], NUL-terminated; a longer text or one
 * with a NUL inside fails. */
void ur_read_string(struct ur_reader *reader, char *out, size_t size);
/* True when nothing failed and nothing is left. */
bool ur_reader_done(const struct ur_reader *reader);

struct ur_writer ur_writer_of(void *buffer, size_t size);
void ur_write_u8(struct ur_writer *writer, uint8_t value);
void ur_write_u16(struct ur_writer *writer, uint16_t value);
void ur_write_u32(struct ur_writer *writer, uint32_t value);
void ur_write_u64(struct ur_writer *writer, uint64_t value);
void ur_write_f32(struct ur_writer *writer, float value);
void ur_write_f64(struct ur_writer *writer, double value);
void ur_write_bytes(struct ur_writer *writer, const void *bytes, size_t count);
/* Writes a u32 length and the text without its NUL. */
void ur_write_string(struct ur_writer *writer, const char *text);

#endif
