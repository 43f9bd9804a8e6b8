/*
 * The speed of the forward pass that answers requests, on one thread, at one batch.
 *
 *     bench_infer [options of bench.h]
 */
#include "bench.h"
#include "infer/forward.h"
#include "io/checkpoint.h"
#include "model/model.h"
#include "train/environment.h"
#include "unroll/digest.h"
#include "unroll/text.h"

/* Writes a model with fresh weights into a folder and loads it again, as the predictor
 * would. */
static enum ur_status load(struct ur_forward *forward, const char *folder,
                           const struct bench_shape *sizes, struct ur_error *error)
{
    static struct ur_model model;
    struct ur_spec spec;
    struct ur_text json;
    struct ur_checkpoint_file file = {0};
    const struct ur_data_shape shape = {.steps = sizes->steps,
                                        .width = sizes->width,
                                        .classes = sizes->classes,
                                        .n_train = 1,
                                        .n_test = 1};
    bench_spec(sizes, &spec);
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
        status = ur_forward_load(forward, file.bytes, file.n_bytes, sizes->batch, error);
    ur_checkpoint_close(&file);
    ur_text_release(&json);
    free(buffer);
    free(weights);
    return status;
}

static enum ur_status measure(struct ur_forward *forward, const struct bench_shape *shape,
                              double seconds, struct ur_error *error)
{
    static struct bench_samples runs, gemms;
    struct bench_result result = {
        .bench = "infer", .threads = 1, .operations = bench_forward_operations(shape)};
    const size_t n_bytes = (size_t)shape->batch * (size_t)shape->steps * (size_t)shape->width;
    uint8_t *pictures = malloc(n_bytes);
    float *probabilities =
        calloc((size_t)shape->batch, (size_t)shape->classes * sizeof *probabilities);
    if (pictures == NULL || probabilities == NULL) {
        free(pictures);
        free(probabilities);
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the pictures.");
    }
    for (size_t i = 0; i < n_bytes; i++)
        pictures[i] = (uint8_t)(i * 2654435761U >> 24);
    ur_copy(result.weights_sha256, sizeof result.weights_sha256, forward->weights_sha256);
    double end = bench_now() + seconds;
    while (bench_now() < end || gemms.count < 5) {
        for (int i = 0; i < 20; i++) {
            double began = bench_now();
            ur_forward_run(forward, pictures, shape->batch, probabilities);
            bench_add(&runs, bench_now() - began);
        }
        bench_add(&gemms, bench_gemm(1));
    }
    result.seconds = bench_median(&runs);
    result.gemm_seconds = bench_median(&gemms);
    bench_print(shape, &result);
    free(pictures);
    free(probabilities);
    return UR_OK;
}

static enum ur_status run(const struct bench_options *options, struct ur_error *error)
{
    struct ur_forward forward = {0};
    char folder[] = "/tmp/unroll-bench-XXXXXX", path[64];
    if (mkdtemp(folder) == NULL)
        return ur_fail(error, UR_IO, "There is no room for a model in /tmp.");
    enum ur_status status = load(&forward, folder, &options->shape, error);
    if (status == UR_OK)
        status = bench_gemm_init(1, error);
    if (status == UR_OK)
        status = measure(&forward, &options->shape, options->seconds, error);
    bench_gemm_release();
    ur_forward_release(&forward);
    snprintf(path, sizeof path, "%s/model.unroll", folder);
    remove(path);
    remove(folder);
    return status;
}

int main(int argc, char **argv)
{
    struct bench_options options;
    struct ur_error error = {0};
    char profile[UR_PROFILE_BYTES];
    if (!bench_parse(&options, argc, argv))
        return 2;
    enum ur_status status = ur_environment_choose(UR_NUMERICS_AUTO, profile, &error);
    if (status == UR_OK)
        status = ur_environment_pin(profile, 1, argv, &error);
    if (status == UR_OK)
        status = run(&options, &error);
    if (status != UR_OK)
        fprintf(stderr, "bench_infer: %s\n", error.detail);
    return ur_status_exit(status);
}
