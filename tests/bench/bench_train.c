/*
 * The speed of a training step against the machine's own matrix product, in one run at one
 * thread count: one JSON line for each setting (docs/performance.md).
 *
 *     bench_train [--quick] [--threads N]... [--hidden H] [--batch B] [--seconds S]
 *
 * Both are medians of wall times taken in turn, a few of one and a few of the other, so that a
 * neighbour on the machine slows both. A step is all of it: filling the batch, forward, loss,
 * backward, reduction, norm, Adam. Operations are those of the matrix products alone.
 */
#include <cblas.h>
#include <math.h>
#include <omp.h>

#include "train/environment.h"
#include "train/step.h"
#include "unroll/clock.h"
#include "unroll/text.h"

enum {
    GEMM_SIDE = 768,
    MAX_SAMPLES = 4000,
    IMAGES = 4096, /* of the random data set: more than a cache holds */
    STEPS = 28,
    WIDTH = 28,
    CLASSES = 10,
};

struct settings {
    int32_t hidden, batch, threads;
    double seconds; /* to measure for */
};

struct samples {
    double values[MAX_SAMPLES];
    int count;
};

static void add(struct samples *samples, double value)
{
    if (samples->count < MAX_SAMPLES)
        samples->values[samples->count++] = value;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(struct samples *samples)
{
    qsort(samples->values, (size_t)samples->count, sizeof samples->values[0], compare);
    return samples->values[samples->count / 2];
}

static double seconds_now(void)
{
    return (double)ur_clock_us() * 1e-6;
}

/* One product of 768 x 768 on every thread at once, each on matrices of its own. */
static double gemm_seconds(float *const *matrices, int threads)
{
    const size_t size = (size_t)GEMM_SIDE * GEMM_SIDE;
    double began = seconds_now();
#pragma omp parallel num_threads(threads)
    {
        float *a = matrices[omp_get_thread_num()];
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, GEMM_SIDE, GEMM_SIDE, GEMM_SIDE,
                    1.0F, a, GEMM_SIDE, a + size, GEMM_SIDE, 0.0F, a + 2 * size, GEMM_SIDE);
    }
    return seconds_now() - began;
}

/* Each thread touches its own matrices first. */
static void gemm_fill(float *const *matrices, int threads)
{
    const size_t size = (size_t)GEMM_SIDE * GEMM_SIDE;
#pragma omp parallel num_threads(threads)
    for (size_t i = 0; i < 3 * size; i++)
        matrices[omp_get_thread_num()][i] = (float)(i % 17) * 0.01F;
}

/* Operations of the matrix products of one step: forward and the gradients of the weights each
 * take x.W and h.U, backward through time takes one more h.U; then the dense layer. */
static double step_operations(const struct settings *settings)
{
    double h = settings->hidden, rows = (double)settings->batch * STEPS;
    double input = 2 * rows * WIDTH * 4 * h, recurrent = 2 * rows * h * 4 * h;
    return 2 * input + 3 * recurrent + 3 * 2.0 * settings->batch * h * CLASSES;
}

static void fill_dataset(struct ur_dataset *dataset)
{
    const size_t pixels = (size_t)STEPS * WIDTH;
    *dataset = (struct ur_dataset){.shape = {.steps = STEPS,
                                             .width = WIDTH,
                                             .classes = CLASSES,
                                             .n_train = IMAGES,
                                             .n_test = 0}};
    dataset->train_x = calloc(IMAGES, pixels);
    dataset->train_y = calloc(IMAGES, sizeof *dataset->train_y);
    for (size_t i = 0; i < IMAGES * pixels; i++)
        dataset->train_x[i] = (uint8_t)(i * 2654435761U >> 24);
    for (size_t i = 0; i < IMAGES; i++)
        dataset->train_y[i] = (uint16_t)(i % CLASSES);
}

static void print(const struct settings *settings, double step, double gemm)
{
    const double gemm_operations = 2.0 * GEMM_SIDE * GEMM_SIDE * GEMM_SIDE * settings->threads;
    const double gflops = step_operations(settings) / step * 1e-9;
    const double sgemm_gflops = gemm_operations / gemm * 1e-9;
    printf("{\"bench\":\"train\",\"cell\":\"lstm\",\"bidirectional\":false,\"hidden\":%d,"
           "\"batch\":%d,\"steps\":%d,\"width\":%d,\"threads\":%d,\"median_ms\":%.3f,"
           "\"images_per_second\":%.0f,\"gflops\":%.1f,\"sgemm_gflops\":%.1f,"
           "\"of_sgemm\":%.3f}\n",
           (int)settings->hidden, (int)settings->batch, STEPS, WIDTH, (int)settings->threads,
           step * 1e3, settings->batch / step, gflops, sgemm_gflops, gflops / sgemm_gflops);
    fflush(stdout);
}

static void measure(struct ur_team *team, const struct settings *settings,
                    float *const *matrices)
{
    static struct samples steps, gemms;
    steps.count = gemms.count = 0;
    int32_t step = 0;
    for (int i = 0; i < 5; i++) {
        ur_step_run(team, step++);
        gemm_seconds(matrices, settings->threads);
    }
    double end = seconds_now() + settings->seconds;
    while (seconds_now() < end || steps.count < 20) {
        for (int i = 0; i < 4; i++) {
            double began = seconds_now();
            ur_step_run(team, step++);
            add(&steps, seconds_now() - began);
        }
        for (int i = 0; i < 4; i++)
            add(&gemms, gemm_seconds(matrices, settings->threads));
    }
    print(settings, median(&steps), median(&gemms));
}

static enum ur_status bench(const struct settings *settings, struct ur_error *error)
{
    struct ur_spec spec;
    struct ur_dataset dataset;
    struct ur_order order = {0};
    struct ur_team team = {0};
    static struct ur_model model;
    float *matrices[UR_MAX_THREADS] = {0};
    ur_spec_defaults(&spec);
    spec.model.hidden = settings->hidden;
    spec.train.batch = settings->batch;
    spec.train.validation = 0;
    fill_dataset(&dataset);
    const struct ur_subject subject = {
        .spec = &spec, .model = &model, .order = &order, .dataset = &dataset};
    enum ur_status status = ur_order_init(&order, &spec, &dataset.shape, error);
    if (status == UR_OK)
        status = ur_model_init(&model, &spec, &dataset.shape, error);
    if (status == UR_OK)
        status = ur_team_init(&team, &subject, settings->threads, error);
    if (status == UR_OK) {
        for (int i = 0; i < settings->threads; i++)
            matrices[i] = malloc(3 * sizeof(float) * GEMM_SIDE * GEMM_SIDE);
        gemm_fill(matrices, settings->threads);
        ur_params_init(&model.params, 1, team.weights);
        measure(&team, settings, matrices);
        for (int i = 0; i < settings->threads; i++)
            free(matrices[i]);
    }
    ur_team_release(&team);
    ur_order_release(&order);
    free(dataset.train_x);
    free(dataset.train_y);
    return status;
}

struct plan {
    bool quick;
    int32_t threads[8];
    int n_threads;
    int32_t hidden, batch; /* 0: the usual ones */
    double seconds;
};

static bool parse(struct plan *plan, int argc, char **argv)
{
    *plan = (struct plan){.seconds = 3};
    for (int i = 1; i < argc; i++) {
        int64_t value = 0;
        bool has_value = i + 1 < argc && ur_parse_int64(argv[i + 1], 1, UR_MAX_BATCH, &value);
        if (strcmp(argv[i], "--quick") == 0)
            plan->quick = true;
        else if (has_value && strcmp(argv[i], "--threads") == 0 && plan->n_threads < 8)
            plan->threads[plan->n_threads++] = (int32_t)value, i++;
        else if (has_value && strcmp(argv[i], "--hidden") == 0)
            plan->hidden = (int32_t)value, i++;
        else if (has_value && strcmp(argv[i], "--batch") == 0)
            plan->batch = (int32_t)value, i++;
        else if (has_value && strcmp(argv[i], "--seconds") == 0)
            plan->seconds = (double)value, i++;
        else
            return false;
    }
    if (plan->n_threads == 0) {
        plan->threads[plan->n_threads++] = 1;
        plan->threads[plan->n_threads++] = 2;
    }
    return true;
}

static enum ur_status run(const struct plan *plan, struct ur_error *error)
{
    static const int32_t usual[][2] = {{128, 128}, {32, 128}, {64, 128}, {256, 128},
                                       {512, 128}, {128, 32}, {128, 512}};
    size_t count =
        plan->quick || plan->hidden || plan->batch ? 1 : sizeof usual / sizeof usual[0];
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < plan->n_threads; k++) {
            struct settings settings = {.hidden = plan->hidden ? plan->hidden : usual[i][0],
                                        .batch = plan->batch ? plan->batch : usual[i][1],
                                        .threads = plan->threads[k],
                                        .seconds = plan->seconds};
            enum ur_status status = bench(&settings, error);
            if (status != UR_OK)
                return status;
        }
    return UR_OK;
}

int main(int argc, char **argv)
{
    struct plan plan;
    struct ur_error error = {0};
    char profile[UR_PROFILE_BYTES], blas[UR_BLAS_BYTES];
    if (!parse(&plan, argc, argv)) {
        fputs("usage: bench_train [--quick] [--threads N]... [--hidden H] [--batch B] "
              "[--seconds S]\n",
              stderr);
        return 2;
    }
    enum ur_status status = ur_environment_choose(UR_NUMERICS_AUTO, profile, &error);
    if (status == UR_OK)
        status = ur_environment_pin(profile, plan.threads[plan.n_threads - 1], argv, &error);
    if (status == UR_OK)
        status = ur_environment_verify(profile, blas, &error);
    if (status == UR_OK)
        status = run(&plan, &error);
    if (status != UR_OK)
        fprintf(stderr, "bench_train: %s\n", error.detail);
    return ur_status_exit(status);
}
