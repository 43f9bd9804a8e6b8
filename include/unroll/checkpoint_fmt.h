/*
 * The file that holds a network: a checkpoint (everything to go on from, to the same bits) or a
 * model (what is needed to predict). Data only: no code, no paths, no expressions.
 * docs/checkpoint-format.md has the bytes.
 *
 *     header   64 bytes  magic "UNROLLNN" | u32 version | u32 kind | u64 file bytes |
 *                        u32 n_sections | u32 zero | SHA-256 of the section table
 *     table    n x 56    char tag[8] | u64 offset | u64 bytes | SHA-256 of the section
 *     sections           each at a multiple of 64, in the table's order, zero-filled between
 *
 * Sections (a reader skips tags it does not know):
 *     SPEC      the job's spec, canonical JSON
 *     INFO      u32 layout version, then as struct ur_checkpoint_info, little-endian
 *     TENSORS   u32 count, then for each: string name, u32 rank, u32 dims[rank]
 *     WEIGHTS   float32 little-endian, tensor after tensor in the tensor table's order
 *     ADAM_M    the same; a checkpoint only
 *     ADAM_V    the same; a checkpoint only
 *     EMA       the same: the running mean of the weights, which is what answers; a checkpoint
 *               of a job with /train/ema only. A model has it as its WEIGHTS.
 *     HISTORY   what the trainer sums over an epoch, so that a resumed epoch reports the same
 *               means; a checkpoint only
 *     REPORT    JSON; a model only
 *     SERIES    f64 mean, f64 deviation of the training values; of a network of series only,
 *               which it is known by
 *
 * Units: bytes. Errors: readers answer UR_BAD_CHECKPOINT for any length, digest, count or
 * non-finite number that cannot be.
 */
#ifndef UNROLL_CHECKPOINT_FMT_H
#define UNROLL_CHECKPOINT_FMT_H

#include <stdint.h>

#include "unroll/limits.h"
#include "unroll/plan.h"

#define UR_CHECKPOINT_MAGIC "UNROLLNN"

enum {
    UR_CHECKPOINT_VERSION = 1,
    UR_CHECKPOINT_HEADER_BYTES = 64,
    UR_CHECKPOINT_ENTRY_BYTES = 56,
    UR_CHECKPOINT_MAX_SECTIONS = 32,
    UR_CHECKPOINT_ALIGN = 64,
};

enum ur_checkpoint_file_kind { UR_FILE_CHECKPOINT = 1, UR_FILE_MODEL = 2 };

/* Where a training run stands, and on what it stands. */
struct ur_checkpoint_info {
    int32_t step;   /* updates applied */
    double seconds; /* training time so far */
    struct ur_data_shape shape;
    char dataset_sha256[UR_SHA256_HEX_BYTES];
    char numerics_profile[32];
    char weights_sha256[UR_SHA256_HEX_BYTES];
    char program_version[32];
    float best_validation_accuracy; /* NaN: none yet */
    int32_t best_step;
    double mean, deviation; /* of series: x is (value - mean) / deviation; not in INFO */
};

#endif
