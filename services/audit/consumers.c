// Durable consumers: the part of the daemon, the flights' memory, what is measured.
#include "services/audit/consumers.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "common/rpc/meter.h"
#include "services/audit/parts.h"
#include "services/audit/retention.h"
#include "services/audit/store_consumer.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MEASURE_EVERY_S = 1 };

/// What is measured of the consumers of one name.
struct series {
    char name[AUDIT_CONSUMER_NAME_BYTES_MAX + 1];
    struct id128 id; // Whose redeliveries are counted; nil: none of that name is there.
    uint64_t redeliveries;
    bool is_seen;
    struct metric *lag, *redeliveries_total;
};

struct audit_consumers {
    struct audit_service *service;
    pthread_mutex_t lock; // flights.
    struct audit_flight flights[AUDIT_CONSUMERS_MAX];
    pthread_t thread;
    pthread_mutex_t stop_lock; // is_stopping.
    pthread_cond_t stopped;
    bool runs, is_stopping;
    size_t series_count; // The measuring thread's, like the series.
    bool has_warned;
    struct series series[AUDIT_CONSUMER_SERIES_MAX];
};

// ---- Flights -------------------------------------------------------------------------------

static struct audit_flight *find_flight(struct audit_consumers *consumers, struct id128 id)
{
    for (size_t i = 0; i < AUDIT_CONSUMERS_MAX; i++)
        if (id128_equal(consumers->flights[i].id, id)) return &consumers->flights[i];
    return NULL;
}

static bool has_consumer(struct store_txn *txn, struct id128 id, struct status *ret)
{
    CLEANUP(audit_consumer_walk_end) struct audit_consumer_walk walk;
    bool found = false;
    for (audit_consumer_walk_begin(txn, &walk); !found && audit_consumer_walk_next(&walk);)
        found = id128_equal(walk.consumer.id, id);
    *ret = walk.status;
    return found;
}

// A free place; when there is none, one whose consumer was deleted.
static struct status take_place(struct audit_consumers *consumers, struct store_txn *txn,
                                struct audit_flight **ret)
{
    *ret = find_flight(consumers, ID128_NIL);
    for (size_t i = 0; *ret == NULL && i < AUDIT_CONSUMERS_MAX; i++) {
        struct status status;
        if (!has_consumer(txn, consumers->flights[i].id, &status)) *ret = &consumers->flights[i];
        RETURN_IF_ERROR(status);
    }
    if (*ret != NULL) return STATUS_SUCCESS;
    return REFUSE(RESOURCE_EXHAUSTED, TOO_MANY_CONSUMERS, "there are 256 consumers already");
}

struct status audit_consumers_lock(struct audit_consumers *consumers, struct store_txn *txn,
                                   const struct audit_consumer *consumer, struct audit_flight **ret)
{
    pthread_mutex_lock(&consumers->lock);
    struct status status = STATUS_SUCCESS;
    struct audit_flight *flight = find_flight(consumers, consumer->id);
    if (flight == NULL) {
        status = take_place(consumers, txn, &flight);
        // It was made while this process runs, which has delivered nothing of it.
        if (status_ok(status)) audit_flight_begin(flight, consumer, consumer->acknowledged);
    }
    if (!status_ok(status)) {
        pthread_mutex_unlock(&consumers->lock);
        return status;
    }
    audit_flight_follow(flight, consumer);
    *ret = flight;
    return STATUS_SUCCESS;
}

void audit_consumers_unlock(struct audit_consumers *consumers)
{
    pthread_mutex_unlock(&consumers->lock);
}

struct saving {
    const char *name;
    struct id128 id;
    uint64_t settled, redeliveries;
};

static struct status run_saving(struct store_txn *txn, void *context)
{
    const struct saving *saving = context;
    struct audit_consumer consumer;
    struct status status = audit_store_get_consumer(txn, bytes_of_text(saving->name), &consumer);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    if (!id128_equal(consumer.id, saving->id) || saving->settled <= consumer.acknowledged) {
        return STATUS_SUCCESS;
    }
    consumer.acknowledged = saving->settled;
    consumer.redeliveries = saving->redeliveries;
    audit_store_put_consumer(txn, bytes_of_text(saving->name), &consumer);
    return STATUS_SUCCESS;
}

struct status audit_consumers_save(struct audit_consumers *consumers, const char *name,
                                   struct id128 id, uint64_t settled, uint64_t redeliveries)
{
    struct saving saving = {name, id, settled, redeliveries};
    return store_write_wait(consumers->service->store, run_saving, &saving);
}

// ---- Metrics -------------------------------------------------------------------------------

static struct metric *open_series(const char *name, bool is_lag)
{
    char *label = NULL;
    CHECK(asprintf(&label, "consumer=\"%s\"", name) > 0);
    const char *lasting = rpc_label(label);
    if (is_lag) {
        return metric_gauge("florin_audit_consumer_lag",
                            "Entries of the log that a durable consumer has not dealt with",
                            lasting);
    }
    return metric_counter("florin_audit_consumer_redeliveries_total",
                          "Times that a durable consumer had to begin again", lasting);
}

// NULL: too many names were measured already.
static struct series *find_series(struct audit_consumers *consumers, struct bytes name)
{
    for (size_t i = 0; i < consumers->series_count; i++)
        if (bytes_equal(bytes_of_text(consumers->series[i].name), name))
            return &consumers->series[i];
    if (consumers->series_count == AUDIT_CONSUMER_SERIES_MAX) {
        if (!consumers->has_warned) LOG_WARN("further consumers are not measured: too many names");
        consumers->has_warned = true;
        return NULL;
    }
    struct series *series = &consumers->series[consumers->series_count++];
    CHECK(name.size <= AUDIT_CONSUMER_NAME_BYTES_MAX);
    memcpy(series->name, name.data, name.size);
    series->lag = open_series(series->name, true);
    series->redeliveries_total = open_series(series->name, false);
    return series;
}

static struct status measure_one(struct audit_consumers *consumers, struct store_txn *txn,
                                 const struct audit_consumer_walk *walk, uint64_t size)
{
    struct series *series = find_series(consumers, walk->name);
    if (series == NULL) return STATUS_SUCCESS;
    struct audit_flight *flight;
    RETURN_IF_ERROR(audit_consumers_lock(consumers, txn, &walk->consumer, &flight));
    uint64_t settled = audit_flight_settled(flight), redeliveries = flight->redeliveries;
    audit_consumers_unlock(consumers);
    bool is_new = !id128_equal(series->id, walk->consumer.id);
    uint64_t before = is_new ? walk->consumer.redeliveries : series->redeliveries;
    if (redeliveries > before) metric_add(series->redeliveries_total, redeliveries - before);
    series->id = walk->consumer.id;
    series->redeliveries = redeliveries;
    series->is_seen = true;
    metric_set(series->lag, size > settled ? (int64_t)(size - settled) : 0);
    return STATUS_SUCCESS;
}

static struct status measure_all(struct audit_consumers *consumers)
{
    uint64_t size = audit_tail_size(consumers->service->tail);
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(consumers->service->store, &txn));
    for (size_t i = 0; i < consumers->series_count; i++)
        consumers->series[i].is_seen = false;
    CLEANUP(audit_consumer_walk_end) struct audit_consumer_walk walk;
    for (audit_consumer_walk_begin(txn, &walk); audit_consumer_walk_next(&walk);)
        RETURN_IF_ERROR(measure_one(consumers, txn, &walk, size));
    RETURN_IF_ERROR(walk.status);
    for (size_t i = 0; i < consumers->series_count; i++) {
        struct series *series = &consumers->series[i];
        if (series->is_seen) continue;
        series->id = ID128_NIL;
        metric_set(series->lag, 0);
    }
    return STATUS_SUCCESS;
}

void audit_consumers_measure(struct audit_consumers *consumers)
{
    struct status status = measure_all(consumers);
    if (!status_ok(status)) log_status(LOG_LEVEL_WARN, "consumers cannot be measured", status);
}

// ---- The thread ----------------------------------------------------------------------------

// false: it is time to stop.
static bool wait_for_turn(struct audit_consumers *consumers)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += MEASURE_EVERY_S;
    pthread_mutex_lock(&consumers->stop_lock);
    int rc = 0;
    while (!consumers->is_stopping && rc == 0)
        rc = pthread_cond_timedwait(&consumers->stopped, &consumers->stop_lock, &until);
    bool goes_on = !consumers->is_stopping;
    pthread_mutex_unlock(&consumers->stop_lock);
    return goes_on;
}

static void *measure_until_stop(void *context)
{
    do {
        audit_consumers_measure(context);
    } while (wait_for_turn(context));
    return NULL;
}

void audit_consumers_start(struct audit_consumers *consumers)
{
    thread_start(&consumers->thread, "consumers", THREAD_STACK_BYTES_LARGE, measure_until_stop,
                 consumers);
    consumers->runs = true;
}

void audit_consumers_stop(struct audit_consumers *consumers)
{
    if (!consumers->runs) return;
    pthread_mutex_lock(&consumers->stop_lock);
    consumers->is_stopping = true;
    pthread_cond_signal(&consumers->stopped);
    pthread_mutex_unlock(&consumers->stop_lock);
    pthread_join(consumers->thread, NULL);
    consumers->runs = false;
}

// ---- Life ----------------------------------------------------------------------------------

static struct status begin_flights(struct audit_consumers *consumers)
{
    uint64_t size = audit_tail_size(consumers->service->tail);
    size_t count = 0;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(consumers->service->store, &txn));
    CLEANUP(audit_consumer_walk_end) struct audit_consumer_walk walk;
    for (audit_consumer_walk_begin(txn, &walk);
         count < AUDIT_CONSUMERS_MAX && audit_consumer_walk_next(&walk);) {
        audit_flight_begin(&consumers->flights[count++], &walk.consumer, size);
    }
    return walk.status;
}

struct status audit_consumers_open(struct audit_service *service, struct audit_consumers **ret)
{
    struct audit_consumers *consumers = calloc(1, sizeof *consumers);
    CHECK(consumers != NULL);
    consumers->service = service;
    pthread_mutex_init(&consumers->lock, NULL);
    pthread_mutex_init(&consumers->stop_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&consumers->stopped, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *ret = consumers;
    return begin_flights(consumers);
}

void audit_consumers_close(struct audit_consumers **consumers)
{
    struct audit_consumers *closed = *consumers;
    if (closed == NULL) return;
    pthread_cond_destroy(&closed->stopped);
    pthread_mutex_destroy(&closed->stop_lock);
    pthread_mutex_destroy(&closed->lock);
    free(closed);
    *consumers = NULL;
}

// ---- The part ------------------------------------------------------------------------------

static struct status floor_of_consumers(void *context, struct store_txn *txn, uint64_t *ret)
{
    (void)context;
    size_t count;
    return audit_store_consumer_floor(txn, ret, &count);
}

static void wake_waiting(void *context)
{
    daemon_wake(context);
}

static struct status open_part(struct audit_context *context, struct daemon *daemon)
{
    audit_tail_listen(context->service.tail, wake_waiting, daemon);
    audit_retention_add_floor(context->retention, floor_of_consumers, NULL);
    return audit_consumers_open(&context->service, &context->consumers);
}

static struct status start_part(struct audit_context *context, struct daemon *daemon)
{
    (void)daemon;
    audit_consumers_start(context->consumers);
    return STATUS_SUCCESS;
}

static void stop_part(struct audit_context *context)
{
    if (context->consumers != NULL) audit_consumers_stop(context->consumers);
}

static void close_part(struct audit_context *context)
{
    audit_consumers_close(&context->consumers);
}

const struct audit_part audit_consumer_part = {
    .open = open_part, .start = start_part, .stop = stop_part, .close = close_part};
