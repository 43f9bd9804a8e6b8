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
 * that works its stack and what it touches of OpenBLAS's buffer; and its files while they are
 * put together, a checkpoint of three arrays of parameters (four with /train/ema) and a model
 * of one. docs/decisions/0004-memory-plan.md has the measurement.
 */
enum {
    PLAN_BASE_BYTES = 6 << 20,
    PLAN_THREAD_BYTES = 512 << 10,
    PLAN_THREAD_UNIT_BYTES = 1280, /* for each hidden unit: panels of a product */
    PLAN_FILE_ARRAYS = 4
};

/* What a model's file and the frame around it hold beside the weights, at most: the spec
 * and the report, each a JSON document, and headers. */
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

/* The same of single bytes. */
static size_t byte_piece(size_t count)
{
    return piece((count + 3) / 4);
}

/* The dimensions as size_t, all at least 1 but dy. */
struct dimensions {
    size_t steps, width, classes, rows, hidden, gates;
    size_t output; /* units that one direction of a layer hands on */
    size_t layers, directions;
    size_t dy;      /* layers' worth of output gradients in memory at once */
    size_t lengths; /* arrays of a length each row */
    enum ur_cell cell;
    bool projected;
    bool dropout;
};

/* Adds up tensors, as floats or as the bytes of an array whose tensors start on 64-byte
 * boundaries. */
static size_t parameters(const struct dimensions *d, size_t size_of(size_t count))
{
    size_t sum = size_of(d->directions * d->output * d->classes) + size_of(d->classes);
    for (size_t layer = 0; layer < d->layers; layer++) {
        const size_t inputs = layer == 0 ? d->width : d->directions * d->output;
        const size_t bn = d->cell == UR_CELL_GRU ? size_of(d->hidden) : 0;
        const size_t p = d->projected ? size_of(d->hidden * d->output) : 0;
        sum += d->directions * (size_of(inputs * d->gates) + size_of(d->output * d->gates) +
                                size_of(d->gates) + bn + p);
    }
    return sum;
}

static size_t itself(size_t count)
{
    return count;
}

/* Floats of a matrix in panels of 16 columns (kernels/packed.c). */
static size_t packed(size_t inner, size_t columns)
{
    return inner * ((columns + 15) / 16 * 16);
}

/* What one layer keeps from forward to backward, in one direction. */
static size_t kept_bytes(const struct dimensions *d)
{
    const size_t state = d->rows * d->hidden;
    const size_t every = piece(d->steps * state), c = piece((d->steps + 1) * state);
    const size_t h = piece((d->steps + 1) * d->rows * d->output);
    const size_t gates = piece(d->steps * d->rows * d->gates);
    switch (d->cell) {
    case UR_CELL_RNN:
        return h;
    case UR_CELL_GRU:
        return gates + h + every;
    case UR_CELL_LSTM:
        break;
    }
    return gates + h + c + every + (d->projected ? every : 0);
}

/* The largest of all layers' packed matrices. */
static size_t packed_floats(const struct dimensions *d)
{
    const size_t above = d->layers > 1 ? d->directions * d->output : 0;
    const size_t inputs = d->width > above ? d->width : above;
    const size_t p = d->projected ? packed(d->hidden, d->output) : 0;
    const size_t forward = packed(inputs, d->gates) + packed(d->output, d->gates) + p;
    const size_t first = packed(d->gates, d->width);
    const size_t other = above > 0 ? d->directions * packed(d->gates, d->output) : 0;
    const size_t backward =
        packed(d->gates, d->output) + (d->projected    ? packed(d->output, d->hidden)
                                       : first > other ? first
                                                       : other);
    return forward > backward ? forward : backward;
}

/* Time steps of a block of layers/recurrent.h. */
static size_t block_steps(const struct dimensions *d)
{
    const size_t full = d->rows < 256 ? 256 / d->rows : 1;
    return d->projected || d->steps < full ? d->steps : full;
}

/* What dropout leaves of each layer but the top one, of the readout, and its masks. */
static size_t dropout_bytes(const struct dimensions *d)
{
    const size_t state = d->rows * d->output, every = d->steps * state;
    const size_t layers = (d->layers - 1) * (piece(every) + byte_piece(every));
    if (!d->dropout)
        return 0;
    return 2 * piece(d->rows) + d->directions * (layers + piece(state) + byte_piece(state));
}

static size_t workspace_bytes(const struct dimensions *d)
{
    const size_t state = d->rows * d->hidden, output = d->rows * d->output;
    const size_t input =
        piece(d->steps * d->rows * d->width) + (2 + d->lengths) * piece(d->rows);
    const size_t kept = d->layers * d->directions * kept_bytes(d);
    const size_t ends = 2 * piece(d->rows * d->classes) + 2 * d->directions * piece(output);
    const size_t dstate =
        d->projected ? piece(d->steps * output) + 2 * piece(state) : 2 * piece(state);
    const size_t scratch = piece(block_steps(d) * d->rows * d->gates) + dstate +
                           d->dy * d->directions * piece(d->steps * output);
    return input + kept + ends + scratch + piece(packed_floats(d)) + dropout_bytes(d);
}

/* What engine/model/insight.c keeps, for those who ask. */
static size_t insight_bytes(const struct dimensions *d, size_t shards)
{
    const size_t streams = d->layers * d->directions;
    const size_t stride = (d->steps + UR_INSIGHT_POINTS - 1) / UR_INSIGHT_POINTS;
    const size_t points = (d->steps + stride - 1) / stride;
    const size_t columns = d->cell == UR_CELL_LSTM ? 6 : d->cell == UR_CELL_GRU ? 4 : 1;
    return piece(2 * shards * streams * d->steps) + piece(streams * points) +
           piece(streams * points * columns);
}

/* One sequence with its label: bytes, or floats and how many of them count. */
static size_t sequence_bytes(const struct ur_data_shape *shape)
{
    const size_t values = (size_t)shape->steps * (size_t)shape->width;
    return shape->series ? values * sizeof(float) + 2 * sizeof(uint16_t)
                         : values + sizeof(uint16_t);
}

/* Multiples of H in a row of gates. */
static size_t gates_of(enum ur_cell cell)
{
    return cell == UR_CELL_RNN ? 1 : cell == UR_CELL_GRU ? 3 : 4;
}

static struct dimensions dimensions_of(const struct ur_spec *spec,
                                       const struct ur_data_shape *data)
{
    const struct ur_data_shape seen = ur_shape_scanned(data, spec->model.scan), *shape = &seen;
    const enum ur_cell cell = (enum ur_cell)spec->model.cell;
    const int32_t projection = spec->model.projection;
    const size_t dy = (size_t)spec->model.layers - 1 + (spec->model.readout == UR_READOUT_MAX);
    return (struct dimensions){
        .steps = (size_t)shape->steps,
        .width = (size_t)shape->width,
        .classes = (size_t)shape->classes,
        .rows = (size_t)spec->train.shard_rows,
        .hidden = (size_t)spec->model.hidden,
        .gates = gates_of(cell) * (size_t)spec->model.hidden,
        .output = (size_t)(projection > 0 ? projection : spec->model.hidden),
        .layers = (size_t)spec->model.layers,
        .directions = 1 + (size_t)spec->model.bidirectional,
        .dy = dy < 2 ? dy : 2,
        .lengths = shape->series != 0,
        .cell = cell,
        .projected = projection > 0,
        .dropout = spec->model.dropout > 0.0,
    };
}

static bool outside(int32_t value, int32_t highest)
{
    return value < 1 || value > highest;
}

static enum ur_status check(const struct ur_spec *spec, const struct ur_data_shape *data,
                            int32_t threads, struct ur_error *error)
{
    const struct ur_data_shape seen = ur_shape_scanned(data, spec->model.scan), *shape = &seen;
    const struct {
        const char *what;
        int32_t value, highest;
    } limits[] = {
        {"hidden units", spec->model.hidden, UR_MAX_HIDDEN},
        {"layers", spec->model.layers, UR_MAX_LAYERS},
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
    const int32_t projection = spec->model.projection;
    if (projection != 0 && (projection < 0 || projection >= spec->model.hidden ||
                            spec->model.cell != UR_CELL_LSTM))
        return ur_fail(error, UR_JOB_TOO_BIG,
                       "The job has a projection to %d units; the range is 0..%d, and 0 for "
                       "any cell but lstm.",
                       (int)projection, (int)spec->model.hidden - 1);
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

    const struct dimensions d = dimensions_of(spec, shape);
    const size_t shards = ((size_t)spec->train.batch + d.rows - 1) / d.rows;
    const size_t workers = (size_t)threads < shards ? (size_t)threads : shards;
    const size_t sequences = (size_t)shape->n_train + (size_t)shape->n_test;
    const size_t means = spec->train.ema > 0; /* a running mean of the weights */
    const size_t arrays =
        3 + means +
        shards; /* weights, two moments whatever the optimizer, a gradient a shard */

    plan->n_parameters = parameters(&d, itself);
    plan->params_bytes = times(parameters(&d, piece), arrays);
    plan->work_bytes = times(workspace_bytes(&d), workers);
    if (spec->run.insight_every > 0)
        plan->work_bytes = plus(plan->work_bytes, insight_bytes(&d, shards));
    plan->data_bytes = times(sequences, sequence_bytes(shape));
    if (spec->data.fresh) /* the images of the next epoch */
        plan->data_bytes =
            plus(plan->data_bytes, times((size_t)shape->n_train, d.steps * d.width));
    plan->base_bytes = PLAN_BASE_BYTES +
                       workers * (PLAN_THREAD_BYTES + d.hidden * PLAN_THREAD_UNIT_BYTES) +
                       times(parameters(&d, piece), PLAN_FILE_ARRAYS + means);
    plan->total_bytes = plus(plus(plan->params_bytes, plan->work_bytes),
                             plus(plan->data_bytes, plan->base_bytes));
    plan->model_bytes = plus(times(plan->n_parameters, sizeof(float)), PLAN_MODEL_BYTES);
    if (plan->total_bytes > PLAN_MAX_BYTES)
        return ur_fail(error, UR_JOB_TOO_BIG, "The job would need %zu bytes of memory.",
                       plan->total_bytes);
    return UR_OK;
}

enum ur_status ur_plan_add_transfer(struct ur_plan *plan, const struct ur_data_shape *shape,
                                    struct ur_error *error)
{
    const size_t each = sequence_bytes(shape);
    const size_t test = times((size_t)shape->n_test, each);
    const size_t reading =
        plus(plus(test, times((size_t)shape->n_train, each)), plan->base_bytes);
    plan->data_bytes = plus(plan->data_bytes, test);
    plan->total_bytes = plus(plan->total_bytes, test);
    if (plan->total_bytes < reading)
        plan->total_bytes = reading;
    if (plan->total_bytes <= PLAN_MAX_BYTES)
        return UR_OK;
    return ur_fail(error, UR_JOB_TOO_BIG, "The job would need %zu bytes of memory.",
                   plan->total_bytes);
}

enum ur_status ur_plan_check_transfer(const struct ur_data_shape *own,
                                      const struct ur_data_shape *other, struct ur_error *error)
{
    if (own->series != other->series)
        return ur_fail(
            error, UR_INVALID_SPEC,
            "/train/evaluate_on must name a data set of images, as the job's own is.");
    if (own->steps == other->steps && own->width == other->width &&
        own->classes == other->classes)
        return UR_OK;
    return ur_fail(error, UR_INVALID_SPEC,
                   "/train/evaluate_on must name a data set of %d time steps, %d values and %d "
                   "classes, got one of %d, %d and %d.",
                   (int)own->steps, (int)own->width, (int)own->classes, (int)other->steps,
                   (int)other->width, (int)other->classes);
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

/* Adds a field error, and makes it the error. */
static enum ur_status refuse(struct ur_field_errors *fields, const char *pointer,
                             const char *detail, struct ur_error *error)
{
    ur_field_error_add(fields, pointer, "%s", detail);
    return ur_fail(error, UR_INVALID_SPEC, "%s %s.", pointer, detail);
}

enum ur_status ur_plan_check_data(const struct ur_spec *spec, const struct ur_data_shape *shape,
                                  struct ur_field_errors *fields, struct ur_error *error)
{
    const bool augment = spec->train.augment.on != 0;
    const bool large = shape->steps > UR_AUGMENT_MAX_SIDE || shape->width > UR_AUGMENT_MAX_SIDE;
    enum ur_status status = UR_OK;
    char detail[128];

    if (shape->series && spec->model.scan == UR_SCAN_COLUMNS)
        status = refuse(fields, "/model/scan", "must be rows: a series has no columns", error);
    if (shape->series && augment)
        status = refuse(fields, "/train/augment",
                        "must be null: it is for images, and the data set holds series", error);
    if (shape->series && spec->data.fresh)
        status = refuse(fields, "/data/fresh", "must be false: series are drawn once", error);
    if (shape->series && spec->train.evaluate_on[0] != '\0')
        status = refuse(fields, "/train/evaluate_on",
                        "must be null: a network of series is evaluated on its own set", error);
    if (!shape->series && augment && large) {
        snprintf(detail, sizeof detail,
                 "must be null: it takes images of up to %d x %d pixels, and the data set has "
                 "%d x %d",
                 UR_AUGMENT_MAX_SIDE, UR_AUGMENT_MAX_SIDE, (int)shape->steps,
                 (int)shape->width);
        status = refuse(fields, "/train/augment", detail, error);
    }
    return status;
}
