/*
 * What the benchmarks share: medians, and the machine's own rate of single-precision matrix
 * products at a thread count.
 *
 * Both sides of a ratio are medians of wall times taken in turn, a few of one and a few of the
 * other, so that a neighbour on the machine slows both. Units: seconds. Threads: one caller.
 */
#ifndef UNROLL_BENCH_H
#define UNROLL_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "unroll/status.h"

enum { BENCH_MAX_SAMPLES = 4000, BENCH_GEMM_SIDE = 768 };

struct bench_samples {
    double values[BENCH_MAX_SAMPLES];
    int count;
};

/* One shape of one cell: the columns of a line. */
struct bench_setting {
    const char *bench; /* "train", "infer" */
    int32_t hidden, batch, steps, width, threads;
};

double bench_now(void);
void bench_add(struct bench_samples *samples, double seconds);
double bench_median(struct bench_samples *samples);

/* Allocates and touches matrices for that many threads. */
enum ur_status bench_gemm_init(int threads, struct ur_error *error);
void bench_gemm_release(void);

/* One product of 768 x 768 on every thread at once, each on matrices of its own. */
double bench_gemm(int threads);

/* Prints the line of a setting: operations of one run, and the medians of both. */
void bench_print(const struct bench_setting *setting, double operations, double seconds,
                 double gemm_seconds);

/* Reads a whole number after an option; false if this is not that option. */
bool bench_option(const char *name, int argc, char **argv, int *at, int32_t *value);

#endif
