/*
 * What the benchmarks share: their options, medians, and the machine's own rate of
 * single-precision matrix products at a thread count.
 *
 * Both sides of a ratio are medians of wall times taken in turn, a few of one and a few of the
 * other, so that a neighbour on the machine slows both. Units: seconds. Threads: one caller.
 */
#ifndef UNROLL_BENCH_H
#define UNROLL_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "operations.h"
#include "unroll/spec.h"
#include "unroll/status.h"

enum { BENCH_MAX_SAMPLES = 4000, BENCH_GEMM_SIDE = 768, BENCH_MAX_THREAD_COUNTS = 8 };

struct bench_samples {
    double values[BENCH_MAX_SAMPLES];
    int count;
};

/* What the command line asks for. */
struct bench_options {
    struct bench_shape shape;
    int32_t threads[BENCH_MAX_THREAD_COUNTS];
    int n_threads;  /* 0: none was named */
    double seconds; /* to measure for, a line */
};

/* What a line says was measured. */
struct bench_result {
    const char *bench; /* "train", "infer" */
    int32_t threads;
    double operations, seconds; /* of one run; the median */
    double gemm_seconds;        /* median of bench_gemm at that many threads */
    char weights_sha256[UR_SHA256_HEX_BYTES];
};

/* Reads --cell NAME --bidirectional --layers N --readout NAME --hidden N --batch N --threads N
 * (again for more) --seconds S over the textbook's LSTM; says on fd 2 what it cannot read and
 * returns false. */
bool bench_parse(struct bench_options *options, int argc, char **argv);

/* Gives the spec of a shape, all else as a job has it by default. */
void bench_spec(const struct bench_shape *shape, struct ur_spec *spec);

double bench_now(void);
void bench_add(struct bench_samples *samples, double seconds);
double bench_median(struct bench_samples *samples);

/* Allocates and touches matrices for that many threads. */
enum ur_status bench_gemm_init(int threads, struct ur_error *error);
void bench_gemm_release(void);

/* One product of 768 x 768 on every thread at once, each on matrices of its own. */
double bench_gemm(int threads);

/* Prints the line of a result. */
void bench_print(const struct bench_shape *shape, const struct bench_result *result);

#endif
