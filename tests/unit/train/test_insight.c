/* What a step looks like from inside: norms that can be computed by hand, the same at any
 * thread count, and inside the plan for every network. */
#include "tiny.h"

#include <math.h>

static void look_spec(struct ur_spec *spec)
{
    tiny_spec(spec);
    spec->run.insight_every = 3;
}

/* A linear RNN whose U is half the identity hands back half of what it got: the norm halves
 * with each step that it travels, and its last value is that of dlogits Wᵀ. */
static void test_a_linear_network_halves_its_gradient(void **state)
{
    (void)state;
    struct ur_spec spec;
    look_spec(&spec);
    spec.run.insight_every = 1;
    spec.model.cell = UR_CELL_RNN;
    spec.model.activation = UR_ACTIVATION_LINEAR;
    spec.train.batch = 8;
    struct tiny *tiny = tiny_open(&spec, 1);
    const struct ur_tensor *u = ur_params_find(&tiny->model.params, "layer0.forward.U");
    const struct ur_tensor *w = ur_params_find(&tiny->model.params, "dense.W");
    const size_t hidden = (size_t)spec.model.hidden;
    for (size_t k = 0; k < u->count; k++)
        tiny->team.weights[u->offset + k] = k % (hidden + 1) == 0 ? 0.5f : 0.0f;
    float dense[12 * TINY_CLASSES];
    memcpy(dense, tiny->team.weights + w->offset, sizeof dense);

    assert_true(ur_step_run(&tiny->team, 0).looked);
    double squares = 0;
    const float *dlogits = tiny->team.workspaces[0].dlogits;
    for (size_t row = 0; row < 8; row++)
        for (size_t k = 0; k < hidden; k++) {
            double dh = 0;
            for (size_t c = 0; c < TINY_CLASSES; c++)
                dh += (double)dlogits[row * TINY_CLASSES + c] *
                      (double)dense[k * TINY_CLASSES + c];
            squares += dh * dh;
        }
    const float *norms = tiny->team.insight.norms;
    assert_true(fabs((double)norms[TINY_STEPS - 1] - sqrt(squares)) < 1e-6 * sqrt(squares));
    for (int t = 1; t < TINY_STEPS; t++)
        assert_true(fabsf(norms[t] - 2 * norms[t - 1]) <= 1e-6f * norms[t]);
    tiny_close(tiny);
}

/* Gates lie in 0..1, states and candidates in 0..1 as root mean squares, and every layer and
 * direction has some. */
static void check_activity(const struct ur_insight *insight)
{
    const int32_t all = insight->streams * insight->points * insight->columns;
    for (int32_t k = 0; k < all; k++)
        assert_true(insight->activity[k] > 0 && insight->activity[k] < 1.5f);
}

static void test_threads_change_nothing_and_the_plan_holds(void **state)
{
    (void)state;
    for (int32_t k = 0; k < 3 * 2 * 2; k++) {
        struct ur_spec spec;
        look_spec(&spec);
        spec.model.cell = k % 3;
        spec.model.bidirectional = k / 3 % 2;
        spec.model.layers = 1 + k / 6;
        spec.model.projection = spec.model.cell == UR_CELL_LSTM ? k / 3 % 2 * 5 : 0;
        spec.model.readout = UR_READOUT_MEAN;
        struct tiny *one = tiny_open(&spec, 1), *three = tiny_open(&spec, 3);
        for (int32_t step = 0; step < 3; step++) {
            const bool looked = ur_step_run(&one->team, step).looked;
            assert_int_equal(looked, step == 2);
            ur_step_run(&three->team, step);
        }
        const struct ur_insight *a = &one->team.insight, *b = &three->team.insight;
        assert_int_equal(a->streams, spec.model.layers * (1 + spec.model.bidirectional));
        assert_int_equal(a->points, TINY_STEPS);
        const size_t norms = (size_t)(a->streams * a->points);
        assert_memory_equal(a->norms, b->norms, norms * sizeof *a->norms);
        assert_memory_equal(a->activity, b->activity,
                            norms * (size_t)a->columns * sizeof *a->activity);
        assert_memory_equal(a->weight_norms, b->weight_norms, sizeof a->weight_norms);
        assert_memory_equal(a->gradient_norms, b->gradient_norms, sizeof a->gradient_norms);
        for (size_t at = 0; at < norms; at++)
            assert_true(a->norms[at] > 0);
        check_activity(a);
        tiny_close(one);
        tiny_close(three);
    }
}

/* With the readout `last` the backward direction has read one step: the last one. */
static void test_steps_that_are_not_read_have_nothing(void **state)
{
    (void)state;
    struct ur_spec spec;
    look_spec(&spec);
    spec.run.insight_every = 1;
    spec.model.bidirectional = 1;
    struct tiny *tiny = tiny_open(&spec, 2);
    assert_true(ur_step_run(&tiny->team, 0).looked);
    const struct ur_insight *insight = &tiny->team.insight;
    const float *norms = insight->norms + TINY_STEPS;
    const float *activity = insight->activity + TINY_STEPS * insight->columns;
    for (int t = 0; t < TINY_STEPS; t++)
        for (int32_t k = 0; k < insight->columns; k++) {
            const bool read = t == TINY_STEPS - 1;
            assert_int_equal(norms[t] > 0, read);
            assert_int_equal(isnan(activity[t * insight->columns + k]), !read);
        }
    tiny_close(tiny);
}

/* However the minibatch is cut, its rows all count. */
static void test_every_shard_counts(void **state)
{
    (void)state;
    struct ur_spec spec;
    look_spec(&spec);
    spec.run.insight_every = 1;
    struct tiny *many = tiny_open(&spec, 2);
    spec.train.shard_rows = 48;
    struct tiny *one = tiny_open(&spec, 1);
    assert_true(ur_step_run(&many->team, 0).looked && ur_step_run(&one->team, 0).looked);
    for (int t = 0; t < TINY_STEPS; t++) {
        const float whole = one->team.insight.norms[t];
        assert_true(fabsf(many->team.insight.norms[t] - whole) <= 1e-5f * whole);
    }
    tiny_close(many);
    tiny_close(one);
}

static void test_long_sequences_are_told_in_strides(void **state)
{
    (void)state;
    struct ur_spec spec;
    struct ur_insight insight;
    struct ur_model model;
    struct ur_arena arena = ur_arena_planner();
    const struct ur_data_shape shape = {.steps = 1000, .width = 1, .classes = 2};
    look_spec(&spec);
    assert_int_equal(ur_model_init(&model, &spec, &shape, NULL), UR_OK);
    ur_insight_carve(&insight, &spec, &model, 1, &arena);
    assert_int_equal(insight.stride, 4);
    assert_int_equal(insight.points, 250);
    spec.run.insight_every = 0;
    ur_insight_carve(&insight, &spec, &model, 1, &arena);
    assert_false(ur_insight_is_due(&insight, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_linear_network_halves_its_gradient),
        cmocka_unit_test(test_threads_change_nothing_and_the_plan_holds),
        cmocka_unit_test(test_steps_that_are_not_read_have_nothing),
        cmocka_unit_test(test_every_shard_counts),
        cmocka_unit_test(test_long_sequences_are_told_in_strides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
