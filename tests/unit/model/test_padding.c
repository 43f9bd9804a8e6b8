/*
 * Law: padding never changes a result. The same sequences, padded to T and to T + 7 steps, give
 * the same logits, the same gradients and the same insight, to the bit, whatever the padding
 * holds; and a sequence has the logits that it has alone, unpadded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "model/insight.h"
#include "model/model.h"
#include "model/workspace.h"
#include "unroll/rng.h"

enum { T = 11, MORE = 7, ROWS = 8, WIDTH = 2, CLASSES = 3 };

/* The last row is of no weight, as at the end of a minibatch. */
static const int32_t lengths[ROWS] = {T, 1, 4, 7, T, 2, 10, 1};

struct net {
    struct ur_model model;
    struct ur_workspace workspace;
    struct ur_arena arena;
    float *weights, *gradients;
};

static void carve(struct net *net, struct ur_arena *arena)
{
    ur_workspace_carve(&net->workspace, &net->model, arena);
    net->weights = ur_arena_floats(arena, net->model.params.n_floats);
    net->gradients = ur_arena_floats(arena, net->model.params.n_floats);
}

static void start(struct net *net, const struct ur_spec *spec, int32_t steps, int32_t series)
{
    const struct ur_data_shape shape = {
        .steps = steps, .width = WIDTH, .classes = CLASSES, .series = series};
    *net = (struct net){0};
    assert_int_equal(ur_model_init(&net->model, spec, &shape, NULL), UR_OK);
    struct ur_arena plan = ur_arena_planner();
    carve(net, &plan);
    assert_int_equal(ur_arena_init(&net->arena, plan.used, NULL), UR_OK);
    carve(net, &net->arena);
    ur_params_init(&net->model.params, 5, net->weights);
    assert_true((net->workspace.lengths != NULL) == (series != 0));
}

static float value_of(size_t row, size_t t, size_t k)
{
    const struct ur_rng_key key = {.seed = 9, .purpose = UR_RNG_TEST};
    uint32_t words[4];
    ur_rng_words(key, (uint32_t)row, t, (uint32_t)k, words);
    return 3.0f * ur_rng_unit(words[0]) - 1.5f;
}

static void run(struct net *net, float padding)
{
    struct ur_workspace *workspace = &net->workspace;
    const int32_t rows = net->model.shard_rows;
    for (int32_t row = 0; row < rows; row++) {
        workspace->labels[row] = row % CLASSES;
        workspace->row_weights[row] = row < ROWS - 1 ? 1.0f : 0.0f;
        workspace->lengths[row] = lengths[row];
        for (size_t t = 0; t < (size_t)net->model.steps; t++)
            for (size_t k = 0; k < WIDTH; k++)
                workspace->x[(t * (size_t)rows + (size_t)row) * WIDTH + k] =
                    t < (size_t)lengths[row] ? value_of((size_t)row, t, k) : padding;
    }
    ur_model_forward(&net->model, net->weights, workspace->x, workspace);
    ur_model_loss(&net->model, workspace->labels, workspace->row_weights, 1.0f / ROWS,
                  workspace);
    ur_model_backward(&net->model, net->weights, workspace->x, workspace, net->gradients);
}

static void assert_same_gradients(const struct net *one, const struct net *other)
{
    for (int32_t k = 0; k < one->model.params.count; k++) {
        const struct ur_tensor *tensor = &one->model.params.items[k];
        const float *a = one->gradients + tensor->offset,
                    *b = other->gradients + tensor->offset;
        for (size_t i = 0; i < tensor->count; i++)
            if (memcmp(&a[i], &b[i], sizeof *a) != 0)
                fail_msg("%s[%zu] is %a, and %a with more padding", tensor->name, i,
                         (double)a[i], (double)b[i]);
    }
}

static void check_more_padding(const struct ur_spec *spec)
{
    struct net one, other;
    start(&one, spec, T, 1);
    start(&other, spec, T + MORE, 1);
    run(&one, 0.0f);
    run(&other, 7.5f);
    assert_memory_equal(one.workspace.logits, other.workspace.logits,
                        ROWS * CLASSES * sizeof(float));
    assert_same_gradients(&one, &other);
    ur_arena_release(&one.arena);
    ur_arena_release(&other.arena);
}

/* Carves an insight and looks at what the workspace holds. */
static struct ur_arena look(struct ur_insight *insight, const struct ur_spec *spec,
                            const struct net *net)
{
    struct ur_arena arena, plan = ur_arena_planner();
    ur_insight_carve(insight, spec, &net->model, 1, &plan);
    assert_int_equal(ur_arena_init(&arena, plan.used, NULL), UR_OK);
    ur_insight_carve(insight, spec, &net->model, 1, &arena);
    ur_insight_take_activity(insight, &net->workspace, ROWS);
    return arena;
}

/* Rows count up to their end; past the end of all there is nothing to tell. */
static void check_activity(const struct ur_spec *plain)
{
    struct ur_spec spec = *plain;
    struct ur_insight a, b;
    struct net one, other;
    spec.run.insight_every = 1;
    start(&one, &spec, T, 1);
    start(&other, &spec, T + MORE, 1);
    run(&one, 0.0f);
    run(&other, 7.5f);
    struct ur_arena of_one = look(&a, &spec, &one), of_other = look(&b, &spec, &other);
    const size_t columns = (size_t)a.columns;
    for (size_t stream = 0; stream < (size_t)a.streams; stream++) {
        const float *x = a.activity + stream * T * columns;
        const float *y = b.activity + stream * (T + MORE) * columns;
        assert_memory_equal(x, y, T * columns * sizeof *x);
        for (size_t k = 0; k < (T + MORE) * columns; k++)
            assert_int_equal(isnan(y[k]) != 0, k >= T * columns);
    }
    ur_arena_release(&of_one);
    ur_arena_release(&of_other);
    ur_arena_release(&one.arena);
    ur_arena_release(&other.arena);
}

/* A shard in which every row is the same sequence, of that very length, without lengths. */
static void check_alone(const struct ur_spec *spec, int32_t row, const float *logits)
{
    struct net net;
    start(&net, spec, lengths[row], 0);
    for (size_t t = 0; t < (size_t)lengths[row]; t++)
        for (size_t b = 0; b < ROWS; b++)
            for (size_t k = 0; k < WIDTH; k++)
                net.workspace.x[(t * ROWS + b) * WIDTH + k] = value_of((size_t)row, t, k);
    ur_model_forward(&net.model, net.weights, net.workspace.x, &net.workspace);
    assert_memory_equal(net.workspace.logits + row * CLASSES, logits, CLASSES * sizeof *logits);
    ur_arena_release(&net.arena);
}

static void check_every_row_alone(const struct ur_spec *spec)
{
    struct net net;
    start(&net, spec, T, 1);
    run(&net, 1.0f);
    for (int32_t row = 0; row < ROWS; row++)
        check_alone(spec, row, net.workspace.logits + row * CLASSES);
    ur_arena_release(&net.arena);
}

/* Calls check for every cell, and an LSTM with a projection, in one direction and both, in one
  * layer and three, for every readout, with gradients that go back all the way and three steps.
  * */
static void for_all(void (*check)(const struct ur_spec *spec))
{
    for (int32_t k = 0; k < 4 * 2 * 2 * 4 * 2; k++) {
        struct ur_spec spec;
        ur_spec_defaults(&spec);
        spec.model.cell = k % 4 < 3 ? k % 4 : UR_CELL_LSTM;
        spec.model.projection = k % 4 < 3 ? 0 : 5;
        spec.model.bidirectional = k / 4 % 2;
        spec.model.layers = 1 + k / 8 % 2 * 2;
        spec.model.readout = k / 16 % 4;
        spec.train.truncate_bptt = k / 64 * 3;
        spec.model.hidden = 17;
        spec.train.shard_rows = ROWS;
        check(&spec);
    }
}

static void test_more_padding_changes_nothing(void **state)
{
    (void)state;
    for_all(check_more_padding);
}

static void test_insight_looks_at_no_padding(void **state)
{
    (void)state;
    for_all(check_activity);
}

static void test_alone_as_among_others(void **state)
{
    (void)state;
    for_all(check_every_row_alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_padding_changes_nothing),
        cmocka_unit_test(test_insight_looks_at_no_padding),
        cmocka_unit_test(test_alone_as_among_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
