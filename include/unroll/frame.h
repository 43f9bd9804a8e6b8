/*
 * Frames: how two of our processes speak over a pipe or a socket pair.
 *
 *     u32 payload bytes | u16 type | u16 zero | payload        little-endian
 *
 * The receiver names the largest payload it takes; a longer one, or a non-zero third field, is
 * a broken peer: the reader then fails for good with UR_PROTOCOL. Units: bytes. Cost: one copy.
 * Ownership: ur_frame_reader owns a buffer that grows up to the maximum; the payload of a frame
 * is borrowed until the next call. Threads: one per struct.
 */
#ifndef UNROLL_FRAME_H
#define UNROLL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/status.h"

enum { UR_FRAME_HEADER_BYTES = 8 };

struct ur_frame {
    uint16_t type;
    const unsigned char *payload;
    size_t bytes;
};

struct ur_frame_reader {
    unsigned char *data;
    size_t begin, end, capacity;
    size_t maximum; /* payload bytes */
    bool failed;
};

void ur_frame_header(unsigned char out[UR_FRAME_HEADER_BYTES], uint16_t type, size_t bytes);

void ur_frame_reader_init(struct ur_frame_reader *reader, size_t maximum);
void ur_frame_reader_release(struct ur_frame_reader *reader);

/*
 * Reads once from fd (which may be non-blocking) into the buffer. *eof is set when the peer
 * closed or was killed. UR_OK with nothing read when the fd would block, or when the buffer
 * already holds a whole frame of the largest size: take the frames out before filling again.
 * UR_IO on a read error, UR_NO_MEMORY.
 */
enum ur_status ur_frame_fill(struct ur_frame_reader *reader, int fd, bool *eof,
                             struct ur_error *error);

/* Gives the next whole frame in *frame, *have = false if there is none yet. UR_PROTOCOL for a
 * broken peer. */
enum ur_status ur_frame_next(struct ur_frame_reader *reader, struct ur_frame *frame, bool *have,
                             struct ur_error *error);

/* Writes a whole frame to a blocking fd (poll()s where it is non-blocking). UR_IO with EPIPE
   when the peer is gone. Never raises SIGPIPE if that is ignored, as every program of ours
   does. */
enum ur_status ur_frame_send(int fd, uint16_t type, const void *payload, size_t bytes,
                             struct ur_error *error);

#endif
