/*
 * The cost of augmenting an image of 28x28 on one core, without and with the elastic field, as
 * the default amounts have it. One line each; the median of runs of a thousand images.
 *
 *     bench_augment
 */
#include <stdio.h>

#include "bench.h"
#include "data/augment.h"

enum { SIDE = 28, IMAGES = 1000, RUNS = 300 };

static enum ur_status run(bool elastic, struct ur_error *error)
{
    static struct ur_augment augment;
    static uint8_t images[IMAGES][SIDE * SIDE];
    static float out[SIDE * SIDE];
    static struct bench_samples runs;
    const struct ur_data_shape shape = {SIDE, SIDE, 10, IMAGES, 0, 0};
    struct ur_spec spec;
    ur_spec_defaults(&spec);
    spec.train.augment.on = 1;
    if (!elastic)
        spec.train.augment.elastic = 0;
    const enum ur_status status = ur_augment_init(&augment, &spec, &shape, error);
    if (status != UR_OK)
        return status;
    for (size_t k = 0; k < sizeof images; k++)
        images[k / sizeof images[0]][k % sizeof images[0]] = (uint8_t)(k * 2654435761U >> 24);
    runs.count = 0;
    for (uint32_t epoch = 0; epoch < RUNS; epoch++) {
        const double began = bench_now();
        for (uint32_t sample = 0; sample < IMAGES; sample++)
            ur_augment_draw(&augment, images[sample], epoch, sample,
                            (struct ur_pixels){out, SIDE, 1});
        bench_add(&runs, bench_now() - began);
    }
    printf("{\"bench\":\"augment\",\"elastic\":%s,\"us_per_image\":%.2f}\n",
           elastic ? "true" : "false", bench_median(&runs) / IMAGES * 1e6);
    return UR_OK;
}

int main(void)
{
    struct ur_error error = {0};
    enum ur_status status = run(false, &error);
    if (status == UR_OK)
        status = run(true, &error);
    if (status != UR_OK)
        fprintf(stderr, "bench_augment: %s\n", error.detail);
    return ur_status_exit(status);
}
