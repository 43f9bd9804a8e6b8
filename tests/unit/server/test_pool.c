/* The pool: everything that was taken runs once, what does not fit is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "pool.h"

enum { TASKS = 2000 };

static atomic_int runs[TASKS];

struct counted {
    struct ur_task task;
    int index;
};

static void count(struct ur_task *task)
{
    atomic_fetch_add(&runs[((struct counted *)task)->index], 1);
}

static void all_run_once(void **state)
{
    (void)state;
    static struct counted tasks[TASKS];
    struct ur_pool *pool = NULL;
    assert_int_equal(ur_pool_create(&pool, 3, TASKS, NULL), UR_OK);
    for (int at = 0; at < TASKS; at++) {
        tasks[at] = (struct counted){.task.run = count, .index = at};
        assert_int_equal(ur_pool_submit(pool, &tasks[at].task, NULL), UR_OK);
    }
    ur_pool_destroy(pool);
    for (int at = 0; at < TASKS; at++)
        assert_int_equal(atomic_load(&runs[at]), 1);
}

struct gate {
    struct ur_task task;
    sem_t entered, open;
};

static void wait_at_gate(struct ur_task *task)
{
    struct gate *gate = (struct gate *)task;
    sem_post(&gate->entered);
    sem_wait(&gate->open);
}

static void refuses_past_the_maximum(void **state)
{
    (void)state;
    struct ur_pool *pool = NULL;
    struct gate gate = {.task.run = wait_at_gate};
    struct counted tasks[3];
    struct ur_error error = {0};
    sem_init(&gate.entered, 0, 0);
    sem_init(&gate.open, 0, 0);
    atomic_store(&runs[0], 0);
    assert_int_equal(ur_pool_create(&pool, 1, 2, NULL), UR_OK);
    assert_int_equal(ur_pool_submit(pool, &gate.task, NULL), UR_OK);
    sem_wait(&gate.entered); /* the only thread is taken, the queue is empty */
    for (int at = 0; at < 3; at++) {
        tasks[at] = (struct counted){.task.run = count, .index = 0};
        assert_int_equal(ur_pool_submit(pool, &tasks[at].task, &error),
                         at < 2 ? UR_OK : UR_UNAVAILABLE);
    }
    sem_post(&gate.open);
    ur_pool_destroy(pool);
    assert_int_equal(atomic_load(&runs[0]), 2);
    sem_destroy(&gate.entered);
    sem_destroy(&gate.open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_run_once),
        cmocka_unit_test(refuses_past_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
