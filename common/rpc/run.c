#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/rpc/execution.h"
#include "common/rpc/limits.h"

#include <string.h>

static const struct status expired = {.code = STATUS_DEADLINE_EXCEEDED,
                                      .reason = "DEADLINE_EXCEEDED",
                                      .message = "the deadline passed; nothing was changed"};

bool execution_is_expired(const struct execution *execution)
{
    return clock_mono_ns() >= execution->call.deadline_mono_ns;
}

// ---- The answer ----------------------------------------------------------------------------

static struct envelope_reply make_answer(struct execution *execution, struct status status)
{
    struct rpc_call *call = &execution->call;
    struct envelope_reply answer = {.status = status, .retry_after_ms = call->retry_after_ms};
    if (status_ok(status)) {
        CHECK(call->reply != NULL);
        size_t size = protobuf_c_message_get_packed_size(call->reply);
        uint8_t *bytes = arena_alloc(call->arena, size);
        CHECK(bytes != NULL);
        protobuf_c_message_pack(call->reply, bytes);
        answer.payload = bytes_of(bytes, size);
        answer.replayed = call->replayed;
        answer.not_created = call->not_created;
    } else {
        answer.violations = &call->violations;
        answer.details = call->details;
        answer.detail_count = call->detail_count;
    }
    return answer;
}

static struct bytes encode_answer(struct execution *execution, const struct envelope_reply *answer)
{
    size_t size = envelope_reply_size(answer);
    uint8_t *bytes = arena_alloc(execution->call.arena, size);
    CHECK(bytes != NULL);
    envelope_write_reply(answer, bytes);
    return bytes_of(bytes, size);
}

// What only an operator can mend is told to the operator; the rest is the caller's own business.
static void log_answer(const struct execution *execution, struct status status)
{
    if (status.code != STATUS_INTERNAL && status.code != STATUS_DATA_LOSS &&
        status.code != STATUS_UNKNOWN) {
        return;
    }
    LOG_ERROR("call failed", LOG_TEXT("method", execution->call.method->name),
              LOG_TEXT("reason", status.reason), LOG_TEXT("detail", status.message),
              LOG_TEXT("request_id", execution->call.request_id));
}

static void send_answer(struct execution *execution, struct envelope_reply *answer)
{
    struct rpc_batch *batch = execution->batch;
    struct rpc_executor *executor = batch->executor;
    answer->call_id = execution->call_id;
    arena_set_limit(execution->call.arena, SIZE_MAX); // A reply's own limit is the message's.
    struct reply_slot *slot = &batch->slots[execution->index];
    slot->reply = encode_answer(execution, answer);
    slot->arena = execution->own_arena;
    // The table is shared and its meters are atomic; only this line writes through it.
    struct rpc_meter *meter = execution->served != NULL
                                  ? (struct rpc_meter *)&execution->served->meter
                                  : &executor->unknown_meter;
    rpc_meter_observe(meter, answer->status.code, clock_mono_ns() - batch->received_mono_ns);
    if (execution->served != NULL) log_answer(execution, answer->status);
    rpc_batch_leave(batch); // The last thing: execution and batch may be gone after it.
}

void execution_end(struct execution *execution, struct status status)
{
    arena_set_limit(execution->call.arena, SIZE_MAX);
    struct envelope_reply answer = make_answer(execution, status);
    send_answer(execution, &answer);
}

static void reset_answer(struct rpc_call *call)
{
    call->reply = NULL;
    call->replayed = call->not_created = call->refusal_committed = call->is_parking = false;
    call->retry_after_ms = 0;
    call->violations.count = 0;
    call->detail_count = 0;
}

// ---- READ ----------------------------------------------------------------------------------

// The calls of a batch see one snapshot: it is younger than every answer its callers have seen.
static void run_read(struct execution *execution)
{
    struct store *store = execution->batch->executor->config.store;
    bool is_alone = execution->own_arena != NULL; // On a pool thread.
    CLEANUP(store_snapshot_end) struct store_txn *own = NULL;
    struct store_txn **txn = is_alone ? &own : &execution->batch->snapshot;
    struct status status = STATUS_SUCCESS;
    if (store != NULL && *txn == NULL) status = store_snapshot_begin(store, txn);
    if (status_ok(status)) status = execution->served->handler(&execution->call, *txn);
    arena_set_limit(execution->call.arena, SIZE_MAX);
    struct envelope_reply answer = make_answer(execution, status);
    store_snapshot_end(&own); // Before the batch may leave.
    send_answer(execution, &answer);
}

// ---- WRITE ---------------------------------------------------------------------------------

static struct execution *execution_of_store_job(struct store_job *job)
{
    return (struct execution *)((char *)job - offsetof(struct execution, job));
}

static const char *arena_text_of(struct arena *arena, struct bytes text)
{
    return text.size > 0 ? arena_text(arena, (const char *)text.data, text.size) : NULL;
}

// The stored bytes lie in the store; what the answer needs of them is copied.
static struct status replay(struct execution *execution, struct bytes stored)
{
    struct arena *arena = execution->call.arena;
    const uint8_t *copy = arena_copy(arena, stored.data, stored.size);
    CHECK(copy != NULL);
    struct envelope_items items = {.at = copy, .end = copy + stored.size};
    struct envelope_answer old;
    struct bytes item;
    if (!envelope_next(&items, &item) || !status_ok(envelope_read_reply(item, &old))) {
        return REFUSE(DATA_LOSS, IDEMPOTENCY_ROW_BROKEN, "a remembered answer is damaged");
    }

    struct rpc_call *call = &execution->call;
    for (size_t i = 0; i < old.violation_count; i++) {
        call->violations.items[call->violations.count++] =
            (struct rpc_violation){.field = arena_text_of(arena, old.violations[i].first),
                                   .reason = arena_text_of(arena, old.violations[i].second)};
    }
    for (size_t i = 0; i < old.detail_count; i++) {
        call->details[call->detail_count++] =
            (struct rpc_detail){.key = arena_text_of(arena, old.details[i].first),
                                .value = arena_text_of(arena, old.details[i].second)};
    }
    execution->answer = (struct envelope_reply){
        .status = {.code = (enum status_code)old.code,
                   .reason = arena_text_of(arena, old.reason),
                   .message = arena_text_of(arena, old.message)},
        .violations = &call->violations,
        .details = call->details,
        .detail_count = call->detail_count,
        .payload = old.payload,
        .replayed = true,
        .not_created = old.not_created,
        .retry_after_ms = old.retry_after_ms,
    };
    return STATUS_SUCCESS;
}

// The answer is kept with the effect it reports: both are committed, or neither.
static void remember(struct execution *execution, struct store_txn *txn)
{
    if (!execution->is_remembered) return;
    struct bytes reply = encode_answer(execution, &execution->answer); // call_id is still 0.
    idempotency_put(txn, &execution->idempotency, execution->call.received_wall_ns, reply);
}

static struct status run_handler(struct execution *execution, struct store_txn *txn)
{
    struct rpc_call *call = &execution->call;
    struct status status = execution->served->handler(call, txn);
    if (!status_ok(status) && !call->refusal_committed) return status;
    arena_set_limit(call->arena, SIZE_MAX);
    execution->answer = make_answer(execution, status);
    remember(execution, txn);
    // A second look, before the group commits. A method that promised to refuse before any change
    // has no savepoint to go back to; its first look was only a moment ago.
    if (!call->method->refuse_before_change && execution_is_expired(execution)) return expired;
    return STATUS_SUCCESS;
}

static struct status run_write(struct store_job *job, struct store_txn *txn)
{
    struct execution *execution = execution_of_store_job(job);
    struct rpc_call *call = &execution->call;
    reset_answer(call);
    arena_set_limit(call->arena, arena_used(call->arena) + handler_bytes_max(call->method));
    if (execution_is_expired(execution)) return expired;
    if (execution->is_remembered) {
        struct bytes stored;
        RETURN_IF_ERROR(idempotency_find(txn, &execution->idempotency, call->received_wall_ns,
                                         call->arena, &stored));
        if (stored.size > 0) return replay(execution, stored);
    }
    return run_handler(execution, txn);
}

static void end_write(struct store_job *job, struct status status)
{
    struct execution *execution = execution_of_store_job(job);
    if (status_ok(status)) {
        send_answer(execution, &execution->answer);
        return;
    }
    bool is_passing = status.code == STATUS_UNAVAILABLE || status.code == STATUS_RESOURCE_EXHAUSTED;
    if (is_passing && execution->call.retry_after_ms == 0) { // Unless the handler knows better.
        execution->call.retry_after_ms = RPC_RETRY_AFTER_OVERLOADED_MS;
    }
    execution_end(execution, status);
}

static void run_write_later(struct execution *execution)
{
    struct rpc_batch *batch = execution->batch;
    struct store_job *job = &execution->job;
    *job = (struct store_job){.run = run_write,
                              .done = end_write,
                              .weight_bytes = (uint32_t)execution->payload.size + 256,
                              .refuse_before_change = execution->call.method->refuse_before_change};
    if (execution->own_arena != NULL) { // On a pool thread: the batch's chain has left already.
        struct status status = store_write_submit(batch->executor->config.store, job);
        if (!status_ok(status)) end_write(job, status);
        return;
    }
    if (batch->last_job != NULL) {
        batch->last_job->next = job;
    } else {
        batch->first_job = job;
    }
    batch->last_job = job;
    batch->job_count++;
}

// ---- POOL ----------------------------------------------------------------------------------

// Runs the handler; false: it waits, and what waits may be under way on another thread already.
static bool run_or_park(struct execution *execution, struct status *ret)
{
    struct rpc_call *call = &execution->call;
    struct parking *parking = execution->batch->executor->parking;
    const struct arena_mark mark = arena_mark(call->arena); // The same before each run.
    for (bool may_park = parking_has_room(parking);; may_park = false) {
        execution->parked =
            (struct parked){.job = &execution->pool_job, .turn = parking_turn(parking)};
        call->may_park = may_park;
        reset_answer(call);
        *ret = execution_is_expired(execution) ? expired : execution->served->handler(call, NULL);
        if (!call->is_parking) return true;
        arena_rewind(call->arena, &mark);
        arena_set_limit(call->arena, arena_used(call->arena) + handler_bytes_max(call->method));
        execution->parked.until_mono_ns = call->park_until_mono_ns;
        if (parking_park(parking, &execution->parked)) return false;
    }
}

static void run_again(struct pool_job *job);

static void run_pooled(struct pool_job *job)
{
    struct execution *execution = execution_of_pool_job(job);
    struct status status;
    job->run = run_again; // If it waits.
    if (run_or_park(execution, &status)) execution_end(execution, status);
}

// A session or a right may have ended while the call waited: its answer is nobody's then.
static void run_again(struct pool_job *job)
{
    struct execution *execution = execution_of_pool_job(job);
    struct parking *parking = execution->batch->executor->parking;
    struct status status;
    if (run_or_park(execution, &status)) {
        if (status_ok(status)) status = execution_authorize_again(execution);
        execution_end(execution, status);
    }
    // The call may be gone by now; the pool's threads end before the parking.
    parking_left(parking);
}

void execution_to_pool(const struct execution *execution, void (*run)(struct pool_job *job))
{
    struct rpc_executor *executor = execution->batch->executor;
    struct arena *arena = arena_pool_take(&executor->arenas, SIZE_MAX);
    struct execution *moved = arena_copy(arena, execution, sizeof *execution);
    CHECK(moved != NULL);
    moved->own_arena = moved->call.arena = arena;
    arena_set_limit(arena, arena_used(arena) + RPC_HANDLER_ARENA_BYTES_MAX);
    moved->pool_job = (struct pool_job){.run = run};
    struct status status = pool_submit(executor->pool, &moved->pool_job);
    if (status_ok(status)) return;
    moved->call.retry_after_ms = RPC_RETRY_AFTER_OVERLOADED_MS;
    execution_end(moved, status);
}

void execution_run(struct execution *execution)
{
    switch (execution->call.method->access) {
    case RPC_ACCESS_READ:
        run_read(execution);
        break;
    case RPC_ACCESS_WRITE:
        run_write_later(execution);
        break;
    case RPC_ACCESS_POOL:
        if (execution->own_arena != NULL) {
            run_pooled(&execution->pool_job); // A slow token check brought it here already.
        } else {
            execution_to_pool(execution, run_pooled);
        }
        break;
    }
}
