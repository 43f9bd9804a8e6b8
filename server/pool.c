#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct ur_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct ur_task *head, **tail;
    size_t queued, maximum;
    bool closing;
    int32_t n_threads;
    pthread_t threads[];
};

static void *serve(void *context)
{
    struct ur_pool *pool = context;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->head == NULL && !pool->closing)
            pthread_cond_wait(&pool->work, &pool->mutex);
        struct ur_task *task = pool->head;
        if (task == NULL)
            break;
        pool->head = task->next;
        if (pool->head == NULL)
            pool->tail = &pool->head;
        pool->queued--;
        pthread_mutex_unlock(&pool->mutex);
        task->run(task);
        pthread_mutex_lock(&pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

enum ur_status ur_pool_create(struct ur_pool **out, int32_t threads, size_t maximum,
                              struct ur_error *error)
{
    struct ur_pool *pool = calloc(1, sizeof *pool + (size_t)threads * sizeof *pool->threads);
    if (pool == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the threads.");
    pool->tail = &pool->head;
    pool->maximum = maximum;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);

    /* Signals belong to the main thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = 0;
    while (failed == 0 && pool->n_threads < threads) {
        failed = pthread_create(&pool->threads[pool->n_threads], NULL, serve, pool);
        pool->n_threads += failed == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        ur_pool_destroy(pool);
        return ur_fail_errno(error, failed, "Starting a thread failed");
    }
    *out = pool;
    return UR_OK;
}

void ur_pool_destroy(struct ur_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (int32_t at = 0; at < pool->n_threads; at++)
        pthread_join(pool->threads[at], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

enum ur_status ur_pool_submit(struct ur_pool *pool, struct ur_task *task,
                              struct ur_error *error)
{
    enum ur_status status = UR_OK;
    pthread_mutex_lock(&pool->mutex);
    if (pool->closing || pool->queued == pool->maximum) {
        status =
            ur_fail(error, UR_UNAVAILABLE, "%zu requests are waiting already.", pool->queued);
    } else {
        task->next = NULL;
        *pool->tail = task;
        pool->tail = &task->next;
        pool->queued++;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->mutex);
    return status;
}
