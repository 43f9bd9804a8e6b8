/*
 * The speed of a training step, all of it: filling the batch, forward, loss, backward,
 * reduction, norm, Adam. One line for each thread count; tests/bench/run.mjs chooses shapes.
 *
 *     bench_train [options of bench.h]      without --threads: 1 and 2
 *
 * Each line carries the digest of the weights after the warm-up, which is the same number of
 * steps at any thread count: lines of one shape that differ in it broke the law.
 */
#include "bench.h"
#include "train/environment.h"
#include "train/step.h"

enum {
    IMAGES = 4096, /* of the random data set: more than a cache holds */
    WARM_UP = 5,   /* steps */
    LEAST = 8,     /* steps that are timed, however long they take */
};

static enum ur_status fill_dataset(const struct bench_shape *shape, struct ur_dataset *dataset,
                                   struct ur_error *error)
{
    const size_t pixels = (size_t)shape->steps * (size_t)shape->width;
    const size_t classes = (size_t)shape->classes;
    *dataset = (struct ur_dataset){.shape = {.steps = shape->steps,
                                             .width = shape->width,
                                             .classes = shape->classes,
                                             .n_train = IMAGES}};
    dataset->train_x = malloc(IMAGES * pixels);
    dataset->train_y = malloc(IMAGES * sizeof *dataset->train_y);
    if (dataset->train_x == NULL || dataset->train_y == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the images.");
    for (size_t i = 0; i < IMAGES * pixels; i++)
        dataset->train_x[i] = (uint8_t)(i * 2654435761U >> 24);
    for (size_t i = 0; i < IMAGES; i++)
        dataset->train_y[i] = (uint16_t)(i % classes);
    return UR_OK;
}

static void measure(struct ur_team *team, const struct bench_shape *shape, int32_t threads,
                    double seconds)
{
    static struct bench_samples steps, gemms;
    struct bench_result result = {
        .bench = "train", .threads = threads, .operations = bench_step_operations(shape)};
    int32_t step = 0;
    steps.count = gemms.count = 0;
    for (int i = 0; i < WARM_UP; i++) {
        ur_step_run(team, step++);
        bench_gemm(threads);
    }
    ur_params_digest(&team->subject.model->params, team->weights, result.weights_sha256);
    double end = bench_now() + seconds;
    while (bench_now() < end || steps.count < LEAST) {
        for (int i = 0; i < 4; i++) {
            double began = bench_now();
            ur_step_run(team, step++);
            bench_add(&steps, bench_now() - began);
        }
        for (int i = 0; i < 4; i++)
            bench_add(&gemms, bench_gemm(threads));
    }
    result.seconds = bench_median(&steps);
    result.gemm_seconds = bench_median(&gemms);
    bench_print(shape, &result);
}

static enum ur_status bench(const struct bench_shape *shape, int32_t threads, double seconds,
                            struct ur_error *error)
{
    struct ur_spec spec;
    struct ur_dataset dataset;
    struct ur_order order = {0};
    struct ur_team team = {0};
    static struct ur_model model;
    bench_spec(shape, &spec);
    const struct ur_subject subject = {
        .spec = &spec, .model = &model, .order = &order, .dataset = &dataset};
    enum ur_status status = fill_dataset(shape, &dataset, error);
    if (status == UR_OK)
        status = ur_order_init(&order, &spec, &dataset.shape, error);
    if (status == UR_OK)
        status = ur_model_init(&model, &spec, &dataset.shape, error);
    if (status == UR_OK)
        status = ur_team_init(&team, &subject, threads, error);
    if (status == UR_OK)
        status = bench_gemm_init(threads, error);
    if (status == UR_OK) {
        ur_params_init(&model.params, 1, team.weights);
        measure(&team, shape, threads, seconds);
    }
    bench_gemm_release();
    ur_team_release(&team);
    ur_order_release(&order);
    free(dataset.train_x);
    free(dataset.train_y);
    return status;
}

int main(int argc, char **argv)
{
    struct bench_options options;
    struct ur_error error = {0};
    char profile[UR_PROFILE_BYTES], blas[UR_BLAS_BYTES];
    if (!bench_parse(&options, argc, argv))
        return 2;
    if (options.n_threads == 0) {
        options.threads[options.n_threads++] = 1;
        options.threads[options.n_threads++] = 2;
    }
    int32_t most = 1;
    for (int i = 0; i < options.n_threads; i++)
        most = options.threads[i] > most ? options.threads[i] : most;
    enum ur_status status = ur_environment_choose(UR_NUMERICS_AUTO, profile, &error);
    if (status == UR_OK)
        status = ur_environment_pin(profile, most, argv, &error);
    if (status == UR_OK)
        status = ur_environment_verify(profile, blas, &error);
    for (int i = 0; i < options.n_threads && status == UR_OK; i++)
        status = bench(&options.shape, options.threads[i], options.seconds, &error);
    if (status != UR_OK)
        fprintf(stderr, "bench_train: %s\n", error.detail);
    return ur_status_exit(status);
}
