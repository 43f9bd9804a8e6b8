/*
 * What must stand in the environment before OpenBLAS and OpenMP are loaded, and the numerics
 * profile that it makes.
 *
 * Both libraries read their settings once, before main. A program that was started without them
 * therefore sets them and executes itself once more, in place: same process id, same
 * descriptors.
 *
 *     profile    BLAS core type   bits are equal among
 *     avx2       Haswell          all CPUs with AVX2 and FMA
 *     portable   Nehalem          all x86-64 CPUs
 *     native     as detected      equal CPUs only
 *
 * Cost: a second exec, about a millisecond. Errors: UR_INVALID_SPEC naming /train/numerics for
 * a profile that this CPU or this OpenBLAS does not have; UR_INTERNAL where the execution did
 * not help. Ownership: nothing is kept. Threads: before any other thread.
 */
#ifndef UNROLL_TRAIN_ENVIRONMENT_H
#define UNROLL_TRAIN_ENVIRONMENT_H

#include <stdint.h>

#include "unroll/spec.h"

enum { UR_PROFILE_BYTES = 32, UR_BLAS_BYTES = 128 };

/* Gives the number of cores that this process may run on. */
int32_t ur_environment_cores(void);

/* Turns what a spec asks for into a profile's name; auto takes avx2 where there is it. */
enum ur_status ur_environment_choose(int32_t numerics, char profile[UR_PROFILE_BYTES],
                                     struct ur_error *error);

/* Returns UR_OK in a process whose environment is the profile's; otherwise sets it and executes
 * /proc/self/exe again with argv. */
enum ur_status ur_environment_pin(const char *profile, int32_t threads, char **argv,
                                  struct ur_error *error);

/* Checks that OpenBLAS runs as the profile says, on one thread, and describes it in blas. */
enum ur_status ur_environment_verify(const char *profile, char blas[UR_BLAS_BYTES],
                                     struct ur_error *error);

#endif
