#include "bench.h"

#include <cblas.h>
#include <omp.h>

#include "unroll/clock.h"
#include "unroll/limits.h"

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

void bench_print(const struct bench_shape *shape, const struct bench_result *result)
{
    const double n = BENCH_GEMM_SIDE;
    const double gflops = result->operations / result->seconds * 1e-9;
    const double sgemm_gflops = 2 * n * n * n * result->threads / result->gemm_seconds * 1e-9;
    char cell[UR_NAME_BYTES], readout[UR_NAME_BYTES];
    printf("{\"bench\":\"%s\",\"cell\":\"%s\",\"bidirectional\":%s,\"layers\":%d,"
           "\"readout\":\"%s\",\"hidden\":%d,\"batch\":%d,\"steps\":%d,\"width\":%d,",
           result->bench, ur_spec_enum_name("/model/cell", shape->cell, cell),
           shape->bidirectional ? "true" : "false", (int)shape->layers,
           ur_spec_enum_name("/model/readout", shape->readout, readout), (int)shape->hidden,
           (int)shape->batch, (int)shape->steps, (int)shape->width);
    printf("\"threads\":%d,\"median_ms\":%.3f,\"images_per_second\":%.0f,\"gflops\":%.1f,"
           "\"sgemm_gflops\":%.1f,\"of_sgemm\":%.3f,\"weights_sha256\":\"%s\"}\n",
           (int)result->threads, result->seconds * 1e3, shape->batch / result->seconds, gflops,
           sgemm_gflops, gflops / sgemm_gflops, result->weights_sha256);
    fflush(stdout);
}
