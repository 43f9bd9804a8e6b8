/*
 * A data set small enough to look at, and a team that trains on it: each class is a bar of ink
 * at its own height, a little noise on top, so that a network can learn it in a few steps.
 */
#ifndef TEST_TINY_H
#define TEST_TINY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/step.h"

enum { TINY_STEPS = 6, TINY_WIDTH = 5, TINY_CLASSES = 3, TINY_TRAIN = 90, TINY_TEST = 37 };

static inline void tiny_fill(uint8_t *x, uint16_t *y, size_t count, uint64_t split)
{
    const size_t pixels = (size_t)TINY_STEPS * TINY_WIDTH;
    const struct ur_rng_key key = {.seed = 7, .purpose = UR_RNG_TEST};
    for (size_t i = 0; i < count; i++) {
        y[i] = (uint16_t)(i % TINY_CLASSES);
        for (size_t k = 0; k < pixels; k++) {
            uint32_t words[4];
            ur_rng_words(key, (uint32_t)split, i, (uint32_t)k, words);
            const bool ink = k / TINY_WIDTH / 2 == y[i];
            x[i * pixels + k] = (uint8_t)((ink ? 180 : 0) + words[0] % 60);
        }
    }
}

static inline void tiny_dataset(struct ur_dataset *dataset)
{
    const size_t pixels = (size_t)TINY_STEPS * TINY_WIDTH;
    *dataset = (struct ur_dataset){.shape = {.steps = TINY_STEPS,
                                             .width = TINY_WIDTH,
                                             .classes = TINY_CLASSES,
                                             .n_train = TINY_TRAIN,
                                             .n_test = TINY_TEST}};
    dataset->train_x = malloc(TINY_TRAIN * pixels);
    dataset->train_y = malloc(TINY_TRAIN * sizeof *dataset->train_y);
    dataset->test_x = malloc(TINY_TEST * pixels);
    dataset->test_y = malloc(TINY_TEST * sizeof *dataset->test_y);
    tiny_fill(dataset->train_x, dataset->train_y, TINY_TRAIN, 0);
    tiny_fill(dataset->test_x, dataset->test_y, TINY_TEST, 1);
}

/* A whole run without a trainer. */
struct tiny {
    struct ur_spec spec;
    struct ur_dataset dataset;
    struct ur_order order;
    struct ur_model model;
    struct ur_team team;
};

/* 41 rows in shards of 8: six of them, the last one padded with seven rows. */
static inline void tiny_spec(struct ur_spec *spec)
{
    ur_spec_defaults(spec);
    ur_copy(spec->dataset, sizeof spec->dataset, "tiny");
    spec->model.hidden = 12;
    spec->train.batch = 41;
    spec->train.shard_rows = 8;
    spec->train.validation = 20;
    spec->train.learning_rate = 0.02;
}

static inline struct tiny *tiny_open(const struct ur_spec *spec, int32_t threads)
{
    struct tiny *tiny = calloc(1, sizeof *tiny);
    struct ur_error error = {0};
    tiny->spec = *spec;
    tiny_dataset(&tiny->dataset);
    const struct ur_subject subject = {.spec = &tiny->spec,
                                       .model = &tiny->model,
                                       .order = &tiny->order,
                                       .dataset = &tiny->dataset};
    enum ur_status status = ur_order_init(&tiny->order, spec, &tiny->dataset.shape, &error);
    if (status == UR_OK)
        status = ur_model_init(&tiny->model, spec, &tiny->dataset.shape, &error);
    if (status == UR_OK)
        status = ur_team_init(&tiny->team, &subject, threads, &error);
    if (status != UR_OK)
        fail_msg("%s", error.detail);
    ur_params_init(&tiny->model.params, 1, tiny->team.weights);
    return tiny;
}

static inline void tiny_close(struct tiny *tiny)
{
    ur_team_release(&tiny->team);
    ur_order_release(&tiny->order);
    free(tiny->dataset.train_x);
    free(tiny->dataset.train_y);
    free(tiny->dataset.test_x);
    free(tiny->dataset.test_y);
    free(tiny);
}

#endif
