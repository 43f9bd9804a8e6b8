#include "bench.h"

#include <cblas.h>
#include <omp.h>

#include "unroll/clock.h"
#include "unroll/limits.h"
#include "unroll/text.h"

static const size_t MATRIX = (size_t)BENCH_GEMM_SIDE * BENCH_GEMM_SIDE;

static float *matrices[UR_MAX_THREADS]; /* three of them for each thread */

double bench_now(void)
{
    return (double)ur_clock_us() * 1e-6;
}

void bench_add(struct bench_samples *samples, double seconds)
{
    if (samples->count < BENCH_MAX_SAMPLES)
        samples->values[samples->count++] = seconds;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(struct bench_samples *samples)
{
    qsort(samples->values, (size_t)samples->count, sizeof samples->values[0], compare);
    return samples->values[samples->count / 2];
}

enum ur_status bench_gemm_init(int threads, struct ur_error *error)
{
    for (int i = 0; i < threads; i++) {
        matrices[i] = malloc(3 * MATRIX * sizeof(float));
        if (matrices[i] == NULL)
            return ur_fail(error, UR_NO_MEMORY, "There is no memory for the matrices.");
    }
#pragma omp parallel num_threads(threads)
    for (size_t i = 0; i < 3 * MATRIX; i++) /* by its own thread first */
        matrices[omp_get_thread_num()][i] = (float)(i % 17) * 0.01F;
    return UR_OK;
}

void bench_gemm_release(void)
{
    for (int i = 0; i < UR_MAX_THREADS; i++) {
        free(matrices[i]);
        matrices[i] = NULL;
    }
}

double bench_gemm(int threads)
{
    const int n = BENCH_GEMM_SIDE;
    double began = bench_now();
#pragma omp parallel num_threads(threads)
    {
        float *a = matrices[omp_get_thread_num()];
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0F, a, n, a + MATRIX,
                    n, 0.0F, a + 2 * MATRIX, n);
    }
    return bench_now() - began;
}

void bench_print(const struct bench_setting *setting, double operations, double seconds,
                 double gemm_seconds)
{
    const double n = BENCH_GEMM_SIDE;
    const double gflops = operations / seconds * 1e-9;
    const double sgemm_gflops = 2 * n * n * n * setting->threads / gemm_seconds * 1e-9;
    printf("{\"bench\":\"%s\",\"cell\":\"lstm\",\"bidirectional\":false,\"hidden\":%d,"
           "\"batch\":%d,\"steps\":%d,\"width\":%d,\"threads\":%d,\"median_ms\":%.3f,"
           "\"images_per_second\":%.0f,\"gflops\":%.1f,\"sgemm_gflops\":%.1f,"
           "\"of_sgemm\":%.3f}\n",
           setting->bench, (int)setting->hidden, (int)setting->batch, (int)setting->steps,
           (int)setting->width, (int)setting->threads, seconds * 1e3, setting->batch / seconds,
           gflops, sgemm_gflops, gflops / sgemm_gflops);
    fflush(stdout);
}

bool bench_option(const char *name, int argc, char **argv, int *at, int32_t *value)
{
    int64_t number;
    if (strcmp(argv[*at], name) != 0 || *at + 1 >= argc)
        return false;
    if (!ur_parse_int64(argv[*at + 1], 1, UR_MAX_BATCH, &number))
        return false;
    *value = (int32_t)number;
    ++*at;
    return true;
}
