/*
 * The arithmetic of model/params.c and model/workspace.c once more, because the daemon must
 * know a job's size and may not link the engine. tests/unit/model/test_plan.c holds both
 * together, to the byte.
 */
#include "unroll/plan.h"

#include "unroll/arena.h"

/* Past this no machine of ours follows, and all sums below stay inside 64 bits. */
#define PLAN_MAX_BYTES ((size_t)1 << 46)

/*
 * What a worker holds besides its arenas and its data: program and libraries; for each thread
 * its stack and OpenBLAS's buffer; and its files while they are put together, a checkpoint of
 * three arrays of parameters and a model of one. docs/decisions/0004-memory-plan.md has the
 * measurement.
 */
enum { PLAN_BASE_BYTES = 10 << 20, PLAN_THREAD_BYTES = 2 << 20, PLAN_FILE_ARRAYS = 4 };

/* What a model's file and the frame around it hold beside the weights, at most: the spec and the
 * report, each a JSON document, and headers. */
enum { PLAN_MODEL_BYTES = 2 * UR_JSON_MAX_BYTES + 4096 };

/* Sums and products that stick at SIZE_MAX instead of wrapping around. */
static size_t times(size_t a, size_t b)
{
    size_t product;
    return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

static size_t plus(size_t a, size_t b)
{
    size_t sum;
    return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

/* Bytes that an arena hands out for count elements of four bytes. */
static size_t piece(size_t count)
{
    const size_t bytes = plus(times(count, sizeof(float)), UR_ARENA_ALIGN - 1);
    return bytes / UR_ARENA_ALIGN * UR_ARENA_ALIGN;
}

/* The dimensions as size_t, all at least 1. */
struct dimensions {
    size_t steps, width, classes, rows, hidden, gates;
};

static size_t parameter_count(const struct dimensions *d)
{
    return d->width * d->gates + d->hidden * d->gates + d->gates + d->hidden * d->classes +
           d->classes;
}

/* Bytes of one array of parameters; every tensor starts on a 64-byte boundary. */
static size_t parameter_array_bytes(const struct dimensions *d)
{
    return piece(d->width * d->gates) + piece(d->hidden * d->gates) + piece(d->gates) +
           piece(d->hidden * d->classes) + piece(d->classes);
}

/* Floats of a matrix in panels of 16 columns (kernels/packed.c). */
static size_t packed(size_t inner, size_t columns)
{
    return inner * ((columns + 15) / 16 * 16);
}

static size_t workspace_bytes(const struct dimensions *d)
{
    const size_t state = d->rows * d->hidden;
    const size_t logits = d->rows * d->classes;
    const size_t input = piece(d->steps * d->rows * d->width) + 2 * piece(d->rows);
    const size_t kept = piece(d->steps * 4 * state) + 2 * piece((d->steps + 1) * state) +
                        piece(d->steps * state) + piece(state) + 2 * piece(logits);
    const size_t scratch = piece(d->steps * 4 * state) + 3 * piece(state);
    const size_t forward = packed(d->width, d->gates) + packed(d->hidden, d->gates);
    const size_t backward = packed(d->gates, d->hidden);
    return input + kept + scratch + piece(forward > backward ? forward : backward);
}

static bool outside(int32_t value, int32_t highest)
{
    return value < 1 || value > highest;
}

static enum ur_status check(const struct ur_spec *spec, const struct ur_data_shape *shape,
                            int32_t threads, struct ur_error *error)
{
    const struct {
        const char *what;
        int32_t value, highest;
    } limits[] = {
        {"hidden units", spec->model.hidden, UR_MAX_HIDDEN},
        {"rows of a minibatch", spec->train.batch, UR_MAX_BATCH},
        {"rows of a shard", spec->train.shard_rows, UR_MAX_SHARD_ROWS},
        {"time steps", shape->steps, UR_MAX_STEPS_PER_ROW},
        {"values of a time step", shape->width, UR_MAX_WIDTH},
        {"classes", shape->classes, UR_MAX_CLASSES},
        {"threads", threads, UR_MAX_THREADS},
    };
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++)
        if (outside(limits[k].value, limits[k].highest))
            return ur_fail(error, UR_JOB_TOO_BIG, "The job has %d %s; the range is 1..%d.",
                           (int)limits[k].value, limits[k].what, (int)limits[k].highest);
    if (shape->n_train < 0 || shape->n_test < 0)
        return ur_fail(error, UR_JOB_TOO_BIG,
                       "The data set has a negative number of sequences.");
    return UR_OK;
}

enum ur_status ur_plan_job(const struct ur_spec *spec, const struct ur_data_shape *shape,
                           int32_t threads, struct ur_plan *plan, struct ur_error *error)
{
    *plan = (struct ur_plan){0};
    const enum ur_status status = check(spec, shape, threads, error);
    if (status != UR_OK)
        return status;

    const struct dimensions d = {
        .steps = (size_t)shape->steps,
        .width = (size_t)shape->width,
        .classes = (size_t)shape->classes,
        .rows = (size_t)spec->train.shard_rows,
        .hidden = (size_t)spec->model.hidden,
        .gates = 4 * (size_t)spec->model.hidden,
    };
    const size_t shards = ((size_t)spec->train.batch + d.rows - 1) / d.rows;
    const size_t workers = (size_t)threads < shards ? (size_t)threads : shards;
    const size_t sequences = (size_t)shape->n_train + (size_t)shape->n_test;
    const size_t arrays = 3 + shards; /* weights, Adam's m and v, a gradient for each shard */

    plan->n_parameters = parameter_count(&d);
    plan->params_bytes = times(parameter_array_bytes(&d), arrays);
    plan->work_bytes = times(workspace_bytes(&d), workers);
    plan->data_bytes = times(sequences, d.steps * d.width + sizeof(uint16_t));
    plan->base_bytes = PLAN_BASE_BYTES + (size_t)threads * PLAN_THREAD_BYTES +
                       times(parameter_array_bytes(&d), PLAN_FILE_ARRAYS);
    plan->total_bytes = plus(plus(plan->params_bytes, plan->work_bytes),
                             plus(plan->data_bytes, plan->base_bytes));
    plan->model_bytes = plus(times(plan->n_parameters, sizeof(float)), PLAN_MODEL_BYTES);
    if (plan->total_bytes > PLAN_MAX_BYTES)
        return ur_fail(error, UR_JOB_TOO_BIG, "The job would need %zu MiB of memory.",
                       plan->total_bytes >> 20);
    return UR_OK;
}

enum ur_status ur_plan_check_model(const struct ur_plan *plan, struct ur_error *error)
{
    if (plan->model_bytes <= UR_PREDICT_MAX_BYTES)
        return UR_OK;
    return ur_fail(error, UR_JOB_TOO_BIG,
                   "/model/hidden is too large: the model's file would have up to %zu bytes, "
                   "and the predictor takes %d.",
                   plan->model_bytes, (int)UR_PREDICT_MAX_BYTES);
}
