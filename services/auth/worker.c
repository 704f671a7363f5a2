#include "services/auth/worker.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/auth/outbox.h"
#include "services/auth/sweep.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_EVERY_S = 10,
    RETRY_S = 1,
    STACK_BYTES = 512 * 1024, // A batch of messages lies on it.
};

struct auth_worker {
    const struct auth_service *service;
    int outbox_fd; // -1: nobody delivers.
    pthread_t thread;
    bool runs;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_closing, is_woken;
    bool is_job_queued;
    struct store_job job;
};

// ---- Waking --------------------------------------------------------------------------------

static struct status run_nothing(struct store_job *job, struct store_txn *txn)
{
    (void)job;
    (void)txn;
    return STATUS_SUCCESS;
}

static void wake(struct store_job *job, struct status status)
{
    (void)status; // Whatever became of it: looking costs nothing.
    struct auth_worker *worker =
        (struct auth_worker *)((char *)job - offsetof(struct auth_worker, job));
    pthread_mutex_lock(&worker->lock);
    worker->is_job_queued = false;
    worker->is_woken = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

void auth_worker_wake_after(struct auth_worker *worker)
{
    if (worker == NULL) return;
    pthread_mutex_lock(&worker->lock);
    bool is_first = !worker->is_job_queued && !worker->is_closing;
    if (is_first) worker->is_job_queued = true;
    pthread_mutex_unlock(&worker->lock);
    if (!is_first) return; // One that is still queued comes after this job too.
    worker->job =
        (struct store_job){.run = run_nothing, .done = wake, .refuse_before_change = true};
    struct status status = store_write_submit(worker->service->store, &worker->job);
    if (!status_ok(status)) wake(&worker->job, status);
}

// ---- The thread ----------------------------------------------------------------------------

/// deliver_all: false when something went wrong and is to be tried again soon.
static bool deliver_all(struct auth_worker *worker)
{
    size_t count = 0;
    if (worker->outbox_fd < 0) return true;
    do {
        struct status status = auth_outbox_deliver(worker->service, worker->outbox_fd, &count);
        if (status_ok(status)) continue;
        log_status(LOG_LEVEL_WARN, "messages could not be delivered", status);
        return false;
    } while (count == AUTH_OUTBOX_BATCH_MAX);
    return true;
}

static bool sweep_all(struct auth_worker *worker)
{
    size_t count = 0;
    do {
        struct status status = auth_sweep(worker->service, clock_wall_ns(), &count);
        if (status_ok(status)) continue;
        log_status(LOG_LEVEL_WARN, "what has run out could not be cleared away", status);
        return false;
    } while (count == AUTH_SWEEP_ROWS_MAX);
    return true;
}

/// wait_for_work: false at the end.
static bool wait_for_work(struct auth_worker *worker, unsigned seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)seconds;
    pthread_mutex_lock(&worker->lock);
    int rc = 0;
    while (!worker->is_closing && !worker->is_woken && rc == 0)
        rc = pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
    worker->is_woken = false;
    bool goes_on = !worker->is_closing;
    pthread_mutex_unlock(&worker->lock);
    return goes_on;
}

static void *work(void *context)
{
    struct auth_worker *worker = context;
    uint64_t swept_ns = 0;
    unsigned wait_s;
    do {
        bool is_fine = deliver_all(worker);
        if (clock_mono_ns() >= swept_ns + LOOK_EVERY_S * NS_PER_SECOND || swept_ns == 0) {
            is_fine &= sweep_all(worker);
            swept_ns = clock_mono_ns();
        }
        wait_s = is_fine ? LOOK_EVERY_S : RETRY_S;
    } while (wait_for_work(worker, wait_s));
    return NULL;
}

void auth_worker_start(struct auth_worker *worker)
{
    CHECK(!worker->runs);
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
    sigset_t all, before; // Signals are the main thread's.
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    CHECK(pthread_create(&worker->thread, &attributes, work, worker) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    pthread_attr_destroy(&attributes);
    pthread_setname_np(worker->thread, "auth-worker");
    worker->runs = true;
}

struct status auth_worker_open(const struct auth_service *service, const char *outbox_directory,
                               struct auth_worker **ret)
{
    int outbox_fd = -1;
    if (outbox_directory != NULL) RETURN_IF_ERROR(auth_outbox_open(outbox_directory, &outbox_fd));
    struct auth_worker *worker = calloc(1, sizeof *worker);
    CHECK(worker != NULL);
    worker->service = service;
    worker->outbox_fd = outbox_fd;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret = worker;
    return STATUS_SUCCESS;
}

void auth_worker_stop(struct auth_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->is_closing = true;
    pthread_cond_broadcast(&worker->changed);
    while (worker->is_job_queued) // The store still has our job, and will end it.
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
    if (worker->runs) pthread_join(worker->thread, NULL);
    worker->runs = false;
}

void auth_worker_close(struct auth_worker **worker)
{
    struct auth_worker *old = *worker;
    if (old == NULL) return;
    auth_worker_stop(old);
    if (old->outbox_fd >= 0) close(old->outbox_fd);
    pthread_cond_destroy(&old->changed);
    pthread_mutex_destroy(&old->lock);
    free(old);
    *worker = NULL;
}
