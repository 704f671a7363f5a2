// Durable consumers: made, looked at, fetched for, acknowledged, forgotten.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/event/event.h"
#include "services/audit/consumers.h"
#include "services/audit/convert_stream.h"
#include "services/audit/rpc_handlers.h"
#include "services/audit/store_consumer.h"

#include <stdio.h>
#include <string.h>

enum { FETCH_TRIES_MAX = 16 };

// ---- What all of them do -------------------------------------------------------------------

static bool is_of_caller(const struct rpc_call *call, const struct audit_consumer *consumer)
{
    char actor[RPC_ACTOR_BYTES];
    rpc_call_actor(call, actor);
    return bytes_equal(bytes_of_text(actor), consumer->owner);
}

static const struct status of_another = {.code = STATUS_PERMISSION_DENIED,
                                         .reason = "CONSUMER_OF_ANOTHER",
                                         .message = "this consumer was made by another"};

static uint64_t log_size(const struct audit_context *context)
{
    return audit_tail_size(context->service.tail);
}

// The consumer as it will stand once `consumer` is stored.
static struct status make_view(struct rpc_call *call, struct store_txn *txn, const char *name,
                               const struct audit_consumer *consumer, Audit__Consumer **ret)
{
    const struct audit_context *context = call->service;
    struct audit_flight *flight;
    RETURN_IF_ERROR(audit_consumers_lock(context->consumers, txn, consumer, &flight));
    struct audit_flight copy = *flight;
    audit_consumers_unlock(context->consumers);
    const struct audit_consumer_view view = {
        .name = name, .consumer = consumer, .flight = &copy, .size = log_size(context)};
    *ret = audit_convert_view(call, &view);
    return *ret != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

static struct status append_event(struct rpc_call *call, struct store_txn *txn, const char *type,
                                  const char *name, const struct audit_consumer *consumer)
{
    char subject[AUDIT_CONSUMER_NAME_BYTES_MAX + 16];
    snprintf(subject, sizeof subject, "consumers/%s", name);
    const Audit__ConsumerEvent *payload = audit_convert_consumer_event(call, name, consumer);
    if (payload == NULL) return ARENA_STATUS_EXHAUSTED;
    event_append_call(txn, call, type, subject, payload, NULL, 0);
    return STATUS_SUCCESS;
}

// ---- Creating ------------------------------------------------------------------------------

static const struct status start_pruned = {.code = STATUS_FAILED_PRECONDITION,
                                           .reason = "START_PRUNED",
                                           .message =
                                               "the log no longer has the entries to begin with"};

static struct status find_start_by_time(struct store_txn *txn, uint64_t first, uint64_t size,
                                        uint64_t time_ns, uint64_t *ret)
{
    RETURN_IF_ERROR(audit_stream_seek_time(txn, first, size, time_ns, ret));
    // What was pruned may have been younger than that, too.
    return *ret == first && first > 0 ? start_pruned : STATUS_SUCCESS;
}

static struct status find_start(struct rpc_call *call, struct store_txn *txn,
                                struct audit_consumer *consumer)
{
    struct merkle_frontier head;
    uint64_t first, *position = &consumer->acknowledged;
    RETURN_IF_ERROR(audit_store_get_head(txn, &head));
    RETURN_IF_ERROR(audit_store_first_index(txn, &first));
    switch (consumer->start) {
    case AUDIT_START_FIRST:
        *position = first;
        break;
    case AUDIT_START_LAST:
        *position = head.size;
        break;
    case AUDIT_START_INDEX:
        if (consumer->start_value < first) return start_pruned;
        if (consumer->start_value > head.size) {
            return rpc_call_violation(call, "start_index", "OUT_OF_RANGE");
        }
        *position = consumer->start_value;
        break;
    case AUDIT_START_TIME:
        return find_start_by_time(txn, first, head.size, consumer->start_value, position);
    }
    return STATUS_SUCCESS;
}

static struct status reply_same(struct rpc_call *call, struct store_txn *txn, const char *name,
                                const struct audit_consumer *wanted,
                                const struct audit_consumer *existing)
{
    if (!audit_consumer_is_same(wanted, existing)) {
        return REFUSE(ALREADY_EXISTS, CONSUMER_EXISTS,
                      "there is a consumer of this name, by another definition or of another");
    }
    Audit__Consumer *reply;
    RETURN_IF_ERROR(make_view(call, txn, name, existing, &reply));
    call->not_created = true;
    return rpc_call_reply(call, reply);
}

// Its flight begins when it is first looked at: this transaction may still fail.
static struct status reply_new(struct rpc_call *call, const char *name,
                               const struct audit_consumer *consumer)
{
    struct audit_flight flight;
    audit_flight_begin(&flight, consumer, consumer->acknowledged);
    const struct audit_consumer_view view = {
        .name = name, .consumer = consumer, .flight = &flight, .size = log_size(call->service)};
    return rpc_call_reply(call, audit_convert_view(call, &view));
}

struct status audit_rpc_create_consumer(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__CreateConsumerRequest *request = call->request;
    struct bytes name = bytes_of_text(request->name);
    struct audit_consumer consumer, existing;
    char owner[RPC_ACTOR_BYTES];
    RETURN_IF_ERROR(audit_convert_consumer(call, request, &consumer));
    rpc_call_actor(call, owner);
    consumer.owner = bytes_of_text(owner);
    struct status status = audit_store_get_consumer(txn, name, &existing);
    if (status_ok(status)) return reply_same(call, txn, request->name, &consumer, &existing);
    if (status.code != STATUS_NOT_FOUND) return status;

    uint64_t floor;
    size_t count;
    RETURN_IF_ERROR(audit_store_consumer_floor(txn, &floor, &count));
    if (count >= AUDIT_CONSUMERS_MAX) {
        return REFUSE(FAILED_PRECONDITION, TOO_MANY_CONSUMERS, "there are 256 consumers already");
    }
    RETURN_IF_ERROR(find_start(call, txn, &consumer));
    consumer.id = id128_generate();
    consumer.created_at_ns = clock_wall_ns();
    audit_store_put_consumer(txn, name, &consumer);
    RETURN_IF_ERROR(append_event(call, txn, "audit.consumer.created", request->name, &consumer));
    return reply_new(call, request->name, &consumer);
}

// ---- Looking -------------------------------------------------------------------------------

struct status audit_rpc_get_consumer(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__ConsumerRequest *request = call->request;
    struct audit_consumer consumer;
    Audit__Consumer *reply;
    RETURN_IF_ERROR(audit_store_get_consumer(txn, bytes_of_text(request->name), &consumer));
    RETURN_IF_ERROR(make_view(call, txn, request->name, &consumer, &reply));
    return rpc_call_reply(call, reply);
}

struct status audit_rpc_list_consumers(struct rpc_call *call, struct store_txn *txn)
{
    Audit__ListConsumersResponse *reply =
        RPC_NEW(call, Audit__ListConsumersResponse, audit__list_consumers_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->consumers =
        arena_alloc(call->arena, AUDIT_CONSUMERS_MAX * sizeof(struct Audit__Consumer *));
    if (reply->consumers == NULL) return ARENA_STATUS_EXHAUSTED;
    CLEANUP(audit_consumer_walk_end) struct audit_consumer_walk walk;
    for (audit_consumer_walk_begin(txn, &walk);
         reply->n_consumers < AUDIT_CONSUMERS_MAX && audit_consumer_walk_next(&walk);) {
        const char *name = arena_text(call->arena, (const char *)walk.name.data, walk.name.size);
        if (name == NULL) return ARENA_STATUS_EXHAUSTED;
        RETURN_IF_ERROR(
            make_view(call, txn, name, &walk.consumer, &reply->consumers[reply->n_consumers++]));
    }
    RETURN_IF_ERROR(walk.status);
    return rpc_call_reply(call, reply);
}

// ---- Forgetting ----------------------------------------------------------------------------

struct status audit_rpc_delete_consumer(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__ConsumerRequest *request = call->request;
    struct audit_consumer consumer;
    RETURN_IF_ERROR(audit_store_get_consumer(txn, bytes_of_text(request->name), &consumer));
    bool may_operate = rpc_call_scope(call, "system.control") == RPC_SCOPE_ALL;
    if (!is_of_caller(call, &consumer) && !may_operate) return of_another;
    // The record's texts are in the store: told first, deleted then.
    RETURN_IF_ERROR(append_event(call, txn, "audit.consumer.deleted", request->name, &consumer));
    audit_store_delete_consumer(txn, bytes_of_text(request->name));
    return rpc_call_reply(
        call, RPC_NEW(call, Audit__DeleteConsumerResponse, audit__delete_consumer_response__init));
}

// ---- Fetching ------------------------------------------------------------------------------

/// One look at the log for a consumer: from where to where, and what was found.
struct fetch {
    struct rpc_call *call;
    struct audit_consumers *consumers;
    const Audit__FetchRequest *request;
    struct audit_consumer consumer;
    uint64_t size;     // Of the log.
    uint64_t from, to; // What was looked at this time.
    uint64_t first;    // Where the answer begins: before `from` when the call has waited.
    uint64_t epoch;    // Of the flight while it was looked.
    uint64_t due_ns;   // What is delivered already comes again then.
    uint64_t lazy;     // Settled and not stored yet: entries.
    uint64_t settled, redeliveries;
    uint32_t attempts_first; // Of the entries below again_below.
    uint64_t again_below;
    bool is_superseded;
    struct audit_deliveries deliveries;
};

static void look_at_flight(struct fetch *fetch, const struct audit_flight *flight)
{
    fetch->from = fetch->to = flight->delivered;
    fetch->epoch = flight->epoch;
    fetch->due_ns = audit_flight_due(flight);
    fetch->attempts_first = flight->attempt;
    fetch->again_below = flight->again_below;
}

/// What a fetch knows when it runs again.
enum { NOTED_EPOCH, NOTED_FIRST, NOTED_POSITION }; // The position is where it looked last.

// Whether somebody else took events since this call looked. Perhaps the one that was there before
// and is dead: a call that is to begin again is given those, too; another one's answer begins
// behind them, so that its caller sees the gap.
static bool was_overtaken(const struct rpc_call *call, const struct audit_flight *flight)
{
    return call->noted[NOTED_EPOCH] != 0 && call->noted[NOTED_POSITION] != flight->delivered;
}

static void go_back(const struct fetch *fetch, struct audit_flight *flight)
{
    bool is_first_run = fetch->call->noted[NOTED_EPOCH] == 0;
    bool begins_again = is_first_run || was_overtaken(fetch->call, flight);
    if (fetch->request->restart && begins_again) audit_flight_restart(flight);
    audit_flight_expire(flight, clock_mono_ns());
}

static void note_flight(struct rpc_call *call, const struct audit_flight *flight)
{
    bool goes_on = call->noted[NOTED_EPOCH] == flight->epoch && !was_overtaken(call, flight);
    if (!goes_on) call->noted[NOTED_FIRST] = flight->delivered;
    call->noted[NOTED_EPOCH] = flight->epoch;
    call->noted[NOTED_POSITION] = flight->delivered;
}

// Goes back where that is asked for or due. A call that waited for another epoch has nothing to say
// any more: whoever began again is given everything.
static struct status begin_fetch(struct fetch *fetch, struct store_txn *txn)
{
    struct rpc_call *call = fetch->call;
    struct audit_flight *flight;
    RETURN_IF_ERROR(audit_consumers_lock(fetch->consumers, txn, &fetch->consumer, &flight));
    uint64_t noted_epoch = call->noted[NOTED_EPOCH];
    fetch->is_superseded = noted_epoch != 0 && noted_epoch != flight->epoch;
    struct status status = STATUS_SUCCESS;
    if (!fetch->is_superseded) {
        go_back(fetch, flight);
        status = audit_flight_check_room(flight);
        note_flight(call, flight);
    }
    look_at_flight(fetch, flight);
    fetch->first = call->noted[NOTED_FIRST];
    audit_consumers_unlock(fetch->consumers);
    return status;
}

static struct status read_events(struct fetch *fetch, struct store_txn *txn)
{
    CLEANUP(audit_stream_end) struct audit_stream stream;
    uint64_t size = fetch->size > fetch->from ? fetch->size : fetch->from;
    audit_stream_begin(txn, &fetch->consumer.filter, fetch->from, size, &stream);
    RETURN_IF_ERROR(audit_deliveries_fill(fetch->call, &stream, &fetch->deliveries));
    fetch->to = stream.next;
    for (size_t i = 0; i < fetch->deliveries.count; i++) {
        Audit__Delivery *delivery = fetch->deliveries.items[i];
        bool is_again = delivery->event->index < fetch->again_below;
        delivery->attempt = is_again ? fetch->attempts_first : 1;
    }
    return STATUS_SUCCESS;
}

// false: another fetch of the same consumer was quicker, or it went back.
static struct status end_fetch(struct fetch *fetch, struct store_txn *txn, bool *ret_delivered)
{
    uint64_t due_ns = clock_mono_ns() + fetch->consumer.ack_wait_ms * NS_PER_MS;
    struct audit_flight *flight;
    RETURN_IF_ERROR(audit_consumers_lock(fetch->consumers, txn, &fetch->consumer, &flight));
    *ret_delivered = audit_flight_deliver(flight, fetch->epoch, fetch->from, fetch->to,
                                          fetch->deliveries.count, due_ns);
    fetch->settled = audit_flight_settled(flight);
    fetch->redeliveries = flight->redeliveries;
    audit_consumers_unlock(fetch->consumers);
    if (*ret_delivered) fetch->call->noted[NOTED_POSITION] = fetch->to;
    uint64_t stored = fetch->consumer.acknowledged;
    fetch->lazy = fetch->settled > stored ? fetch->settled - stored : 0;
    return STATUS_SUCCESS;
}

static struct status try_fetch(struct fetch *fetch, bool *ret_delivered)
{
    const struct audit_context *context = fetch->call->service;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    fetch->size = log_size(context); // Durable, and in the snapshot that begins now.
    RETURN_IF_ERROR(store_snapshot_begin(context->service.store, &txn));
    RETURN_IF_ERROR(
        audit_store_get_consumer(txn, bytes_of_text(fetch->request->name), &fetch->consumer));
    if (!is_of_caller(fetch->call, &fetch->consumer)) return of_another;
    RETURN_IF_ERROR(begin_fetch(fetch, txn));
    *ret_delivered = true;
    if (fetch->is_superseded) return STATUS_SUCCESS;
    RETURN_IF_ERROR(read_events(fetch, txn));
    return end_fetch(fetch, txn, ret_delivered);
}

static const struct status fetched_concurrently = {.code = STATUS_ABORTED,
                                                   .reason = "FETCHED_CONCURRENTLY",
                                                   .message = "others fetch for this consumer"};

static struct status reply_fetch(struct fetch *fetch)
{
    // "Nothing is acknowledged" cannot be said: 0 is the first entry, which the other may have.
    if (fetch->is_superseded && fetch->consumer.acknowledged == 0) return fetched_concurrently;
    Audit__FetchResponse *reply =
        RPC_NEW(fetch->call, Audit__FetchResponse, audit__fetch_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    // Superseded: what it says must not acknowledge what it did not give.
    uint64_t upto = fetch->is_superseded ? fetch->consumer.acknowledged : fetch->to;
    reply->deliveries = fetch->deliveries.items;
    reply->n_deliveries = fetch->deliveries.count;
    reply->from_index = fetch->is_superseded ? upto : fetch->first;
    reply->ack_upto = upto > 0 ? upto - 1 : 0;
    reply->lag = fetch->size > upto ? fetch->size - upto : 0;
    return rpc_call_reply(fetch->call, reply);
}

static uint64_t fetch_until(const struct fetch *fetch)
{
    uint64_t until_ns = fetch->call->received_mono_ns + fetch->request->wait_ms * NS_PER_MS;
    return fetch->due_ns < until_ns ? fetch->due_ns : until_ns;
}

struct status audit_rpc_fetch(struct rpc_call *call, struct store_txn *no_txn)
{
    (void)no_txn; // POOL: snapshots of its own.
    const struct audit_context *context = call->service;
    const Audit__FetchRequest *request = call->request;
    struct fetch fetch;
    const struct arena_mark mark = arena_mark(call->arena);
    bool is_delivered = false;
    for (int tries = 0; !is_delivered; tries++) {
        if (tries == FETCH_TRIES_MAX) return fetched_concurrently;
        arena_rewind(call->arena, &mark);
        fetch = (struct fetch){.call = call,
                               .consumers = context->consumers,
                               .request = request,
                               .deliveries = audit_deliveries_of(request->max, request->max_bytes)};
        RETURN_IF_ERROR(try_fetch(&fetch, &is_delivered));
    }
    if (fetch.lazy >= AUDIT_LAZY_ENTRIES) {
        RETURN_IF_ERROR(audit_consumers_save(fetch.consumers, request->name, fetch.consumer.id,
                                             fetch.settled, fetch.redeliveries));
    }
    bool has_nothing = fetch.deliveries.count == 0 && fetch.to >= fetch.size;
    uint64_t until_ns = fetch_until(&fetch);
    if (has_nothing && !fetch.is_superseded && rpc_call_may_park(call, until_ns)) {
        return rpc_call_park(call, until_ns);
    }
    return reply_fetch(&fetch);
}

// ---- Acknowledging -------------------------------------------------------------------------

// On the writer's thread, and perhaps run again: the flight is only looked at. It follows what is
// stored when somebody looks at it next.
static struct status acknowledge(struct rpc_call *call, struct store_txn *txn,
                                 struct audit_consumer *consumer, struct audit_flight *ret_then)
{
    const struct audit_context *context = call->service;
    const Audit__AckRequest *request = call->request;
    struct audit_flight *flight;
    uint64_t acknowledged;
    RETURN_IF_ERROR(audit_consumers_lock(context->consumers, txn, consumer, &flight));
    *ret_then = *flight;
    audit_consumers_unlock(context->consumers);
    RETURN_IF_ERROR(audit_flight_acknowledge(ret_then, request->upto, &acknowledged));
    if (acknowledged <= consumer->acknowledged) return STATUS_SUCCESS;
    consumer->acknowledged = acknowledged;
    consumer->redeliveries = ret_then->redeliveries;
    audit_flight_follow(ret_then, consumer);
    audit_store_put_consumer(txn, bytes_of_text(request->name), consumer);
    return STATUS_SUCCESS;
}

struct status audit_rpc_ack(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__AckRequest *request = call->request;
    struct audit_consumer consumer;
    struct audit_flight then;
    RETURN_IF_ERROR(audit_store_get_consumer(txn, bytes_of_text(request->name), &consumer));
    if (!is_of_caller(call, &consumer)) return of_another;
    RETURN_IF_ERROR(acknowledge(call, txn, &consumer, &then));
    // Its texts lay in the store, where the write may have moved them.
    RETURN_IF_ERROR(audit_store_get_consumer(txn, bytes_of_text(request->name), &consumer));
    const struct audit_consumer_view view = {.name = request->name,
                                             .consumer = &consumer,
                                             .flight = &then,
                                             .size = log_size(call->service)};
    return rpc_call_reply(call, audit_convert_view(call, &view));
}
