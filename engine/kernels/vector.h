/*
 * How a hot loop gets wide vectors without a second source: the body is written once, as plain
 * C, and compiled three times, for the base machine, for AVX2 with FMA, and for AVX-512; the
 * wrapper picks at run time.
 *
 *     UR_VECTOR_BODY void scale(float *y, const float *x, float a, size_t n) { ...a loop... }
 *     UR_VECTOR_FUNCTION(ur_vec_scale, scale, (float *y, const float *x, float a, size_t n),
 *                        (y, x, a, n))
 *
 * What must stay true: all compilations give the same bits. They do as long as a body uses
 * only + - * / on floats, explicit fmaf, integer operations and choices, adds in an order that
 * the source fixes, and the build has -ffp-contract=off and no -ffast-math. A test includes the
 * sources and compares all of them.
 *
 * Why not the compiler's target_clones: gcc resolves arch=haswell by the name of the CPU, not
 * by what it can do, so that an AMD machine would run the slow clone; and its resolvers run
 * before a sanitizer is up. Defining UR_NO_VECTOR leaves only the base compilation.
 *
 * Cost: two predictable branches a call.
 */
#ifndef UNROLL_KERNELS_VECTOR_H
#define UNROLL_KERNELS_VECTOR_H

#define UR_VECTOR_BODY static inline __attribute__((always_inline))

#if defined(__x86_64__) && !defined(UR_NO_VECTOR)

/* True where the CPU and the system allow AVX2 and FMA. */
#define UR_VECTOR_WIDE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))

/* True where they allow AVX-512 as well: the parts that servers have had since 2017. */
#define UR_VECTOR_DEEP                                                                         \
    (UR_VECTOR_WIDE && __builtin_cpu_supports("avx512f") &&                                    \
     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&               \
     __builtin_cpu_supports("avx512bw"))

#define UR_VECTOR_FUNCTION(name, body, parameters, arguments)                                  \
    __attribute__((target("avx2,fma"))) static void name##_wide parameters                     \
    {                                                                                          \
        body arguments;                                                                        \
    }                                                                                          \
    __attribute__((target(                                                                     \
        "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"))) static void name##_deep parameters    \
    {                                                                                          \
        body arguments;                                                                        \
    }                                                                                          \
    void name parameters                                                                       \
    {                                                                                          \
        if (UR_VECTOR_DEEP)                                                                    \
            name##_deep arguments;                                                             \
        else if (UR_VECTOR_WIDE)                                                               \
            name##_wide arguments;                                                             \
        else                                                                                   \
            body arguments;                                                                    \
    }

#else

#define UR_VECTOR_WIDE 0
#define UR_VECTOR_DEEP 0

#define UR_VECTOR_FUNCTION(name, body, parameters, arguments)                                  \
    void name parameters                                                                       \
    {                                                                                          \
        body arguments;                                                                        \
    }

#endif

#endif
