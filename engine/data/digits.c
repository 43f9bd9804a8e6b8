#include "data/digits.h"

#include <pthread.h>

#include "data/digits_fit.h"
#include "data/digits_paper.h"

enum { UR_IMAGE_BYTES = UR_DIGITS_SIDE * UR_DIGITS_SIDE, UR_DIGITS_MAX_THREADS = 64 };

int32_t ur_digits_draw(const struct ur_digits_job *job, uint32_t index,
                       uint8_t image[UR_DIGITS_SIDE * UR_DIGITS_SIDE])
{
    /* A split is a bit and an epoch counts in steps of two: no two streams meet. */
    struct ur_draws draws = {.key = {.seed = job->seed, .purpose = UR_RNG_DIGITS},
                             .stream = (uint32_t)job->split + 2 * job->epoch,
                             .index = index};
    struct ur_line line;
    struct ur_sheet sheet = {{{0}}};
    const int32_t style =
        ur_hand_write(&ur_digit_shapes[index % UR_DIGITS_CLASSES], &line, &draws);
    ur_paper_ink(&line, &sheet, &draws);
    ur_digits_fit(&sheet, image);
    return style;
}

/* All threads take chunks of images until none is left; who draws an image changes nothing. */
enum { UR_CHUNK = 256 };

static bool draw_chunk(struct ur_digits_work *work)
{
    const struct ur_digits_job *job = &work->job;
    const int64_t first = (int64_t)atomic_fetch_add(&work->next, 1) * UR_CHUNK;
    for (int64_t i = first; i < first + UR_CHUNK && i < job->count; i++) {
        const uint32_t sample = job->samples ? job->samples[i] : (uint32_t)i;
        ur_digits_draw(job, sample, work->images + (size_t)sample * UR_IMAGE_BYTES);
        if (work->labels)
            work->labels[sample] = (uint16_t)(sample % UR_DIGITS_CLASSES);
    }
    return first + UR_CHUNK < job->count && !atomic_load(&work->over);
}

void ur_digits_help(struct ur_digits_work *work)
{
    while (draw_chunk(work)) {
    }
}

enum ur_status ur_digits_finish(struct ur_digits_work *work)
{
    enum ur_status status = UR_OK;
    while (status == UR_OK && draw_chunk(work)) {
        const float done = (float)atomic_load(&work->next) * UR_CHUNK / (float)work->job.count;
        if (work->job.progress)
            status = work->job.progress(work->job.context, done < 1 ? done : 1);
    }
    atomic_store(&work->over, status != UR_OK);
    return status;
}

static void *help(void *argument)
{
    ur_digits_help(argument);
    return NULL;
}

/* A thread that cannot be started is no error: the others draw its share. */
enum ur_status ur_digits_draw_all(const struct ur_digits_job *job, uint8_t *images,
                                  uint16_t *labels)
{
    struct ur_digits_work work = {.job = *job, .images = images, .labels = labels};
    pthread_t threads[UR_DIGITS_MAX_THREADS];
    int32_t n_threads = 0;
    while (n_threads + 1 < job->threads && n_threads < UR_DIGITS_MAX_THREADS &&
           pthread_create(&threads[n_threads], NULL, help, &work) == 0)
        n_threads++;
    const enum ur_status status = ur_digits_finish(&work);
    for (int32_t i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    return status;
}
