#include "unroll/spec.h"

#include <assert.h>
#include <stdarg.h>

/* Whole numbers that every JSON reader keeps exact (RFC 8259, section 6). */
#define MAX_SEED 9007199254740991.0

#define AT(member) offsetof(struct ur_spec, member)

/* A field of the contract that this version cannot vary has low == high, or one name. Rows of a
 * group stand together, in the order of the contract: printing walks the table once. */
static const struct ur_spec_field table[] = {
    {.pointer = "/name",
     .type = UR_FIELD_NAME,
     .offset = AT(name),
     .names = "job",
     .help = "What people call the job; the model it makes is registered under this name."},
    {.pointer = "/tags",
     .type = UR_FIELD_TAGS,
     .offset = AT(tags),
     .help = "Words to find the job by; up to 16, each once."},
    {.pointer = "/dataset",
     .type = UR_FIELD_NAME,
     .offset = AT(dataset),
     .help = "The data set to learn: digits or series (built in), or a folder such as mnist."},

    {.pointer = "/data/count",
     .type = UR_FIELD_INT,
     .offset = AT(data.count),
     .low = 60,
     .high = 1000000,
     .standard = 60000,
     .unit = "images",
     .help = "Generated sets only: training images; a sixth as many test images come on top."},
    {.pointer = "/data/seed",
     .type = UR_FIELD_INT64,
     .offset = AT(data.seed),
     .high = MAX_SEED,
     .standard = 1,
     .help = "Generated sets only: which images are drawn."},
    {.pointer = "/data/fresh",
     .type = UR_FIELD_BOOL,
     .offset = AT(data.fresh),
     .high = 1,
     .help = "Generated sets only: draw other training images for every epoch."},

    {.pointer = "/model/cell",
     .type = UR_FIELD_ENUM,
     .offset = AT(model.cell),
     .names = "lstm rnn gru",
     .help = "The kind of recurrent cell."},
    {.pointer = "/model/hidden",
     .type = UR_FIELD_INT,
     .offset = AT(model.hidden),
     .low = 1,
     .high = UR_MAX_HIDDEN,
     .standard = 128,
     .unit = "units",
     .help = "Units of each recurrent layer, in each direction."},
    {.pointer = "/model/layers",
     .type = UR_FIELD_INT,
     .offset = AT(model.layers),
     .low = 1,
     .high = UR_MAX_LAYERS,
     .standard = 1,
     .help = "Recurrent layers on top of each other."},
    {.pointer = "/model/bidirectional",
     .type = UR_FIELD_BOOL,
     .offset = AT(model.bidirectional),
     .high = 1,
     .help = "Also read the rows from the last to the first."},
    {.pointer = "/model/activation",
     .type = UR_FIELD_ENUM,
     .offset = AT(model.activation),
     .names = "tanh relu linear",
     .help = "The activation of an rnn cell; the other cells have tanh alone."},
    {.pointer = "/model/readout",
     .type = UR_FIELD_ENUM,
     .offset = AT(model.readout),
     .names = "last mean final max",
     .help = "What the dense layer sees: the last row's output, the mean over all rows, where "
             "each direction ends, or the largest over all."},
    {.pointer = "/model/forget_bias",
     .type = UR_FIELD_NUMBER,
     .offset = AT(model.forget_bias),
     .low = -100,
     .high = 100,
     .standard = 1,
     .help = "Initial value of the forget gate's bias; it trains like any other."},
    {.pointer = "/model/dropout",
     .type = UR_FIELD_NUMBER,
     .offset = AT(model.dropout),
     .high = 1,
     .open_high = true,
     .help = "Share of a layer's outputs dropped while training, between layers and before the "
             "dense layer."},
    {.pointer = "/model/projection",
     .type = UR_FIELD_INT,
     .offset = AT(model.projection),
     .high = UR_MAX_HIDDEN - 1,
     .unit = "units",
     .help = "lstm: units that the output of each layer is projected to, fewer than hidden; 0: "
             "none."},
    {.pointer = "/model/init",
     .type = UR_FIELD_ENUM,
     .offset = AT(model.init),
     .names = "glorot normal orthogonal pytorch",
     .help = "Initial weights: Glorot's uniform ones, normal ones, orthogonal recurrent "
             "matrices, or PyTorch's uniform ones."},
    {.pointer = "/model/scan",
     .type = UR_FIELD_ENUM,
     .offset = AT(model.scan),
     .names = "rows columns",
     .help = "What one time step of an image is: a row from the top, or a column from the "
             "left."},

    {.pointer = "/train/steps",
     .type = UR_FIELD_INT,
     .offset = AT(train.steps),
     .low = 1,
     .high = 10000000,
     .nullable = true,
     .standard = 781,
     .unit = "steps",
     .help = "Updates of the weights; null where epochs are given."},
    {.pointer = "/train/epochs",
     .type = UR_FIELD_INT,
     .offset = AT(train.epochs),
     .low = 1,
     .high = 100000,
     .nullable = true,
     .unit = "epochs",
     .help = "Passes over the training images, instead of steps."},
    {.pointer = "/train/batch",
     .type = UR_FIELD_INT,
     .offset = AT(train.batch),
     .low = 1,
     .high = UR_MAX_BATCH,
     .standard = 128,
     .unit = "rows",
     .help = "Images in a minibatch."},
    {.pointer = "/train/shard_rows",
     .type = UR_FIELD_INT,
     .offset = AT(train.shard_rows),
     .low = 8,
     .high = UR_MAX_SHARD_ROWS,
     .standard = 32,
     .unit = "rows",
     .help = "Rows of a minibatch that one thread takes at a time; part of the result's bits."},
    {.pointer = "/train/seed",
     .type = UR_FIELD_INT64,
     .offset = AT(train.seed),
     .high = MAX_SEED,
     .standard = 1,
     .help = "Decides initial weights, the order of images and the validation split."},
    {.pointer = "/train/numerics",
     .type = UR_FIELD_ENUM,
     .offset = AT(train.numerics),
     .names = "auto avx2 portable native",
     .help = "Machine instructions: the same profile gives the same bits on every machine."},
    {.pointer = "/train/optimizer/name",
     .type = UR_FIELD_ENUM,
     .offset = AT(train.optimizer),
     .standard = UR_OPTIMIZER_ADAM,
     .names = "sgd momentum nesterov rmsprop adam adamw",
     .help = "How gradients become updates."},
    {.pointer = "/train/optimizer/learning_rate",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.learning_rate),
     .high = 1000,
     .open_low = true,
     .standard = 0.001,
     .help = "Size of an update."},
    {.pointer = "/train/optimizer/beta1",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.beta1),
     .high = 1,
     .open_high = true,
     .standard = 0.9,
     .help = "Adam's memory for the gradient's mean."},
    {.pointer = "/train/optimizer/beta2",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.beta2),
     .high = 1,
     .open_high = true,
     .standard = 0.999,
     .help = "Adam's memory for the gradient's mean square."},
    {.pointer = "/train/optimizer/epsilon",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.epsilon),
     .high = 1,
     .open_low = true,
     .standard = 1e-8,
     .help = "Keeps the division of adam, adamw and rmsprop away from zero."},
    {.pointer = "/train/optimizer/momentum",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.momentum),
     .high = 1,
     .open_high = true,
     .standard = 0.9,
     .help = "momentum, nesterov: share of the last update's direction that is kept."},
    {.pointer = "/train/optimizer/alpha",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.alpha),
     .high = 1,
     .open_high = true,
     .standard = 0.99,
     .help = "rmsprop: its memory for the gradient's mean square."},
    {.pointer = "/train/optimizer/weight_decay",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.weight_decay),
     .high = 1,
     .help = "Pull of every weight towards zero."},
    {.pointer = "/train/schedule/name",
     .type = UR_FIELD_ENUM,
     .offset = AT(train.schedule),
     .names = "constant step exponential cosine onecycle plateau",
     .help = "How the learning rate moves."},
    {.pointer = "/train/schedule/warmup_steps",
     .type = UR_FIELD_INT,
     .offset = AT(train.warmup_steps),
     .high = 10000000,
     .unit = "steps",
     .help = "Steps in which the rate first rises evenly to where its schedule begins."},
    {.pointer = "/train/schedule/step_size",
     .type = UR_FIELD_INT,
     .offset = AT(train.step_size),
     .low = 1,
     .high = 10000000,
     .standard = 1000,
     .unit = "steps",
     .help = "step, exponential: steps in which the rate is multiplied by gamma once."},
    {.pointer = "/train/schedule/gamma",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.gamma),
     .low = 1e-6,
     .high = 1,
     .standard = 0.1,
     .help = "step, exponential, plateau: what the rate is multiplied by."},
    {.pointer = "/train/schedule/min_factor",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.min_factor),
     .high = 1,
     .help = "cosine, plateau: share of the learning rate that it falls to at most."},
    {.pointer = "/train/schedule/pct_start",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.pct_start),
     .high = 1,
     .standard = 0.3,
     .help = "onecycle: share of the run in which the rate rises."},
    {.pointer = "/train/schedule/div_factor",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.div_factor),
     .low = 1,
     .high = 1e9,
     .standard = 25,
     .help = "onecycle: the learning rate, which is its peak, over the rate it begins at."},
    {.pointer = "/train/schedule/final_div_factor",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.final_div_factor),
     .low = 1,
     .high = 1e9,
     .standard = 10000,
     .help = "onecycle: the rate it begins at over the rate it ends at."},
    {.pointer = "/train/schedule/patience",
     .type = UR_FIELD_INT,
     .offset = AT(train.patience),
     .high = 100000,
     .standard = 3,
     .unit = "epochs",
     .help =
         "plateau: epochs without a lower validation loss that are let pass before the rate "
         "is multiplied by gamma."},
    {.pointer = "/train/clip_norm",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.clip_norm),
     .high = 1e9,
     .open_low = true,
     .nullable = true,
     .help = "Largest norm of the whole gradient, longer ones are scaled down; null: any."},
    {.pointer = "/train/label_smoothing",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.label_smoothing),
     .high = 1,
     .help = "Share of a label's weight spread over all classes."},
    {.pointer = "/train/augment",
     .type = UR_FIELD_GROUP,
     .offset = AT(train.augment.on),
     .nullable = true,
     .help = "Random changes to training images, other ones every epoch; null: none."},
    {.pointer = "/train/augment/shift",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.augment.shift),
     .high = 14,
     .standard = 1.5,
     .unit = "pixels",
     .help = "Largest shift, in each direction."},
    {.pointer = "/train/augment/rotate",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.augment.rotate),
     .high = 180,
     .standard = 10,
     .unit = "degrees",
     .help = "Largest turn, to either side."},
    {.pointer = "/train/augment/scale",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.augment.scale),
     .high = 0.9,
     .standard = 0.1,
     .help = "Largest change of size, each axis for itself, as a share of it."},
    {.pointer = "/train/augment/shear",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.augment.shear),
     .high = 1,
     .standard = 0.15,
     .help = "Largest slant: columns moved for each row."},
    {.pointer = "/train/augment/elastic",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.augment.elastic),
     .high = 14,
     .standard = 1,
     .unit = "pixels",
     .help = "Largest displacement by a smooth random field."},
    {.pointer = "/train/ema",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.ema),
     .high = 1,
     .open_low = true,
     .open_high = true,
     .nullable = true,
     .help = "Memory of a running mean of the weights, which is what is then evaluated and "
             "kept; null: none."},
    {.pointer = "/train/validation",
     .type = UR_FIELD_INT,
     .offset = AT(train.validation),
     .high = 100000000,
     .standard = 5000,
     .unit = "images",
     .help = "Training images held back to choose the best epoch by; 0: none."},
    {.pointer = "/train/evaluate_on",
     .type = UR_FIELD_NAME,
     .offset = AT(train.evaluate_on),
     .nullable = true,
     .help = "Another data set whose test images are named at the end, or null."},
    {.pointer = "/train/early_stopping",
     .type = UR_FIELD_GROUP,
     .offset = AT(train.early_stopping.on),
     .nullable = true,
     .help = "Stopping once validation no longer improves, and keeping the best epoch; null: "
             "never."},
    {.pointer = "/train/early_stopping/patience",
     .type = UR_FIELD_INT,
     .offset = AT(train.early_stopping.patience),
     .low = 1,
     .high = 100000,
     .standard = 5,
     .unit = "epochs",
     .help = "Epochs without a better validation accuracy that are let pass."},
    {.pointer = "/train/early_stopping/min_delta",
     .type = UR_FIELD_NUMBER,
     .offset = AT(train.early_stopping.min_delta),
     .high = 1,
     .help = "How much better is better."},
    {.pointer = "/train/time_budget_s",
     .type = UR_FIELD_INT,
     .offset = AT(train.time_budget_s),
     .low = 1,
     .high = 31536000,
     .nullable = true,
     .unit = "s",
     .help = "Training time after which the run ends as if its steps were done; null: any."},
    {.pointer = "/train/truncate_bptt",
     .type = UR_FIELD_INT,
     .offset = AT(train.truncate_bptt),
     .low = 1,
     .high = UR_MAX_STEPS_PER_ROW,
     .nullable = true,
     .unit = "time steps",
     .help = "Time steps that gradients travel back at most; null: all."},

    {.pointer = "/run/threads",
     .type = UR_FIELD_INT,
     .offset = AT(run.threads),
     .high = UR_MAX_THREADS,
     .unit = "threads",
     .help = "Threads of the worker; 0: as many as the machine gives. Never changes a result."},
    {.pointer = "/run/ranks",
     .type = UR_FIELD_INT,
     .offset = AT(run.ranks),
     .low = 1,
     .high = 1,
     .standard = 1,
     .help = "Processes that share the job."},
    {.pointer = "/run/hosts",
     .type = UR_FIELD_HOSTS,
     .offset = SIZE_MAX,
     .help = "Machines that share the job."},
    {.pointer = "/run/priority",
     .type = UR_FIELD_INT,
     .offset = AT(run.priority),
     .low = -100,
     .high = 100,
     .help = "Jobs of a higher priority leave the queue first."},
    {.pointer = "/run/checkpoint_s",
     .type = UR_FIELD_INT,
     .offset = AT(run.checkpoint_s),
     .low = 1,
     .high = 86400,
     .standard = 60,
     .unit = "s",
     .help = "Time between checkpoints; one is also written at the end of every epoch."},
    {.pointer = "/run/display_every",
     .type = UR_FIELD_INT,
     .offset = AT(run.display_every),
     .low = 1,
     .high = 1000000,
     .standard = 10,
     .unit = "steps",
     .help = "Steps between two lines on a terminal."},
    {.pointer = "/run/insight_every",
     .type = UR_FIELD_INT,
     .offset = AT(run.insight_every),
     .high = 1000000,
     .unit = "steps",
     .help = "Steps between two records of gradients by time step, gates and norms; 0: none."},
};

const struct ur_spec_field *ur_spec_fields(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

static void set_default(struct ur_spec *spec, const struct ur_spec_field *field)
{
    if (field->offset == SIZE_MAX)
        return;
    char *at = (char *)spec + field->offset;
    int32_t narrow = (int32_t)field->standard;
    int64_t wide = (int64_t)field->standard;
    switch (field->type) {
    case UR_FIELD_NAME:
        ur_copy(at, UR_NAME_BYTES, field->names != NULL ? field->names : "");
        break;
    case UR_FIELD_INT:
    case UR_FIELD_BOOL:
    case UR_FIELD_ENUM:
    case UR_FIELD_GROUP:
        memcpy(at, &narrow, sizeof narrow);
        break;
    case UR_FIELD_INT64:
        memcpy(at, &wide, sizeof wide);
        break;
    case UR_FIELD_NUMBER:
        memcpy(at, &field->standard, sizeof field->standard);
        break;
    case UR_FIELD_TAGS:
    case UR_FIELD_HOSTS:
        break;
    }
}

void ur_spec_defaults(struct ur_spec *spec)
{
    size_t count;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    *spec = (struct ur_spec){0};
    for (size_t i = 0; i < count; i++)
        set_default(spec, &fields[i]);
}

void ur_field_error_add(struct ur_field_errors *fields, const char *pointer, const char *format,
                        ...)
{
    if (fields == NULL || fields->count >= UR_MAX_FIELD_ERRORS)
        return;
    struct ur_field_error *item = &fields->items[fields->count++];
    char detail[2 * sizeof item->detail];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);

    /* Both go into JSON replies, which take nothing but UTF-8. */
    ur_copy_printable(item->pointer, sizeof item->pointer, pointer);
    ur_copy_printable(item->detail, sizeof item->detail, detail);
}

const char *ur_spec_enum_name(const char *pointer, int32_t value, char out[UR_NAME_BYTES])
{
    size_t count;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].type != UR_FIELD_ENUM || strcmp(fields[i].pointer, pointer) != 0)
            continue;
        const char *name = fields[i].names;
        for (int32_t k = 0; value >= 0 && *name != '\0'; k++) {
            size_t length = strcspn(name, " ");
            if (k == value) {
                assert(length < UR_NAME_BYTES);
                memcpy(out, name, length);
                out[length] = '\0';
                return out;
            }
            name += length + (name[length] == ' ');
        }
    }
    return "?";
}
