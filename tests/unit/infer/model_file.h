/*
 * The bytes of a model file, for tests: a network of a given shape with weights that look
 * random.
 *
 * Ownership: the caller frees bytes and weights by model_file_free. Threads: one.
 */
#ifndef UNROLL_TESTS_MODEL_FILE_H
#define UNROLL_TESTS_MODEL_FILE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/checkpoint_sections.h"
#include "model/params.h"
#include "near.h"
#include "unroll/spec.h"

struct model_file {
    struct ur_spec spec;
    struct ur_data_shape shape;
    struct ur_params params;
    float *weights;
    unsigned char *bytes;
    size_t n_bytes;
};

/* Makes the file of a network whose spec has model filled in. */
static inline void model_file_of(struct model_file *model, const struct ur_spec *spec,
                                 struct ur_data_shape shape, uint32_t seed)
{
    struct ur_text json;
    *model = (struct model_file){.spec = *spec, .shape = shape};
    ur_copy(model->spec.dataset, sizeof model->spec.dataset, "digits");
    ur_text_init(&json, 4096);
    ur_spec_print(&model->spec, &json);

    assert_int_equal(ur_params_build(&model->params, &model->spec, &shape, NULL), UR_OK);
    model->weights = calloc(model->params.n_floats, sizeof(float));
    assert_non_null(model->weights);
    for (int32_t k = 0; k < model->params.count; k++)
        ur_test_fill(model->weights + model->params.items[k].offset,
                     model->params.items[k].count, seed + (uint32_t)k, -0.3f, 0.3f);

    struct ur_checkpoint_content content = {
        .kind = UR_FILE_MODEL,
        .spec_json = ur_text_get(&json),
        .info = {.step = 1,
                 .shape = shape,
                 .numerics_profile = "avx2",
                 .program_version = "0.1.0",
                 .best_validation_accuracy = NAN,
                 .deviation = 1},
        .params = &model->params,
        .weights = model->weights,
        .report_json = "{}",
    };
    ur_params_digest(&model->params, model->weights, content.info.weights_sha256);
    for (size_t k = 0; k + 1 < sizeof content.info.dataset_sha256; k++)
        content.info.dataset_sha256[k] = '0';
    model->n_bytes = ur_checkpoint_bytes(&content);
    model->bytes = malloc(model->n_bytes);
    assert_non_null(model->bytes);
    assert_int_equal(ur_checkpoint_encode(&content, model->bytes, NULL), UR_OK);
    ur_text_release(&json);
}

static inline void model_file_make(struct model_file *model, int32_t hidden,
                                   struct ur_data_shape shape, enum ur_readout readout,
                                   uint32_t seed)
{
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.model.hidden = hidden;
    spec.model.readout = (int32_t)readout;
    model_file_of(model, &spec, shape, seed);
}

static inline void model_file_free(struct model_file *model)
{
    free(model->weights);
    free(model->bytes);
    *model = (struct model_file){0};
}

#endif
