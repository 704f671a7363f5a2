// What is old leaves, its hashes stay.
#include "services/audit/retention.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "common/event/event.h"
#include "services/audit/convert.h"
#include "services/audit/parts.h"
#include "services/audit/store_published.h"

#include <pthread.h>
#include <stdlib.h>

enum { LOOK_EVERY_S = 60 };

struct floor {
    audit_retention_floor ask;
    void *context;
};

struct audit_retention {
    struct audit_service *service;
    uint32_t days;
    struct floor floors[AUDIT_RETENTION_FLOORS_MAX];
    size_t floor_count;
    struct metric *first_index;

    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool is_stopping;
};

// ---- What may go ---------------------------------------------------------------------------

// As it is stored: inside a group the tree may be ahead of the newest checkpoint.
static struct status published_size(struct store_txn *txn, uint64_t *ret)
{
    struct audit_published published;
    struct bytes note;
    RETURN_IF_ERROR(audit_store_get_published(txn, &published));
    *ret = published.size;
    return published.needed > 0 ? STATUS_SUCCESS : audit_store_get_checkpoint(txn, ret, &note);
}

// Everything below it is published and has been seen by all who go through the log.
static struct status limit_of(const struct audit_retention *retention, struct store_txn *txn,
                              uint64_t *ret)
{
    struct merkle_frontier head;
    RETURN_IF_ERROR(audit_store_get_head(txn, &head));
    RETURN_IF_ERROR(published_size(txn, ret));
    // The last entry is what the start compares the tree with.
    if (head.size > 0 && *ret >= head.size) *ret = head.size - 1;
    for (size_t i = 0; i < retention->floor_count; i++) {
        uint64_t floor = UINT64_MAX;
        RETURN_IF_ERROR(retention->floors[i].ask(retention->floors[i].context, txn, &floor));
        if (floor < *ret) *ret = floor;
    }
    return STATUS_SUCCESS;
}

// Sources do not tell their events in the order of time, so all of them are looked at.
static struct status is_bundle_old(struct store_txn *txn, uint64_t first, uint64_t before_ns,
                                   bool *ret)
{
    *ret = false;
    for (uint64_t index = first; index < first + TLOG_TILE_WIDTH; index++) {
        struct bytes bytes;
        struct audit_entry entry;
        RETURN_IF_ERROR(audit_store_get_entry(txn, index, &bytes));
        RETURN_IF_ERROR(audit_entry_decode(bytes, &entry));
        if (entry.time_ns >= before_ns) return STATUS_SUCCESS;
    }
    *ret = true;
    return STATUS_SUCCESS;
}

static struct status is_due(struct store_txn *txn, uint64_t first, uint64_t limit,
                            uint64_t before_ns, bool *ret)
{
    *ret = first < limit && limit - first >= TLOG_TILE_WIDTH;
    return *ret ? is_bundle_old(txn, first, before_ns, ret) : STATUS_SUCCESS;
}

// ---- One step ------------------------------------------------------------------------------

struct step {
    const struct audit_retention *retention;
    uint64_t before_ns;

    uint64_t pruned, first;
    bool is_last; // There is nothing more that is due.
};

static struct status delete_bundle(struct store_txn *txn, uint64_t first)
{
    for (uint64_t index = first; index < first + TLOG_TILE_WIDTH; index++) {
        struct audit_event event;
        struct audit_search_row rows[AUDIT_SEARCH_ROWS_MAX];
        RETURN_IF_ERROR(audit_service_get(txn, index, &event));
        size_t count = audit_core_search_rows(&event.entry, event.side.visible_to, rows);
        audit_store_delete_entry(txn, index, rows, count);
    }
    return STATUS_SUCCESS;
}

static void tell(struct store_txn *txn, uint64_t from_index, uint64_t to_index)
{
    uint8_t payload[AUDIT_PRUNED_BYTES_MAX];
    size_t size = audit_convert_pruned(from_index, to_index, payload);
    event_append(txn, &(struct event){.type = "audit.log.pruned",
                                      .subject = "log",
                                      .actor = "services/audit",
                                      .payload = bytes_of(payload, size)});
}

static struct status run_step(struct store_txn *txn, void *context)
{
    struct step *step = context;
    struct audit_first first;
    uint64_t limit;
    bool due;
    step->pruned = 0;
    RETURN_IF_ERROR(limit_of(step->retention, txn, &limit));
    RETURN_IF_ERROR(audit_store_get_first(txn, &first));
    RETURN_IF_ERROR(is_due(txn, first.index, limit, step->before_ns, &due));
    for (size_t i = 0; due && i < AUDIT_RETENTION_STEP; i++) {
        RETURN_IF_ERROR(delete_bundle(txn, first.index));
        first.index += TLOG_TILE_WIDTH;
        step->pruned += TLOG_TILE_WIDTH;
        RETURN_IF_ERROR(is_due(txn, first.index, limit, step->before_ns, &due));
    }
    step->is_last = !due;
    step->first = first.index;
    if (step->is_last && first.told < first.index) {
        tell(txn, first.told, first.index);
        first.told = first.index;
    } else if (step->pruned == 0) {
        return STATUS_SUCCESS;
    }
    audit_store_put_first(txn, &first);
    return STATUS_SUCCESS;
}

// So that nothing is written where nothing is to be done.
static struct status look(const struct audit_retention *retention, uint64_t before_ns, bool *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    struct audit_first first;
    uint64_t limit;
    RETURN_IF_ERROR(store_snapshot_begin(retention->service->store, &txn));
    RETURN_IF_ERROR(audit_store_get_first(txn, &first));
    metric_set(retention->first_index, (int64_t)first.index);
    RETURN_IF_ERROR(limit_of(retention, txn, &limit));
    RETURN_IF_ERROR(is_due(txn, first.index, limit, before_ns, ret));
    *ret |= first.told < first.index;
    return STATUS_SUCCESS;
}

// ---- A run ---------------------------------------------------------------------------------

static bool is_stopping(struct audit_retention *retention)
{
    pthread_mutex_lock(&retention->lock);
    bool stopping = retention->is_stopping;
    pthread_mutex_unlock(&retention->lock);
    return stopping;
}

struct status audit_retention_run(struct audit_retention *retention, uint64_t now_ns,
                                  uint64_t *ret_pruned)
{
    uint64_t kept_ns = retention->days * AUDIT_RETENTION_DAY_NS;
    bool due = false;
    *ret_pruned = 0;
    if (retention->days == 0 || now_ns <= kept_ns) return STATUS_SUCCESS;
    struct step step = {.retention = retention, .before_ns = now_ns - kept_ns};
    RETURN_IF_ERROR(look(retention, step.before_ns, &due));
    for (step.is_last = !due; !step.is_last && !is_stopping(retention);) {
        RETURN_IF_ERROR(store_write_wait(retention->service->store, run_step, &step));
        *ret_pruned += step.pruned;
        metric_set(retention->first_index, (int64_t)step.first);
    }
    return STATUS_SUCCESS;
}

// ---- Life ----------------------------------------------------------------------------------

struct audit_retention *audit_retention_open(struct audit_service *service, uint32_t days)
{
    struct audit_retention *retention = calloc(1, sizeof *retention);
    CHECK(retention != NULL);
    retention->service = service;
    retention->days = days;
    retention->first_index =
        metric_gauge("florin_audit_first_index", "The first entry that is not pruned.", NULL);
    pthread_mutex_init(&retention->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&retention->stopped, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return retention;
}

void audit_retention_close(struct audit_retention **retention)
{
    if (*retention == NULL) return;
    audit_retention_stop(*retention);
    pthread_cond_destroy(&(*retention)->stopped);
    pthread_mutex_destroy(&(*retention)->lock);
    free(*retention);
    *retention = NULL;
}

void audit_retention_add_floor(struct audit_retention *retention, audit_retention_floor floor,
                               void *context)
{
    if (retention == NULL) return;
    CHECK(!retention->runs && retention->floor_count < AUDIT_RETENTION_FLOORS_MAX);
    retention->floors[retention->floor_count++] = (struct floor){floor, context};
}

uint32_t audit_retention_days(const struct audit_retention *retention)
{
    return retention != NULL ? retention->days : 0;
}

// False at the end.
static bool wait_for_minute(struct audit_retention *retention)
{
    uint64_t until_ns = clock_mono_ns() + LOOK_EVERY_S * NS_PER_SECOND;
    struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_SECOND),
                             .tv_nsec = (long)(until_ns % NS_PER_SECOND)};
    pthread_mutex_lock(&retention->lock);
    int error = 0;
    while (!retention->is_stopping && error == 0)
        error = pthread_cond_timedwait(&retention->stopped, &retention->lock, &until);
    bool goes_on = !retention->is_stopping;
    pthread_mutex_unlock(&retention->lock);
    return goes_on;
}

static void *work(void *context)
{
    struct audit_retention *retention = context;
    do {
        uint64_t pruned;
        struct status status = audit_retention_run(retention, clock_wall_ns(), &pruned);
        if (!status_ok(status))
            log_status(LOG_LEVEL_WARN, "old entries could not be pruned", status);
    } while (wait_for_minute(retention));
    return NULL;
}

void audit_retention_start(struct audit_retention *retention)
{
    CHECK(!retention->runs);
    thread_start(&retention->thread, "retention", THREAD_STACK_BYTES_LARGE, work, retention);
    retention->runs = true;
}

void audit_retention_stop(struct audit_retention *retention)
{
    if (retention == NULL || !retention->runs) return;
    pthread_mutex_lock(&retention->lock);
    retention->is_stopping = true;
    pthread_cond_broadcast(&retention->stopped);
    pthread_mutex_unlock(&retention->lock);
    pthread_join(retention->thread, NULL);
    retention->runs = false;
}

// ---- As a part of the daemon ---------------------------------------------------------------

static struct status open_part(struct audit_context *context, struct daemon *daemon)
{
    uint64_t days = config_u64(daemon_config(daemon), "audit", "retention_days");
    context->retention = audit_retention_open(&context->service, (uint32_t)days);
    return STATUS_SUCCESS;
}

static struct status start_part(struct audit_context *context, struct daemon *daemon)
{
    (void)daemon;
    audit_retention_start(context->retention);
    return STATUS_SUCCESS;
}

static void stop_part(struct audit_context *context)
{
    audit_retention_stop(context->retention);
}

static void close_part(struct audit_context *context)
{
    audit_retention_close(&context->retention);
}

const struct audit_part audit_retention_part = {
    .open = open_part, .start = start_part, .stop = stop_part, .close = close_part};
