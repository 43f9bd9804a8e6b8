/*
 * The speed of the forward pass that answers requests, on one thread: alone and in batches.
 *
 *     bench_infer [--quick] [--hidden H] [--seconds S]
 */
#include "bench.h"
#include "infer/forward.h"
#include "io/checkpoint.h"
#include "model/model.h"
#include "train/environment.h"
#include "unroll/digest.h"
#include "unroll/text.h"

enum { STEPS = 28, WIDTH = 28, CLASSES = 10, CAPACITY = 64 };

struct plan {
    bool quick;
    int32_t hidden, seconds;
};

static double operations(const struct bench_setting *setting)
{
    double h = setting->hidden, rows = (double)setting->batch * setting->steps;
    return 2 * rows * (setting->width + h) * 4 * h + 2.0 * setting->batch * h * CLASSES;
}

/* Writes a model with fresh weights into a folder and loads it again, as the predictor
 * would. */
static enum ur_status load(struct ur_forward *forward, const char *folder, int32_t hidden,
                           struct ur_error *error)
{
    static struct ur_model model;
    struct ur_spec spec;
    struct ur_text json;
    struct ur_checkpoint_file file = {0};
    const struct ur_data_shape shape = {
        .steps = STEPS, .width = WIDTH, .classes = CLASSES, .n_train = 1, .n_test = 1};
    ur_spec_defaults(&spec);
    ur_copy(spec.dataset, sizeof spec.dataset, "bench");
    spec.model.hidden = hidden;
    enum ur_status status = ur_model_init(&model, &spec, &shape, error);
    if (status != UR_OK)
        return status;
    ur_text_init(&json, UR_JSON_MAX_BYTES);
    ur_spec_print(&spec, &json);
    float *weights = calloc(model.params.n_floats, sizeof *weights);
    if (weights == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the weights.");
    ur_params_init(&model.params, 1, weights);
    struct ur_checkpoint_content content = {.kind = UR_FILE_MODEL,
                                            .spec_json = ur_text_get(&json),
                                            .info = {.shape = shape},
                                            .params = &model.params,
                                            .weights = weights,
                                            .report_json = "{}"};
    ur_digest_hex("", 0, content.info.dataset_sha256);
    ur_params_digest(&model.params, weights, content.info.weights_sha256);
    size_t bytes = ur_checkpoint_bytes(&content);
    unsigned char *buffer = malloc(bytes);
    status = ur_checkpoint_write(folder, "model.unroll", false, &content, buffer, bytes, error);
    if (status == UR_OK)
        status = ur_checkpoint_open(&file, folder, "model.unroll", error);
    if (status == UR_OK)
        status = ur_forward_load(forward, file.bytes, file.n_bytes, CAPACITY, error);
    ur_checkpoint_close(&file);
    ur_text_release(&json);
    free(buffer);
    free(weights);
    return status;
}

static void measure(struct ur_forward *forward, const struct bench_setting *setting,
                    double seconds)
{
    static struct bench_samples runs, gemms;
    static uint8_t pictures[CAPACITY * STEPS * WIDTH];
    float probabilities[CAPACITY * CLASSES];
    for (size_t i = 0; i < sizeof pictures; i++)
        pictures[i] = (uint8_t)(i * 2654435761U >> 24);
    runs.count = gemms.count = 0;
    double end = bench_now() + seconds;
    while (bench_now() < end || runs.count < 100) {
        for (int i = 0; i < 20; i++) {
            double began = bench_now();
            ur_forward_run(forward, pictures, setting->batch, probabilities);
            bench_add(&runs, bench_now() - began);
        }
        bench_add(&gemms, bench_gemm(1));
    }
    bench_print(setting, operations(setting), bench_median(&runs), bench_median(&gemms));
}

static enum ur_status run(const struct plan *plan, struct ur_error *error)
{
    static const int32_t batches[] = {1, 8, 64};
    struct ur_forward forward = {0};
    char folder[] = "/tmp/unroll-bench-XXXXXX", path[64];
    if (mkdtemp(folder) == NULL)
        return ur_fail(error, UR_IO, "There is no room for a model in /tmp.");
    enum ur_status status = load(&forward, folder, plan->hidden, error);
    if (status == UR_OK)
        status = bench_gemm_init(1, error);
    for (size_t i = 0; status == UR_OK && i < (plan->quick ? 1 : 3); i++) {
        const struct bench_setting setting = {.bench = "infer",
                                              .hidden = plan->hidden,
                                              .batch = batches[i],
                                              .steps = STEPS,
                                              .width = WIDTH,
                                              .threads = 1};
        measure(&forward, &setting, plan->seconds);
    }
    bench_gemm_release();
    ur_forward_release(&forward);
    snprintf(path, sizeof path, "%s/model.unroll", folder);
    remove(path);
    remove(folder);
    return status;
}

int main(int argc, char **argv)
{
    struct plan plan = {.hidden = 128, .seconds = 1};
    struct ur_error error = {0};
    char profile[UR_PROFILE_BYTES];
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            plan.quick = true;
        else if (!bench_option("--hidden", argc, argv, &i, &plan.hidden) &&
                 !bench_option("--seconds", argc, argv, &i, &plan.seconds)) {
            fputs("usage: bench_infer [--quick] [--hidden H] [--seconds S]\n", stderr);
            return 2;
        }
    }
    enum ur_status status = ur_environment_choose(UR_NUMERICS_AUTO, profile, &error);
    if (status == UR_OK)
        status = ur_environment_pin(profile, 1, argv, &error);
    if (status == UR_OK)
        status = run(&plan, &error);
    if (status != UR_OK)
        fprintf(stderr, "bench_infer: %s\n", error.detail);
    return ur_status_exit(status);
}
