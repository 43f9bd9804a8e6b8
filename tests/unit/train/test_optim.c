/* Adam over many steps against a float64 twin written from the paper, and all optimizers at the
 * edges of what a spec may say; tests/golden/test_optim.c compares them with PyTorch's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "train/clip.h"
#include "train/optim.h"
#include "unroll/rng.h"

enum { COUNT = 37, STEPS = 200, OPTIMIZERS = 6 };

static float draw(uint32_t step, uint32_t i)
{
    uint32_t words[4];
    ur_rng_words((struct ur_rng_key){11, UR_RNG_TEST}, step, i, 0, words);
    return ur_rng_normal(words[0], words[1]);
}

static struct ur_spec spec_of(double beta1, double beta2, double epsilon)
{
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.train.beta1 = beta1;
    spec.train.beta2 = beta2;
    spec.train.epsilon = epsilon;
    return spec;
}

static void check_against_twin(const struct ur_spec *spec, double rate)
{
    float w[COUNT] = {0}, m[COUNT] = {0}, v[COUNT] = {0};
    double w64[COUNT] = {0}, m64[COUNT] = {0}, v64[COUNT] = {0};
    const double b1 = spec->train.beta1, b2 = spec->train.beta2;
    for (int32_t t = 1; t <= STEPS; t++) {
        float g[COUNT];
        for (uint32_t i = 0; i < COUNT; i++)
            g[i] = draw((uint32_t)t, i);
        const struct ur_update update = ur_update_prepare(spec, rate, t);
        ur_update_apply(&update, 0.5F, g, w, m, v, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            const double half = 0.5 * (double)g[i];
            m64[i] = b1 * m64[i] + (1 - b1) * half;
            v64[i] = b2 * v64[i] + (1 - b2) * half * half;
            const double m_hat = m64[i] / (1 - pow(b1, t));
            const double v_hat = v64[i] / (1 - pow(b2, t));
            w64[i] -= rate * m_hat / (sqrt(v_hat) + spec->train.epsilon);
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_true(fabs((double)w[i] - w64[i]) <= 2e-6 * rate * STEPS);
}

static void test_matches_the_paper(void **state)
{
    (void)state;
    const struct ur_spec usual = spec_of(0.9, 0.999, 1e-8);
    const struct ur_spec other = spec_of(0.5, 0.9, 1e-3);
    const struct ur_spec none = spec_of(0, 0, 1e-8);
    check_against_twin(&usual, 0.001);
    check_against_twin(&other, 0.1);
    check_against_twin(&none, 0.01);
}

static void test_ranges_are_independent(void **state)
{
    (void)state;
    for (int32_t optimizer = 0; optimizer < OPTIMIZERS; optimizer++) {
        struct ur_spec spec = spec_of(0.9, 0.999, 1e-8);
        spec.train.optimizer = optimizer;
        spec.train.weight_decay = 0.1;
        const struct ur_update update = ur_update_prepare(&spec, 0.001, 3);
        float g[COUNT], w[2][COUNT], m[2][COUNT] = {0}, v[2][COUNT] = {0};
        for (uint32_t i = 0; i < COUNT; i++)
            g[i] = w[0][i] = w[1][i] = draw(0, i);
        ur_update_apply(&update, 1, g, w[0], m[0], v[0], COUNT);
        for (size_t begin = 0; begin < COUNT; begin += 5) {
            const size_t count = COUNT - begin < 5 ? COUNT - begin : 5;
            ur_update_apply(&update, 1, g + begin, w[1] + begin, m[1] + begin, v[1] + begin,
                            count);
        }
        assert_memory_equal(w[0], w[1], sizeof w[0]);
        assert_memory_equal(m[0], m[1], sizeof m[0]);
        assert_memory_equal(v[0], v[1], sizeof v[0]);
    }
}

static void test_a_zero_gradient_moves_nothing(void **state)
{
    (void)state;
    for (int32_t optimizer = 0; optimizer < OPTIMIZERS; optimizer++) {
        struct ur_spec spec = spec_of(0.9, 0.999, 1e-300); /* zero as a float */
        spec.train.optimizer = optimizer;
        const struct ur_update update = ur_update_prepare(&spec, 1000, 1);
        float g = 0, w = 0.25F, m = 0, v = 0;
        ur_update_apply(&update, 1, &g, &w, &m, &v, 1);
        assert_true(w == 0.25F && m == 0 && v == 0);
    }
}

/* The largest gradient that step.c lets pass, the largest rate and decay and the smallest
 * epsilon. */
static void test_nothing_overflows(void **state)
{
    (void)state;
    const double keeps[] = {0, 0.5, 0.999999999999};
    for (size_t k = 0; k < OPTIMIZERS * 9 * 2; k++) {
        struct ur_spec spec = spec_of(keeps[k / 3 % 3], keeps[k % 3], 1e-300);
        spec.train.momentum = keeps[k / 3 % 3];
        spec.train.alpha = keeps[k % 3];
        spec.train.optimizer = (int32_t)(k / 9 % OPTIMIZERS);
        spec.train.weight_decay = k < OPTIMIZERS * 9 ? 0 : 1;
        /* One weight starts, and one ends, near the largest there can be. */
        float w[2] = {0, 2e38F}, m[2] = {0}, v[2] = {0};
        for (int32_t t = 1; t <= 100; t++) {
            const struct ur_update update = ur_update_prepare(&spec, 1000, t);
            const float each = t % 3 == 0 ? 0 : t % 2 == 0 ? 1e18F : -1e-30F;
            const float g[2] = {each, each};
            ur_update_apply(&update, 1, g, w, m, v, 2);
            for (size_t i = 0; i < 2; i++)
                assert_true(isfinite(w[i]) && isfinite(m[i]) && isfinite(v[i]));
        }
    }
}

static void test_clip(void **state)
{
    (void)state;
    assert_true(ur_clip_factor(5, 0) == 1.0F);
    assert_true(ur_clip_factor(5, 5) == 1.0F);
    assert_true(ur_clip_factor(5, 10) == 1.0F);
    assert_true(ur_clip_factor(8, 2) == 0.25F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_the_paper),
        cmocka_unit_test(test_ranges_are_independent),
        cmocka_unit_test(test_a_zero_gradient_moves_nothing),
        cmocka_unit_test(test_nothing_overflows),
        cmocka_unit_test(test_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
