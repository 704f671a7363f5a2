#include "services/auth/worker.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "services/auth/rotation.h"
#include "services/auth/sweep.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    LOOK_EVERY_MS = 10 * 1000,
    RETRY_MS = 1000,
    STACK_BYTES = 512 * 1024, // A batch of messages lies on it.
};

struct auth_worker {
    const struct auth_service *service;
    struct auth_delivery *delivery;
    int wake_fd; // An eventfd: readable when the thread is to look.
    pthread_t thread;
    bool runs;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_closing;
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

static void ring(const struct auth_worker *worker)
{
    CHECK(eventfd_write(worker->wake_fd, 1) == 0);
}

static void wake(struct store_job *job, struct status status)
{
    (void)status; // Whatever became of it: looking costs nothing.
    struct auth_worker *worker =
        (struct auth_worker *)((char *)job - offsetof(struct auth_worker, job));
    pthread_mutex_lock(&worker->lock);
    worker->is_job_queued = false;
    ring(worker);
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

static bool tend_keys(struct auth_worker *worker)
{
    struct status status = auth_tend_keys(worker->service, clock_wall_ns());
    if (!status_ok(status)) log_status(LOG_LEVEL_WARN, "the signing keys were not tended", status);
    return status_ok(status);
}

/// wait_for_work: false at the end.
static bool wait_for_work(struct auth_worker *worker, uint64_t wait_ms)
{
    eventfd_t unused;
    auth_delivery_wait(worker->delivery, worker->wake_fd, wait_ms);
    (void)eventfd_read(worker->wake_fd, &unused); // Does not block: nobody may have rung.
    pthread_mutex_lock(&worker->lock);
    bool goes_on = !worker->is_closing;
    pthread_mutex_unlock(&worker->lock);
    return goes_on;
}

static void *work(void *context)
{
    struct auth_worker *worker = context;
    uint64_t sweep_at_ns = 0;
    uint64_t wait_ms;
    do {
        wait_ms = auth_delivery_turn(worker->delivery, clock_wall_ns());
        uint64_t now_ns = clock_mono_ns();
        if (now_ns >= sweep_at_ns) {
            bool is_fine = sweep_all(worker);
            is_fine &= tend_keys(worker);
            sweep_at_ns = now_ns + (is_fine ? LOOK_EVERY_MS : RETRY_MS) * NS_PER_MS;
        }
        uint64_t sweep_ms = (sweep_at_ns - now_ns) / NS_PER_MS + 1;
        if (wait_ms > sweep_ms) wait_ms = sweep_ms;
    } while (wait_for_work(worker, wait_ms));
    return NULL;
}

void auth_worker_start(struct auth_worker *worker)
{
    CHECK(!worker->runs);
    thread_start(&worker->thread, "auth-worker", STACK_BYTES, work, worker);
    worker->runs = true;
}

struct status auth_worker_open(const struct auth_service *service,
                               const struct auth_delivery_config *delivery,
                               struct auth_worker **ret)
{
    static const struct auth_delivery_config nobody = {.mode = AUTH_DELIVERY_NONE};
    struct auth_delivery *opened = NULL;
    RETURN_IF_ERROR(auth_delivery_open(service, delivery != NULL ? delivery : &nobody, &opened));
    struct auth_worker *worker = calloc(1, sizeof *worker);
    CHECK(worker != NULL);
    worker->service = service;
    worker->delivery = opened;
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(worker->wake_fd >= 0);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    *ret = worker;
    return STATUS_SUCCESS;
}

void auth_worker_stop(struct auth_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->is_closing = true;
    ring(worker);
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
    auth_delivery_close(&old->delivery);
    close(old->wake_fd);
    pthread_cond_destroy(&old->changed);
    pthread_mutex_destroy(&old->lock);
    free(old);
    *worker = NULL;
}
