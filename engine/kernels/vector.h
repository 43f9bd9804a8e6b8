/*
 * How a hot loop gets wide vectors without a second source: the body is written once, as plain
 * C, and compiled twice, for the base machine and for AVX2 with FMA; the wrapper picks at run
 * time.
 *
 *     UR_VECTOR_BODY void scale(float *y, const float *x, float a, size_t n) { ...a loop... }
 *     UR_VECTOR_FUNCTION(ur_vec_scale, scale, (float *y, const float *x, float a, size_t n),
 *                        (y, x, a, n))
 *
 * What must stay true: both compilations give the same bits. They do as long as a body uses
 * only + - * / on floats, explicit fmaf, integer operations and choices, adds in an order that
 * the source fixes, and the build has -ffp-contract=off and no -ffast-math. A test compiles the
 * bodies once more for other machines and compares.
 *
 * Why not the compiler's target_clones: gcc resolves arch=haswell by the name of the CPU, not
 * by what it can do, so that an AMD machine would run the slow clone; and its resolvers run
 * before a sanitizer is up. Defining UR_NO_VECTOR leaves only the base compilation.
 *
 * Cost: one predictable branch a call.
 */
#ifndef UNROLL_KERNELS_VECTOR_H
#define UNROLL_KERNELS_VECTOR_H

#define UR_VECTOR_BODY static inline __attribute__((always_inline))

#if defined(__x86_64__) && !defined(UR_NO_VECTOR)

#ifndef UR_VECTOR_TARGET /* a test defines another machine */
#define UR_VECTOR_TARGET "avx2,fma"
#endif

/* True where the CPU and the system allow AVX2 and FMA. */
#define UR_VECTOR_WIDE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))

#define UR_VECTOR_FUNCTION(name, body, parameters, arguments)                                  \
    __attribute__((target(UR_VECTOR_TARGET))) static void name##_wide parameters               \
    {                                                                                          \
        body arguments;                                                                        \
    }                                                                                          \
    void name parameters                                                                       \
    {                                                                                          \
        if (UR_VECTOR_WIDE)                                                                    \
            name##_wide arguments;                                                             \
        else                                                                                   \
            body arguments;                                                                    \
    }

#else

#define UR_VECTOR_WIDE 0

#define UR_VECTOR_FUNCTION(name, body, parameters, arguments)                                  \
    void name parameters                                                                       \
    {                                                                                          \
        body arguments;                                                                        \
    }

#endif

#endif
