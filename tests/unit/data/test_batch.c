/* The order of samples and the filling of shards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/batch.h"
#include "unroll/record.h"

enum { N_TRAIN = 50, N_TEST = 7, STEPS = 3, WIDTH = 2, IMAGE = STEPS * WIDTH, BATCH = 12 };

/* Sample i of a part has label i (training) or 100 + i (test), and pixels that name it. */
struct world {
    struct ur_dataset dataset;
    struct ur_order order;
};

static void make_part(uint8_t *x, uint16_t *y, int count, int first)
{
    for (int i = 0; i < count; i++) {
        y[i] = (uint16_t)(first + i);
        for (int k = 0; k < IMAGE; k++)
            x[i * IMAGE + k] = (uint8_t)(first + i + 20 * k);
    }
}

static void make_world_of(struct world *world, const struct ur_spec *spec)
{
    static uint8_t train_x[N_TRAIN * IMAGE], test_x[N_TEST * IMAGE];
    static uint16_t train_y[N_TRAIN], test_y[N_TEST];
    struct ur_error error = {.status = UR_OK};
    make_part(train_x, train_y, N_TRAIN, 0);
    make_part(test_x, test_y, N_TEST, 100);
    world->dataset = (struct ur_dataset){.shape = {STEPS, WIDTH, 200, N_TRAIN, N_TEST, 0},
                                         .train_x = train_x,
                                         .train_y = train_y,
                                         .test_x = test_x,
                                         .test_y = test_y};
    assert_int_equal(ur_order_init(&world->order, spec, &world->dataset.shape, &error), UR_OK);
}

static struct ur_spec make_spec(int32_t validation)
{
    struct ur_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.train.batch = BATCH;
    spec.train.seed = 3;
    spec.train.validation = validation;
    return spec;
}

static void make_world(struct world *world, int32_t validation)
{
    const struct ur_spec spec = make_spec(validation);
    make_world_of(world, &spec);
}

struct shard {
    float x[16 * IMAGE], row_weights[16];
    int32_t labels[16];
};

/* Every row of a shard is what its label says, or padding. */
static void check_rows(const struct shard *shard, int32_t shard_rows, int32_t filled)
{
    for (int32_t row = 0; row < shard_rows; row++)
        for (int t = 0; t < STEPS; t++)
            for (int i = 0; i < WIDTH; i++) {
                const float got = shard->x[(t * shard_rows + row) * WIDTH + i];
                const int byte = (uint8_t)(shard->labels[row] + 20 * (t * WIDTH + i));
                assert_true(got == (row < filled ? (float)byte / 255.0f : 0.0f));
                assert_true(shard->row_weights[row] == (row < filled ? 1.0f : 0.0f));
            }
}

static void fill_garbage(struct shard *shard)
{
    memset(shard, 0x7f, sizeof *shard);
}

/* Over any three epochs each training sample comes up exactly three times, across minibatches
 * that end one epoch and begin the next; and never a validation sample. */
static void test_epochs_are_permutations(void **state)
{
    (void)state;
    struct world world;
    struct shard shard;
    int seen[N_TRAIN] = {0}, order_of_first[38], order_of_second[38];
    make_world(&world, N_TRAIN - 38);
    for (int32_t place = 0; place < 3 * 38; place++) {
        const int32_t step = place / BATCH, row = place % BATCH;
        assert_int_equal(ur_order_epoch(&world.order, step), step * BATCH / 38);
        fill_garbage(&shard);
        ur_batch_fill(&world.order, &world.dataset, step, row, 1, shard.x, shard.labels,
                      shard.row_weights, NULL);
        check_rows(&shard, 1, 1);
        seen[shard.labels[0]]++;
        if (place < 38)
            order_of_first[place] = shard.labels[0];
        else if (place < 76)
            order_of_second[place - 38] = shard.labels[0];
    }
    assert_memory_not_equal(order_of_first, order_of_second, sizeof order_of_first);
    int trained = 0;
    for (int i = 0; i < N_TRAIN; i++) {
        assert_true(seen[i] == 0 || seen[i] == 3);
        trained += seen[i] == 3;
    }
    assert_int_equal(trained, 38);
    for (int32_t first = 0; first < 12; first++) {
        ur_batch_fill_split(&world.order, &world.dataset, UR_SPLIT_VALIDATION, first, 1,
                            shard.x, shard.labels, shard.row_weights, NULL);
        assert_int_equal(seen[shard.labels[0]], 0);
        seen[shard.labels[0]] = 1; /* and each only once */
    }
    ur_order_release(&world.order);
    ur_order_release(&world.order);
    ur_order_release(NULL);
}

/* A minibatch cut into shards of any size holds the same samples in the same order. */
static void test_cut_changes_nothing(void **state)
{
    (void)state;
    struct world world;
    struct shard shard;
    int32_t whole[BATCH];
    make_world(&world, 0);
    fill_garbage(&shard);
    ur_batch_fill(&world.order, &world.dataset, 4, 0, 16, shard.x, shard.labels,
                  shard.row_weights, NULL);
    check_rows(&shard, 16, BATCH);
    memcpy(whole, shard.labels, sizeof whole);
    for (int32_t rows = 1; rows <= 16; rows++)
        for (int32_t first = 0; first < BATCH; first += rows) {
            const int32_t filled = rows < BATCH - first ? rows : BATCH - first;
            fill_garbage(&shard);
            ur_batch_fill(&world.order, &world.dataset, 4, first, rows, shard.x, shard.labels,
                          shard.row_weights, NULL);
            check_rows(&shard, rows, filled);
            assert_memory_equal(shard.labels, whole + first, (size_t)filled * sizeof *whole);
        }
    ur_order_release(&world.order);
}

/* The places name what is filled, whatever the cut; padding is no sample. */
static void test_places_are_what_is_filled(void **state)
{
    (void)state;
    struct world world;
    struct shard shard;
    uint32_t epochs[16], samples[16];
    make_world(&world, N_TRAIN - 38);
    for (int32_t step = 0; step < 8; step++)
        for (int32_t first = 0; first < BATCH; first += 5) {
            const int32_t filled = first + 5 <= BATCH ? 5 : BATCH - first;
            fill_garbage(&shard);
            ur_batch_fill(&world.order, &world.dataset, step, first, 5, shard.x, shard.labels,
                          shard.row_weights, NULL);
            memset(epochs, 0x7f, sizeof epochs);
            memset(samples, 0x7f, sizeof samples);
            ur_batch_places(&world.order, step, first, 5, epochs, samples);
            for (int32_t row = 0; row < 5; row++) {
                assert_int_equal(samples[row], row < filled ? shard.labels[row] : 0);
                assert_int_equal(epochs[row],
                                 row < filled ? (step * BATCH + first + row) / 38 : 0);
            }
        }
    ur_order_release(&world.order);
}

static void test_splits_in_order(void **state)
{
    (void)state;
    struct world world;
    struct shard shard;
    make_world(&world, 10);
    for (int32_t first = 0; first < N_TEST; first += 4) {
        const int32_t filled = first + 4 <= N_TEST ? 4 : N_TEST - first;
        fill_garbage(&shard);
        ur_batch_fill_split(&world.order, &world.dataset, UR_SPLIT_TEST, first, 4, shard.x,
                            shard.labels, shard.row_weights, NULL);
        check_rows(&shard, 4, filled);
        for (int32_t row = 0; row < filled; row++)
            assert_int_equal(shard.labels[row], 100 + first + row);
    }
    int seen = 0;
    for (int32_t first = 0; first < 40; first += 16) {
        fill_garbage(&shard);
        ur_batch_fill_split(&world.order, &world.dataset, UR_SPLIT_TRAIN, first, 16, shard.x,
                            shard.labels, shard.row_weights, NULL);
        check_rows(&shard, 16, first + 16 <= 40 ? 16 : 40 - first);
        for (int32_t row = 0; row < 16; row++)
            seen += shard.row_weights[row] > 0;
    }
    assert_int_equal(seen, 40);
    ur_order_release(&world.order);
}

static void test_validation_limit(void **state)
{
    (void)state;
    struct ur_order order;
    struct ur_spec spec;
    const struct ur_data_shape shape = {STEPS, WIDTH, 10, N_TRAIN, N_TEST, 0};
    memset(&spec, 0, sizeof spec);
    spec.train.batch = BATCH;
    for (int32_t validation = N_TRAIN; validation <= N_TRAIN + 1; validation++) {
        struct ur_error error = {.status = UR_OK};
        spec.train.validation = validation;
        assert_int_equal(ur_order_init(&order, &spec, &shape, &error), UR_INVALID_SPEC);
        assert_non_null(strstr(error.detail, "/train/validation must be 0..49"));
        assert_null(order.split);
    }
}

/* Steps far out do not overflow: 4096 rows a step, a thousand million steps. */
static void test_far_steps(void **state)
{
    (void)state;
    struct world world;
    struct shard shard;
    make_world(&world, 0);
    world.order.batch = UR_MAX_BATCH;
    const int32_t step = 1000000007;
    const uint64_t position = (uint64_t)step * UR_MAX_BATCH;
    ur_batch_fill(&world.order, &world.dataset, step, 0, 1, shard.x, shard.labels,
                  shard.row_weights, NULL);
    check_rows(&shard, 1, 1);
    const struct ur_rng_key key = {.seed = 3, .purpose = UR_RNG_SHUFFLE};
    const uint32_t element = ur_rng_permute(key, (uint32_t)(position / N_TRAIN),
                                            (uint32_t)(position % N_TRAIN), N_TRAIN);
    assert_int_equal(shard.labels[0], (int32_t)world.order.split[element]);
    ur_order_release(&world.order);
}

static void fill(const struct world *world, int32_t step, struct shard *shard)
{
    fill_garbage(shard);
    ur_batch_fill(&world->order, &world->dataset, step, 0, 16, shard->x, shard->labels,
                  shard->row_weights, NULL);
}

/* By columns a row holds the transposed image of what it holds by rows. */
static void check_transposed(const struct shard *columns, const struct shard *rows)
{
    assert_memory_equal(columns->labels, rows->labels, sizeof rows->labels);
    assert_memory_equal(columns->row_weights, rows->row_weights, sizeof rows->row_weights);
    for (int row = 0; row < 16; row++)
        for (int t = 0; t < STEPS; t++)
            for (int i = 0; i < WIDTH; i++)
                assert_true(columns->x[(i * 16 + row) * STEPS + t] ==
                            rows->x[(t * 16 + row) * WIDTH + i]);
}

static void test_columns_are_transposed_rows(void **state)
{
    (void)state;
    for (int augmented = 0; augmented < 2; augmented++) {
        struct world rows, columns;
        struct shard by_rows, by_columns;
        struct ur_spec spec = make_spec(5);
        spec.train.augment.on = augmented;
        spec.train.augment.shift = 1;
        make_world_of(&rows, &spec);
        spec.model.scan = UR_SCAN_COLUMNS;
        make_world_of(&columns, &spec);
        fill(&rows, 7, &by_rows);
        fill(&columns, 7, &by_columns);
        check_transposed(&by_columns, &by_rows);
        for (int split = UR_SPLIT_TRAIN; split <= UR_SPLIT_TEST; split++) {
            fill_garbage(&by_rows);
            fill_garbage(&by_columns);
            ur_batch_fill_split(&rows.order, &rows.dataset, split, 2, 16, by_rows.x,
                                by_rows.labels, by_rows.row_weights, NULL);
            ur_batch_fill_split(&columns.order, &columns.dataset, split, 2, 16, by_columns.x,
                                by_columns.labels, by_columns.row_weights, NULL);
            check_transposed(&by_columns, &by_rows);
        }
        ur_order_release(&rows.order);
        ur_order_release(&columns.order);
    }
}

/* Training rows are drawn for their sample and epoch, evaluation sees images as they are. */
static void test_augmentation_is_for_training_alone(void **state)
{
    (void)state;
    struct world world;
    struct shard shard;
    struct ur_spec spec = make_spec(5);
    float expected[IMAGE];
    int changed = 0;
    spec.train.augment.on = 1;
    spec.train.augment.elastic = 1;
    make_world_of(&world, &spec);
    for (int32_t step = 0; step < 8; step++) {
        fill(&world, step, &shard);
        for (int32_t row = 0; row < 16; row++) {
            const uint32_t epoch = (uint32_t)((step * BATCH + row) / (N_TRAIN - 5));
            const int32_t sample = shard.labels[row]; /* labels number the samples */
            ur_augment_draw(&world.order.augment, world.dataset.train_x + sample * IMAGE, epoch,
                            (uint32_t)sample, (struct ur_pixels){expected, WIDTH, 1});
            for (int k = 0; k < IMAGE; k++) {
                const float got = shard.x[(k / WIDTH * 16 + row) * WIDTH + k % WIDTH];
                assert_true(got == (row < BATCH ? expected[k] : 0.0f));
                changed += got != (float)(uint8_t)(sample + 20 * k) / 255.0f;
            }
        }
    }
    assert_true(changed > 8 * BATCH * IMAGE / 2);
    for (int split = UR_SPLIT_TRAIN; split <= UR_SPLIT_VALIDATION; split++) {
        fill_garbage(&shard);
        ur_batch_fill_split(&world.order, &world.dataset, split, 0, 16, shard.x, shard.labels,
                            shard.row_weights, NULL);
        check_rows(&shard, 16, split == UR_SPLIT_TRAIN ? 16 : 5);
    }
    ur_order_release(&world.order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs_are_permutations),
        cmocka_unit_test(test_cut_changes_nothing),
        cmocka_unit_test(test_places_are_what_is_filled),
        cmocka_unit_test(test_splits_in_order),
        cmocka_unit_test(test_validation_limit),
        cmocka_unit_test(test_far_steps),
        cmocka_unit_test(test_columns_are_transposed_rows),
        cmocka_unit_test(test_augmentation_is_for_training_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
