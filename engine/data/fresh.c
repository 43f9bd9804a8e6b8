#include "data/fresh.h"

#include <assert.h>

static bool is_odd(int32_t epoch)
{
    return epoch % 2 != 0;
}

enum ur_status ur_fresh_init(struct ur_fresh *fresh, const struct ur_spec *spec, int32_t steps,
                             const struct ur_order *order, struct ur_dataset *dataset,
                             struct ur_error *error)
{
    const size_t image = (size_t)dataset->shape.steps * (size_t)dataset->shape.width;
    const size_t bytes = (size_t)dataset->shape.n_train * image;
    *fresh = (struct ur_fresh){.current = -1};
    if (!spec->data.fresh)
        return UR_OK;
    if (strcmp(dataset->kind, UR_DIGITS_NAME) != 0)
        return ur_fail(error, UR_INVALID_SPEC,
                       "/data/fresh is for generated sets only; %s is not one.", dataset->name);
    if (order->batch > order->n_train)
        return ur_fail(error, UR_INVALID_SPEC,
                       "/data/fresh needs at least /train/batch training images, %d, got %d.",
                       (int)order->batch, (int)order->n_train);
    dataset->odd_x = malloc(bytes);
    if (!dataset->odd_x)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for %d more images.",
                       (int)dataset->shape.n_train);
    memcpy(dataset->odd_x, dataset->train_x, bytes); /* the validation images among them */
    fresh->order = order;
    fresh->dataset = dataset;
    fresh->last = steps > 0 ? ur_order_last_epoch(order, steps - 1) : 0;
    fresh->work.job = (struct ur_digits_job){.seed = (uint64_t)spec->data.seed,
                                             .split = UR_DIGITS_TRAIN,
                                             .count = order->n_train,
                                             .samples = order->split};
    return UR_OK;
}

static void *help(void *argument)
{
    ur_digits_help(argument);
    return NULL;
}

/* A helper that cannot be started is no error: whoever waits for the images draws them. */
static void begin(struct ur_fresh *fresh, int32_t epoch)
{
    assert(!fresh->helps);
    fresh->drawn = epoch;
    fresh->work.job.epoch = (uint32_t)epoch;
    fresh->work.images = is_odd(epoch) ? fresh->dataset->odd_x : fresh->dataset->train_x;
    atomic_store(&fresh->work.next, 0);
    fresh->helps = pthread_create(&fresh->helper, NULL, help, &fresh->work) == 0;
}

static void join(struct ur_fresh *fresh)
{
    if (fresh->helps)
        pthread_join(fresh->helper, NULL);
    fresh->helps = false;
}

/* Draws what the helper has not drawn yet. */
static enum ur_status complete(struct ur_fresh *fresh, const struct ur_fresh_watcher *watcher)
{
    if (fresh->drawn == 0)
        return UR_OK;
    fresh->work.job.progress = watcher->progress;
    fresh->work.job.context = watcher->context;
    const enum ur_status status = ur_digits_finish(&fresh->work);
    join(fresh);
    return status;
}

enum ur_status ur_fresh_before(struct ur_fresh *fresh, int32_t step,
                               const struct ur_fresh_watcher *watcher)
{
    enum ur_status status = UR_OK;
    if (!fresh->order)
        return UR_OK;
    const int32_t epoch = ur_order_epoch(fresh->order, step);
    const int32_t last = ur_order_last_epoch(fresh->order, step);
    if (fresh->current != epoch) {
        status = complete(fresh, watcher);
        if (status == UR_OK && fresh->drawn < epoch) { /* a run that was resumed */
            begin(fresh, epoch);
            status = complete(fresh, watcher);
        }
        if (status != UR_OK)
            return status;
        fresh->current = epoch;
        if (epoch < fresh->last)
            begin(fresh, epoch + 1);
    }
    return last > epoch ? complete(fresh, watcher) : UR_OK;
}

void ur_fresh_release(struct ur_fresh *fresh)
{
    if (!fresh || !fresh->order)
        return;
    atomic_store(&fresh->work.over, true);
    join(fresh);
    *fresh = (struct ur_fresh){.order = NULL};
}
