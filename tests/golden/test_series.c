/*
 * Sequences of different length against PyTorch's packed ones (make_series.py): logits, loss,
 * every gradient. Padding in the golden x is 100, so whatever looks at it is found.
 */
#include <math.h>

#include "golden.h"
#include "model/model.h"
#include "model/workspace.h"

enum { SHARD_ROWS = 40 };

static struct ur_golden golden;

static int read_golden(void **state)
{
    (void)state;
    ur_golden_read(&golden, UR_SOURCE_DIR "/tests/golden/series.golden");
    return 0;
}

static int free_golden(void **state)
{
    (void)state;
    ur_golden_release(&golden);
    return 0;
}

struct run {
    const char *name;
    int32_t rows;
    struct ur_spec spec;
    struct ur_data_shape shape;
    struct ur_model model;
    struct ur_workspace workspace;
    struct ur_arena arena;
    float *weights, *gradients;
};

static void carve(struct run *run, struct ur_arena *arena)
{
    ur_workspace_carve(&run->workspace, &run->model, arena);
    run->weights = ur_arena_floats(arena, run->model.params.n_floats);
    run->gradients = ur_arena_floats(arena, run->model.params.n_floats);
}

static const float *numbers(const struct run *run, const char *what)
{
    return ur_golden_find(&golden, run->name, what)->numbers;
}

static void fill_inputs(struct run *run)
{
    const float *x = numbers(run, "x");
    struct ur_workspace *workspace = &run->workspace;
    const size_t width = (size_t)run->shape.width, steps = (size_t)run->shape.steps;
    for (size_t row = 0; row < SHARD_ROWS; row++) {
        workspace->lengths[row] = 1;
        if (row >= (size_t)run->rows)
            continue;
        workspace->lengths[row] = (int32_t)numbers(run, "lengths")[row];
        workspace->labels[row] = (int32_t)numbers(run, "labels")[row];
        workspace->row_weights[row] = 1.0f;
        for (size_t t = 0; t < steps; t++)
            memcpy(workspace->x + (t * SHARD_ROWS + row) * width, x + (row * steps + t) * width,
                   width * sizeof *x);
    }
}

static void start(struct run *run, const char *name)
{
    *run = (struct run){.name = name};
    const float *shape = numbers(run, "shape");
    run->shape = (struct ur_data_shape){.steps = (int32_t)shape[0],
                                        .width = (int32_t)shape[1],
                                        .classes = (int32_t)shape[3],
                                        .series = 1};
    run->rows = (int32_t)shape[4];
    assert_in_range(run->rows, 1, SHARD_ROWS);
    ur_spec_defaults(&run->spec);
    run->spec.model.hidden = (int32_t)shape[2];
    run->spec.model.readout = (int32_t)shape[5];
    run->spec.model.cell = (int32_t)shape[6];
    run->spec.model.bidirectional = (int32_t)shape[7];
    run->spec.model.layers = (int32_t)shape[8];
    run->spec.train.shard_rows = SHARD_ROWS;
    assert_int_equal(ur_model_init(&run->model, &run->spec, &run->shape, NULL), UR_OK);
    struct ur_arena plan = ur_arena_planner();
    carve(run, &plan);
    assert_int_equal(ur_arena_init(&run->arena, plan.used, NULL), UR_OK);
    carve(run, &run->arena);
    for (int32_t k = 0; k < run->model.params.count; k++) {
        const struct ur_tensor *tensor = &run->model.params.items[k];
        char what[64];
        snprintf(what, sizeof what, "initial.%s", tensor->name);
        memcpy(run->weights + tensor->offset, numbers(run, what),
               tensor->count * sizeof *run->weights);
    }
    fill_inputs(run);
}

/* The comparison is written so that a NaN fails. */
static void assert_near(const char *name, const char *what, size_t index, float got, float want,
                        double tolerance)
{
    if (!(fabs((double)got - (double)want) <= tolerance))
        fail_msg("%s: %s[%zu] is %.9g, PyTorch has %.9g", name, what, index, (double)got,
                 (double)want);
}

/* Each element within 1e-4 of itself or of a hundredth of the tensor's largest. */
static void check_gradient(const struct run *run, const struct ur_tensor *tensor)
{
    char what[64];
    snprintf(what, sizeof what, "gradient.%s", tensor->name);
    const struct ur_golden_array *want = ur_golden_find(&golden, run->name, what);
    const float *got = run->gradients + tensor->offset;
    double largest = 0;
    assert_int_equal(want->count, tensor->count);
    for (size_t k = 0; k < want->count; k++)
        largest = fmax(largest, fabs((double)want->numbers[k]));
    /* Nothing comes through U where the readout sees a direction at its first step. */
    assert_true(largest > 0 || strstr(what, "backward.U") != NULL);
    for (size_t k = 0; k < want->count; k++)
        assert_near(run->name, what, k, got[k], want->numbers[k],
                    1e-4 * (fabs((double)want->numbers[k]) + 0.01 * largest));
}

static void check_case(const char *name)
{
    struct run run;
    start(&run, name);
    struct ur_workspace *workspace = &run.workspace;
    ur_model_forward(&run.model, run.weights, workspace->x, workspace);
    const double loss = ur_model_loss(&run.model, workspace->labels, workspace->row_weights,
                                      1.0f / (float)run.rows, workspace)
                            .loss;
    ur_model_backward(&run.model, run.weights, workspace->x, workspace, run.gradients);
    assert_near(name, "loss", 0, (float)(loss / run.rows), numbers(&run, "loss")[0], 1e-6);
    for (size_t k = 0; k < (size_t)(run.rows * run.shape.classes); k++)
        assert_near(name, "logits", k, workspace->logits[k], numbers(&run, "logits")[k], 1e-5);
    for (int32_t k = 0; k < run.model.params.count; k++)
        check_gradient(&run, &run.model.params.items[k]);
    ur_arena_release(&run.arena);
}

static void check_cell(const char *cell)
{
    int n = 0;
    for (uint32_t k = 0; k < golden.count; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s", golden.items[k].name);
        char *end = strchr(name, '/');
        if (strncmp(name, cell, strlen(cell)) != 0 || strcmp(end, "/shape") != 0)
            continue;
        *end = '\0';
        check_case(name);
        n++;
    }
    assert_int_equal(n, 7);
}

static void test_lstm(void **state)
{
    (void)state;
    check_cell("lstm-");
}

static void test_rnn(void **state)
{
    (void)state;
    check_cell("rnn-");
}

static void test_gru(void **state)
{
    (void)state;
    check_cell("gru-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lstm),
        cmocka_unit_test(test_rnn),
        cmocka_unit_test(test_gru),
    };
    return cmocka_run_group_tests(tests, read_golden, free_golden);
}
