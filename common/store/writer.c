#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#define READER_CHECK_NS (60 * NS_PER_SECOND)
#define PROBE_NS (5 * NS_PER_SECOND)

enum {
    PROBE_ROW_BYTES = 16 * 1024,
    DISK_PROBE_BYTES = 16 * 1024 * 1024,
};

/// A group: jobs that share one transaction, in the order in which they ran.
struct group {
    struct store_job *first, *last;
    size_t count;
    uint64_t weight_bytes;
    uint64_t deadline_ns;
};

// ---- The queue -----------------------------------------------------------------------------

static struct store_job *take_queue(struct store *store, bool wait)
{
    pthread_mutex_lock(&store->queue_lock);
    while (wait && store->queue_first == NULL && !store->closing) {
        store->writer_waits = true;
        pthread_cond_wait(&store->queue_filled, &store->queue_lock);
    }
    store->writer_waits = false;
    struct store_job *first = store->queue_first;
    store->queue_first = store->queue_last = NULL;
    pthread_mutex_unlock(&store->queue_lock);
    return first;
}

struct status store_write_submit_all(struct store *store, struct store_job *first,
                                     struct store_job *last, size_t count)
{
    CHECK(first != NULL && last != NULL && count > 0);
    engine_check_process(store);
    last->next = NULL;
    struct status status = STATUS_SUCCESS;
    bool wake = false;
    pthread_mutex_lock(&store->queue_lock);
    if (store->closing) {
        status = REFUSE(UNAVAILABLE, STORE_CLOSING, "the store is closing");
    } else if (atomic_load_explicit(&store->queued, memory_order_relaxed) + count >
               STORE_QUEUED_MAX) {
        status = REFUSE(RESOURCE_EXHAUSTED, STORE_BUSY, "too many writes wait for the store");
    } else {
        if (store->queue_last != NULL) {
            store->queue_last->next = first;
        } else {
            store->queue_first = first;
        }
        store->queue_last = last;
        atomic_fetch_add_explicit(&store->queued, count, memory_order_relaxed);
        wake = store->writer_waits;
        store->writer_waits = false;
    }
    pthread_mutex_unlock(&store->queue_lock);
    if (wake) pthread_cond_signal(&store->queue_filled);
    return status;
}

struct status store_write_submit(struct store *store, struct store_job *job)
{
    return store_write_submit_all(store, job, job, 1);
}

// ---- Hooks ---------------------------------------------------------------------------------

void store_add_hook(struct store *store, const struct store_hook *hook)
{
    CHECK(store->hook_count < STORE_HOOKS_MAX);
    store->hooks[store->hook_count++] = *hook;
}

static void call_before_commit(struct store *store, struct store_txn *txn)
{
    for (size_t i = 0; i < store->hook_count && status_ok(txn->status); i++) {
        const struct store_hook *hook = &store->hooks[i];
        if (hook->before_commit == NULL) continue;
        struct status status = hook->before_commit(hook->context, txn);
        CHECK(txn->cursor_count == 0);
        if (status_ok(status) || !status_ok(txn->status)) continue;
        log_status(LOG_LEVEL_ERROR, "an invariant of the store is broken", status);
        engine_stop_process("before_commit refused: nothing of the group was written", 0);
    }
}

static void call_after_commit(struct store *store)
{
    for (size_t i = 0; i < store->hook_count; i++) {
        if (store->hooks[i].after_commit != NULL) {
            store->hooks[i].after_commit(store->hooks[i].context);
        }
    }
}

static void call_rolled_back(struct store *store)
{
    for (size_t i = 0; i < store->hook_count; i++) {
        if (store->hooks[i].rolled_back != NULL) {
            store->hooks[i].rolled_back(store->hooks[i].context);
        }
    }
}

static void call_job_refused(struct store *store, uint64_t serial)
{
    for (size_t i = 0; i < store->hook_count; i++) {
        if (store->hooks[i].job_refused != NULL) {
            store->hooks[i].job_refused(store->hooks[i].context, serial);
        }
    }
}

// ---- One job, one commit -------------------------------------------------------------------

// Runs a job in the group's transaction. A failed write stays in txn->status: the whole group is
// then abandoned, because LMDB's transaction can no longer commit.
static void run_job(struct store_txn *txn, struct store_job *job)
{
    txn_begin_job(txn, !job->refuse_before_change);
    job->status = job->run(job, txn);
    CHECK(txn->cursor_count == 0);
    if (!status_ok(txn->status)) {
        txn_undo_job(txn);
        return;
    }
    if (status_ok(job->status)) {
        job->changed = txn->changed;
        txn_keep_job(txn);
        return;
    }
    CHECK(!job->refuse_before_change || !txn->changed); // The promise of a job without a savepoint.
    job->changed = false;
    txn_undo_job(txn);
    call_job_refused(txn->store, txn->serial);
}

// A short write is EIO to LMDB, also when only the disk is full. Either way the abandoned group's
// pages are referenced by nothing, so going on is safe; this tells which refusal is the true one.
static bool disk_is_full(const struct store *store)
{
    int fd = openat(store->directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return errno == ENOSPC || errno == EDQUOT;
    int rc = posix_fallocate(fd, 0, DISK_PROBE_BYTES);
    close(fd);
    return rc == ENOSPC || rc == EDQUOT;
}

static void check_engine_alive(struct store *store)
{
    // A failed write of the header page leaves LMDB in panic: nobody knows which one is on disk.
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (rc != 0) engine_stop_process("commit: header page", rc);
    mdb_txn_abort(txn);
}

static struct status commit(struct store *store, struct store_txn *txn)
{
    uint64_t begin_ns = clock_mono_ns();
    int rc = mdb_txn_commit(txn->group);
    if (rc == 0) {
        metric_observe_ns(store->commit_duration, clock_mono_ns() - begin_ns);
        return STATUS_SUCCESS;
    }
    if (rc == EIO && disk_is_full(store)) rc = ENOSPC;
    if (rc != MDB_MAP_FULL && rc != MDB_TXN_FULL && rc != ENOSPC && rc != EDQUOT) {
        engine_stop_process("commit", rc); // Never tried again: the kernel may have dropped pages.
    }
    check_engine_alive(store);
    return engine_status(rc);
}

// ---- Groups --------------------------------------------------------------------------------

static bool group_is_done(const struct store *store, const struct group *group)
{
    return group->count >= store->config.group_jobs_max ||
           group->weight_bytes >= store->config.group_bytes_max ||
           clock_mono_ns() >= group->deadline_ns;
}

// Takes the next job into the group, from what was taken from the queue or else from the queue.
static struct store_job *next_job(struct store *store, struct group *group)
{
    if (group->count > 0 && group_is_done(store, group)) return NULL;
    if (store->pending == NULL) store->pending = take_queue(store, false);
    struct store_job *job = store->pending;
    if (job == NULL) return NULL;
    store->pending = job->next;
    job->next = NULL;
    if (group->last != NULL) {
        group->last->next = job;
    } else {
        group->first = job;
    }
    group->last = job;
    group->count++;
    group->weight_bytes += job->weight_bytes;
    return job;
}

static void begin_transaction(struct store *store, struct store_txn *ret)
{
    *ret = (struct store_txn){.store = store, .is_write = true};
    int rc = mdb_txn_begin(store->env, NULL, 0, &ret->group);
    if (rc != 0) engine_stop_process("begin", rc);
    ret->current = ret->group;
}

// Ends a transaction whose jobs have run. On failure nothing of it is in the store.
static struct status end_transaction(struct store *store, struct store_txn *txn)
{
    if (status_ok(txn->status)) {
        txn_begin_job(txn, false); // The hooks write into the group itself.
        call_before_commit(store, txn);
    }
    struct status status = txn->status;
    if (status_ok(status)) {
        status = commit(store, txn);
    } else {
        mdb_txn_abort(txn->group);
    }
    if (!status_ok(status)) {
        call_rolled_back(store);
        return status;
    }
    atomic_fetch_add_explicit(&store->commits, 1, memory_order_relaxed);
    call_after_commit(store);
    return STATUS_SUCCESS;
}

static void answer(struct store *store, struct group *group)
{
    uint64_t refused_count = 0;
    for (struct store_job *job = group->first; job != NULL; job = job->next) {
        refused_count += !status_ok(job->status);
    }
    // Before done(): who has an answer may ask for the statistics next.
    atomic_fetch_sub_explicit(&store->queued, group->count, memory_order_relaxed);
    atomic_fetch_add_explicit(&store->jobs, group->count, memory_order_relaxed);
    atomic_fetch_add_explicit(&store->jobs_refused, refused_count, memory_order_relaxed);
    metric_add(store->job_total, group->count);
    metric_add(store->refused_total, refused_count);
    for (struct store_job *job = group->first, *next; job != NULL; job = next) {
        next = job->next; // done() may free the job.
        job->next = NULL;
        job->done(job, job->status);
    }
}

static bool means_full(struct status status)
{
    return status.reason != NULL && strcmp(status.reason, "STORE_FULL") == 0;
}

// The group did not fit. Each job again in a transaction of its own: small ones may still pass, and
// the one that does not fit is told so. Returns whether any was refused for lack of room.
static bool run_one_by_one(struct store *store, struct group *group)
{
    bool full = false;
    for (struct store_job *job = group->first, *next; job != NULL; job = next) {
        next = job->next;
        job->next = NULL;
        struct store_txn txn;
        begin_transaction(store, &txn);
        run_job(&txn, job);
        bool write_failed = !status_ok(txn.status);
        struct status status = end_transaction(store, &txn);
        // A job that refused by itself keeps its own reason, unless its writes failed before.
        if (!status_ok(status) && (write_failed || status_ok(job->status))) {
            job->status = status;
            job->changed = false;
            full = full || means_full(status);
        }
        if (full) atomic_store(&store->is_full, true);
        answer(store, &(struct group){.first = job, .last = job, .count = 1});
    }
    return full;
}

static void run_group(struct store *store)
{
    struct group group = {.deadline_ns = clock_mono_ns() + store->config.group_time_ns_max};
    struct store_txn txn;
    begin_transaction(store, &txn);
    bool any_changed = false;
    for (struct store_job *job; status_ok(txn.status) && (job = next_job(store, &group)) != NULL;) {
        run_job(&txn, job);
        any_changed = any_changed || job->changed;
    }
    if (status_ok(end_transaction(store, &txn))) {
        // A group that wrote nothing proves nothing about room on the disk.
        if (any_changed) atomic_store(&store->is_full, false);
        answer(store, &group);
        return;
    }
    atomic_fetch_add_explicit(&store->groups_rerun, 1, memory_order_relaxed);
    metric_add(store->rerun_total, 1);
    bool was_full = atomic_load(&store->is_full);
    bool full = run_one_by_one(store, &group);
    if (full && !was_full) LOG_ERROR("the store is full: writes are refused until there is room");
    if (!full) atomic_store(&store->is_full, false);
}

static void *writer_main(void *context)
{
    struct store *store = context;
    while ((store->pending = take_queue(store, true)) != NULL) {
        while (store->pending != NULL) {
            run_group(store);
        }
        // Slots of dead readers matter only to a writer, so an idle store need not look for them.
        uint64_t now_ns = clock_mono_ns();
        if (now_ns >= store->reader_check_ns + READER_CHECK_NS) {
            store->reader_check_ns = now_ns;
            int rc = mdb_reader_check(store->env, NULL);
            if (rc != 0) engine_stop_process("reader check", rc);
        }
    }
    return NULL;
}

struct status writer_open(struct store *store)
{
    store->reader_check_ns = clock_mono_ns();
    int rc = pthread_create(&store->writer, NULL, writer_main, store);
    if (rc != 0) return engine_status(rc);
    store->writer_runs = true;
    pthread_setname_np(store->writer, "store-writer");
    return STATUS_SUCCESS;
}

void writer_close(struct store *store)
{
    if (!store->writer_runs) return;
    pthread_mutex_lock(&store->queue_lock);
    store->closing = true;
    pthread_cond_signal(&store->queue_filled);
    pthread_mutex_unlock(&store->queue_lock);
    pthread_join(store->writer, NULL);
    store->writer_runs = false;
    CHECK(atomic_load(&store->queued) == 0);
}

// ---- Waiting for a write -------------------------------------------------------------------

struct waiting_job {
    struct store_job job; // First, so that the job's address is this one's.
    struct status (*run)(struct store_txn *txn, void *context);
    void *context;
    struct status status;
    sem_t finished;
};

static struct status run_waiting(struct store_job *job, struct store_txn *txn)
{
    struct waiting_job *waiting = (struct waiting_job *)job;
    return waiting->run(txn, waiting->context);
}

static void finish_waiting(struct store_job *job, struct status status)
{
    struct waiting_job *waiting = (struct waiting_job *)job;
    waiting->status = status;
    sem_post(&waiting->finished); // The last touch: the waiter's stack frame may be gone now.
}

struct status store_write_wait(struct store *store,
                               struct status (*run)(struct store_txn *txn, void *context),
                               void *context)
{
    CHECK(!pthread_equal(pthread_self(), store->writer)); // It would wait for itself.
    struct waiting_job waiting = {
        .job = {.run = run_waiting, .done = finish_waiting}, .run = run, .context = context};
    CHECK(sem_init(&waiting.finished, 0, 0) == 0);
    struct status status = store_write_submit(store, &waiting.job);
    if (status_ok(status)) {
        while (sem_wait(&waiting.finished) != 0) {
            CHECK(errno == EINTR);
        }
        status = waiting.status;
    }
    sem_destroy(&waiting.finished);
    return status;
}

// ---- Readiness -----------------------------------------------------------------------------

// While the store is full nobody sends it writes, so nothing would tell that there is room again:
// who asks for readiness makes it try. The row is large enough to need fresh pages.
static struct status run_probe(struct store_job *job, struct store_txn *txn)
{
    (void)job;
    static const uint8_t row[PROBE_ROW_BYTES];
    store_put(txn, STORE_TABLE_META, bytes_of_text("probe"), bytes_of(row, sizeof row));
    return STATUS_SUCCESS;
}

static void finish_probe(struct store_job *job, struct status status)
{
    struct store *store = (struct store *)((char *)job - offsetof(struct store, probe));
    if (status_ok(status)) LOG_INFO("the store has room again");
    atomic_store(&store->probing, false);
}

static void probe_room(struct store *store)
{
    uint64_t now_ns = clock_mono_ns();
    if (now_ns < atomic_load(&store->probe_ns) || atomic_exchange(&store->probing, true)) return;
    atomic_store(&store->probe_ns, now_ns + PROBE_NS);
    store->probe = (struct store_job){.run = run_probe,
                                      .done = finish_probe,
                                      .weight_bytes = PROBE_ROW_BYTES,
                                      .refuse_before_change = true};
    if (!status_ok(store_write_submit(store, &store->probe))) atomic_store(&store->probing, false);
}

bool store_is_writable(struct store *store)
{
    if (!atomic_load(&store->is_full)) return true;
    probe_room(store);
    return false;
}
