/* Laws of a whole shard: padding changes nothing, and nothing is left from the shard before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/model.h"
#include "model/workspace.h"
#include "near.h"

enum { REAL_ROWS = 5 };

struct run {
    struct ur_model model;
    struct ur_workspace workspace;
    struct ur_arena arena;
    float *weights, *gradients, *again;
};

static void carve(struct run *run, struct ur_arena *arena)
{
    ur_workspace_carve(&run->workspace, &run->model, arena);
    run->weights = ur_arena_floats(arena, run->model.params.n_floats);
    run->gradients = ur_arena_floats(arena, run->model.params.n_floats);
    run->again = ur_arena_floats(arena, run->model.params.n_floats);
}

static void start(struct run *run, enum ur_readout readout)
{
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.model.hidden = 9;
    spec.model.readout = (int32_t)readout;
    spec.train.shard_rows = 8;
    const struct ur_data_shape shape = {.steps = 6, .width = 3, .classes = 4};
    assert_int_equal(ur_model_init(&run->model, &spec, &shape, NULL), UR_OK);
    struct ur_arena plan = ur_arena_planner();
    carve(run, &plan);
    assert_int_equal(ur_arena_init(&run->arena, plan.used, NULL), UR_OK);
    carve(run, &run->arena);
    ur_params_init(&run->model.params, 3, run->weights);
    for (int32_t row = 0; row < REAL_ROWS; row++) {
        run->workspace.row_weights[row] = 1.0f;
        run->workspace.labels[row] = row % 4;
    }
    for (size_t t = 0; t < 6; t++)
        ur_test_fill(run->workspace.x + t * 8 * 3, REAL_ROWS * 3, (uint32_t)t, 0.0f, 1.0f);
}

static double compute(struct run *run, float *gradients)
{
    ur_model_forward(&run->model, run->weights, run->workspace.x, &run->workspace);
    const double loss =
        ur_model_loss(&run->model, run->workspace.labels, run->workspace.row_weights,
                      1.0f / REAL_ROWS, &run->workspace)
            .loss;
    ur_model_backward(&run->model, run->weights, run->workspace.x, &run->workspace, gradients);
    return loss;
}

/* What stands in padded rows is of no consequence, to the bit. */
static void check_padding(enum ur_readout readout)
{
    struct run run;
    start(&run, readout);
    const double loss = compute(&run, run.gradients);
    for (size_t t = 0; t < 6; t++)
        ur_test_fill(run.workspace.x + (t * 8 + REAL_ROWS) * 3, (8 - REAL_ROWS) * 3, 77, -2.0f,
                     2.0f);
    memset(run.again, 0xff, run.model.params.n_floats * sizeof *run.again);
    assert_true(compute(&run, run.again) == loss);
    for (size_t k = 0; k < run.model.params.n_floats; k++)
        assert_true(run.again[k] == run.gradients[k]);
    ur_arena_release(&run.arena);
}

static void test_padding_changes_nothing(void **state)
{
    (void)state;
    check_padding(UR_READOUT_LAST);
    check_padding(UR_READOUT_MEAN);
}

static void test_same_bits_again(void **state)
{
    (void)state;
    struct run run;
    start(&run, UR_READOUT_LAST);
    const double loss = compute(&run, run.gradients);
    assert_true(compute(&run, run.again) == loss);
    assert_memory_equal(run.gradients, run.again,
                        run.model.params.n_floats * sizeof *run.again);
    ur_arena_release(&run.arena);
}

static void test_padding_of_the_gradient_is_zero(void **state)
{
    (void)state;
    struct run run;
    start(&run, UR_READOUT_LAST);
    memset(run.gradients, 0xff, run.model.params.n_floats * sizeof *run.gradients);
    compute(&run, run.gradients);
    const struct ur_params *params = &run.model.params;
    for (int32_t k = 0; k < params->count; k++) {
        const size_t end =
            k + 1 < params->count ? params->items[k + 1].offset : params->n_floats;
        for (size_t at = params->items[k].offset; at < end; at++) {
            assert_true(isfinite(run.gradients[at]));
            if (at >= params->items[k].offset + params->items[k].count)
                assert_true(run.gradients[at] == 0.0f);
        }
    }
    ur_arena_release(&run.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_padding_changes_nothing),
        cmocka_unit_test(test_same_bits_again),
        cmocka_unit_test(test_padding_of_the_gradient_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
