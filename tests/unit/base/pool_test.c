#include "common/base/pool.h"
#include "tests/unit/base/capture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static int waiting_at_gate;
static atomic_int runs;

static void move_gate(bool open)
{
    pthread_mutex_lock(&gate);
    gate_open = open;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate);
}

static void run_at_gate(struct pool_job *job)
{
    (void)job;
    pthread_mutex_lock(&gate);
    waiting_at_gate++;
    pthread_cond_broadcast(&gate_moved);
    while (!gate_open) {
        pthread_cond_wait(&gate_moved, &gate);
    }
    waiting_at_gate--;
    pthread_mutex_unlock(&gate);
    atomic_fetch_add(&runs, 1);
}

static void wait_until_busy(int count)
{
    pthread_mutex_lock(&gate);
    while (waiting_at_gate < count) {
        pthread_cond_wait(&gate_moved, &gate);
    }
    pthread_mutex_unlock(&gate);
}

static void test_a_full_queue_refuses_and_close_runs_the_rest(void **state)
{
    (void)state;
    struct pool *pool = pool_open("test", 2, 3);
    struct pool_job jobs[6];
    for (size_t i = 0; i < ROWS(jobs); i++) {
        jobs[i].run = run_at_gate;
    }
    atomic_store(&runs, 0);
    move_gate(false);
    for (int i = 0; i < 2; i++) {
        assert_true(status_ok(pool_submit(pool, &jobs[i])));
        wait_until_busy(i + 1); // Both threads are busy, so that what follows must queue.
    }
    for (size_t i = 2; i < 5; i++) {
        assert_true(status_ok(pool_submit(pool, &jobs[i])));
    }
    assert_int_equal(pool_queued(pool), 3);
    struct status status = pool_submit(pool, &jobs[5]);
    assert_int_equal(status.code, STATUS_UNAVAILABLE);
    assert_string_equal(status.reason, "OVERLOADED");
    assert_int_equal(pool_queued(pool), 3);

    move_gate(true);
    pool_close(&pool);
    assert_null(pool);
    pool_close(&pool);
    assert_int_equal(atomic_load(&runs), 5);
}

struct numbered_job {
    struct pool_job job; // First, so that the job's address is the whole's.
    int number;
};

static int order[100];
static size_t order_count;

static void note_order(struct pool_job *job)
{
    struct numbered_job *numbered = (struct numbered_job *)job;
    order[order_count++] = numbered->number;
    free(numbered); // Allowed: the pool does not touch a job that ran.
}

static void test_one_thread_runs_jobs_in_order(void **state)
{
    (void)state;
    struct pool *pool = pool_open("test", 1, ROWS(order));
    order_count = 0;
    for (size_t i = 0; i < ROWS(order); i++) {
        struct numbered_job *numbered = malloc(sizeof *numbered);
        *numbered = (struct numbered_job){.job.run = note_order, .number = (int)i};
        assert_true(status_ok(pool_submit(pool, &numbered->job)));
    }
    pool_close(&pool);
    assert_int_equal(order_count, ROWS(order));
    for (size_t i = 0; i < ROWS(order); i++) {
        assert_int_equal(order[i], i);
    }
}

static char seen_name[16];
static int seen_blocked;

static void look_at_thread(struct pool_job *job)
{
    (void)job;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    seen_blocked = sigismember(&blocked, SIGTERM);
    pthread_getname_np(pthread_self(), seen_name, sizeof seen_name);
}

static void test_threads_are_named_and_leave_signals_to_main(void **state)
{
    (void)state;
    struct pool *pool = pool_open("a-rather-long-name", 1, 1);
    struct pool_job job = {.run = look_at_thread};
    assert_true(status_ok(pool_submit(pool, &job)));
    pool_close(&pool);
    assert_string_equal(seen_name, "a-rather-long-n");
    assert_int_equal(seen_blocked, 1);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGTERM), 0);
}

static struct pool *shared;

static void count_run(struct pool_job *job)
{
    (void)job;
    atomic_fetch_add(&runs, 1);
}

static void *submit_many(void *context)
{
    struct pool_job *jobs = context;
    int *accepted = malloc(sizeof *accepted);
    *accepted = 0;
    for (size_t i = 0; i < 1000; i++) {
        jobs[i].run = count_run;
        *accepted += status_ok(pool_submit(shared, &jobs[i]));
    }
    return accepted;
}

static void test_every_accepted_job_runs_once(void **state)
{
    (void)state;
    static struct pool_job jobs[4][1000];
    pthread_t threads[ROWS(jobs)];
    atomic_store(&runs, 0);
    shared = pool_open("test", 3, 16);
    for (size_t i = 0; i < ROWS(jobs); i++) {
        pthread_create(&threads[i], NULL, submit_many, jobs[i]);
    }
    int accepted = 0;
    for (size_t i = 0; i < ROWS(jobs); i++) {
        void *result;
        pthread_join(threads[i], &result);
        accepted += *(int *)result;
        free(result);
    }
    pool_close(&shared);
    assert_true(accepted > 0);
    assert_int_equal(atomic_load(&runs), accepted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_queue_refuses_and_close_runs_the_rest),
        cmocka_unit_test(test_one_thread_runs_jobs_in_order),
        cmocka_unit_test(test_threads_are_named_and_leave_signals_to_main),
        cmocka_unit_test(test_every_accepted_job_runs_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
