/* The tensor table, initial weights and their digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/params.h"
#include "near.h"
#include "unroll/digest.h"

static const struct ur_data_shape images = {.steps = 28, .width = 28, .classes = 10};

static void build(struct ur_params *params, int32_t hidden, int32_t init)
{
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.model.hidden = hidden;
    spec.model.init = init;
    spec.model.forget_bias = 1.5;
    assert_int_equal(ur_params_build(params, &spec, &images, NULL), UR_OK);
}

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t rank, rows, columns;
    } expected[] = {
        {"layer0.forward.W", 2, 28, 400},
        {"layer0.forward.U", 2, 100, 400},
        {"layer0.forward.b", 1, 400, 0},
        {"dense.W", 2, 100, 10},
        {"dense.b", 1, 10, 0},
    };
    struct ur_params params;
    build(&params, 100, UR_INIT_GLOROT);
    assert_int_equal(params.count, 5);
    size_t parameters = 0, end = 0;
    for (int32_t k = 0; k < params.count; k++) {
        const struct ur_tensor *tensor = &params.items[k];
        assert_string_equal(tensor->name, expected[k].name);
        assert_int_equal(tensor->rank, expected[k].rank);
        assert_int_equal(tensor->dims[0], expected[k].rows);
        assert_int_equal(tensor->dims[1], expected[k].columns);
        assert_int_equal(tensor->offset % UR_TENSOR_ALIGN_FLOATS, 0);
        assert_true(tensor->offset >= end);
        assert_ptr_equal(ur_params_find(&params, tensor->name), tensor);
        end = tensor->offset + tensor->count;
        parameters += tensor->count;
    }
    assert_int_equal(params.n_parameters, parameters);
    assert_true(params.n_floats >= end && params.n_floats % UR_TENSOR_ALIGN_FLOATS == 0);
    assert_null(ur_params_find(&params, "layer1.forward.W"));
}

static void test_table_of_a_projection(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t rows, columns;
    } expected[] = {
        {"layer0.forward.W", 28, 400},  {"layer0.forward.U", 30, 400},
        {"layer0.forward.P", 100, 30},  {"layer0.backward.P", 100, 30},
        {"layer1.backward.W", 60, 400}, {"dense.W", 60, 10},
    };
    struct ur_params params;
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.model.hidden = 100;
    spec.model.projection = 30;
    spec.model.layers = 2;
    spec.model.bidirectional = 1;
    assert_int_equal(ur_params_build(&params, &spec, &images, NULL), UR_OK);
    assert_int_equal(params.count, 18);
    for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
        const struct ur_tensor *tensor = ur_params_find(&params, expected[k].name);
        assert_non_null(tensor);
        assert_int_equal(tensor->dims[0], expected[k].rows);
        assert_int_equal(tensor->dims[1], expected[k].columns);
    }
}

static void test_shapes_outside_the_limits(void **state)
{
    (void)state;
    struct ur_params params;
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    struct ur_data_shape shape = images;
    shape.classes = UR_MAX_CLASSES + 1;
    struct ur_error error = {0};
    assert_int_equal(ur_params_build(&params, &spec, &shape, &error), UR_JOB_TOO_BIG);
    assert_non_null(strstr(error.detail, "1001 classes"));
    shape = images;
    spec.model.hidden = UR_MAX_HIDDEN + 1;
    assert_int_equal(ur_params_build(&params, &spec, &shape, NULL), UR_JOB_TOO_BIG);
}

/* Mean, mean square and largest magnitude of a tensor. */
struct moments {
    double mean, square, largest;
};

static struct moments measure(const float *x, size_t n)
{
    struct moments m = {0};
    for (size_t k = 0; k < n; k++) {
        m.mean += (double)x[k] / (double)n;
        m.square += (double)x[k] * (double)x[k] / (double)n;
        m.largest = fmax(m.largest, fabs((double)x[k]));
    }
    return m;
}

static void check_spread(const struct ur_tensor *tensor, const float *weights)
{
    const double in = tensor->fan_in, out = tensor->fan_out;
    const double n = (double)tensor->count;
    const double variance = tensor->init == UR_TENSOR_GLOROT ? 2.0 / (in + out) : 1.0 / in;
    const struct moments m = measure(weights + tensor->offset, tensor->count);
    /* Five standard errors; a normal number's square varies more than a uniform one's. */
    assert_near(m.mean, 0.0, 5.0 * sqrt(variance / n));
    assert_near(m.square, variance, 5.0 * variance * sqrt(2.0 / n));
    if (tensor->init == UR_TENSOR_GLOROT)
        assert_true(m.largest <= 1.0000001 * sqrt(3.0 * variance));
    else
        assert_true(m.largest <= 7.0 * sqrt(variance));
}

static void check_init(int32_t init)
{
    struct ur_params params;
    build(&params, 100, init);
    float *weights = malloc(params.n_floats * sizeof *weights);
    assert_non_null(weights);
    memset(weights, 0xff, params.n_floats * sizeof *weights); /* NaN */
    ur_params_init(&params, 7, weights);

    size_t end = 0;
    for (int32_t k = 0; k < params.count; k++) {
        const struct ur_tensor *tensor = &params.items[k];
        for (; end < tensor->offset; end++)
            assert_true(weights[end] == 0.0f); /* padding */
        end += tensor->count;
        if (tensor->rank == 2)
            check_spread(tensor, weights);
    }
    const struct ur_tensor *bias = ur_params_find(&params, "layer0.forward.b");
    for (size_t k = 0; k < 400; k++)
        assert_true(weights[bias->offset + k] == (k / 100 == 1 ? 1.5f : 0.0f));
    const struct ur_tensor *dense_bias = ur_params_find(&params, "dense.b");
    for (size_t k = 0; k < dense_bias->count; k++)
        assert_true(weights[dense_bias->offset + k] == 0.0f);
    free(weights);
}

static void test_glorot(void **state)
{
    (void)state;
    check_init(UR_INIT_GLOROT);
}

static void test_normal(void **state)
{
    (void)state;
    check_init(UR_INIT_NORMAL);
}

/* A network of each kind, initialised. */
static float *start(struct ur_params *params, struct ur_spec spec)
{
    assert_int_equal(ur_params_build(params, &spec, &images, NULL), UR_OK);
    float *weights = malloc(params->n_floats * sizeof *weights);
    assert_non_null(weights);
    ur_params_init(params, 7, weights);
    return weights;
}

/* The rows of every gate's block are orthonormal, and no two blocks are one. */
static void check_orthogonal(struct ur_spec spec, size_t gates)
{
    struct ur_params params;
    spec.model.init = UR_INIT_ORTHOGONAL;
    float *weights = start(&params, spec);
    const struct ur_tensor *u = ur_params_find(&params, "layer0.forward.U");
    const size_t hidden = (size_t)spec.model.hidden, rows = (size_t)u->dims[0];
    const float *at = weights + u->offset;
    assert_int_equal(u->dims[1], gates * hidden);
    for (size_t g = 0; g < gates; g++)
        for (size_t a = 0; a < rows; a++)
            for (size_t b = 0; b <= a; b++) {
                double sum = 0;
                for (size_t k = g * hidden; k < (g + 1) * hidden; k++)
                    sum +=
                        (double)at[a * gates * hidden + k] * (double)at[b * gates * hidden + k];
                assert_near(sum, a == b ? 1.0 : 0.0, 1e-6);
            }
    for (size_t g = 1; g < gates && hidden > 1; g++)
        assert_true(at[0] != at[g * hidden]);
    check_spread(ur_params_find(&params, "layer0.forward.W"), weights);
    check_spread(ur_params_find(&params, "dense.W"), weights);
    const struct ur_tensor *b = ur_params_find(&params, "layer0.forward.b");
    assert_true(weights[b->offset] == 0.0f);
    assert_true(gates != 4 || weights[b->offset + hidden] == 1.0f);
    free(weights);
}

static void test_orthogonal(void **state)
{
    (void)state;
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    static const int32_t hidden[] = {1, 2, 31, 64};
    for (size_t k = 0; k < 4; k++) {
        spec.model.hidden = hidden[k];
        spec.model.cell = UR_CELL_RNN;
        check_orthogonal(spec, 1);
        spec.model.cell = UR_CELL_GRU;
        check_orthogonal(spec, 3);
        spec.model.cell = UR_CELL_LSTM;
        check_orthogonal(spec, 4);
    }
    spec.model.projection = 20;
    check_orthogonal(spec, 4);
}

/* Even numbers in +-limit, or the sums of two of them. */
static void check_even(const float *x, size_t n, double limit, bool sums)
{
    const struct moments m = measure(x, n);
    const double variance = (sums ? 2.0 : 1.0) * limit * limit / 3.0;
    assert_near(m.mean, 0.0, 5.0 * sqrt(variance / (double)n));
    assert_near(m.square, variance, 5.0 * variance * sqrt(2.0 / (double)n));
    assert_true(m.largest <= 1.000001 * limit * (sums ? 2.0 : 1.0));
    assert_true(!sums || m.largest > limit);
}

static void check_pytorch(struct ur_spec spec, size_t sums, bool backward)
{
    struct ur_params params;
    spec.model.init = UR_INIT_PYTORCH;
    spec.model.forget_bias = 50.0; /* PyTorch has none */
    float *weights = start(&params, spec);
    for (int32_t k = 0; k < params.count; k++) {
        const struct ur_tensor *tensor = &params.items[k];
        const bool dense = strncmp(tensor->name, "dense.", 6) == 0;
        const bool b = !dense && strcmp(strrchr(tensor->name, '.'), ".b") == 0;
        const double inputs = ur_params_find(&params, "dense.W")->dims[0];
        const double limit = 1.0 / sqrt(dense ? inputs : (double)spec.model.hidden);
        const float *at = weights + tensor->offset;
        if (b)
            check_even(at, sums, limit, true);
        if (!b)
            check_even(at, tensor->count, limit, false);
        else if (sums < tensor->count)
            check_even(at + sums, tensor->count - sums, limit, false);
    }
    assert_true((ur_params_find(&params, "layer1.backward.W") != NULL) == backward);
    free(weights);
}

static void test_pytorch(void **state)
{
    (void)state;
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.model.layers = 2;
    spec.model.hidden = 96;
    check_pytorch(spec, 4 * 96, false);
    spec.model.projection = 40;
    check_pytorch(spec, 4 * 96, false);
    spec.model.projection = 0;
    spec.model.bidirectional = 1;
    spec.model.cell = UR_CELL_RNN;
    check_pytorch(spec, 96, true);
    spec.model.cell = UR_CELL_GRU;
    check_pytorch(spec, 2 * 96, true);
}

static void test_digest_is_of_the_packed_weights(void **state)
{
    (void)state;
    struct ur_params params;
    build(&params, 5, UR_INIT_GLOROT);
    float *weights = malloc(params.n_floats * sizeof *weights);
    float *packed = malloc(params.n_parameters * sizeof *packed);
    assert_non_null(weights);
    assert_non_null(packed);
    ur_params_init(&params, 7, weights);

    size_t used = 0;
    for (int32_t k = 0; k < params.count; k++) {
        memcpy(packed + used, weights + params.items[k].offset,
               params.items[k].count * sizeof *packed);
        used += params.items[k].count;
    }
    char got[UR_SHA256_HEX_BYTES], want[UR_SHA256_HEX_BYTES], other[UR_SHA256_HEX_BYTES];
    ur_digest_hex(packed, used * sizeof *packed, want);
    ur_params_digest(&params, weights, got);
    assert_string_equal(got, want);
    ur_params_init(&params, 8, weights);
    ur_params_digest(&params, weights, other);
    assert_string_not_equal(got, other);
    free(weights);
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_of_a_projection),
        cmocka_unit_test(test_shapes_outside_the_limits),
        cmocka_unit_test(test_glorot),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_orthogonal),
        cmocka_unit_test(test_pytorch),
        cmocka_unit_test(test_digest_is_of_the_packed_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
