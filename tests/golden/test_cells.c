/*
 * Every cell against PyTorch (make_cells.py), in one direction and both, in one layer and more:
 * logits, loss, every gradient, ten Adam steps; and projection and truncated back-propagation:
 * the same without the Adam steps. The batch of forty is cut into shards of 32
 * rows as in training, so the second has 24 rows of padding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "model/model.h"
#include "model/workspace.h"
#include "train/optim.h"
#include "unroll/wire.h"

enum { SHARD_ROWS = 32, MAX_SHARDS = 2, MAX_ARRAYS = 2048, ADAM_STEPS = 10 };

struct array {
    char name[64];
    size_t count;
    float *numbers;
};

static struct array arrays[MAX_ARRAYS];
static uint32_t n_arrays;

static void read_array(struct ur_reader *reader, struct array *array)
{
    ur_read_string(reader, array->name, sizeof array->name);
    array->count = 1;
    for (uint32_t rank = ur_read_u32(reader); rank > 0; rank--)
        array->count *= ur_read_u32(reader);
    assert_false(reader->failed);
    array->numbers = calloc(array->count, sizeof *array->numbers);
    assert_non_null(array->numbers);
    for (size_t k = 0; k < array->count; k++)
        array->numbers[k] = ur_read_f32(reader);
}

static void read_file(const char *path)
{
    static unsigned char bytes[500000];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t n_bytes = fread(bytes, 1, sizeof bytes, file);
    fclose(file);

    struct ur_reader reader = ur_reader_of(bytes, n_bytes);
    char magic[8];
    ur_read_bytes(&reader, magic, sizeof magic);
    assert_memory_equal(magic, "URGOLDEN", sizeof magic);
    const uint32_t more = ur_read_u32(&reader);
    assert_in_range(more, 1, MAX_ARRAYS - n_arrays);
    for (uint32_t k = 0; k < more; k++)
        read_array(&reader, &arrays[n_arrays++]);
    assert_true(ur_reader_done(&reader));
}

static int read_golden(void **state)
{
    (void)state;
    read_file(UR_SOURCE_DIR "/tests/golden/lstm.golden");
    read_file(UR_SOURCE_DIR "/tests/golden/cells.golden");
    read_file(UR_SOURCE_DIR "/tests/golden/layers.golden");
    return 0;
}

static int free_golden(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < n_arrays; k++)
        free(arrays[k].numbers);
    return 0;
}

static const struct array *find(const char *test_case, const char *kind, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s/%s%s", test_case, kind, what);
    for (uint32_t k = 0; k < n_arrays; k++)
        if (strcmp(arrays[k].name, name) == 0)
            return &arrays[k];
    fail_msg("no golden file has %s", name);
    abort(); /* fail_msg has jumped away; the compiler does not know */
}

/* One case, ready to run. */
struct run {
    const char *name;
    struct ur_spec spec;
    struct ur_data_shape shape;
    struct ur_model model;
    int32_t rows, shards;
    struct ur_arena arena;
    struct ur_workspace workspaces[MAX_SHARDS];
    float *weights, *m, *v, *gradients, *shard_gradients;
};

static void carve(struct run *run, struct ur_arena *arena)
{
    const size_t n = run->model.params.n_floats;
    for (int32_t s = 0; s < run->shards; s++)
        ur_workspace_carve(&run->workspaces[s], &run->model, arena);
    run->weights = ur_arena_floats(arena, n);
    run->m = ur_arena_floats(arena, n);
    run->v = ur_arena_floats(arena, n);
    run->gradients = ur_arena_floats(arena, n);
    run->shard_gradients = ur_arena_floats(arena, n);
}

/* Puts rows of the golden x [rows][T][I] into the shards' [T][B][I]. */
static void fill_inputs(struct run *run)
{
    const float *x = find(run->name, "", "x")->numbers;
    const float *labels = find(run->name, "", "labels")->numbers;
    const size_t width = (size_t)run->shape.width;
    for (int32_t row = 0; row < run->rows; row++) {
        struct ur_workspace *workspace = &run->workspaces[row / SHARD_ROWS];
        const size_t b = (size_t)(row % SHARD_ROWS);
        workspace->labels[b] = (int32_t)labels[row];
        workspace->row_weights[b] = 1.0f;
        for (size_t t = 0; t < (size_t)run->shape.steps; t++)
            memcpy(workspace->x + (t * SHARD_ROWS + b) * width,
                   x + ((size_t)row * (size_t)run->shape.steps + t) * width, width * sizeof *x);
    }
}

static void start(struct run *run, const char *name)
{
    *run = (struct run){.name = name};
    const float *shape = find(name, "", "shape")->numbers;
    run->shape = (struct ur_data_shape){
        .steps = (int32_t)shape[0], .width = (int32_t)shape[1], .classes = (int32_t)shape[3]};
    run->rows = (int32_t)shape[4];
    run->shards = (run->rows + SHARD_ROWS - 1) / SHARD_ROWS;
    assert_in_range(run->shards, 1, MAX_SHARDS);
    ur_spec_defaults(&run->spec);
    run->spec.model.hidden = (int32_t)shape[2];
    run->spec.model.readout = (int32_t)shape[5];
    if (find(name, "", "shape")->count > 6) {
        run->spec.model.cell = (int32_t)shape[6];
        run->spec.model.activation = (int32_t)shape[7];
        run->spec.model.bidirectional = (int32_t)shape[8];
        run->spec.model.layers = (int32_t)shape[9];
    }
    if (find(name, "", "shape")->count > 10) {
        run->spec.model.projection = (int32_t)shape[10];
        run->spec.train.truncate_bptt = (int32_t)shape[11];
    }
    run->spec.train.shard_rows = SHARD_ROWS;
    assert_int_equal(ur_model_init(&run->model, &run->spec, &run->shape, NULL), UR_OK);

    struct ur_arena plan = ur_arena_planner();
    carve(run, &plan);
    assert_int_equal(ur_arena_init(&run->arena, plan.used, NULL), UR_OK);
    carve(run, &run->arena);
    for (int32_t k = 0; k < run->model.params.count; k++) {
        const struct ur_tensor *tensor = &run->model.params.items[k];
        const struct array *initial = find(name, "initial.", tensor->name);
        assert_int_equal(initial->count, tensor->count);
        memcpy(run->weights + tensor->offset, initial->numbers,
               tensor->count * sizeof *run->weights);
    }
    fill_inputs(run);
}

/* Forward and backward over all shards; gives the mean loss. */
static double compute(struct run *run)
{
    const size_t n = run->model.params.n_floats;
    double loss = 0;
    memset(run->gradients, 0, n * sizeof *run->gradients);
    for (int32_t s = 0; s < run->shards; s++) {
        struct ur_workspace *workspace = &run->workspaces[s];
        ur_model_forward(&run->model, run->weights, workspace->x, workspace);
        loss += ur_model_loss(&run->model, workspace->labels, workspace->row_weights,
                              1.0f / (float)run->rows, workspace)
                    .loss;
        ur_model_backward(&run->model, run->weights, workspace->x, workspace,
                          run->shard_gradients);
        for (size_t k = 0; k < n; k++)
            run->gradients[k] += run->shard_gradients[k];
    }
    return loss / run->rows;
}

/* The comparison is written so that a NaN fails. */
static void assert_near(const char *what, size_t index, double got, double want,
                        double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s[%zu] is %.9g, PyTorch has %.9g", what, index, got, want);
}

/* Each element within relative of itself or of the tensor's largest, and the whole within
 * relative by its Euclidean norm. */
static void assert_tensor_near(const char *what, const float *got, const struct array *want,
                               double relative)
{
    double largest = 0, squares = 0, error = 0;
    for (size_t k = 0; k < want->count; k++)
        largest = fmax(largest, fabs((double)want->numbers[k]));
    /* Nothing comes through U where the readout sees a direction at its first step. */
    assert_true(largest > 0 || strstr(what, "backward.U") != NULL);
    for (size_t k = 0; k < want->count; k++) {
        const double g = (double)got[k];
        const double w = (double)want->numbers[k];
        assert_near(what, k, g, w, relative * (fabs(w) + 0.01 * largest));
        squares += w * w;
        error += (g - w) * (g - w);
    }
    assert_true(sqrt(error) <= relative * sqrt(squares));
}

static void check_forward_and_gradients(struct run *run)
{
    const double loss = compute(run);
    assert_near("loss", 0, loss, (double)find(run->name, "", "loss")->numbers[0], 1e-6);

    const float *logits = find(run->name, "", "logits")->numbers;
    const size_t classes = (size_t)run->shape.classes;
    for (size_t row = 0; row < (size_t)run->rows; row++)
        for (size_t k = 0; k < classes; k++)
            assert_near("logits", row * classes + k,
                        (double)run->workspaces[row / SHARD_ROWS]
                            .logits[row % SHARD_ROWS * classes + k],
                        (double)logits[row * classes + k], 1e-5);

    for (int32_t k = 0; k < run->model.params.count; k++) {
        const struct ur_tensor *tensor = &run->model.params.items[k];
        assert_tensor_near(tensor->name, run->gradients + tensor->offset,
                           find(run->name, "gradient.", tensor->name), 1e-4);
    }
}

static void check_adam(struct run *run)
{
    const float *losses = find(run->name, "", "losses")->numbers;
    for (int32_t step = 0; step < ADAM_STEPS; step++) {
        assert_near("losses", (size_t)step, compute(run), (double)losses[step], 1e-5);
        const struct ur_update update = ur_update_prepare(&run->spec, 0.001, step + 1);
        ur_update_apply(&update, 1.0f, run->gradients, run->weights, run->m, run->v,
                        run->model.params.n_floats);
    }
    assert_near("losses", ADAM_STEPS, compute(run), (double)losses[ADAM_STEPS], 1e-5);
    for (int32_t k = 0; k < run->model.params.count; k++) {
        const struct ur_tensor *tensor = &run->model.params.items[k];
        assert_tensor_near(tensor->name, run->weights + tensor->offset,
                           find(run->name, "final.", tensor->name), 1e-4);
    }
}

static void check_case(const char *name)
{
    struct run run;
    start(&run, name);
    check_forward_and_gradients(&run);
    if (find(name, "", "shape")->count <= 10)
        check_adam(&run);
    ur_arena_release(&run.arena);
}

static void test_last(void **state)
{
    (void)state;
    check_case("last");
}

static void test_mean(void **state)
{
    (void)state;
    check_case("mean");
}

static void test_image(void **state)
{
    (void)state;
    check_case("image");
}

/* All cases of cells.golden whose name begins so; gives how many there are. */
static int check_cases(const char *prefix)
{
    int n = 0;
    for (uint32_t k = 0; k < n_arrays; k++) {
        const char *end = strchr(arrays[k].name, '/');
        if (strncmp(arrays[k].name, prefix, strlen(prefix)) != 0 || strcmp(end, "/shape") != 0)
            continue;
        char name[64] = {0};
        memcpy(name, arrays[k].name, (size_t)(end - arrays[k].name));
        check_case(name);
        n++;
    }
    return n;
}

static void test_lstm(void **state)
{
    (void)state;
    assert_int_equal(check_cases("lstm-"), 4);
}

static void test_rnn(void **state)
{
    (void)state;
    assert_int_equal(check_cases("rnn-"), 8);
}

static void test_gru(void **state)
{
    (void)state;
    assert_int_equal(check_cases("gru-tanh-"), 4);
}

static void test_three_layers_and_every_readout(void **state)
{
    (void)state;
    assert_int_equal(check_cases("gru-three-"), 4);
}

static void test_projection(void **state)
{
    (void)state;
    assert_int_equal(check_cases("projection-"), 4);
}

static void test_truncated_back_propagation(void **state)
{
    (void)state;
    assert_int_equal(check_cases("truncate-"), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_mean),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_lstm),
        cmocka_unit_test(test_rnn),
        cmocka_unit_test(test_gru),
        cmocka_unit_test(test_three_layers_and_every_readout),
        cmocka_unit_test(test_projection),
        cmocka_unit_test(test_truncated_back_propagation),
    };
    return cmocka_run_group_tests(tests, read_golden, free_golden);
}
