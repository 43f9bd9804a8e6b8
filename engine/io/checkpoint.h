/*
 * Writing and reading the file of unroll/checkpoint_fmt.h, so that after any kill -9 or power
 * cut one whole generation is there.
 *
 * Writing: NAME.tmp beside the target, fsync, close, the old NAME becomes NAME.previous (only
 * where asked for), rename, fsync of the folder. On any error the .tmp is removed and the last
 * good file is untouched. Reading checks magic, version, every length with overflow-safe
 * arithmetic, every digest, and that all numbers are finite, before anything is believed.
 *
 * Cost: one pass and a SHA-256 over the bytes; writing holds the whole file in a buffer planned
 * before step 0 (ur_checkpoint_bytes). Errors: UR_BAD_CHECKPOINT, UR_IO, UR_DISK_FULL,
 * UR_NO_MEMORY. Ownership: ur_checkpoint_file owns its bytes, _close frees them. Threads: one
 * per struct.
 */
#ifndef UNROLL_IO_CHECKPOINT_H
#define UNROLL_IO_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "model/params.h"
#include "unroll/checkpoint_fmt.h"
#include "unroll/status.h"

/* What is to be written. Pointers are borrowed. info.weights_sha256 is not read: the writer
 * computes it from what it writes. */
struct ur_checkpoint_content {
    enum ur_checkpoint_file_kind kind;
    const char *spec_json;
    struct ur_checkpoint_info info;
    const struct ur_params *params;
    const float *weights;         /* n_floats */
    const float *adam_m, *adam_v; /* NULL in a model */
    const float *ema;             /* NULL in a model, and without a running mean */
    const void *history;          /* opaque to this file; NULL in a model */
    size_t history_bytes;
    const char *report_json; /* NULL in a checkpoint */
};

/* A file that was read and believed. Pointers point into bytes. */
struct ur_checkpoint_file {
    unsigned char *bytes;
    size_t n_bytes;
    enum ur_checkpoint_file_kind kind;
    struct ur_checkpoint_info info;
    const char *spec_json; /* spec_bytes long, no NUL */
    size_t spec_bytes;
    const char *report_json; /* NULL without one */
    size_t report_bytes;
    const unsigned char *weights; /* packed, tensor after tensor, little-endian */
    const unsigned char *adam_m, *adam_v;
    const unsigned char *ema; /* NULL without one */
    const unsigned char *history;
    size_t history_bytes;
    const unsigned char *tensors; /* the TENSORS section */
    size_t tensors_bytes;
};

/* Gives the bytes that a content takes as a file. */
size_t ur_checkpoint_bytes(const struct ur_checkpoint_content *content);

/* Writes folder/name; buffer has ur_checkpoint_bytes of room, which depends on the lengths of
 * the texts and the history but not on info. keep_previous: the old file stays as
 * name.previous. UR_DIVERGED, and nothing is written, where a number is not finite. */
enum ur_status ur_checkpoint_write(const char *folder, const char *name, bool keep_previous,
                                   const struct ur_checkpoint_content *content,
                                   unsigned char *buffer, size_t buffer_bytes,
                                   struct ur_error *error);

/* Parses bytes (taken over on success, then freed by _close; the caller's on an error). For the
 * predictor, which has no files. */
enum ur_status ur_checkpoint_parse(struct ur_checkpoint_file *file, unsigned char *bytes,
                                   size_t n_bytes, struct ur_error *error);

/* Reads folder/name and parses it. UR_NOT_FOUND where there is no such file. */
enum ur_status ur_checkpoint_open(struct ur_checkpoint_file *file, const char *folder,
                                  const char *name, struct ur_error *error);

/* Reads name, and where that is missing or damaged name.previous; *fell_back tells.
 * UR_NOT_FOUND with neither; UR_BAD_CHECKPOINT with only damaged ones. */
enum ur_status ur_checkpoint_open_newest(struct ur_checkpoint_file *file, const char *folder,
                                         const char *name, bool *fell_back,
                                         struct ur_error *error);

/* Gives the packed weights that answer: the running mean where there is one. */
const unsigned char *ur_checkpoint_result(const struct ur_checkpoint_file *file);

void ur_checkpoint_close(struct ur_checkpoint_file *file);

/* Checks that the file's tensors are those of the table, name by name and dimension by
   dimension, and copies packed numbers into an array of the table's layout. */
enum ur_status ur_checkpoint_unpack(const struct ur_checkpoint_file *file,
                                    const struct ur_params *params, const unsigned char *packed,
                                    float *out, struct ur_error *error);

#endif
