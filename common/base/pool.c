#include "common/base/pool.h"

#include "common/base/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREAD_NAME_BYTES = 16 }; // The kernel's limit, with the NUL.

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work; // Signalled for a queued job, broadcast when closing.
    struct pool_job *first;
    struct pool_job **last; // Where the next job is linked in.
    size_t queued, queue_max;
    bool closing;
    char name[THREAD_NAME_BYTES];
    size_t thread_count;
    pthread_t threads[];
};

static struct pool_job *take_job(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL && !pool->closing) {
        pthread_cond_wait(&pool->work, &pool->lock);
    }
    struct pool_job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        if (pool->first == NULL) pool->last = &pool->first;
        pool->queued--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *run_jobs(void *context)
{
    struct pool *pool = context;
    pthread_setname_np(pthread_self(), pool->name);
    for (struct pool_job *job; (job = take_job(pool)) != NULL;) {
        job->run(job); // May free the job: it is not touched again.
    }
    return NULL;
}

struct pool *pool_open(const char *name, size_t thread_count, size_t queue_max)
{
    CHECK(thread_count > 0);
    CHECK(queue_max > 0);
    struct pool *pool = calloc(1, sizeof *pool + thread_count * sizeof pool->threads[0]);
    CHECK(pool != NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->last = &pool->first;
    pool->queue_max = queue_max;
    pool->thread_count = thread_count;
    snprintf(pool->name, sizeof pool->name, "%s", name);

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); // Inherited by the threads made here.
    for (size_t i = 0; i < thread_count; i++) {
        CHECK(pthread_create(&pool->threads[i], NULL, run_jobs, pool) == 0);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool;
}

struct status pool_submit(struct pool *pool, struct pool_job *job)
{
    pthread_mutex_lock(&pool->lock);
    CHECK(!pool->closing);
    bool full = pool->queued >= pool->queue_max;
    if (!full) {
        job->next = NULL;
        *pool->last = job;
        pool->last = &job->next;
        pool->queued++;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return full ? REFUSE(UNAVAILABLE, OVERLOADED, "too much slow work is waiting; try again later")
                : STATUS_SUCCESS;
}

size_t pool_queued(const struct pool *pool)
{
    // The lock is not part of what const promises: the pool's contents stay as they are.
    pthread_mutex_t *lock = (pthread_mutex_t *)&pool->lock;
    pthread_mutex_lock(lock);
    size_t queued = pool->queued;
    pthread_mutex_unlock(lock);
    return queued;
}

void pool_close(struct pool **pool)
{
    struct pool *closed = *pool;
    if (closed == NULL) return;
    pthread_mutex_lock(&closed->lock);
    closed->closing = true;
    pthread_cond_broadcast(&closed->work);
    pthread_mutex_unlock(&closed->lock);
    for (size_t i = 0; i < closed->thread_count; i++) {
        pthread_join(closed->threads[i], NULL);
    }

    pthread_cond_destroy(&closed->work);
    pthread_mutex_destroy(&closed->lock);
    free(closed);
    *pool = NULL;
}
