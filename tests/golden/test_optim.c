/*
 * Optimizers, schedules and label smoothing against PyTorch (make_optim.py): ten steps of each
 * optimizer with and without weight decay, every learning rate of every schedule, and the loss
 * and gradient of smoothed labels.
 */
#include "golden.h"

#include <math.h>

#include "model/loss.h"
#include "train/optim.h"
#include "train/plateau.h"
#include "train/schedule.h"

enum { STEPS = 10, COUNT = 24, ROWS = 12, CLASSES = 7 };

static struct ur_golden golden;

static int read_golden(void **state)
{
    (void)state;
    ur_golden_read(&golden, UR_SOURCE_DIR "/tests/golden/optim.golden");
    return 0;
}

static int free_golden(void **state)
{
    (void)state;
    ur_golden_release(&golden);
    return 0;
}

/* Gives an array that must have so many numbers. */
static const float *numbers(const char *before, const char *after, size_t count)
{
    const struct ur_golden_array *array = ur_golden_find(&golden, before, after);
    assert_int_equal(array->count, count);
    return array->numbers;
}

/* The comparison is written so that a NaN fails. */
static void assert_near(const char *what, size_t index, double got, double want,
                        double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s[%zu] is %.9g, PyTorch has %.9g", what, index, got, want);
}

/* The place of a case's kind, its name up to the dash, among the names of an enum field. */
static int32_t kind_of(const char *pointer, const char *name)
{
    char kind[UR_NAME_BYTES];
    for (int32_t k = 0; ur_spec_enum_name(pointer, k, kind) == kind; k++)
        if (strlen(kind) == strcspn(name, "-") && strncmp(kind, name, strlen(kind)) == 0)
            return k;
    fail_msg("%s has no %s", pointer, name);
    return -1;
}

static void check_optimizer(const char *name)
{
    const float *settings = numbers(name, "settings", 7);
    const float *gradients = numbers("", "gradients", (size_t)STEPS * COUNT);
    const float *want = numbers(name, "weights", (size_t)STEPS * COUNT);
    const float *start = numbers("", "weights", COUNT);
    float weights[COUNT], m[COUNT] = {0}, v[COUNT] = {0};
    memcpy(weights, start, sizeof weights);

    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.train.optimizer = kind_of("/train/optimizer/name", name);
    spec.train.beta1 = (double)settings[1];
    spec.train.beta2 = (double)settings[2];
    spec.train.epsilon = (double)settings[3];
    spec.train.momentum = (double)settings[4];
    spec.train.alpha = (double)settings[5];
    spec.train.weight_decay = (double)settings[6];
    for (size_t step = 0; step < STEPS; step++) {
        const struct ur_update update =
            ur_update_prepare(&spec, (double)settings[0], (int32_t)step + 1);
        ur_update_apply(&update, 1.0f, gradients + step * COUNT, weights, m, v, COUNT);
        for (size_t k = 0; k < COUNT; k++) {
            /* A weight that crosses zero keeps the rounding of where it came from. */
            const double truth = (double)want[step * COUNT + k];
            const double size = fmax(fabs(truth), fabs((double)start[k]));
            assert_near(name, step * COUNT + k, (double)weights[k], truth, 1e-6 * size);
        }
    }
}

static void test_optimizers(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "sgd",     "sgd-decay",     "momentum", "momentum-decay", "nesterov", "nesterov-decay",
        "rmsprop", "rmsprop-decay", "adam",     "adam-decay",     "adamw",    "adamw-decay"};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        check_optimizer(cases[k]);
}

static void check_schedule(const char *name)
{
    char before[64];
    snprintf(before, sizeof before, "schedule/%s", name);
    const float *settings = numbers(before, "settings", 8);
    const int32_t steps = (int32_t)settings[0];
    const float *want = numbers(before, "rates", (size_t)steps);

    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.train.learning_rate = 1;
    spec.train.schedule = kind_of("/train/schedule/name", name);
    spec.train.warmup_steps = (int32_t)settings[1];
    spec.train.step_size = (int32_t)settings[2];
    spec.train.gamma = (double)settings[3];
    spec.train.min_factor = (double)settings[4];
    spec.train.pct_start = (double)settings[5];
    spec.train.div_factor = (double)settings[6];
    spec.train.final_div_factor = (double)settings[7];
    for (int32_t t = 1; t <= steps; t++) {
        const double truth = (double)want[t - 1];
        assert_near(before, (size_t)t, ur_schedule_rate(&spec, steps, t), truth, 1e-7 * truth);
    }
}

static void test_schedules(void **state)
{
    (void)state;
    static const char *const cases[] = {"constant",      "constant-warm", "step",
                                        "step-warm",     "exponential",   "exponential-warm",
                                        "cosine",        "cosine-warm",   "onecycle",
                                        "onecycle-late", "onecycle-down", "onecycle-warm"};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        check_schedule(cases[k]);
}

enum { EPOCHS = 49 };

static void check_plateau(const char *name)
{
    char before[64];
    snprintf(before, sizeof before, "plateau/%s", name);
    const float *settings = numbers(before, "settings", 3);
    const float *losses = numbers(before, "losses", EPOCHS);
    const float *want = numbers(before, "rates", EPOCHS);

    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.train.schedule = UR_SCHEDULE_PLATEAU;
    spec.train.patience = (int32_t)settings[0];
    spec.train.gamma = (double)settings[1];
    spec.train.min_factor = (double)settings[2];
    struct ur_plateau plateau = ur_plateau_start();
    for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
        const double truth = (double)want[epoch];
        ur_plateau_advance(&plateau, &spec, (double)losses[epoch]);
        assert_near(before, epoch, plateau.factor, truth, 1e-7 * truth);
    }
    assert_true(plateau.factor < 1); /* it did move */
}

static void test_plateau(void **state)
{
    (void)state;
    static const char *const cases[] = {"some", "none", "floor", "long"};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        check_plateau(cases[k]);
}

static void test_label_smoothing(void **state)
{
    (void)state;
    const float *logits = numbers("smoothing", "logits", ROWS * CLASSES);
    const float *classes = numbers("smoothing", "labels", ROWS);
    int32_t labels[ROWS];
    float weights[ROWS], dlogits[ROWS * CLASSES];
    for (size_t row = 0; row < ROWS; row++) {
        labels[row] = (int32_t)classes[row];
        weights[row] = 1;
    }
    for (int k = 0; k < 4; k++) {
        char before[32];
        snprintf(before, sizeof before, "smoothing/%d", k);
        const struct ur_shard_sums sums =
            ur_loss_cross_entropy(dlogits, logits, labels, weights, 1.0f / ROWS,
                                  *numbers(before, "share", 1), ROWS, CLASSES);
        const double loss = (double)*numbers(before, "loss", 1);
        assert_near(before, 0, sums.loss / ROWS, loss, 1e-6 * loss);
        const float *want = numbers(before, "dlogits", ROWS * CLASSES);
        for (size_t i = 0; i < ROWS * CLASSES; i++)
            assert_near(before, i, (double)dlogits[i], (double)want[i], 2e-8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimizers),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_plateau),
        cmocka_unit_test(test_label_smoothing),
    };
    return cmocka_run_group_tests(tests, read_golden, free_golden);
}
