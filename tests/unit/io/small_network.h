/*
 * A network of three tensors and some padding, for tests of checkpoint files: small enough that
 * every bit and every length of its file can be tried.
 *
 * Ownership: content points into the struct, which must not be moved once made. Threads: one.
 */
#ifndef UNROLL_TESTS_SMALL_NETWORK_H
#define UNROLL_TESTS_SMALL_NETWORK_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "io/checkpoint.h"
#include "unroll/text.h"

enum { SMALL_FLOATS = 48, SMALL_BUFFER = 4096 };

struct small_network {
    struct ur_params params;
    float weights[SMALL_FLOATS], adam_m[SMALL_FLOATS], adam_v[SMALL_FLOATS], ema[SMALL_FLOATS];
    unsigned char history[5];
    struct ur_checkpoint_content content;
    unsigned char buffer[SMALL_BUFFER];
};

static inline void small_tensor(struct ur_params *params, const char *name, int32_t rank,
                                int32_t rows, int32_t columns)
{
    struct ur_tensor *tensor = &params->items[params->count++];
    *tensor = (struct ur_tensor){.rank = rank,
                                 .dims = {rows, columns},
                                 .offset = params->n_floats,
                                 .count = (size_t)rows * (size_t)(columns ? columns : 1)};
    ur_copy(tensor->name, sizeof tensor->name, name);
    params->n_parameters += tensor->count;
    params->n_floats += UR_TENSOR_ALIGN_FLOATS;
}

/* version tells one generation from the next. */
static inline void small_network_make(struct small_network *small,
                                      enum ur_checkpoint_file_kind kind, int32_t version)
{
    *small = (struct small_network){.history = {1, 2, 3, 4, 5}};
    small_tensor(&small->params, "layer0.forward.W", 2, 2, 3);
    small_tensor(&small->params, "layer0.forward.b", 1, 5, 0);
    small_tensor(&small->params, "dense.W", 2, 1, 4);
    for (int32_t k = 0; k < small->params.count; k++)
        for (size_t i = 0; i < small->params.items[k].count; i++) {
            const size_t at = small->params.items[k].offset + i;
            small->weights[at] = (float)version + (float)at / 7;
            small->adam_m[at] = -(float)at / 3;
            small->adam_v[at] = (float)at * 1e-30f;
            small->ema[at] = (float)at / 11;
        }
    small->content = (struct ur_checkpoint_content){
        .kind = kind,
        .spec_json = "{\"dataset\":\"digits\"}",
        .info = {.step = version,
                 .seconds = 1.5,
                 .shape = {28, 3, 4, 100, 10, 0},
                 .numerics_profile = "avx2",
                 .program_version = "0.1.0",
                 .best_validation_accuracy = NAN},
        .params = &small->params,
        .weights = small->weights,
        .adam_m = small->adam_m,
        .adam_v = small->adam_v,
        .ema = small->ema,
        .history = small->history,
        .history_bytes = sizeof small->history,
        .report_json = kind == UR_FILE_MODEL ? "{\"state\":\"succeeded\"}" : NULL};
}

static inline enum ur_status small_network_write(struct small_network *small,
                                                 const char *folder, bool keep_previous,
                                                 struct ur_error *error)
{
    return ur_checkpoint_write(folder, "last.unroll", keep_previous, &small->content,
                               small->buffer, sizeof small->buffer, error);
}

#endif
