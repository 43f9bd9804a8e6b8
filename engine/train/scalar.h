/*
 * Functions of one number for the settings of a step: powers, exp and cos, made of + - * /
 * only. pow, exp and cos of the C library give other last bits on another CPU, and a learning
 * rate that differs in its last bit is another result.
 *
 * Units: double; cos takes half turns. Cost: some thirty operations, once a step. Errors,
 * measured against the C library: exp 1e-14 of its value, cos 4e-16 absolute. Threads: pure
 * functions.
 */
#ifndef UNROLL_TRAIN_SCALAR_H
#define UNROLL_TRAIN_SCALAR_H

#include <stdint.h>

/* base^exponent for an exponent of at least 0, by squaring. */
double ur_scalar_power(double base, int32_t exponent);

/* e^x for x in -16..16. */
double ur_scalar_exp(double x);

/* ln(x) for x in 1e-6..1. */
double ur_scalar_log(double x);

/* cos(pi * x) for x in 0..1. */
double ur_scalar_cos_half_turns(double x);

#endif
