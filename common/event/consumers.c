#include "common/event/consumers.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "florin/event/v1/event.pb-c.h"

#include <stdio.h>

enum { CONSUMER_VERSION = 1, NAME_BYTES = 192 };

// ---- Rows ----------------------------------------------------------------------------------

struct status outbox_consumer_decode(struct bytes value, struct outbox_consumer *ret)
{
    if (value.size != OUTBOX_CONSUMER_BYTES || value.data[0] != CONSUMER_VERSION) {
        return REFUSE(DATA_LOSS, EVENT_CONSUMER_BROKEN, "a row of event_consumers is damaged");
    }
    ret->acknowledged_seq = get_u64_be(value.data + 1);
    ret->at_wall_ns = get_u64_be(value.data + 9);
    return STATUS_SUCCESS;
}

static void put(struct store_txn *txn, struct bytes name, const struct outbox_consumer *consumer)
{
    uint8_t value[OUTBOX_CONSUMER_BYTES] = {CONSUMER_VERSION};
    put_u64_be(value + 1, consumer->acknowledged_seq);
    put_u64_be(value + 9, consumer->at_wall_ns);
    store_put(txn, OUTBOX_TABLE_CONSUMERS, name, bytes_of(value, sizeof value));
}

struct status outbox_acknowledged_by_all(struct store_txn *txn, uint64_t *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, OUTBOX_TABLE_CONSUMERS, &cursor);
    uint64_t lowest = UINT64_MAX;
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor)) {
        struct outbox_consumer consumer;
        RETURN_IF_ERROR(outbox_consumer_decode(cursor.value, &consumer));
        if (consumer.acknowledged_seq < lowest) lowest = consumer.acknowledged_seq;
    }
    *ret = lowest == UINT64_MAX ? 0 : lowest;
    return STATUS_SUCCESS;
}

static size_t count_rows(struct store_txn *txn)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, OUTBOX_TABLE_CONSUMERS, &cursor);
    size_t count = 0;
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor))
        count++;
    return count;
}

// ---- Acknowledge ---------------------------------------------------------------------------

struct status outbox_acknowledge(struct rpc_call *call, struct store_txn *txn)
{
    const struct event_outbox *outbox = call->service;
    const Eventlog__AcknowledgeRequest *request = call->request;
    if (request->upto_seq > event_outbox_head(outbox)) {
        return REFUSE(OUT_OF_RANGE, SEQ_AHEAD_OF_LOG,
                      "the log ends before this seq: was it restored from an older copy?");
    }
    char actor[RPC_ACTOR_BYTES], text[NAME_BYTES];
    rpc_call_actor(call, actor);
    int size = snprintf(text, sizeof text, "%s/%s", actor, request->consumer);
    CHECK(size > 0 && (size_t)size < sizeof text);
    struct bytes name = bytes_of(text, (size_t)size), row;
    struct status known = store_get(txn, OUTBOX_TABLE_CONSUMERS, name, &row);
    if (known.code == STATUS_NOT_FOUND && count_rows(txn) >= OUTBOX_CONSUMERS_MAX) {
        return REFUSE(FAILED_PRECONDITION, TOO_MANY_CONSUMERS,
                      "256 consumers are registered: let one go that will not come back");
    }
    Eventlog__AcknowledgeResponse *reply =
        RPC_NEW(call, Eventlog__AcknowledgeResponse, eventlog__acknowledge_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    // Also backwards: a consumer that was restored from an older copy needs its events again.
    put(txn, name,
        &(struct outbox_consumer){.acknowledged_seq = request->upto_seq,
                                  .at_wall_ns = clock_wall_ns()});
    return rpc_call_reply(call, reply);
}

// ---- Listing and letting go ----------------------------------------------------------------

static struct status convert(struct rpc_call *call, struct bytes name, struct bytes row,
                             Eventlog__Consumer **ret)
{
    struct outbox_consumer consumer;
    RETURN_IF_ERROR(outbox_consumer_decode(row, &consumer));
    Eventlog__Consumer *message = RPC_NEW(call, Eventlog__Consumer, eventlog__consumer__init);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    message->name = (char *)arena_text(call->arena, (const char *)name.data, name.size);
    if (message->name == NULL) return ARENA_STATUS_EXHAUSTED;
    message->acknowledged_seq = consumer.acknowledged_seq;
    message->acknowledged_at_ns = consumer.at_wall_ns;
    *ret = message;
    return STATUS_SUCCESS;
}

struct status outbox_list_consumers(struct rpc_call *call, struct store_txn *txn)
{
    const struct event_outbox *outbox = call->service;
    Eventlog__ListConsumersResponse *reply =
        RPC_NEW(call, Eventlog__ListConsumersResponse, eventlog__list_consumers_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->head_seq = event_outbox_head(outbox);
    reply->first_seq = outbox_first_seq(txn, reply->head_seq);
    // As many as there are: an older version set no limit.
    reply->consumers = arena_alloc(call->arena, count_rows(txn) * sizeof *reply->consumers);
    if (reply->consumers == NULL) return ARENA_STATUS_EXHAUSTED;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, OUTBOX_TABLE_CONSUMERS, &cursor);
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor)) {
        RETURN_IF_ERROR(
            convert(call, cursor.key, cursor.value, &reply->consumers[reply->n_consumers]));
        reply->n_consumers++;
    }
    return rpc_call_reply(call, reply);
}

struct status outbox_forget_consumer(struct rpc_call *call, struct store_txn *txn)
{
    const struct event_outbox *outbox = call->service;
    const Eventlog__ForgetConsumerRequest *request = call->request;
    struct bytes name = bytes_of_text(request->name), row;
    RETURN_IF_ERROR(store_get_or(
        txn, OUTBOX_TABLE_CONSUMERS, name,
        REFUSE(NOT_FOUND, CONSUMER_NOT_FOUND, "no consumer of this name is registered here"),
        &row));
    Eventlog__ConsumerForgottenEvent told = EVENTLOG__CONSUMER_FORGOTTEN_EVENT__INIT;
    RETURN_IF_ERROR(convert(call, name, row, &told.consumer));
    told.head_seq = event_outbox_head(outbox);
    char type[EVENT_NAME_BYTES], subject[EVENT_NAME_BYTES];
    snprintf(type, sizeof type, "%s.consumer.forgotten", outbox->source);
    snprintf(subject, sizeof subject, "services/%s", outbox->source);
    event_append_call(txn, call, type, subject, &told, NULL, 0);
    store_delete(txn, OUTBOX_TABLE_CONSUMERS, name);
    return rpc_call_reply(call, RPC_NEW(call, Eventlog__ForgetConsumerResponse,
                                        eventlog__forget_consumer_response__init));
}
