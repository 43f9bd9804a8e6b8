/*
 * Whole runs on a few built-in digits: however a run is interrupted, its end is the same; and
 * each way to end leaves the folder as promised.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <sys/resource.h>
#include <unistd.h>

#include "folder.h"
#include "idx_file.h"
#include "io/checkpoint.h"
#include "sanitized.h"
#include "train/memory.h"
#include "train/schedule.h"
#include "train/trainer.h"

enum { MAX_EVENTS = 256, STEPS = 40 };

/* What a run told, and what it is to be told at which moment. */
struct witness {
    enum ur_command command;
    int32_t at_step;       /* ... once that many steps were told */
    useconds_t pause_us;   /* ... and how long it is to wait before each step */
    int32_t at_evaluation; /* ... or in the n-th evaluation, from 1; 0: not so */
    struct ur_step_point points[MAX_EVENTS];
    int n_points;
    struct ur_record_epoch epochs[MAX_EVENTS];
    int n_epochs;
    int n_last, n_best, n_model;
    int evaluations;
    int n_insights;
    float first_norm, last_norm; /* of dL/dh at the first and the last time step */
    float forget_gate;           /* its mean at the first time step */
    double gradient_norm;        /* of all tensors together */
    bool loading, evaluating;
    struct ur_train_start start;
    struct ur_train_result result;
    struct ur_error error;
};

static void on_phase(void *context, enum ur_phase phase, float done)
{
    struct witness *witness = context;
    witness->loading = phase == UR_PHASE_LOADING;
    witness->evaluating = phase == UR_PHASE_EVALUATING;
    witness->evaluations += witness->evaluating && done <= 0;
}

static void on_start(void *context, const struct ur_train_start *start)
{
    ((struct witness *)context)->start = *start;
}

static void on_step(void *context, const struct ur_step_point *point)
{
    struct witness *witness = context;
    assert_in_range(witness->n_points, 0, MAX_EVENTS - 1);
    witness->points[witness->n_points++] = *point;
}

static void on_epoch(void *context, const struct ur_record_epoch *epoch)
{
    struct witness *witness = context;
    assert_in_range(witness->n_epochs, 0, MAX_EVENTS - 1);
    witness->epochs[witness->n_epochs++] = *epoch;
}

static void on_checkpoint(void *context, const struct ur_record_checkpoint *checkpoint)
{
    struct witness *witness = context;
    witness->n_last += checkpoint->kind == UR_CHECKPOINT_LAST;
    witness->n_best += checkpoint->kind == UR_CHECKPOINT_BEST;
    witness->n_model += checkpoint->kind == UR_CHECKPOINT_MODEL;
    assert_true(checkpoint->bytes > 1000);
}

static void on_confusion(void *context, const struct ur_record_confusion *confusion)
{
    (void)context;
    assert_int_equal(confusion->classes, 10);
}

static void on_insight(void *context, int32_t step, const struct ur_insight *insight)
{
    struct witness *witness = context;
    assert_int_equal(step, witness->points[witness->n_points - 1].step);
    witness->n_insights++;
    witness->last_norm = insight->norms[insight->points - 1];
    witness->first_norm = insight->norms[0];
    witness->forget_gate = insight->activity[1];
    double squares = 0;
    for (int32_t k = 0; k < insight->model->params.count; k++)
        squares += (double)insight->gradient_norms[k] * (double)insight->gradient_norms[k];
    witness->gradient_norm = sqrt(squares);
}

static enum ur_command on_poll(void *context)
{
    struct witness *witness = context;
    const bool now = witness->at_evaluation > 0
                         ? witness->evaluating && witness->evaluations == witness->at_evaluation
                         : witness->n_points == witness->at_step && !witness->loading;
    if (witness->pause_us > 0 && !witness->loading && !witness->evaluating)
        usleep(witness->pause_us);
    return now ? witness->command : UR_COMMAND_NONE;
}

static void on_report(void *context, const struct ur_train_result *result, struct ur_text *json)
{
    (void)context;
    ur_text_format(json, "{\"steps\":%d}", (int)result->steps);
}

/* 500 digits, 100 of them for validation: an epoch is 12.5 minibatches. */
static void small_spec(struct ur_spec *spec)
{
    ur_spec_defaults(spec);
    ur_copy(spec->dataset, sizeof spec->dataset, "digits");
    spec->data.count = 500;
    spec->model.hidden = 8;
    spec->train.steps = STEPS;
    spec->train.batch = 32;
    spec->train.shard_rows = 16;
    spec->train.validation = 100;
    spec->train.learning_rate = 0.01;
}

static struct ur_test_folder folder;

static int set_up(void **state)
{
    (void)state;
    folder = ur_test_folder_make();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ur_test_folder_remove(&folder);
    return 0;
}

static const char *path_of(const char *name)
{
    static char path[UR_TEST_PATH_BYTES];
    return ur_test_path(&folder, name, path);
}

static bool is_there(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static enum ur_status run(const struct ur_spec *spec, bool resume, int32_t threads,
                          struct witness *witness)
{
    const struct ur_train_request request = {.spec = spec,
                                             .folder = folder.path,
                                             .threads = threads,
                                             .resume = resume,
                                             .numerics_profile = "test"};
    const struct ur_train_observer observer = {.context = witness,
                                               .phase = on_phase,
                                               .start = on_start,
                                               .step = on_step,
                                               .epoch = on_epoch,
                                               .checkpoint = on_checkpoint,
                                               .confusion = on_confusion,
                                               .insight = on_insight,
                                               .poll = on_poll,
                                               .report = on_report};
    witness->n_points = witness->n_epochs = witness->evaluations = 0;
    witness->n_insights = 0;
    witness->n_last = witness->n_best = witness->n_model = 0;
    witness->error = (struct ur_error){0};
    ur_train_result_release(&witness->result);
    return ur_train(&request, &observer, &witness->result, &witness->error);
}

static void release(struct witness *witness)
{
    ur_train_result_release(&witness->result);
    free(witness);
}

/* The undisturbed run that all others are compared with. */
static struct witness *expected(const struct ur_spec *spec)
{
    struct witness *witness = calloc(1, sizeof *witness);
    assert_int_equal(run(spec, false, 2, witness), UR_OK);
    return witness;
}

static void assert_same_score(const struct ur_score *a, const struct ur_score *b)
{
    assert_true(a->loss == b->loss && a->accuracy == b->accuracy);
    assert_int_equal(a->images, b->images);
}

static void assert_same_end(const struct witness *a, const struct witness *b)
{
    assert_string_equal(a->result.weights_sha256, b->result.weights_sha256);
    assert_int_equal(a->result.steps, b->result.steps);
    assert_int_equal(a->result.epochs, b->result.epochs);
    assert_same_score(&a->result.train, &b->result.train);
    assert_same_score(&a->result.validation, &b->result.validation);
    assert_same_score(&a->result.test, &b->result.test);
    assert_true(a->result.test_first_128 == b->result.test_first_128);
    assert_memory_equal(a->result.confusion, b->result.confusion, 100 * sizeof(uint32_t));
    assert_true(a->n_epochs > 0 && b->n_epochs > 0);
    const struct ur_record_epoch *x = &a->epochs[a->n_epochs - 1];
    const struct ur_record_epoch *y = &b->epochs[b->n_epochs - 1];
    assert_int_equal(x->epoch, y->epoch);
    assert_true(x->train_loss == y->train_loss);
    assert_true(x->train_accuracy == y->train_accuracy);
    assert_string_equal(x->weights_sha256, y->weights_sha256);
}

static void test_an_undisturbed_run(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    struct witness *witness = expected(&spec);
    assert_int_equal(witness->n_points, STEPS);
    for (int i = 0; i < STEPS; i++)
        assert_int_equal(witness->points[i].step, i + 1);
    /* 400 samples an epoch: over after 13, 25 and 38 steps; the fourth is cut at 40. */
    const int32_t ends[] = {13, 25, 38, 40};
    assert_int_equal(witness->n_epochs, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(witness->epochs[i].epoch, i + 1);
        assert_int_equal(witness->epochs[i].step, ends[i]);
        assert_true(isfinite(witness->epochs[i].validation_loss));
    }
    double loss = 0;
    for (int i = 0; i < 13; i++)
        loss += (double)witness->points[i].loss;
    assert_true(fabs((double)witness->epochs[0].train_loss - loss / 13) < 1e-6);
    assert_true(witness->epochs[3].train_loss < witness->epochs[0].train_loss);
    assert_int_equal(witness->result.train.images, 2 * 32);
    assert_int_equal(witness->result.validation.images, 100);
    assert_true(witness->result.test.images > 0);
    assert_int_equal(witness->start.first_step, 0);
    assert_int_equal(witness->start.steps, STEPS);
    assert_string_equal(witness->epochs[3].weights_sha256, witness->result.weights_sha256);
    assert_int_equal(witness->n_model, 1);
    assert_true(witness->n_best >= 1 && is_there("best.ckpt"));
    assert_true(is_there("last.ckpt") && is_there("last.ckpt.previous"));
    release(witness);
}

static void test_the_model_file_is_what_was_learnt(void **state)
{
    (void)state;
    struct ur_spec spec;
    struct ur_checkpoint_file file = {0};
    small_spec(&spec);
    struct witness *witness = expected(&spec);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "model.unroll", NULL), UR_OK);
    assert_int_equal(file.kind, UR_FILE_MODEL);
    assert_int_equal(file.info.step, STEPS);
    assert_string_equal(file.info.weights_sha256, witness->result.weights_sha256);
    assert_int_equal(file.report_bytes, strlen("{\"steps\":40}"));
    assert_memory_equal(file.report_json, "{\"steps\":40}", file.report_bytes);
    assert_null(file.adam_m);
    ur_checkpoint_close(&file);
    release(witness);
}

/* Suspended at the beginning, around the ends of epochs and at the end, and resumed at another
 * thread count. */
static void test_suspended_anywhere_it_ends_the_same(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    struct witness *undisturbed = expected(&spec);
    const int32_t moments[] = {0, 1, 7, 12, 13, 14, 25, 37, 39, STEPS};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        const int32_t at = moments[i];
        struct witness *witness = calloc(1, sizeof *witness);
        witness->command = UR_COMMAND_SUSPEND;
        witness->at_step = at;
        assert_int_equal(run(&spec, false, 1 + at % 3, witness), UR_INTERRUPTED);
        assert_int_equal(witness->n_points, at);
        assert_false(is_there("model.unroll"));
        ur_train_result_release(&witness->result);
        witness->command = UR_COMMAND_NONE;
        assert_int_equal(run(&spec, true, 1 + at % 2, witness), UR_OK);
        assert_int_equal(witness->start.first_step, at);
        assert_int_equal(witness->n_points, STEPS - at);
        assert_same_end(witness, undisturbed);
        release(witness);
    }
    release(undisturbed);
}

/* Moments and the place in a schedule come back exactly, whatever the optimizer. */
static void test_every_optimizer_resumes_to_the_same_bits(void **state)
{
    (void)state;
    for (int32_t k = 0; k < 6; k++) {
        struct ur_spec spec;
        small_spec(&spec);
        spec.train.optimizer = k;
        spec.train.weight_decay = 0.01;
        spec.train.schedule = k % 5;
        spec.train.step_size = 10;
        spec.train.warmup_steps = 5;
        spec.train.label_smoothing = 0.1;
        struct witness *undisturbed = expected(&spec);
        struct witness *witness = calloc(1, sizeof *witness);
        witness->command = UR_COMMAND_SUSPEND;
        witness->at_step = 17;
        assert_int_equal(run(&spec, false, 3, witness), UR_INTERRUPTED);
        ur_train_result_release(&witness->result);
        witness->command = UR_COMMAND_NONE;
        assert_int_equal(run(&spec, true, 1, witness), UR_OK);
        assert_int_equal(witness->start.first_step, 17);
        assert_same_end(witness, undisturbed);
        release(witness);
        release(undisturbed);
    }
}

/* Weights that hardly move: after the first epoch no loss is lower by enough. */
static void test_a_plateau_lowers_the_rate(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    spec.train.learning_rate = 1e-7;
    spec.train.schedule = UR_SCHEDULE_PLATEAU;
    spec.train.patience = 0;
    spec.train.gamma = 0.5;
    spec.train.min_factor = 0.3;
    struct witness *undisturbed = expected(&spec);
    const int32_t until[] = {25, 38, 40};
    const double factors[] = {1, 0.5, 0.3};
    for (int i = 0, part = 0; i < STEPS; i++) {
        part += i == until[part];
        const double want = 1e-7 * factors[part];
        const double got = (double)undisturbed->points[i].learning_rate;
        assert_true(fabs(got - want) <= 1e-6 * want);
    }
    const int32_t moments[] = {13, 25, 30, 38, 39};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        struct witness *witness = calloc(1, sizeof *witness);
        witness->command = UR_COMMAND_SUSPEND;
        witness->at_step = moments[i];
        assert_int_equal(run(&spec, false, 2, witness), UR_INTERRUPTED);
        ur_train_result_release(&witness->result);
        witness->command = UR_COMMAND_NONE;
        assert_int_equal(run(&spec, true, 1, witness), UR_OK);
        for (int k = 0; k < witness->n_points; k++)
            assert_true(witness->points[k].learning_rate ==
                        undisturbed->points[moments[i] + k].learning_rate);
        assert_same_end(witness, undisturbed);
        release(witness);
    }
    release(undisturbed);
}

/* The mean decides nothing about the weights that training goes on from; it is what is scored
 * and kept, and it comes back from a checkpoint to the bit. */
static void test_a_running_mean_is_kept_and_resumed(void **state)
{
    (void)state;
    struct ur_spec spec;
    struct ur_checkpoint_file file = {0};
    small_spec(&spec);
    struct witness *without = expected(&spec);
    spec.train.ema = 0.9;
    struct witness *undisturbed = expected(&spec);
    for (int i = 0; i < STEPS; i++)
        assert_true(undisturbed->points[i].loss == without->points[i].loss);
    assert_string_not_equal(undisturbed->result.weights_sha256, without->result.weights_sha256);
    assert_true(undisturbed->result.test.loss != without->result.test.loss);
    assert_string_equal(undisturbed->epochs[3].weights_sha256,
                        undisturbed->result.weights_sha256);

    assert_int_equal(ur_checkpoint_open(&file, folder.path, "last.ckpt", NULL), UR_OK);
    assert_string_equal(file.info.weights_sha256, without->result.weights_sha256);
    assert_non_null(file.ema);
    ur_checkpoint_close(&file);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "model.unroll", NULL), UR_OK);
    assert_string_equal(file.info.weights_sha256, undisturbed->result.weights_sha256);
    assert_null(file.ema);
    ur_checkpoint_close(&file);

    const int32_t moments[] = {0, 1, 13, 20, 39, STEPS};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        struct witness *witness = calloc(1, sizeof *witness);
        witness->command = UR_COMMAND_SUSPEND;
        witness->at_step = moments[i];
        assert_int_equal(run(&spec, false, 3, witness), UR_INTERRUPTED);
        assert_int_equal(ur_checkpoint_open(&file, folder.path, "last.ckpt", NULL), UR_OK);
        /* It begins as the initial weights. */
        assert_int_equal(memcmp(file.ema, file.weights, 1000) == 0, moments[i] == 0);
        ur_checkpoint_close(&file);
        ur_train_result_release(&witness->result);
        witness->command = UR_COMMAND_NONE;
        assert_int_equal(run(&spec, true, 1, witness), UR_OK);
        assert_same_end(witness, undisturbed);
        release(witness);
    }
    release(undisturbed);
    release(without);
}

/* Weights that hardly move: the second epoch is no better than the first, nor is the third. */
static void stopping_spec(struct ur_spec *spec)
{
    small_spec(spec);
    spec->train.learning_rate = 1e-7;
    spec->train.steps = 400;
    spec->train.ema = 0.5;
    spec->train.early_stopping.on = 1;
    spec->train.early_stopping.patience = 1;
}

static void test_early_stopping_keeps_the_best_epoch(void **state)
{
    (void)state;
    struct ur_spec spec;
    struct ur_checkpoint_file file = {0};
    stopping_spec(&spec);
    struct witness *witness = expected(&spec);
    const struct ur_train_result *result = &witness->result;
    assert_int_equal(result->ended_by, UR_ENDED_BY_EARLY_STOPPING);
    assert_false(result->stopped);
    assert_int_equal(result->steps, 38);
    assert_int_equal(result->model_step, 13);
    assert_int_equal(witness->n_epochs, 3);
    assert_int_equal(witness->evaluations, 5); /* two of them of the best epoch's weights */
    assert_string_equal(result->weights_sha256, witness->epochs[0].weights_sha256);
    assert_string_not_equal(result->weights_sha256, witness->epochs[2].weights_sha256);
    assert_true((float)result->validation.loss == witness->epochs[0].validation_loss);
    assert_true((float)result->validation.loss != witness->epochs[2].validation_loss);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "model.unroll", NULL), UR_OK);
    assert_int_equal(file.info.step, 13);
    assert_string_equal(file.info.weights_sha256, result->weights_sha256);
    ur_checkpoint_close(&file);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "last.ckpt", NULL), UR_OK);
    assert_int_equal(file.info.step, 38);
    ur_checkpoint_close(&file);
    release(witness);
}

/* The decision to stop is in the checkpoint: a run that is suspended after it, wherever,
 * writes the same model. */
static void test_suspended_around_early_stopping_it_ends_the_same(void **state)
{
    (void)state;
    struct ur_spec spec;
    stopping_spec(&spec);
    struct witness *undisturbed = expected(&spec);
    for (int32_t at = 1; at <= 10; at++) {
        struct witness *witness = calloc(1, sizeof *witness);
        witness->command = UR_COMMAND_SUSPEND;
        witness->at_evaluation = at <= 5 ? at : 0;
        const int32_t steps[] = {12, 13, 26, 37, 38};
        witness->at_step = at <= 5 ? 0 : steps[at - 6];
        assert_int_equal(run(&spec, false, 2, witness), UR_INTERRUPTED);
        assert_false(is_there("model.unroll"));
        ur_train_result_release(&witness->result);
        witness->command = UR_COMMAND_NONE;
        witness->at_evaluation = 0;
        /* Twice: a run that has ended is found as it was. */
        for (int turn = 0; turn < 2; turn++) {
            assert_int_equal(run(&spec, true, 1, witness), UR_OK);
            assert_int_equal(witness->result.ended_by, UR_ENDED_BY_EARLY_STOPPING);
            assert_string_equal(witness->result.weights_sha256,
                                undisturbed->result.weights_sha256);
            assert_int_equal(witness->result.steps, 38);
            assert_int_equal(witness->result.model_step, 13);
            assert_same_score(&witness->result.test, &undisturbed->result.test);
            assert_same_score(&witness->result.validation, &undisturbed->result.validation);
            if (turn == 0)
                ur_train_result_release(&witness->result);
        }
        release(witness);
    }
    release(undisturbed);
}

/* An epoch that a command cuts short may be the best so far, and must not be what a resumed
 * run goes back to. */
static void test_a_stop_leaves_early_stopping_as_it_was(void **state)
{
    (void)state;
    struct ur_spec spec;
    struct ur_checkpoint_file file = {0};
    stopping_spec(&spec);
    spec.train.learning_rate = 0.01; /* it does learn, and no gain is large enough */
    spec.train.early_stopping.min_delta = 1;
    struct witness *undisturbed = expected(&spec);
    assert_int_equal(undisturbed->result.steps, 38);
    struct witness *witness = calloc(1, sizeof *witness);
    witness->command = UR_COMMAND_STOP;
    witness->at_step = 20;
    assert_int_equal(run(&spec, false, 2, witness), UR_OK);
    assert_int_equal(witness->result.ended_by, UR_ENDED_BY_COMMAND);
    assert_int_equal(witness->result.model_step, 20);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "best.ckpt", NULL), UR_OK);
    assert_int_equal(file.info.step, 13);
    ur_checkpoint_close(&file);
    ur_train_result_release(&witness->result);
    witness->command = UR_COMMAND_NONE;
    assert_int_equal(run(&spec, true, 2, witness), UR_OK);
    assert_same_end(witness, undisturbed);
    assert_int_equal(witness->result.model_step, undisturbed->result.model_step);
    ur_train_result_release(&witness->result);

    /* Without the best epoch's file there is no model to write, and that is said. */
    unlink(path_of("best.ckpt"));
    assert_int_equal(run(&spec, true, 2, witness), UR_NOT_FOUND);
    release(witness);
    release(undisturbed);
}

/* Ten steps of a tenth of a second are all that a second gives. */
static void test_a_time_budget_ends_a_run(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    spec.train.time_budget_s = 1;
    struct witness *witness = calloc(1, sizeof *witness);
    witness->pause_us = 100000;
    assert_int_equal(run(&spec, false, 2, witness), UR_OK);
    assert_int_equal(witness->result.ended_by, UR_ENDED_BY_TIME_BUDGET);
    assert_false(witness->result.stopped);
    const int32_t steps = witness->result.steps;
    assert_in_range(steps, 1, 11);
    assert_int_equal(witness->result.model_step, steps);
    assert_true(witness->result.seconds >= 1);
    assert_true(is_there("model.unroll"));
    char digest[UR_SHA256_HEX_BYTES];
    ur_copy(digest, sizeof digest, witness->result.weights_sha256);
    ur_train_result_release(&witness->result);

    /* The time of earlier runs counts. */
    assert_int_equal(run(&spec, true, 2, witness), UR_OK);
    assert_int_equal(witness->n_points, 0);
    assert_int_equal(witness->result.ended_by, UR_ENDED_BY_TIME_BUDGET);
    assert_string_equal(witness->result.weights_sha256, digest);
    release(witness);

    /* Every step is the one that any run makes. */
    spec.train.time_budget_s = 0;
    spec.train.steps = steps;
    struct witness *other = expected(&spec);
    assert_int_equal(other->result.ended_by, UR_ENDED_BY_STEPS);
    assert_string_equal(other->result.weights_sha256, digest);
    release(other);
}

/* An evaluation at the end of an epoch, and each of those at the very end. */
static void test_suspended_while_evaluating_it_ends_the_same(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    struct witness *undisturbed = expected(&spec);
    const int evaluations = undisturbed->evaluations;
    assert_int_equal(evaluations, 5); /* four epochs, and the test split */
    for (int32_t at = 1; at <= evaluations; at++) {
        struct witness *witness = calloc(1, sizeof *witness);
        witness->command = UR_COMMAND_SUSPEND;
        witness->at_evaluation = at;
        assert_int_equal(run(&spec, false, 2, witness), UR_INTERRUPTED);
        ur_train_result_release(&witness->result);
        witness->command = UR_COMMAND_NONE;
        assert_int_equal(run(&spec, true, 2, witness), UR_OK);
        assert_same_end(witness, undisturbed);
        release(witness);
    }
    release(undisturbed);
}

static void test_a_finished_run_can_be_resumed(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    struct witness *undisturbed = expected(&spec);
    struct witness *again = calloc(1, sizeof *again);
    assert_int_equal(run(&spec, true, 2, again), UR_OK);
    assert_int_equal(again->n_points, 0);
    assert_same_end(again, undisturbed);
    release(again);
    release(undisturbed);
}

static void damage(const char *name)
{
    const int fd = open(path_of(name), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\x55", 1, 700), 1);
    close(fd);
}

static void test_a_damaged_checkpoint_falls_back(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    struct witness *undisturbed = expected(&spec);
    struct witness *witness = calloc(1, sizeof *witness);
    damage("last.ckpt");
    assert_int_equal(run(&spec, true, 2, witness), UR_OK);
    assert_true(witness->start.fell_back);
    assert_int_equal(witness->start.first_step, 38);
    assert_same_end(witness, undisturbed);

    /* The first file written after falling back must not push the good one out. */
    struct ur_checkpoint_file file = {0};
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "last.ckpt.previous", NULL), UR_OK);
    assert_int_equal(file.info.step, 38);
    ur_checkpoint_close(&file);

    damage("last.ckpt");
    damage("last.ckpt.previous");
    ur_train_result_release(&witness->result);
    assert_int_equal(run(&spec, true, 2, witness), UR_BAD_CHECKPOINT);
    release(witness);
    release(undisturbed);
}

static void test_without_a_checkpoint_resume_starts(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    struct witness *witness = calloc(1, sizeof *witness);
    assert_int_equal(run(&spec, true, 2, witness), UR_OK);
    assert_int_equal(witness->start.first_step, 0);
    assert_int_equal(witness->n_points, STEPS);
    release(witness);
}

static void test_another_job_is_not_resumed(void **state)
{
    (void)state;
    struct ur_spec spec, other;
    small_spec(&spec);
    struct witness *witness = expected(&spec);
    ur_train_result_release(&witness->result);

    other = spec;
    other.train.seed = 2;
    assert_int_equal(run(&other, true, 2, witness), UR_CONFLICT);
    assert_non_null(strstr(witness->error.detail, "specification"));
    other = spec;
    other.data.seed = 5; /* part of the specification as well as of the digest */
    assert_int_equal(run(&other, true, 2, witness), UR_CONFLICT);
    other = spec; /* what does not decide the result may differ */
    ur_copy(other.name, sizeof other.name, "renamed");
    other.run.checkpoint_s = 1;
    assert_int_equal(run(&other, true, 1, witness), UR_OK);
    release(witness);
}

static void test_stop_keeps_what_was_learnt(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    struct witness *witness = calloc(1, sizeof *witness);
    witness->command = UR_COMMAND_STOP;
    witness->at_step = 20;
    assert_int_equal(run(&spec, false, 2, witness), UR_OK);
    assert_true(witness->result.stopped);
    assert_int_equal(witness->result.steps, 20);
    assert_int_equal(witness->epochs[witness->n_epochs - 1].step, 20);
    assert_true(is_there("model.unroll"));
    ur_train_result_release(&witness->result);

    /* Asked for once the steps are done, it changes nothing. */
    witness->at_step = STEPS;
    assert_int_equal(run(&spec, false, 2, witness), UR_OK);
    assert_false(witness->result.stopped);
    release(witness);
}

static void test_a_stopped_run_can_go_on(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    struct witness *undisturbed = expected(&spec);
    struct witness *witness = calloc(1, sizeof *witness);
    witness->command = UR_COMMAND_STOP;
    witness->at_step = 20;
    assert_int_equal(run(&spec, false, 2, witness), UR_OK);
    ur_train_result_release(&witness->result);
    witness->command = UR_COMMAND_NONE;
    assert_int_equal(run(&spec, true, 2, witness), UR_OK);
    assert_same_end(witness, undisturbed);
    release(witness);
    release(undisturbed);
}

static void test_cancel_keeps_nothing(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    for (int32_t at_evaluation = 0; at_evaluation <= 5; at_evaluation += 5) {
        struct witness *witness = calloc(1, sizeof *witness);
        witness->command = UR_COMMAND_CANCEL;
        witness->at_step = 30;
        witness->at_evaluation = at_evaluation;
        assert_int_equal(run(&spec, false, 2, witness), UR_CANCELLED);
        assert_false(is_there("last.ckpt") || is_there("last.ckpt.previous"));
        assert_false(is_there("best.ckpt") || is_there("model.unroll"));
        release(witness);
    }
}

static void test_checkpoint_on_request(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    struct witness *witness = expected(&spec);
    const int usual = witness->n_last;
    ur_train_result_release(&witness->result);
    witness->command = UR_COMMAND_CHECKPOINT;
    witness->at_step = 20;
    assert_int_equal(run(&spec, false, 2, witness), UR_OK);
    assert_int_equal(witness->n_last, usual + 1);
    release(witness);
}

/* Without a memory and with the smallest epsilon the first vanishing gradient throws
 * weights out of every bound, and back-propagation through them leaves the finite numbers. */
static void test_a_diverged_run_keeps_finite_weights(void **state)
{
    (void)state;
    struct ur_spec spec;
    struct ur_checkpoint_file file = {0};
    small_spec(&spec);
    spec.train.learning_rate = 1000;
    spec.train.beta1 = 0.9;
    spec.train.beta2 = 0;
    spec.train.epsilon = 1e-300;
    struct witness *witness = calloc(1, sizeof *witness);
    assert_int_equal(run(&spec, false, 2, witness), UR_DIVERGED);
    const int32_t at = witness->result.steps;
    assert_in_range(at, 1, STEPS - 1);
    assert_int_equal(witness->n_points, at + 1); /* the failing step is told, not applied */
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "model.unroll", NULL), UR_OK);
    assert_int_equal(file.info.step, at);
    ur_checkpoint_close(&file);
    char digest[UR_SHA256_HEX_BYTES];
    ur_copy(digest, sizeof digest, witness->result.weights_sha256);
    ur_train_result_release(&witness->result);

    /* Resumed, it fails again at the same step. */
    assert_int_equal(run(&spec, true, 1, witness), UR_DIVERGED);
    assert_int_equal(witness->n_points, 1);
    assert_int_equal(witness->result.steps, at);
    assert_string_equal(witness->result.weights_sha256, digest);
    release(witness);
}

static void test_no_validation_split(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    spec.train.validation = 0;
    struct witness *witness = expected(&spec);
    assert_int_equal(witness->result.validation.images, 0);
    assert_true(isnan(witness->epochs[0].validation_accuracy));
    assert_int_equal(witness->n_best, 0);
    assert_false(is_there("best.ckpt"));
    release(witness);
}

static void test_epochs_become_steps(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    assert_int_equal(ur_train_steps(&spec, 400), STEPS);
    spec.train.steps = 0;
    spec.train.epochs = 1;
    assert_int_equal(ur_train_steps(&spec, 400), 13);
    spec.train.epochs = 2;
    assert_int_equal(ur_train_steps(&spec, 400), 25);
    spec.train.epochs = 100000;
    spec.train.batch = 1;
    assert_int_equal(ur_train_steps(&spec, 2000000000), INT32_MAX);

    small_spec(&spec);
    spec.train.steps = 0;
    spec.train.epochs = 2;
    struct witness *witness = expected(&spec);
    assert_int_equal(witness->result.steps, 25);
    assert_int_equal(witness->result.epochs, 2);
    assert_int_equal(witness->n_epochs, 2);
    release(witness);
}

static void test_a_job_too_big_is_refused_with_numbers(void **state)
{
    (void)state;
    if (UR_TEST_SANITIZED) /* its shadow memory alone passes the limit that is set here */
        skip();
    struct ur_spec spec;
    struct rlimit old, limit;
    small_spec(&spec);
    spec.model.hidden = UR_MAX_HIDDEN;
    spec.train.batch = UR_MAX_BATCH; /* 128 gradients of 268 MB */
    struct witness *witness = calloc(1, sizeof *witness);
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
    limit = old;
    limit.rlim_cur = (rlim_t)4 << 30;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    const size_t available = ur_memory_available();
    const enum ur_status status = run(&spec, false, 2, witness);
    assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
    assert_true(available < (size_t)4 << 30);
    assert_int_equal(status, UR_JOB_TOO_BIG);
    size_t needs = 0, there = 0;
    assert_int_equal(sscanf(witness->error.detail, "The job needs %zu bytes of memory, and %zu",
                            &needs, &there),
                     2);
    assert_true(needs > (size_t)30 << 30 && there < (size_t)4 << 30);
    release(witness);
}

/* Its own test set, in the role of another one, must give the very same score. */
static void test_another_set_is_scored_at_the_end(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    struct witness *without = expected(&spec);
    assert_string_equal(without->result.transfer.dataset, "");
    ur_copy(spec.train.evaluate_on, sizeof spec.train.evaluate_on, "digits");
    struct witness *witness = expected(&spec);
    const struct ur_transfer *transfer = &witness->result.transfer;
    assert_string_equal(transfer->dataset, "digits");
    assert_int_equal(strlen(transfer->dataset_sha256), UR_SHA256_HEX_BYTES - 1);
    assert_same_score(&transfer->score, &witness->result.test);
    assert_int_equal(transfer->score.images, 83);
    assert_memory_equal(transfer->confusion, witness->result.confusion, 100 * sizeof(uint32_t));
    assert_int_equal(witness->evaluations, without->evaluations + 1);
    assert_same_end(witness, without);
    /* Its test part is in the plan, beside the job's own set. */
    assert_int_equal(witness->start.memory_bytes,
                     without->start.memory_bytes + (size_t)83 * (28 * 28 + 2));
    release(witness);
    release(without);
}

static void test_suspended_while_scoring_another_set_it_ends_the_same(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    ur_copy(spec.train.evaluate_on, sizeof spec.train.evaluate_on, "digits");
    struct witness *undisturbed = expected(&spec);
    struct witness *witness = calloc(1, sizeof *witness);
    witness->command = UR_COMMAND_SUSPEND;
    witness->at_evaluation = undisturbed->evaluations;
    assert_int_equal(run(&spec, false, 2, witness), UR_INTERRUPTED);
    assert_false(is_there("model.unroll"));
    ur_train_result_release(&witness->result);
    witness->command = UR_COMMAND_NONE;
    assert_int_equal(run(&spec, true, 1, witness), UR_OK);
    assert_same_end(witness, undisturbed);
    assert_same_score(&witness->result.transfer.score, &undisturbed->result.transfer.score);
    release(witness);
    release(undisturbed);
}

static void put_idx(const char *name, uint32_t n, uint32_t rows, size_t count, int modulus)
{
    struct ur_test_bytes file =
        ur_test_idx(rows > 0 ? 0x803 : 0x801, n, rows, rows, count, modulus);
    ur_test_write(path_of(name), file.data, file.count);
    free(file.data);
}

/* A set of so many sequences of side x side and so many classes, as "sets/other". */
static void make_other(uint32_t side, int classes)
{
    const uint32_t n = 30;
    const size_t pixels = (size_t)n * side * side;
    mkdir(path_of("sets"), 0700);
    mkdir(path_of("sets/other"), 0700);
    put_idx("sets/other/train-images-idx3-ubyte", n, side, pixels, 251);
    put_idx("sets/other/train-labels-idx1-ubyte", n, 0, n, classes);
    put_idx("sets/other/t10k-images-idx3-ubyte", n, side, pixels, 251);
    put_idx("sets/other/t10k-labels-idx1-ubyte", n, 0, n, classes);
}

static void test_another_set_must_have_the_same_shape(void **state)
{
    (void)state;
    struct ur_spec spec;
    char folders[UR_TEST_PATH_BYTES];
    small_spec(&spec);
    ur_copy(folders, sizeof folders, path_of("sets"));
    setenv("UNROLL_DATASETS", folders, 1);
    struct witness *witness = calloc(1, sizeof *witness);
    ur_copy(spec.train.evaluate_on, sizeof spec.train.evaluate_on, "other");
    assert_int_equal(run(&spec, false, 1, witness), UR_UNKNOWN_DATASET);
    assert_non_null(strstr(witness->error.detail, "/train/evaluate_on: "));
    const struct {
        uint32_t side;
        int classes;
    } wrong[] = {{28, 9}, {28, 11}, {27, 10}};
    for (size_t i = 0; i < 3; i++) {
        make_other(wrong[i].side, wrong[i].classes);
        assert_int_equal(run(&spec, false, 1, witness), UR_INVALID_SPEC);
        assert_non_null(strstr(witness->error.detail, "/train/evaluate_on must name"));
        assert_int_equal(witness->n_points, 0);
    }
    make_other(28, 10);
    assert_int_equal(run(&spec, false, 1, witness), UR_OK);
    assert_int_equal(witness->result.transfer.score.images, 30);
    unsetenv("UNROLL_DATASETS");
    release(witness);
}

static void test_unknown_data_are_said_so(void **state)
{
    (void)state;
    struct ur_spec spec;
    small_spec(&spec);
    ur_copy(spec.dataset, sizeof spec.dataset, "no-such-set");
    struct witness *witness = calloc(1, sizeof *witness);
    assert_int_equal(run(&spec, false, 1, witness), UR_UNKNOWN_DATASET);
    assert_non_null(strstr(witness->error.detail, "no-such-set"));
    release(witness);
}

#define RUN_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void test_insight_is_told_and_changes_nothing(void **state)
{
    (void)state;
    struct witness *plain = calloc(1, sizeof *plain), *looked = calloc(1, sizeof *looked);
    struct ur_spec spec;
    small_spec(&spec);
    assert_int_equal(run(&spec, false, 1, plain), UR_OK);
    assert_int_equal(plain->n_insights, 0);
    spec.run.insight_every = 8;
    assert_int_equal(run(&spec, false, 2, looked), UR_OK);
    assert_int_equal(looked->n_insights, STEPS / 8);
    assert_string_equal(plain->result.weights_sha256, looked->result.weights_sha256);
    const double norm = (double)looked->points[STEPS - 1].gradient_norm;
    assert_true(fabs(looked->gradient_norm - norm) <= 1e-5 * norm);
    assert_true(looked->last_norm > 0 && looked->first_norm > 0);
    assert_true(looked->forget_gate > 0.5f && looked->forget_gate < 1.0f); /* its bias is 1 */
    release(plain);
    release(looked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_TEST(test_an_undisturbed_run),
        RUN_TEST(test_the_model_file_is_what_was_learnt),
        RUN_TEST(test_suspended_anywhere_it_ends_the_same),
        RUN_TEST(test_every_optimizer_resumes_to_the_same_bits),
        RUN_TEST(test_a_plateau_lowers_the_rate),
        RUN_TEST(test_a_running_mean_is_kept_and_resumed),
        RUN_TEST(test_early_stopping_keeps_the_best_epoch),
        RUN_TEST(test_suspended_around_early_stopping_it_ends_the_same),
        RUN_TEST(test_a_stop_leaves_early_stopping_as_it_was),
        RUN_TEST(test_a_time_budget_ends_a_run),
        RUN_TEST(test_suspended_while_evaluating_it_ends_the_same),
        RUN_TEST(test_a_finished_run_can_be_resumed),
        RUN_TEST(test_a_damaged_checkpoint_falls_back),
        RUN_TEST(test_without_a_checkpoint_resume_starts),
        RUN_TEST(test_another_job_is_not_resumed),
        RUN_TEST(test_stop_keeps_what_was_learnt),
        RUN_TEST(test_a_stopped_run_can_go_on),
        RUN_TEST(test_cancel_keeps_nothing),
        RUN_TEST(test_checkpoint_on_request),
        RUN_TEST(test_a_diverged_run_keeps_finite_weights),
        RUN_TEST(test_no_validation_split),
        RUN_TEST(test_epochs_become_steps),
        RUN_TEST(test_a_job_too_big_is_refused_with_numbers),
        RUN_TEST(test_another_set_is_scored_at_the_end),
        RUN_TEST(test_suspended_while_scoring_another_set_it_ends_the_same),
        RUN_TEST(test_another_set_must_have_the_same_shape),
        RUN_TEST(test_unknown_data_are_said_so),
        RUN_TEST(test_insight_is_told_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
