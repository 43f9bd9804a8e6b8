/*
 * The speed of a training step, all of it: filling the batch, forward, loss, backward,
 * reduction, norm, Adam. Operations are those of the matrix products alone.
 *
 *     bench_train [--quick] [--threads N]... [--hidden H] [--batch B] [--seconds S]
 */
#include "bench.h"
#include "train/environment.h"
#include "train/step.h"

enum {
    IMAGES = 4096, /* of the random data set: more than a cache holds */
    STEPS = 28,
    WIDTH = 28,
    CLASSES = 10,
    MAX_THREAD_COUNTS = 8,
};

struct plan {
    bool quick;
    int32_t threads[MAX_THREAD_COUNTS];
    int n_threads;
    int32_t hidden, batch; /* 0: the usual ones */
    int32_t seconds;       /* for each line */
};

/* Forward and the gradients of the weights each take x.W and h.U, backward through time takes
 * one more h.U; then the dense layer. */
static double step_operations(const struct bench_setting *setting)
{
    double h = setting->hidden, rows = (double)setting->batch * setting->steps;
    double input = 2 * rows * setting->width * 4 * h, recurrent = 2 * rows * h * 4 * h;
    return 2 * input + 3 * recurrent + 3 * 2.0 * setting->batch * h * CLASSES;
}

static enum ur_status fill_dataset(struct ur_dataset *dataset, struct ur_error *error)
{
    const size_t pixels = (size_t)STEPS * WIDTH;
    *dataset = (struct ur_dataset){
        .shape = {.steps = STEPS, .width = WIDTH, .classes = CLASSES, .n_train = IMAGES}};
    dataset->train_x = malloc(IMAGES * pixels);
    dataset->train_y = malloc(IMAGES * sizeof *dataset->train_y);
    if (dataset->train_x == NULL || dataset->train_y == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the images.");
    for (size_t i = 0; i < IMAGES * pixels; i++)
        dataset->train_x[i] = (uint8_t)(i * 2654435761U >> 24);
    for (size_t i = 0; i < IMAGES; i++)
        dataset->train_y[i] = (uint16_t)(i % CLASSES);
    return UR_OK;
}

static void measure(struct ur_team *team, const struct bench_setting *setting, double seconds)
{
    static struct bench_samples steps, gemms;
    int32_t step = 0;
    steps.count = gemms.count = 0;
    for (int i = 0; i < 5; i++) {
        ur_step_run(team, step++);
        bench_gemm(setting->threads);
    }
    double end = bench_now() + seconds;
    while (bench_now() < end || steps.count < 20) {
        for (int i = 0; i < 4; i++) {
            double began = bench_now();
            ur_step_run(team, step++);
            bench_add(&steps, bench_now() - began);
        }
        for (int i = 0; i < 4; i++)
            bench_add(&gemms, bench_gemm(setting->threads));
    }
    bench_print(setting, step_operations(setting), bench_median(&steps), bench_median(&gemms));
}

static enum ur_status bench(const struct bench_setting *setting, double seconds,
                            struct ur_error *error)
{
    struct ur_spec spec;
    struct ur_dataset dataset;
    struct ur_order order = {0};
    struct ur_team team = {0};
    static struct ur_model model;
    ur_spec_defaults(&spec);
    spec.model.hidden = setting->hidden;
    spec.train.batch = setting->batch;
    spec.train.validation = 0;
    const struct ur_subject subject = {
        .spec = &spec, .model = &model, .order = &order, .dataset = &dataset};
    enum ur_status status = fill_dataset(&dataset, error);
    if (status == UR_OK)
        status = ur_order_init(&order, &spec, &dataset.shape, error);
    if (status == UR_OK)
        status = ur_model_init(&model, &spec, &dataset.shape, error);
    if (status == UR_OK)
        status = ur_team_init(&team, &subject, setting->threads, error);
    if (status == UR_OK)
        status = bench_gemm_init(setting->threads, error);
    if (status == UR_OK) {
        ur_params_init(&model.params, 1, team.weights);
        measure(&team, setting, seconds);
    }
    bench_gemm_release();
    ur_team_release(&team);
    ur_order_release(&order);
    free(dataset.train_x);
    free(dataset.train_y);
    return status;
}

static bool parse(struct plan *plan, int argc, char **argv)
{
    int32_t threads = 0;
    *plan = (struct plan){.seconds = 3};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            plan->quick = true;
        else if (plan->n_threads < MAX_THREAD_COUNTS &&
                 bench_option("--threads", argc, argv, &i, &threads) &&
                 threads <= UR_MAX_THREADS)
            plan->threads[plan->n_threads++] = threads;
        else if (!bench_option("--hidden", argc, argv, &i, &plan->hidden) &&
                 !bench_option("--batch", argc, argv, &i, &plan->batch) &&
                 !bench_option("--seconds", argc, argv, &i, &plan->seconds))
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
    static const struct {
        int32_t hidden, batch;
    } usual[] = {{128, 128}, {32, 128}, {64, 128}, {256, 128},
                 {512, 128}, {128, 32}, {128, 512}};
    bool one = plan->quick || plan->hidden > 0 || plan->batch > 0;
    size_t count = one ? 1 : sizeof usual / sizeof usual[0];
    for (size_t i = 0; i < count * (size_t)plan->n_threads; i++) {
        size_t shape = i / (size_t)plan->n_threads;
        const struct bench_setting setting = {
            .bench = "train",
            .hidden = plan->hidden > 0 ? plan->hidden : usual[shape].hidden,
            .batch = plan->batch > 0 ? plan->batch : usual[shape].batch,
            .steps = STEPS,
            .width = WIDTH,
            .threads = plan->threads[i % (size_t)plan->n_threads]};
        enum ur_status status = bench(&setting, plan->seconds, error);
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
