#include "services/audit/convert_stream.h"

#include "common/base/check.h"
#include "common/event/types.h"
#include "common/rpc/limits.h"
#include "services/audit/event_json.h"
#include "services/audit/record_consumer.h"

#include <string.h>

enum {
    COUNT_DEFAULT = 256,
    BYTES_DEFAULT = 1 << 20,
    BYTES_MAX = 4 << 20,
    ITEM_OVERHEAD_BYTES = 8, // Tag and size of one message in the list.
};

static_assert(BYTES_MAX < RPC_MESSAGE_BYTES_MAX - (1 << 20), "an answer fits a message");

// ---- Filters -------------------------------------------------------------------------------

static struct status take_types(char *const *types, size_t count, struct audit_stream_filter *ret)
{
    CHECK(count <= AUDIT_STREAM_TYPES_MAX); // items_max.
    for (size_t i = 0; i < count; i++) {
        ret->types[i] = bytes_of_text(types[i]);
        RETURN_IF_ERROR(event_pattern_check(ret->types[i]));
    }
    ret->type_count = count;
    return STATUS_SUCCESS;
}

struct status audit_convert_read(struct rpc_call *call, const struct Audit__ReadLogRequest *request,
                                 char ret_user[static AUDIT_STREAM_USER_BYTES],
                                 struct audit_stream_filter *ret)
{
    (void)call;
    *ret = (struct audit_stream_filter){0};
    if (request->user_id.len > 0) {
        CHECK(request->user_id.len == ID128_BYTES); // format: UUID.
        memcpy(ret_user, "users/", 6);
        id128_format(id128_of(request->user_id.data), ret_user + 6);
        ret->user = bytes_of_text(ret_user);
    }
    return take_types(request->types, request->n_types, ret);
}

// ---- Consumers -----------------------------------------------------------------------------

static struct status take_start(struct rpc_call *call,
                                const struct Audit__CreateConsumerRequest *request,
                                struct audit_consumer *ret)
{
    static const enum audit_consumer_start starts[] = {
        [AUDIT__CONSUMER_START__CONSUMER_START_UNSPECIFIED] = AUDIT_START_LAST,
        [AUDIT__CONSUMER_START__FIRST] = AUDIT_START_FIRST,
        [AUDIT__CONSUMER_START__LAST] = AUDIT_START_LAST,
        [AUDIT__CONSUMER_START__INDEX] = AUDIT_START_INDEX,
        [AUDIT__CONSUMER_START__TIME] = AUDIT_START_TIME,
    };

    CHECK((size_t)request->start < sizeof starts / sizeof starts[0]); // Validated: a known number.
    ret->start = starts[request->start];
    if (request->start_index != 0 && ret->start != AUDIT_START_INDEX) {
        return rpc_call_violation(call, "start_index", "ONLY_WITH_START_INDEX");
    }
    if ((request->start_time != 0) != (ret->start == AUDIT_START_TIME)) {
        const char *reason = request->start_time != 0 ? "ONLY_WITH_START_TIME" : "REQUIRED";
        return rpc_call_violation(call, "start_time", reason);
    }
    ret->start_value = ret->start == AUDIT_START_TIME ? request->start_time : request->start_index;
    return STATUS_SUCCESS;
}

struct status audit_convert_consumer(struct rpc_call *call,
                                     const struct Audit__CreateConsumerRequest *request,
                                     struct audit_consumer *ret)
{
    *ret = (struct audit_consumer){
        .ack_wait_ms = request->ack_wait_ms != 0 ? request->ack_wait_ms : AUDIT_ACK_WAIT_MS_DEFAULT,
        .filter = {.actor = bytes_of_text(request->actor),
                   .resource = bytes_of_text(request->resource),
                   .outcome = bytes_of_text(request->outcome)}};
    if (ret->ack_wait_ms < AUDIT_ACK_WAIT_MS_MIN) {
        return rpc_call_violation(call, "ack_wait_ms", "OUT_OF_RANGE");
    }
    RETURN_IF_ERROR(take_types(request->types, request->n_types, &ret->filter));
    return take_start(call, request, ret);
}

static char *copy_text(struct rpc_call *call, struct bytes text)
{
    return arena_text(call->arena, (const char *)text.data, text.size);
}

// false: the arena is exhausted.
static bool copy_filter(struct rpc_call *call, const struct audit_consumer *consumer, char **actor,
                        char **resource, char **outcome, char **owner)
{
    *actor = copy_text(call, consumer->filter.actor);
    *resource = copy_text(call, consumer->filter.resource);
    *outcome = copy_text(call, consumer->filter.outcome);
    *owner = copy_text(call, consumer->owner);
    return *actor != NULL && *resource != NULL && *outcome != NULL && *owner != NULL;
}

static char **copy_types(struct rpc_call *call, const struct audit_stream_filter *filter)
{
    char **types = arena_alloc(call->arena, filter->type_count * sizeof *types);
    for (size_t i = 0; types != NULL && i < filter->type_count; i++)
        if ((types[i] = copy_text(call, filter->types[i])) == NULL) return NULL;
    return types;
}

Audit__Consumer *audit_convert_view(struct rpc_call *call, const struct audit_consumer_view *view)
{
    const struct audit_consumer *consumer = view->consumer;
    Audit__Consumer *message = RPC_NEW(call, Audit__Consumer, audit__consumer__init);
    if (message == NULL) return NULL;
    message->name = copy_text(call, bytes_of_text(view->name));
    message->types = copy_types(call, &consumer->filter);
    if (message->name == NULL || message->types == NULL ||
        !copy_filter(call, consumer, &message->actor, &message->resource, &message->outcome,
                     &message->owner)) {
        return NULL;
    }
    uint64_t settled = audit_flight_settled(view->flight);
    message->n_types = consumer->filter.type_count;
    message->created_at = consumer->created_at_ns;
    message->ack_wait_ms = consumer->ack_wait_ms;
    message->next_index = settled;
    message->lag = view->size > settled ? view->size - settled : 0;
    message->delivered = view->flight->delivered;
    message->redeliveries = view->flight->redeliveries;
    return message;
}

Audit__ConsumerEvent *audit_convert_consumer_event(struct rpc_call *call, const char *name,
                                                   const struct audit_consumer *consumer)
{
    Audit__ConsumerEvent *message =
        RPC_NEW(call, Audit__ConsumerEvent, audit__consumer_event__init);
    if (message == NULL) return NULL;
    message->name = copy_text(call, bytes_of_text(name));
    message->types = copy_types(call, &consumer->filter);
    if (message->name == NULL || message->types == NULL ||
        !copy_filter(call, consumer, &message->actor, &message->resource, &message->outcome,
                     &message->owner)) {
        return NULL;
    }
    message->n_types = consumer->filter.type_count;
    message->next_index = consumer->acknowledged;
    return message;
}

// ---- Deliveries ----------------------------------------------------------------------------

struct audit_deliveries audit_deliveries_of(uint32_t count_max, uint32_t bytes_max)
{
    return (struct audit_deliveries){
        .count_max = count_max != 0 ? count_max : COUNT_DEFAULT,
        .bytes_max = bytes_max == 0          ? BYTES_DEFAULT
                     : bytes_max < BYTES_MAX ? bytes_max
                                             : BYTES_MAX,
    };
}

// Whether it was added: it may be one too many, and then it leaves no trace in the arena.
static struct status add_delivery(struct rpc_call *call, const struct audit_event *event,
                                  struct audit_deliveries *deliveries, bool *ret_added)
{
    *ret_added = false;
    if (deliveries->items == NULL) {
        deliveries->items =
            arena_alloc(call->arena, deliveries->count_max * sizeof *deliveries->items);
        if (deliveries->items == NULL) return ARENA_STATUS_EXHAUSTED;
    }
    struct arena_mark mark = arena_mark(call->arena);
    Audit__Delivery *delivery;
    struct status status = audit_delivery_make(event, call->arena, &delivery);
    size_t bytes = 0;
    if (status_ok(status)) {
        bytes = audit__delivery__get_packed_size(delivery) + ITEM_OVERHEAD_BYTES;
    }
    bool is_too_much = !status_ok(status) || deliveries->bytes + bytes > deliveries->bytes_max;
    if (is_too_much && deliveries->count > 0) { // The next answer has it.
        arena_rewind(call->arena, &mark);
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    deliveries->items[deliveries->count++] = delivery;
    deliveries->bytes += bytes;
    *ret_added = true;
    return STATUS_SUCCESS;
}

struct status audit_deliveries_fill(struct rpc_call *call, struct audit_stream *stream,
                                    struct audit_deliveries *deliveries)
{
    while (deliveries->count < deliveries->count_max) {
        struct audit_event event;
        bool found, is_added;
        RETURN_IF_ERROR(audit_stream_next(stream, &event, &found));
        if (!found) return STATUS_SUCCESS;
        RETURN_IF_ERROR(add_delivery(call, &event, deliveries, &is_added));
        if (!is_added) {
            stream->next = event.index;
            return STATUS_SUCCESS;
        }
    }
    return STATUS_SUCCESS;
}
