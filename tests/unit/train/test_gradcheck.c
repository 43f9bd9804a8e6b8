/*
 * Central differences for every tensor of every cell, direction, depth and readout, padded rows
 * present.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"
#include "train/gradcheck.h"

enum { ROWS = 8, REAL_ROWS = 6, STEPS = 9, WIDTH = 4, HIDDEN = 10, CLASSES = 5, ENTRIES = 120 };

struct run {
    struct ur_model model;
    struct ur_workspace workspace;
    struct ur_arena arena;
    float *weights, *gradients, *before;
};

static void carve(struct run *run, struct ur_arena *arena)
{
    ur_workspace_carve(&run->workspace, &run->model, arena);
    run->weights = ur_arena_floats(arena, run->model.params.n_floats);
    run->gradients = ur_arena_floats(arena, run->model.params.n_floats);
    run->before = ur_arena_floats(arena, run->model.params.n_floats);
}

static void start_spec(struct run *run, struct ur_spec spec)
{
    spec.model.hidden = HIDDEN;
    spec.train.shard_rows = ROWS;
    const struct ur_data_shape shape = {.steps = STEPS, .width = WIDTH, .classes = CLASSES};
    assert_int_equal(ur_model_init(&run->model, &spec, &shape, NULL), UR_OK);
    struct ur_arena plan = ur_arena_planner();
    carve(run, &plan);
    assert_int_equal(ur_arena_init(&run->arena, plan.used, NULL), UR_OK);
    carve(run, &run->arena);

    ur_params_init(&run->model.params, 5, run->weights);
    memcpy(run->before, run->weights, run->model.params.n_floats * sizeof *run->weights);
    ur_test_fill(run->workspace.x, STEPS * ROWS * WIDTH, 6, -1.0f, 1.0f);
    for (int32_t row = 0; row < REAL_ROWS; row++) {
        run->workspace.row_weights[row] = 1.0f;
        run->workspace.labels[row] = row % CLASSES;
    }
    for (int32_t row = 0; run->workspace.samples != NULL && row < ROWS; row++)
        run->workspace.samples[row] = (uint32_t)row;
}

static void start(struct run *run, enum ur_readout readout)
{
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.model.readout = (int32_t)readout;
    start_spec(run, spec);
}

static struct ur_gradcheck run_check(struct run *run)
{
    const struct ur_gradcheck_subject subject = {&run->model, &run->workspace, run->weights,
                                                 run->gradients};
    return ur_gradcheck_run(&subject, ENTRIES, 1);
}

static void check_spec(struct ur_spec spec)
{
    struct run run;
    start_spec(&run, spec);
    const struct ur_gradcheck result = run_check(&run);
    for (int32_t k = 0; k < run.model.params.count; k++) {
        const struct ur_gradcheck_tensor *tensor = &result.tensors[k];
        const size_t count = run.model.params.items[k].count;
        assert_int_equal(tensor->entries, count < ENTRIES ? count : ENTRIES);
        if (!(tensor->error < 1e-2))
            fail_msg("%s[%zu]: gradient %.9g, difference %.9g, error %.3g",
                     run.model.params.items[k].name, tensor->worst, tensor->gradient,
                     tensor->difference, tensor->error);
        assert_true(tensor->error <= result.error);
    }
    assert_memory_equal(run.weights, run.before,
                        run.model.params.n_floats * sizeof *run.weights);
    ur_arena_release(&run.arena);
}

static void check_readout(enum ur_readout readout)
{
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.model.readout = (int32_t)readout;
    check_spec(spec);
}

/* relu and max have kinks that a step of the difference can cross; PyTorch's golden files have
 * both. */
static void test_every_cell_and_stack(void **state)
{
    (void)state;
    for (int32_t k = 0; k < 3 * 2 * 2; k++) {
        struct ur_spec spec;
        ur_spec_defaults(&spec);
        spec.model.cell = k % 3;
        spec.model.bidirectional = k / 3 % 2;
        spec.model.layers = 1 + k / 6;
        spec.model.readout = k % 2 == 0 ? UR_READOUT_FINAL : UR_READOUT_MEAN;
        check_spec(spec);
        spec.model.activation = UR_ACTIVATION_LINEAR;
        if (spec.model.cell == UR_CELL_RNN)
            check_spec(spec);
    }
}

static void test_projection(void **state)
{
    (void)state;
    for (int32_t k = 0; k < 4; k++) {
        struct ur_spec spec;
        ur_spec_defaults(&spec);
        spec.model.projection = k < 3 ? 6 : 1;
        spec.model.layers = 1 + k % 3;
        spec.model.bidirectional = k % 2;
        spec.model.readout = k < 2 ? UR_READOUT_MEAN : UR_READOUT_FINAL;
        spec.model.dropout = k == 2 ? 0.4 : 0.0;
        check_spec(spec);
    }
}

/* With its masks fixed by the samples, dropout has a gradient like everything else. */
static void test_dropout(void **state)
{
    (void)state;
    for (int32_t k = 0; k < 4; k++) {
        struct ur_spec spec;
        ur_spec_defaults(&spec);
        spec.model.dropout = 0.4;
        spec.model.layers = 1 + k % 3;
        spec.model.bidirectional = k % 2;
        spec.model.readout = k < 2 ? UR_READOUT_MEAN : UR_READOUT_FINAL;
        check_spec(spec);
    }
}

static void test_last(void **state)
{
    (void)state;
    check_readout(UR_READOUT_LAST);
}

static void test_mean(void **state)
{
    (void)state;
    check_readout(UR_READOUT_MEAN);
}

static void test_a_nan_is_an_infinite_error(void **state)
{
    (void)state;
    struct run run;
    start(&run, UR_READOUT_LAST);
    run.workspace.x[0] = NAN;
    const struct ur_gradcheck result = run_check(&run);
    assert_true(isinf(result.error));
    ur_arena_release(&run.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_and_stack),
        cmocka_unit_test(test_projection),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_a_nan_is_an_infinite_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
