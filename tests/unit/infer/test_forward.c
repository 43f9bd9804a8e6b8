/* The predictor's forward pass: right, alone or in company, and unmoved by broken files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "checkpoint_reseal.h"
#include "infer/forward.h"
#include "model/model.h"
#include "model/workspace.h"
#include "model_file.h"

enum { PICTURES = 9, MAX_PIXELS = 28 * 28, CLASSES = 10 };

static uint8_t pictures[PICTURES * MAX_PIXELS];

static const struct ur_data_shape mnist = {28, 28, CLASSES, 100, 10, 0};
static const struct ur_data_shape small = {7, 5, 3, 100, 10, 0};

static double sigmoid(double value)
{
    return 1.0 / (1.0 + exp(-value));
}

static const float *tensor(const struct model_file *model, const char *name)
{
    return model->weights + ur_params_find(&model->params, name)->offset;
}

/* Gates of one unit before activation. */
static double gate(const struct model_file *model, const uint8_t *row, const double *h,
                   int32_t column)
{
    const int32_t hidden = model->spec.model.hidden, width = model->shape.width;
    const float *w = tensor(model, "layer0.forward.W"), *u = tensor(model, "layer0.forward.U");
    double sum = (double)tensor(model, "layer0.forward.b")[column];
    for (int32_t k = 0; k < width; k++)
        sum += row[k] / 255.0 * (double)w[k * 4 * hidden + column];
    for (int32_t k = 0; k < hidden; k++)
        sum += h[k] * (double)u[k * 4 * hidden + column];
    return sum;
}

/* The whole network in double, written down from the textbook. */
static void twin(const struct model_file *model, const uint8_t *picture, double *logits)
{
    const int32_t hidden = model->spec.model.hidden, steps = model->shape.steps;
    const bool mean = model->spec.model.readout == UR_READOUT_MEAN;
    double h[128] = {0}, c[128] = {0}, next[128], read[128] = {0};
    for (int32_t t = 0; t < steps; t++) {
        const uint8_t *row = picture + t * model->shape.width;
        for (int32_t k = 0; k < hidden; k++) {
            const double i = sigmoid(gate(model, row, h, k));
            const double f = sigmoid(gate(model, row, h, hidden + k));
            const double g = tanh(gate(model, row, h, 2 * hidden + k));
            const double o = sigmoid(gate(model, row, h, 3 * hidden + k));
            c[k] = f * c[k] + i * g;
            next[k] = o * tanh(c[k]);
        }
        for (int32_t k = 0; k < hidden; k++) {
            h[k] = next[k];
            read[k] = mean ? read[k] + h[k] / steps : h[k];
        }
    }
    for (int32_t n = 0; n < model->shape.classes; n++) {
        logits[n] = (double)tensor(model, "dense.b")[n];
        for (int32_t k = 0; k < hidden; k++)
            logits[n] +=
                read[k] * (double)tensor(model, "dense.W")[k * model->shape.classes + n];
    }
}

static void load(struct ur_forward *forward, const struct model_file *model, int32_t capacity)
{
    struct ur_error error = {0};
    if (ur_forward_load(forward, model->bytes, model->n_bytes, capacity, &error) != UR_OK)
        fail_msg("%s", error.detail);
}

static void check_twin(int32_t hidden, struct ur_data_shape shape, enum ur_readout readout)
{
    struct model_file model;
    struct ur_forward forward;
    float logits[CLASSES], probabilities[CLASSES];
    double expected[CLASSES], sum = 0.0;
    model_file_make(&model, hidden, shape, readout, 5);
    load(&forward, &model, 1);
    assert_string_equal(forward.weights_sha256 + 64, "");
    ur_forward_logits(&forward, pictures, 1, logits);
    ur_forward_run(&forward, pictures, 1, probabilities);
    twin(&model, pictures, expected);
    for (int32_t n = 0; n < shape.classes; n++)
        sum += exp(expected[n]);
    for (int32_t n = 0; n < shape.classes; n++) {
        assert_near(logits[n], expected[n], 1e-5);
        assert_near(probabilities[n], exp(expected[n]) / sum, 1e-6);
    }
    ur_forward_release(&forward);
    model_file_free(&model);
}

static void test_against_a_twin_in_double(void **state)
{
    (void)state;
    check_twin(128, mnist, UR_READOUT_LAST);
    check_twin(33, mnist, UR_READOUT_MEAN);
    check_twin(1, small, UR_READOUT_LAST);
    check_twin(5, small, UR_READOUT_MEAN);
}

/* What was measured while training is what is answered later. */
static void check_training(const struct ur_spec *spec)
{
    struct model_file file;
    struct ur_model model;
    struct ur_workspace workspace;
    struct ur_arena planner = ur_arena_planner(), arena;
    struct ur_forward forward;
    float logits[PICTURES * CLASSES];
    model_file_of(&file, spec, mnist, 3);
    assert_int_equal(ur_model_init(&model, &file.spec, &mnist, NULL), UR_OK);
    ur_workspace_carve(&workspace, &model, &planner);
    assert_int_equal(ur_arena_init(&arena, planner.used, NULL), UR_OK);
    ur_workspace_carve(&workspace, &model, &arena);
    const bool columns = spec->model.scan == UR_SCAN_COLUMNS;
    for (int32_t t = 0; t < 28; t++)
        for (int32_t row = 0; row < PICTURES; row++)
            for (int32_t k = 0; k < 28; k++) {
                const int32_t pixel = columns ? k * 28 + t : t * 28 + k;
                workspace.x[(t * model.shard_rows + row) * 28 + k] =
                    (float)pictures[row * MAX_PIXELS + pixel] / 255.0f;
            }
    ur_model_forward(&model, file.weights, workspace.x, &workspace);
    load(&forward, &file, PICTURES);
    ur_forward_logits(&forward, pictures, PICTURES, logits);
    for (int32_t k = 0; k < PICTURES * CLASSES; k++)
        assert_near(logits[k], workspace.logits[k], 1e-5);
    ur_forward_release(&forward);
    ur_arena_release(&arena);
    model_file_free(&file);
}

static void check_company(const struct ur_spec *spec)
{
    struct model_file model;
    struct ur_forward forward;
    float together[PICTURES * CLASSES], alone[CLASSES];
    model_file_of(&model, spec, mnist, 9);
    load(&forward, &model, PICTURES);
    for (int32_t n = 1; n <= PICTURES; n++) {
        ur_forward_run(&forward, pictures, n, together);
        for (int32_t row = 0; row < n; row++) {
            ur_forward_run(&forward, pictures + row * MAX_PIXELS, 1, alone);
            assert_memory_equal(alone, together + row * CLASSES, sizeof alone);
        }
    }
    ur_forward_release(&forward);
    model_file_free(&model);
}

static void test_against_training(void **state)
{
    (void)state;
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.model.hidden = 64;
    check_training(&spec);
    spec.model.readout = UR_READOUT_MEAN;
    check_training(&spec);
    spec.model.scan = UR_SCAN_COLUMNS;
    check_training(&spec);
    check_company(&spec);
}

/* A picture by columns is the transposed one by rows, to the bit; this one is not square. */
static void test_columns_are_transposed_rows(void **state)
{
    (void)state;
    const struct ur_data_shape turned = {small.width, small.steps, small.classes, 100, 10, 0};
    const int32_t pixels = small.steps * small.width;
    struct model_file by_rows, by_columns;
    struct ur_forward rows, columns;
    struct ur_spec spec;
    uint8_t transposed[PICTURES * MAX_PIXELS];
    float expected[PICTURES * CLASSES], got[PICTURES * CLASSES];
    ur_spec_defaults(&spec);
    spec.model.hidden = 9;
    spec.model.bidirectional = 1;
    model_file_of(&by_rows, &spec, turned, 3);
    spec.model.scan = UR_SCAN_COLUMNS;
    model_file_of(&by_columns, &spec, small, 3);
    load(&rows, &by_rows, PICTURES);
    load(&columns, &by_columns, PICTURES);
    assert_string_equal(rows.weights_sha256, columns.weights_sha256);
    assert_int_equal(columns.picture_height, small.steps);
    assert_int_equal(columns.picture_width, small.width);
    assert_int_equal(columns.steps, small.width);
    for (int32_t n = 0; n < PICTURES; n++)
        for (int32_t k = 0; k < pixels; k++) {
            const int32_t y = k / small.width, x = k % small.width;
            transposed[n * pixels + x * small.steps + y] = pictures[n * pixels + k];
        }
    ur_forward_logits(&rows, transposed, PICTURES, expected);
    ur_forward_logits(&columns, pictures, PICTURES, got);
    assert_memory_equal(got, expected, sizeof(float) * PICTURES * (size_t)small.classes);
    ur_forward_release(&rows);
    ur_forward_release(&columns);
    model_file_free(&by_rows);
    model_file_free(&by_columns);
}

static void test_company_changes_no_bit(void **state)
{
    (void)state;
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.model.hidden = 40;
    check_company(&spec);
}

/* Every cell, direction, depth and readout: as in training, and the same bits in company. */
static void test_every_network(void **state)
{
    (void)state;
    for (int32_t k = 0; k < 3 * 2 * 4; k++) {
        struct ur_spec spec;
        ur_spec_defaults(&spec);
        spec.model.hidden = 9;
        spec.model.cell = k % 3;
        spec.model.activation =
            spec.model.cell == UR_CELL_RNN ? k % 2 * UR_ACTIVATION_RELU : UR_ACTIVATION_TANH;
        spec.model.bidirectional = k / 3 % 2;
        spec.model.readout = k / 6 % 4;
        spec.model.layers = 1 + k % 4;
        spec.model.projection = spec.model.cell == UR_CELL_LSTM && k % 2 == 0 ? 5 : 0;
        spec.model.dropout = 0.3; /* of training alone */
        check_training(&spec);
        check_company(&spec);
    }
}

static void expect_bad(const unsigned char *bytes, size_t n_bytes)
{
    struct ur_forward forward;
    struct ur_error error = {0};
    assert_int_equal(ur_forward_load(&forward, bytes, n_bytes, 1, &error), UR_BAD_MODEL);
    assert_int_equal(error.status, UR_BAD_MODEL);
    assert_true(error.detail[0] != '\0');
    assert_null(forward.arena.base);
}

/* A checkpoint of a job with a running mean: that, and not the weights, is what answers. */
static void test_the_running_mean_answers(void **state)
{
    (void)state;
    struct model_file model;
    struct ur_forward forward;
    struct ur_checkpoint_file parsed;
    char digest[UR_SHA256_HEX_BYTES];
    const struct ur_data_shape shape = {3, 4, 2, 10, 10, 0};
    model_file_make(&model, 2, shape, UR_READOUT_LAST, 1);
    unsigned char *copy = malloc(model.n_bytes);
    memcpy(copy, model.bytes, model.n_bytes);
    assert_int_equal(ur_checkpoint_parse(&parsed, copy, model.n_bytes, NULL), UR_OK);
    float *zeros = calloc(model.params.n_floats, sizeof *zeros);
    char *spec_json = strndup(parsed.spec_json, parsed.spec_bytes);
    const struct ur_checkpoint_content content = {.kind = UR_FILE_CHECKPOINT,
                                                  .spec_json = spec_json,
                                                  .info = parsed.info,
                                                  .params = &model.params,
                                                  .weights = zeros,
                                                  .adam_m = zeros,
                                                  .adam_v = zeros,
                                                  .ema = model.weights};
    const size_t n_bytes = ur_checkpoint_bytes(&content);
    unsigned char *bytes = malloc(n_bytes);
    assert_int_equal(ur_checkpoint_encode(&content, bytes, NULL), UR_OK);
    assert_int_equal(ur_forward_load(&forward, bytes, n_bytes, 1, NULL), UR_OK);
    ur_params_digest(&model.params, model.weights, digest);
    assert_string_equal(forward.weights_sha256, digest);
    assert_memory_equal(forward.arena.base, model.weights,
                        model.params.n_floats * sizeof(float));
    ur_forward_release(&forward);
    ur_checkpoint_close(&parsed);
    free(bytes);
    free(zeros);
    free(spec_json);
    model_file_free(&model);
}

static void test_truncated_anywhere(void **state)
{
    (void)state;
    struct model_file model;
    model_file_make(&model, 2, small, UR_READOUT_LAST, 1);
    for (size_t n = 0; n < model.n_bytes; n++) {
        unsigned char *exact = malloc(n > 0 ? n : 1);
        assert_non_null(exact);
        memcpy(exact, model.bytes, n);
        expect_bad(exact, n);
        free(exact);
    }
    model_file_free(&model);
}

/* A file with sound digests that lies about what it is: shapes that its weights do not have. */
static void check_lie(size_t info_place, uint32_t value)
{
    struct model_file model;
    model_file_make(&model, 2, small, UR_READOUT_LAST, 1);
    const unsigned char *table = model.bytes + UR_CHECKPOINT_HEADER_BYTES;
    struct ur_reader entry = ur_reader_of(table + UR_CHECKPOINT_ENTRY_BYTES + 8, 8);
    const size_t info = (size_t)ur_read_u64(&entry);
    struct ur_writer writer = ur_writer_of(model.bytes + info + info_place, 4);
    ur_write_u32(&writer, value);
    ur_test_reseal(model.bytes, model.n_bytes);
    expect_bad(model.bytes, model.n_bytes);
    model_file_free(&model);
}

static void test_lies_about_shapes(void **state)
{
    (void)state;
    static const uint32_t values[] = {0, 1, 6, 4097, 0x7fffffff, 0xffffffff};
    for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
        check_lie(20, values[k]); /* width */
        check_lie(24, values[k]); /* classes */
        if (values[k] == 0 || values[k] > 4096)
            check_lie(16, values[k]); /* steps: any other number is a shorter sequence */
    }
}

static void test_release_accepts_nothing(void **state)
{
    (void)state;
    struct ur_forward forward = {0};
    ur_forward_release(&forward);
    ur_forward_release(NULL);
}

int main(void)
{
    for (size_t k = 0; k < sizeof pictures; k++)
        pictures[k] = (uint8_t)((k * 2654435761u >> 13) % 256);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_twin_in_double),
        cmocka_unit_test(test_against_training),
        cmocka_unit_test(test_columns_are_transposed_rows),
        cmocka_unit_test(test_company_changes_no_bit),
        cmocka_unit_test(test_every_network),
        cmocka_unit_test(test_the_running_mean_answers),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_lies_about_shapes),
        cmocka_unit_test(test_release_accepts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
