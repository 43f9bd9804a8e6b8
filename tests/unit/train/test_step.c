/* A training step: the same bits at any thread count, nothing applied once numbers leave the
 * finite, and no allocation. */
#include "tiny.h"

#include <math.h>
#include <stdatomic.h>

#include "sanitized.h"

/* Every allocation of this process passes here, those of libraries and other threads too. */
static atomic_int allocations;
static atomic_bool counting;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

#if !UR_TEST_SANITIZED
#define COUNTS_ALLOCATIONS 1

static void note(void)
{
    if (atomic_load(&counting))
        atomic_fetch_add(&allocations, 1);
}

void *malloc(size_t size)
{
    note();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    note();
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    note();
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    note();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    note();
    *out = __libc_memalign(alignment, size);
    return *out == NULL ? 12 : 0;
}
#else
#define COUNTS_ALLOCATIONS 0
#endif

static void digest_after(const struct ur_spec *spec, int32_t threads, int32_t steps,
                         char digest[UR_SHA256_HEX_BYTES])
{
    struct tiny *tiny = tiny_open(spec, threads);
    for (int32_t step = 0; step < steps; step++)
        assert_true(ur_step_run(&tiny->team, step).applied);
    ur_params_digest(&tiny->model.params, tiny->team.weights, digest);
    tiny_close(tiny);
}

static void test_threads_never_change_a_bit(void **state)
{
    (void)state;
    const int32_t batches[] = {1, 8, 41, 64};
    for (size_t k = 0; k < sizeof batches / sizeof batches[0]; k++) {
        struct ur_spec spec;
        char expected[UR_SHA256_HEX_BYTES], digest[UR_SHA256_HEX_BYTES];
        tiny_spec(&spec);
        spec.train.batch = batches[k];
        spec.train.clip_norm = 0.5;
        digest_after(&spec, 1, 12, expected);
        for (int32_t threads = 2; threads <= 8; threads++) {
            digest_after(&spec, threads, 12, digest);
            assert_string_equal(digest, expected);
        }
    }
}

/* The masks belong to the samples: six shards in any hands draw the same ones. */
static void test_threads_change_no_mask(void **state)
{
    (void)state;
    char last[UR_SHA256_HEX_BYTES] = "";
    for (int32_t k = 0; k < 4; k++) {
        struct ur_spec spec;
        char expected[UR_SHA256_HEX_BYTES], digest[UR_SHA256_HEX_BYTES];
        tiny_spec(&spec);
        spec.model.layers = 2;
        spec.model.bidirectional = k > 0;
        spec.model.readout = k < 2 ? UR_READOUT_MEAN + k : UR_READOUT_MAX;
        spec.model.dropout = k == 3 ? 0.0 : 0.3; /* all that parts the last two */
        digest_after(&spec, 1, 12, expected);
        for (int32_t threads = 2; threads <= 8; threads++) {
            digest_after(&spec, threads, 12, digest);
            assert_string_equal(digest, expected);
        }
        assert_string_not_equal(last, expected);
        ur_copy(last, sizeof last, expected);
    }
}

/* One of the optimizers with weight decay, one of the schedules, and smoothed labels. */
static void varied_spec(struct ur_spec *spec, int32_t k)
{
    tiny_spec(spec);
    spec->train.steps = 12;
    spec->train.clip_norm = 0.5;
    spec->train.optimizer = k;
    spec->train.weight_decay = 0.01;
    spec->train.schedule = k % 5;
    spec->train.step_size = 5;
    spec->train.warmup_steps = 3;
    spec->train.label_smoothing = 0.1;
}

static void test_threads_change_no_optimizer(void **state)
{
    (void)state;
    char last[UR_SHA256_HEX_BYTES] = "";
    for (int32_t k = 0; k < 6; k++) {
        struct ur_spec spec;
        char expected[UR_SHA256_HEX_BYTES], digest[UR_SHA256_HEX_BYTES];
        varied_spec(&spec, k);
        digest_after(&spec, 1, 12, expected);
        for (int32_t threads = 2; threads <= 8; threads += 3) {
            digest_after(&spec, threads, 12, digest);
            assert_string_equal(digest, expected);
        }
        assert_string_not_equal(last, expected);
        ur_copy(last, sizeof last, expected);
    }
}

/* A moment that an optimizer has no use for goes into checkpoints as zeros. */
static void test_moments_not_needed_stay_zero(void **state)
{
    (void)state;
    const bool uses[6][2] = {{false, false}, {true, false}, {true, false},
                             {false, true},  {true, true},  {true, true}};
    for (int32_t k = 0; k < 6; k++) {
        struct ur_spec spec;
        varied_spec(&spec, k);
        struct tiny *tiny = tiny_open(&spec, 2);
        assert_true(ur_step_run(&tiny->team, 0).applied);
        const float *moments[] = {tiny->team.first_moment, tiny->team.second_moment};
        for (size_t a = 0; a < 2; a++) {
            bool used = false;
            for (size_t i = 0; i < tiny->model.params.n_floats; i++)
                used = used || moments[a][i] != 0;
            assert_true(used == uses[k][a]);
        }
        tiny_close(tiny);
    }
}

static void test_the_schedule_sets_the_rate(void **state)
{
    (void)state;
    struct ur_spec spec;
    tiny_spec(&spec);
    spec.train.optimizer = UR_OPTIMIZER_SGD;
    spec.train.steps = 4;
    spec.train.schedule = UR_SCHEDULE_COSINE;
    struct tiny *tiny = tiny_open(&spec, 2);
    const double rates[] = {0.02, 0.5 * 0.02 * (1 + sqrt(0.5)), 0.01,
                            0.5 * 0.02 * (1 - sqrt(0.5))};
    for (int32_t step = 0; step < 4; step++) {
        const struct ur_tensor *bias = ur_params_find(&tiny->model.params, "dense.b");
        const float before = tiny->team.weights[bias->offset];
        const double rate = ur_step_run(&tiny->team, step).learning_rate;
        assert_true(fabs(rate - rates[step]) < 1e-17);
        const float moved = before - tiny->team.weights[bias->offset];
        const double gradient = (double)tiny->team.gradients[0][bias->offset];
        assert_true(fabs((double)moved - rate * gradient) < 1e-8);
    }
    tiny_close(tiny);
}

/* Half of each target is spread, so even a certain network has a loss. */
static void test_smoothed_labels_are_what_is_trained_on(void **state)
{
    (void)state;
    struct ur_spec spec;
    tiny_spec(&spec);
    spec.train.label_smoothing = 0.5;
    struct tiny *tiny = tiny_open(&spec, 2);
    struct ur_step_outcome outcome = {0};
    for (int32_t step = 0; step < 120; step++)
        outcome = ur_step_run(&tiny->team, step);
    const double least = -(2.0 / 3 * log(2.0 / 3) + 1.0 / 3 * log(1.0 / 6));
    assert_true(outcome.loss > least - 1e-6 && outcome.loss < 1.1 * least);
    assert_int_equal(outcome.correct, spec.train.batch);
    tiny_close(tiny);
}

static void test_it_learns(void **state)
{
    (void)state;
    struct ur_spec spec;
    tiny_spec(&spec);
    struct tiny *tiny = tiny_open(&spec, 2);
    const double first = ur_step_run(&tiny->team, 0).loss;
    assert_true(fabs(first - log(TINY_CLASSES)) < 0.3);
    struct ur_step_outcome outcome = {0};
    for (int32_t step = 1; step < 60; step++)
        outcome = ur_step_run(&tiny->team, step);
    assert_true(outcome.loss < 0.1 * first);
    assert_int_equal(outcome.correct, spec.train.batch);
    assert_true(outcome.learning_rate == spec.train.learning_rate);
    tiny_close(tiny);
}

/* The mean over the global minibatch does not see how it is cut; only rounding may. */
static void test_the_cut_changes_only_rounding(void **state)
{
    (void)state;
    struct ur_step_outcome outcomes[2];
    for (int k = 0; k < 2; k++) {
        struct ur_spec spec;
        tiny_spec(&spec);
        spec.train.shard_rows = k == 0 ? 8 : 64;
        struct tiny *tiny = tiny_open(&spec, 2);
        outcomes[k] = ur_step_run(&tiny->team, 0);
        tiny_close(tiny);
    }
    assert_int_equal(outcomes[0].correct, outcomes[1].correct);
    assert_true(fabs(outcomes[0].loss - outcomes[1].loss) < 1e-5);
    assert_true(fabs(outcomes[0].gradient_norm / outcomes[1].gradient_norm - 1) < 1e-5);
}

static void test_a_step_that_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    const float poison[] = {NAN, 3e38F};
    for (size_t k = 0; k < 2; k++) {
        struct ur_spec spec;
        tiny_spec(&spec);
        struct tiny *tiny = tiny_open(&spec, 2);
        const size_t bytes = tiny->model.params.n_floats * sizeof(float);
        assert_true(ur_step_run(&tiny->team, 0).applied);
        const struct ur_tensor *dense = ur_params_find(&tiny->model.params, "dense.W");
        for (size_t i = 0; i < dense->count; i++)
            tiny->team.weights[dense->offset + i] = poison[k];
        float *before = malloc(3 * bytes);
        float *now[] = {tiny->team.weights, tiny->team.first_moment, tiny->team.second_moment};
        for (size_t i = 0; i < 3; i++)
            memcpy((char *)before + i * bytes, now[i], bytes);
        assert_false(ur_step_run(&tiny->team, 1).applied);
        for (size_t i = 0; i < 3; i++)
            assert_memory_equal((char *)before + i * bytes, now[i], bytes);
        free(before);
        tiny_close(tiny);
    }
}

static void test_clipping_bounds_the_gradient(void **state)
{
    (void)state;
    float first[2];
    for (int k = 0; k < 2; k++) {
        struct ur_spec spec;
        tiny_spec(&spec);
        spec.train.clip_norm = k == 0 ? 0 : 1e-3;
        struct tiny *tiny = tiny_open(&spec, 2);
        const struct ur_step_outcome outcome = ur_step_run(&tiny->team, 0);
        assert_true(outcome.gradient_norm > 1e-2);
        const struct ur_tensor *dense = ur_params_find(&tiny->model.params, "dense.b");
        first[k] = tiny->team.first_moment[dense->offset] / (float)outcome.gradient_norm;
        tiny_close(tiny);
    }
    assert_true(fabsf(first[1]) < fabsf(first[0]));
}

static void test_padding_stays_zero(void **state)
{
    (void)state;
    struct ur_spec spec;
    tiny_spec(&spec);
    struct tiny *tiny = tiny_open(&spec, 2);
    for (int32_t step = 0; step < 5; step++)
        ur_step_run(&tiny->team, step);
    const struct ur_params *params = &tiny->model.params;
    const float *arrays[] = {tiny->team.weights, tiny->team.first_moment,
                             tiny->team.second_moment};
    size_t padding = 0;
    for (int32_t k = 0; k < params->count; k++) {
        const size_t end = params->items[k].offset + params->items[k].count;
        const size_t next =
            k + 1 < params->count ? params->items[k + 1].offset : params->n_floats;
        for (size_t i = end; i < next; i++, padding++)
            for (size_t a = 0; a < 3; a++)
                assert_true(arrays[a][i] == 0);
    }
    assert_true(padding > 0);
    tiny_close(tiny);
}

static void test_no_step_allocates(void **state)
{
    (void)state;
    if (!COUNTS_ALLOCATIONS)
        skip();
    for (int32_t k = 0; k < 6; k++) {
        struct ur_spec spec;
        varied_spec(&spec, k);
        struct tiny *tiny = tiny_open(&spec, 3);
        ur_step_run(&tiny->team, 0); /* OpenMP makes its team, OpenBLAS its buffers */
        atomic_store(&allocations, 0);
        atomic_store(&counting, true);
        void *volatile probe = malloc(1); /* the counter counts */
        free(probe);
        for (int32_t step = 1; step < 12; step++)
            ur_step_run(&tiny->team, step);
        atomic_store(&counting, false);
        assert_int_equal(atomic_load(&allocations), 1);
        tiny_close(tiny);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_never_change_a_bit),
        cmocka_unit_test(test_threads_change_no_mask),
        cmocka_unit_test(test_threads_change_no_optimizer),
        cmocka_unit_test(test_moments_not_needed_stay_zero),
        cmocka_unit_test(test_the_schedule_sets_the_rate),
        cmocka_unit_test(test_smoothed_labels_are_what_is_trained_on),
        cmocka_unit_test(test_it_learns),
        cmocka_unit_test(test_the_cut_changes_only_rounding),
        cmocka_unit_test(test_a_step_that_is_not_finite_changes_nothing),
        cmocka_unit_test(test_clipping_bounds_the_gradient),
        cmocka_unit_test(test_padding_stays_zero),
        cmocka_unit_test(test_no_step_allocates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
