#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/execution.h"
#include "common/rpc/limits.h"

#include <stdlib.h>
#include <time.h>

// ---- The method table ----------------------------------------------------------------------

static size_t hash_name(const uint8_t *name, size_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037); // FNV-1a; names are ours, not an attacker's.
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ name[i]) * UINT64_C(1099511628211);
    }
    return (size_t)(hash ^ hash >> 32);
}

const struct served_method *rpc_executor_find(const struct rpc_executor *executor,
                                              struct bytes name)
{
    if (name.size > RPC_METHOD_NAME_BYTES_MAX) return NULL;
    for (size_t i = hash_name(name.data, name.size);; i++) {
        const struct served_method *served = executor->slots[i & executor->slot_mask];
        if (served == NULL || bytes_equal(bytes_of_text(served->method->name), name)) return served;
    }
}

static void add_method(struct rpc_executor *executor, const struct rpc_service *service, size_t row)
{
    const struct rpc_method *method = &service->methods[row];
    CHECK(service->handlers[row] != NULL);
    CHECK(strlen(method->name) <= RPC_METHOD_NAME_BYTES_MAX);
    CHECK(method->access != RPC_ACCESS_WRITE || executor->config.store != NULL);
    CHECK(rpc_executor_find(executor, bytes_of_text(method->name)) == NULL);

    struct served_method *served = &executor->methods[executor->method_count++];
    *served = (struct served_method){.method = method,
                                     .handler = service->handlers[row],
                                     .service = service->context,
                                     .serves_always = service->serves_always};
    rpc_meter_open(&served->meter, method->service, method->name);
    size_t slot = hash_name((const uint8_t *)method->name, strlen(method->name));
    while (executor->slots[slot & executor->slot_mask] != NULL) {
        slot++;
    }
    executor->slots[slot & executor->slot_mask] = served;
}

static void build_table(struct rpc_executor *executor)
{
    const struct rpc_executor_config *config = &executor->config;
    size_t count = 0, slot_count = 4;
    for (size_t i = 0; i < config->service_count; i++) {
        count += config->services[i].count;
    }
    while (slot_count < 2 * count) {
        slot_count *= 2;
    }
    executor->slot_mask = slot_count - 1;
    executor->slots = calloc(slot_count, sizeof(struct served_method *));
    executor->methods = calloc(count + 1, sizeof *executor->methods);
    CHECK(executor->slots != NULL && executor->methods != NULL);
    for (size_t i = 0; i < config->service_count; i++) {
        for (size_t row = 0; row < config->services[i].count; row++) {
            add_method(executor, &config->services[i], row);
        }
    }
}

// ---- Life ----------------------------------------------------------------------------------

struct rpc_executor *rpc_executor_open(const struct rpc_executor_config *config)
{
    struct rpc_executor *executor = calloc(1, sizeof *executor);
    CHECK(executor != NULL);
    executor->config = *config;
    arena_pool_open(&executor->arenas);
    pthread_mutex_init(&executor->drain_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&executor->drained, &monotonic);
    pthread_condattr_destroy(&monotonic);
    executor->in_flight_gauge =
        metric_gauge("florin_rpc_in_flight", "Calls received and not yet answered", NULL);
    rpc_meter_open(&executor->unknown_meter, "unknown", "unknown");
    build_table(executor);
    executor->config.services = NULL; // Borrowed during open only.
    executor->pool = pool_open("rpc-pool", config->pool_threads, config->pool_queue_max);
    executor->parking = parking_open(&(struct parking_config){.pool = executor->pool,
                                                              .parked_max = RPC_PARKED_MAX,
                                                              .resumed_max = config->pool_threads,
                                                              .grown = config->parked,
                                                              .context = config->parked_context});
    return executor;
}

void rpc_executor_close(struct rpc_executor **executor)
{
    struct rpc_executor *closed = *executor;
    if (closed == NULL) return;
    pool_close(&closed->pool);
    CHECK(atomic_load(&closed->in_flight) == 0);
    parking_close(&closed->parking);
    arena_pool_close(&closed->arenas);
    pthread_cond_destroy(&closed->drained);
    pthread_mutex_destroy(&closed->drain_lock);
    free(closed->slots);
    free(closed->methods);
    free(closed);
    *executor = NULL;
}

void rpc_executor_set_serving(struct rpc_executor *executor, bool serving)
{
    atomic_store(&executor->serving, serving);
}

uint64_t rpc_executor_in_flight(const struct rpc_executor *executor)
{
    return atomic_load(&executor->in_flight);
}

void rpc_executor_wake(struct rpc_executor *executor)
{
    parking_wake(executor->parking);
}

bool rpc_executor_drain(struct rpc_executor *executor, uint32_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until); // The condition's own clock, also in tests.
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    parking_stop(executor->parking);
    pthread_mutex_lock(&executor->drain_lock);
    atomic_store(&executor->draining, true);
    int result = 0;
    while (atomic_load(&executor->in_flight) > 0 && result == 0) {
        result = pthread_cond_timedwait(&executor->drained, &executor->drain_lock, &until);
    }
    bool drained = atomic_load(&executor->in_flight) == 0;
    pthread_mutex_unlock(&executor->drain_lock);
    return drained;
}

// ---- Batches -------------------------------------------------------------------------------

static struct rpc_batch *open_batch(struct rpc_executor *executor, struct bytes message,
                                    size_t count)
{
    struct arena *arena = arena_pool_take(&executor->arenas, SIZE_MAX);
    struct rpc_batch *batch = arena_alloc(arena, sizeof *batch + count * sizeof(struct reply_slot));
    CHECK(batch != NULL);
    batch->executor = executor;
    batch->arena = arena;
    batch->message = message;
    batch->received_mono_ns = clock_mono_ns();
    batch->received_wall_ns = clock_wall_ns();
    batch->count = count;
    atomic_init(&batch->open_count, count + 1);

    uint64_t before = atomic_fetch_add(&executor->in_flight, count);
    metric_add(executor->in_flight_gauge, count);
    uint64_t cap = executor->config.in_flight_max;
    batch->allowed_count = before >= cap ? 0 : (size_t)(cap - before);
    return batch;
}

// The replies of a batch share one message. Where they do not fit, the largest make room: what they
// say is told by their call_id and a refusal (of the reply: the effect of a WRITE stands).
static void shrink_largest(struct rpc_batch *batch)
{
    struct reply_slot *largest = &batch->slots[0];
    for (size_t i = 1; i < batch->count; i++) {
        if (batch->slots[i].reply.size > largest->reply.size) largest = &batch->slots[i];
    }

    struct envelope_items items = {.at = largest->reply.data,
                                   .end = largest->reply.data + largest->reply.size};
    struct envelope_answer old;
    struct bytes item;
    CHECK(envelope_next(&items, &item) && status_ok(envelope_read_reply(item, &old)));
    struct envelope_reply reply = {
        .call_id = old.call_id,
        .status = REFUSE(RESOURCE_EXHAUSTED, REPLY_TOO_LARGE,
                         "the call was made, but its reply does not fit a message")};
    size_t size = envelope_reply_size(&reply);
    uint8_t *bytes = arena_alloc(batch->arena, size);
    CHECK(bytes != NULL);
    envelope_write_reply(&reply, bytes);
    largest->reply = bytes_of(bytes, size);
}

void rpc_batch_leave(struct rpc_batch *batch)
{
    if (atomic_fetch_sub_explicit(&batch->open_count, 1, memory_order_acq_rel) != 1) return;
    arena_set_limit(batch->arena, SIZE_MAX);
    while (rpc_batch_size(batch) > RPC_MESSAGE_BYTES_MAX) {
        shrink_largest(batch);
    }
    batch->finished(batch->context, batch);
}

// A message that is no batch gets one reply for all of it: a client that waits must hear something.
static void answer_malformed(struct rpc_batch *batch, struct status status)
{
    struct envelope_reply answer = {.status = status};
    size_t size = envelope_reply_size(&answer);
    uint8_t *bytes = arena_alloc(batch->arena, size);
    CHECK(bytes != NULL);
    envelope_write_reply(&answer, bytes);
    batch->slots[0].reply = bytes_of(bytes, size);
    rpc_meter_observe(&batch->executor->unknown_meter, status.code, 0);
    rpc_batch_leave(batch);
}

static void submit_jobs(struct rpc_batch *batch)
{
    if (batch->first_job == NULL) return;
    struct store_job *job = batch->first_job;
    struct status status = store_write_submit_all(batch->executor->config.store, job,
                                                  batch->last_job, batch->job_count);
    if (status_ok(status)) return; // From here on the batch's arena is the writer's.
    for (struct store_job *next; job != NULL; job = next) {
        next = job->next;
        job->done(job, status);
    }
}

void rpc_executor_run(struct rpc_executor *executor, struct bytes message,
                      rpc_batch_finished finished, void *context)
{
    struct envelope_items items = {0};
    size_t count = 0;
    struct status status = envelope_open(message, &items, &count);
    bool malformed = !status_ok(status) || count == 0;
    struct rpc_batch *batch = open_batch(executor, message, malformed ? 1 : count);
    batch->finished = finished;
    batch->context = context;
    if (malformed) {
        answer_malformed(batch, status_ok(status) ? REFUSE(INVALID_ARGUMENT, BATCH_MALFORMED,
                                                           "a batch holds at least one call")
                                                  : status);
    }
    struct bytes request;
    for (size_t i = 0; !malformed && envelope_next(&items, &request); i++) {
        execution_admit(batch, i, request);
    }
    store_snapshot_end(&batch->snapshot);
    submit_jobs(batch);
    rpc_batch_leave(batch);
}

size_t rpc_batch_size(const struct rpc_batch *batch)
{
    size_t size = 0;
    for (size_t i = 0; i < batch->count; i++) {
        size += batch->slots[i].reply.size;
    }
    return size;
}

void rpc_batch_write(const struct rpc_batch *batch, uint8_t *to)
{
    for (size_t i = 0; i < batch->count; i++) {
        memcpy(to, batch->slots[i].reply.data, batch->slots[i].reply.size);
        to += batch->slots[i].reply.size;
    }
}

void rpc_batch_release(struct rpc_batch *batch)
{
    struct rpc_executor *executor = batch->executor;
    size_t count = batch->count;
    for (size_t i = 0; i < count; i++) {
        arena_pool_give(&executor->arenas, batch->slots[i].arena);
    }
    arena_pool_give(&executor->arenas, batch->arena); // The batch itself lies in it.

    // Under the lock, because who drains may free the executor as soon as he sees zero: he sees it
    // under the same lock, and nothing here touches the executor afterwards.
    pthread_mutex_lock(&executor->drain_lock);
    uint64_t before = atomic_fetch_sub(&executor->in_flight, count);
    metric_add(executor->in_flight_gauge, -(uint64_t)count);
    if (before == count) pthread_cond_broadcast(&executor->drained);
    pthread_mutex_unlock(&executor->drain_lock);
}
