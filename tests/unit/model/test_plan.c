/* Law: the plan, which the daemon admits by, is what the engine carves, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/model.h"
#include "model/workspace.h"
#include "unroll/plan.h"

struct job {
    struct ur_spec spec;
    struct ur_data_shape shape;
    int32_t threads;
};

static struct job small_job(void)
{
    struct job job = {.threads = 1};
    ur_spec_defaults(&job.spec);
    job.spec.model.hidden = 8;
    job.spec.train.batch = 16;
    job.spec.train.shard_rows = 8;
    job.shape = (struct ur_data_shape){.steps = 3, .width = 2, .classes = 4};
    return job;
}

static void check(const struct job *job)
{
    struct ur_plan plan;
    struct ur_model model;
    struct ur_workspace workspace;
    assert_int_equal(ur_plan_job(&job->spec, &job->shape, job->threads, &plan, NULL), UR_OK);
    assert_int_equal(ur_model_init(&model, &job->spec, &job->shape, NULL), UR_OK);

    const size_t shards = (size_t)((job->spec.train.batch + job->spec.train.shard_rows - 1) /
                                   job->spec.train.shard_rows);
    struct ur_arena params = ur_arena_planner();
    const size_t means = job->spec.train.ema > 0;
    for (size_t k = 0; k < 3 + means + shards; k++)
        ur_arena_floats(&params, model.params.n_floats);
    struct ur_arena work = ur_arena_planner();
    for (size_t k = 0; k < shards && k < (size_t)job->threads; k++)
        ur_workspace_carve(&workspace, &model, &work);

    assert_int_equal(plan.n_parameters, model.params.n_parameters);
    assert_int_equal(plan.params_bytes, params.used);
    assert_int_equal(plan.work_bytes, work.used);
    const int32_t values = job->shape.steps * job->shape.width;
    assert_int_equal(
        plan.data_bytes,
        (size_t)(job->shape.n_train + job->shape.n_test) *
                (size_t)(job->shape.series ? 4 * values + 4 : values + 2) +
            (job->spec.data.fresh ? (size_t)job->shape.n_train * (size_t)values : 0));
    /* A checkpoint and a model are put together in memory. */
    assert_true(plan.base_bytes > (4 + means) * model.params.n_floats * sizeof(float));
    assert_int_equal(plan.total_bytes,
                     plan.params_bytes + plan.work_bytes + plan.data_bytes + plan.base_bytes);
}

static void test_plan_is_what_is_carved(void **state)
{
    (void)state;
    static const int32_t hidden[] = {1, 7, 16, 128}, widths[] = {1, 28, 33};
    static const int32_t batches[] = {1, 32, 100, 128}, rows[] = {1, 5, 32};
    static const int32_t threads[] = {1, 2, 7};
    enum { N = 4 * 3 * 4 * 3 * 3 };
    for (size_t k = 0; k < N; k++) {
        struct job job = small_job();
        job.spec.model.hidden = hidden[k % 4];
        job.shape.width = widths[k / 4 % 3];
        job.spec.train.batch = batches[k / 12 % 4];
        job.spec.train.shard_rows = rows[k / 48 % 3];
        job.threads = threads[k / 144];
        job.shape.steps = 1 + (int32_t)k % 5;
        job.shape.classes = 2 + (int32_t)k % 9;
        job.shape.n_train = (int32_t)k * 10;
        job.shape.n_test = (int32_t)k;
        check(&job);
    }
}

static void test_plan_of_every_cell_and_stack(void **state)
{
    (void)state;
    enum { N = 3 * 2 * 4 * 4 };
    for (int32_t k = 0; k < N; k++) {
        struct job job = small_job();
        job.spec.model.cell = k % 3;
        job.spec.model.bidirectional = k / 3 % 2;
        job.spec.data.fresh = k / 3 % 2;
        job.spec.model.readout = k / 6 % 4;
        job.spec.model.layers = k / 24 == 3 ? UR_MAX_LAYERS : 1 + k / 24;
        job.spec.model.dropout = k % 5 == 4 ? 0.5 : 0.0;
        job.spec.model.hidden = 1 + k * 5 % 23;
        job.spec.train.ema = k % 5 == 0 ? 0.9 : 0;
        job.shape.width = 1 + k * 7 % 31;
        if (job.spec.model.cell == UR_CELL_LSTM && k % 2 == 0)
            job.spec.model.projection = job.spec.model.hidden * 2 / 3;
        job.shape.steps = 1 + k % 5;
        job.spec.model.scan = k % 5 < 2 ? UR_SCAN_COLUMNS : UR_SCAN_ROWS;
        check(&job);
        job.shape.series = 1;
        job.shape.n_train = k;
        check(&job);
    }
}

static void test_largest_job_does_not_wrap_around(void **state)
{
    (void)state;
    struct job job = small_job();
    job.spec.model.hidden = UR_MAX_HIDDEN;
    job.spec.train.batch = UR_MAX_BATCH;
    job.spec.train.shard_rows = UR_MAX_SHARD_ROWS;
    job.shape = (struct ur_data_shape){
        UR_MAX_STEPS_PER_ROW, UR_MAX_WIDTH, UR_MAX_CLASSES, INT32_MAX, INT32_MAX, 0};
    job.threads = UR_MAX_THREADS;
    struct ur_plan plan;
    assert_int_equal(ur_plan_job(&job.spec, &job.shape, job.threads, &plan, NULL),
                     UR_JOB_TOO_BIG);
    job.shape.n_train = job.shape.n_test = 0;
    assert_int_equal(ur_plan_job(&job.spec, &job.shape, job.threads, &plan, NULL), UR_OK);
    assert_true(plan.total_bytes > (size_t)1 << 40);
}

static void test_every_size_has_a_limit(void **state)
{
    (void)state;
    for (int which = 0; which < 8; which++)
        for (int high = 0; high < 2; high++) {
            struct job job = small_job();
            int32_t *const sizes[] = {&job.spec.model.hidden, &job.spec.model.layers,
                                      &job.spec.train.batch,  &job.spec.train.shard_rows,
                                      &job.shape.steps,       &job.shape.width,
                                      &job.shape.classes,     &job.threads};
            *sizes[which] = high ? INT32_MAX : 0;
            struct ur_plan plan;
            struct ur_error error = {0};
            assert_int_equal(ur_plan_job(&job.spec, &job.shape, job.threads, &plan, &error),
                             UR_JOB_TOO_BIG);
            assert_non_null(strstr(error.detail, "1.."));
        }
}

static void test_a_projection_has_a_range(void **state)
{
    (void)state;
    static const int32_t projections[] = {-1, 8, INT32_MAX, 3};
    for (int k = 0; k < 4; k++) {
        struct job job = small_job();
        struct ur_plan plan;
        struct ur_model model;
        job.spec.model.projection = projections[k];
        job.spec.model.cell = k == 3 ? UR_CELL_GRU : UR_CELL_LSTM;
        assert_int_equal(ur_plan_job(&job.spec, &job.shape, job.threads, &plan, NULL),
                         UR_JOB_TOO_BIG);
        assert_int_equal(ur_model_init(&model, &job.spec, &job.shape, NULL), UR_JOB_TOO_BIG);
    }
}

/* Gives whether the predictor would take the model of images and so many units. */
static enum ur_status check_model(int32_t hidden, int32_t width, struct ur_error *error)
{
    struct job job = small_job();
    struct ur_plan plan;
    job.spec.model.hidden = hidden;
    job.shape = (struct ur_data_shape){.steps = 28, .width = width, .classes = 10};
    assert_int_equal(ur_plan_job(&job.spec, &job.shape, 1, &plan, NULL), UR_OK);
    assert_true(plan.model_bytes > plan.n_parameters * sizeof(float));
    return ur_plan_check_model(&plan, error);
}

static void test_a_model_that_cannot_be_asked_is_refused(void **state)
{
    (void)state;
    struct ur_error error = {0};
    assert_int_equal(check_model(1980, 28, &error), UR_OK);
    assert_int_equal(check_model(128, UR_MAX_WIDTH, &error), UR_OK);
    assert_int_equal(check_model(2048, 28, &error), UR_JOB_TOO_BIG);
    assert_non_null(strstr(error.detail, "/model/hidden"));
    assert_non_null(strstr(error.detail, "67108864"));
    assert_int_equal(check_model(UR_MAX_HIDDEN, UR_MAX_WIDTH, NULL), UR_JOB_TOO_BIG);
}

static void test_what_series_refuse(void **state)
{
    (void)state;
    struct job job = small_job();
    struct ur_field_errors fields = {.count = 0};
    struct ur_error error = {0};
    job.spec.model.scan = UR_SCAN_COLUMNS;
    job.spec.train.augment.on = 1;
    job.spec.data.fresh = 1;
    ur_copy(job.spec.train.evaluate_on, sizeof job.spec.train.evaluate_on, "mnist");
    assert_int_equal(ur_plan_check_data(&job.spec, &job.shape, &fields, &error), UR_OK);
    assert_int_equal(fields.count, 0);
    job.shape.series = 1;
    assert_int_equal(ur_plan_check_data(&job.spec, &job.shape, &fields, &error),
                     UR_INVALID_SPEC);
    assert_string_equal(error.detail, "/model/scan must be rows: a series has no columns.");
    assert_int_equal(fields.count, 4);
    assert_string_equal(fields.items[1].pointer, "/train/augment");
    assert_string_equal(fields.items[2].pointer, "/data/fresh");
    assert_string_equal(fields.items[3].pointer, "/train/evaluate_on");
    assert_int_equal(ur_plan_check_data(&job.spec, &job.shape, NULL, NULL), UR_INVALID_SPEC);
    job.spec = small_job().spec;
    assert_int_equal(ur_plan_check_data(&job.spec, &job.shape, &fields, &error), UR_OK);

    /* Images are not evaluated on series, of whatever shape. */
    const struct ur_data_shape images = small_job().shape;
    assert_int_equal(ur_plan_check_transfer(&images, &images, NULL), UR_OK);
    assert_int_equal(ur_plan_check_transfer(&images, &job.shape, NULL), UR_INVALID_SPEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_series_refuse),
        cmocka_unit_test(test_plan_is_what_is_carved),
        cmocka_unit_test(test_plan_of_every_cell_and_stack),
        cmocka_unit_test(test_largest_job_does_not_wrap_around),
        cmocka_unit_test(test_every_size_has_a_limit),
        cmocka_unit_test(test_a_projection_has_a_range),
        cmocka_unit_test(test_a_model_that_cannot_be_asked_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
