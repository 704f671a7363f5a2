#include "services/ledger/expiry.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "services/ledger/unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum {
    ARENA_BYTES_MAX = 64 << 20, // For a full job; about 2 KiB an expiry.
};

/// The thread looks again at least so often, and so needs nobody to wake it: a timeout is no
/// shorter, so that a hold made while it sleeps is seen before it is due (or, when its commit took
/// long, that much later). A wall clock that was set is noticed as soon, and a store that refuses
/// to write is left alone as long.
#define WAIT_NS_MAX NS_PER_SECOND

struct ledger_expiry {
    const struct ledger_service *service;
    pthread_t thread;
    bool is_joined;
    pthread_mutex_t mutex; // Of should_stop.
    pthread_cond_t stopped;
    bool should_stop;
};

// ---- The job ------------------------------------------------------------------------------------

static struct status expire_due(const struct ledger_service *service, struct store_txn *txn,
                                struct arena *arena, bool *ret_more)
{
    struct ledger_unit *unit;
    RETURN_IF_ERROR(ledger_unit_open(service, txn, arena, LEDGER_UNIT_EXPIRIES_MAX, &unit));
    RETURN_IF_ERROR(ledger_unit_expire(unit, LEDGER_UNIT_EXPIRIES_MAX, ret_more));
    if (!ledger_unit_has_changes(unit)) return STATUS_SUCCESS;
    ledger_unit_flush(unit);
    if (service->announce != NULL) service->announce(unit);
    return STATUS_SUCCESS;
}

struct status ledger_expiry_run(const struct ledger_service *service, struct store_txn *txn,
                                bool *ret_more)
{
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct status status = expire_due(service, txn, arena, ret_more);
    arena_close(&arena);
    return status;
}

// ---- The thread ---------------------------------------------------------------------------------

struct run {
    const struct ledger_service *service;
    bool has_more;
};

static struct status run_job(struct store_txn *txn, void *context)
{
    struct run *run = context;
    return ledger_expiry_run(run->service, txn, &run->has_more);
}

static struct status read_next(struct store *store, uint64_t *ret_due_ns)
{
    struct store_txn *txn;
    uint64_t number;
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    struct status status = ledger_store_next_expiry(txn, ret_due_ns, &number);
    store_snapshot_end(&txn);
    if (status.code != STATUS_NOT_FOUND) return status;
    *ret_due_ns = UINT64_MAX;
    return STATUS_SUCCESS;
}

/// Lets expire what is due. *ret_wait_ns: how long there is nothing to do.
static struct status work(const struct ledger_service *service, uint64_t *ret_wait_ns)
{
    struct run run = {.service = service};
    uint64_t due_ns, now_ns = clock_wall_ns();
    RETURN_IF_ERROR(read_next(service->store, &due_ns));
    if (due_ns <= now_ns) {
        RETURN_IF_ERROR(store_write_wait(service->store, run_job, &run));
        RETURN_IF_ERROR(read_next(service->store, &due_ns));
    }
    uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : WAIT_NS_MAX;
    *ret_wait_ns = wait_ns < WAIT_NS_MAX ? wait_ns : WAIT_NS_MAX;
    if (run.has_more) *ret_wait_ns = 0;
    return STATUS_SUCCESS;
}

/// false: the thread is to end.
static bool sleep_for(struct ledger_expiry *expiry, uint64_t wait_ns)
{
    struct timespec until;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    uint64_t until_ns = (uint64_t)until.tv_nsec + wait_ns;
    until.tv_sec += (time_t)(until_ns / NS_PER_SECOND);
    until.tv_nsec = (long)(until_ns % NS_PER_SECOND);
    CHECK(pthread_mutex_lock(&expiry->mutex) == 0);
    int rc = wait_ns > 0 ? 0 : ETIMEDOUT;
    while (!expiry->should_stop && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&expiry->stopped, &expiry->mutex, &until);
    bool goes_on = !expiry->should_stop;
    CHECK(pthread_mutex_unlock(&expiry->mutex) == 0);
    return goes_on;
}

static void *run_thread(void *context)
{
    struct ledger_expiry *expiry = context;
    uint64_t wait_ns = 0;
    bool is_failing = false;
    while (sleep_for(expiry, wait_ns)) {
        struct status status = work(expiry->service, &wait_ns);
        if (!status_ok(status)) {
            wait_ns = WAIT_NS_MAX;
            if (!is_failing) log_status(LOG_LEVEL_WARN, "holds cannot expire", status);
        }
        is_failing = !status_ok(status);
    }
    return NULL;
}

static void open_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(condition, &attributes) == 0);
    CHECK(pthread_condattr_destroy(&attributes) == 0);
}

void ledger_expiry_open(const struct ledger_service *service, struct ledger_expiry **ret)
{
    struct ledger_expiry *expiry = calloc(1, sizeof *expiry);
    CHECK(expiry != NULL);
    expiry->service = service;
    CHECK(pthread_mutex_init(&expiry->mutex, NULL) == 0);
    open_condition(&expiry->stopped);
    thread_start(&expiry->thread, "expiry", THREAD_STACK_BYTES_LARGE, run_thread, expiry);
    *ret = expiry;
}

void ledger_expiry_stop(struct ledger_expiry *expiry)
{
    if (expiry->is_joined) return;
    CHECK(pthread_mutex_lock(&expiry->mutex) == 0);
    expiry->should_stop = true;
    CHECK(pthread_cond_signal(&expiry->stopped) == 0);
    CHECK(pthread_mutex_unlock(&expiry->mutex) == 0);
    CHECK(pthread_join(expiry->thread, NULL) == 0);
    expiry->is_joined = true;
}

void ledger_expiry_close(struct ledger_expiry **expiry)
{
    if (*expiry == NULL) return;
    ledger_expiry_stop(*expiry);
    CHECK(pthread_cond_destroy(&(*expiry)->stopped) == 0);
    CHECK(pthread_mutex_destroy(&(*expiry)->mutex) == 0);
    free(*expiry);
    *expiry = NULL;
}
