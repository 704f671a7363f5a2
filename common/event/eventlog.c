#include "common/base/clock.h"
#include "common/event/consumers.h"
#include "florin/event/v1/event.pb-c.h"
#include "florin/event/v1/event_methods.h"

#include <stdio.h>

enum {
    READ_LIMIT_DEFAULT = 1000,
    READ_BYTES_MAX = 4 * 1024 * 1024 - 64 * 1024,
    READ_ARENA_BYTES_MAX = 16 * 1024 * 1024, // The reply, and once more in packed form.
    BATCH_EVENTS_FIELD = 3,
};

// ---- Read ----------------------------------------------------------------------------------

/// Which rows an answer holds: a run of consecutive events.
struct run {
    uint64_t first_seq, last_seq;
    size_t count, tagged_bytes;
};

static struct status time_of(struct store_txn *txn, uint64_t seq, uint64_t *ret_ns)
{
    uint8_t key[OUTBOX_KEY_BYTES];
    struct bytes packed;
    struct event_head head;
    RETURN_IF_ERROR(store_get(txn, OUTBOX_TABLE_EVENTS, outbox_key(seq, key), &packed));
    RETURN_IF_ERROR(event_peek(packed, &head));
    *ret_ns = head.time_ns;
    return STATUS_SUCCESS;
}

// The first event from `low` to `high` that is not older than not_before_ns, or high + 1. Times
// rise with seq but for a stepping wall clock, which whoever asks by time has to allow for anyway.
static struct status seek_time(struct store_txn *txn, uint64_t low, uint64_t high,
                               uint64_t not_before_ns, uint64_t *ret)
{
    while (low <= high) {
        uint64_t middle = low + (high - low) / 2, time_ns;
        RETURN_IF_ERROR(time_of(txn, middle, &time_ns));
        if (time_ns < not_before_ns) {
            low = middle + 1;
        } else {
            high = middle - 1; // Sequence begins at 1: no wrap.
        }
    }
    *ret = low;
    return STATUS_SUCCESS;
}

static struct status find_first(struct rpc_call *call, struct store_txn *txn,
                                const Eventlog__ReadRequest *request, uint64_t head, uint64_t *ret)
{
    uint64_t first = request->after_seq + 1;
    uint64_t kept = outbox_first_seq(txn, head);
    if (request->not_before_ns != 0) {
        return seek_time(txn, first > kept ? first : kept, head, request->not_before_ns, ret);
    }
    if (first < kept) {
        char text[24];
        snprintf(text, sizeof text, "%llu", (unsigned long long)kept);
        rpc_call_detail(call, "first_seq", text);
        return REFUSE(OUT_OF_RANGE, SEQ_TRIMMED, "events after this seq have been trimmed away");
    }
    *ret = first;
    return STATUS_SUCCESS;
}

// How much of the log from run->first_seq to head goes into one answer; at least one event.
static void measure_run(struct store_txn *txn, uint64_t head, size_t limit, struct run *run)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, OUTBOX_TABLE_EVENTS, &cursor);
    uint8_t key[OUTBOX_KEY_BYTES];
    bool row = store_cursor_seek(&cursor, outbox_key(run->first_seq, key));
    for (; row && run->count < limit; row = store_cursor_next(&cursor)) {
        if (run->first_seq + run->count > head) break;
        size_t size = event_tagged_size(cursor.value.size);
        if (run->count > 0 && run->tagged_bytes + size > READ_BYTES_MAX) break;
        run->tagged_bytes += size;
        run->count++;
    }
    run->last_seq = run->first_seq + run->count - 1;
}

static struct status copy_run(struct rpc_call *call, struct store_txn *txn, const struct run *run,
                              struct bytes *ret)
{
    uint8_t *copy = arena_alloc(call->arena, run->tagged_bytes);
    if (copy == NULL) return ARENA_STATUS_EXHAUSTED;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, OUTBOX_TABLE_EVENTS, &cursor);
    uint8_t key[OUTBOX_KEY_BYTES], *to = copy;
    bool row = store_cursor_seek(&cursor, outbox_key(run->first_seq, key));
    for (size_t i = 0; i < run->count; i++, row = store_cursor_next(&cursor)) {
        if (!row || get_u64_be(cursor.key.data) != run->first_seq + i) {
            return REFUSE(DATA_LOSS, EVENT_GAP, "the outbox lacks an event");
        }
        to += event_tag_pack(cursor.value.size, to);
        memcpy(to, cursor.value.data, cursor.value.size);
        to += cursor.value.size;
    }
    *ret = bytes_of(copy, (size_t)(to - copy));
    return STATUS_SUCCESS;
}

static struct status fill_ancestors(struct rpc_call *call, const struct event_outbox *outbox,
                                    Eventlog__EventBatch *reply)
{
    size_t count = outbox->ancestor_count;
    Eventlog__LogAncestor *items = arena_alloc(call->arena, count * sizeof *items);
    reply->ancestors = arena_alloc(call->arena, count * sizeof *reply->ancestors);
    if (items == NULL || reply->ancestors == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        eventlog__log_ancestor__init(&items[i]);
        items[i].log_id = outbox->ancestors[i].log_id;
        items[i].head_seq = outbox->ancestors[i].head_seq;
        reply->ancestors[i] = &items[i];
    }
    reply->n_ancestors = count;
    return STATUS_SUCCESS;
}

// The events are in wire form already. As one unknown field they go into the reply as they are:
// protobuf-c writes its tag and copies its bytes, which hold the tags of the further events.
static struct status reply_events(struct rpc_call *call, const struct event_outbox *outbox,
                                  uint64_t head, struct bytes tagged)
{
    Eventlog__EventBatch *reply = RPC_NEW(call, Eventlog__EventBatch, eventlog__event_batch__init);
    ProtobufCMessageUnknownField *events = arena_alloc(call->arena, sizeof *events);
    if (reply == NULL || events == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->source = (char *)outbox->source;
    reply->head_seq = head;
    reply->log_id = store_id(outbox->store);
    RETURN_IF_ERROR(fill_ancestors(call, outbox, reply));
    if (tagged.size > 0) {
        *events = (ProtobufCMessageUnknownField){.tag = BATCH_EVENTS_FIELD,
                                                 .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
                                                 .len = tagged.size - 1,
                                                 .data = (uint8_t *)tagged.data + 1};
        reply->base.n_unknown_fields = 1;
        reply->base.unknown_fields = events;
    }
    return rpc_call_reply(call, reply);
}

static struct status handle_read(struct rpc_call *call, struct store_txn *no_txn)
{
    (void)no_txn; // POOL: an own snapshot, begun when there is something to read.
    struct event_outbox *outbox = call->service;
    const Eventlog__ReadRequest *request = call->request;
    uint64_t head = event_outbox_head(outbox);
    if (request->after_seq > head) {
        return REFUSE(OUT_OF_RANGE, SEQ_AHEAD_OF_LOG,
                      "the log ends before this seq: was it restored from an older copy?");
    }
    uint64_t until_ns = call->received_mono_ns + request->wait_ms * NS_PER_MS;
    if (request->after_seq == head && rpc_call_may_park(call, until_ns)) {
        return rpc_call_park(call, until_ns);
    }
    struct bytes tagged = {0};
    if (request->after_seq < head) {
        arena_set_limit(call->arena, READ_ARENA_BYTES_MAX);
        CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
        RETURN_IF_ERROR(store_snapshot_begin(outbox->store, &txn));
        struct run run = {0};
        RETURN_IF_ERROR(find_first(call, txn, request, head, &run.first_seq));
        measure_run(txn, head, request->limit != 0 ? request->limit : READ_LIMIT_DEFAULT, &run);
        if (run.count > 0) RETURN_IF_ERROR(copy_run(call, txn, &run, &tagged));
    }
    return reply_events(call, outbox, head, tagged);
}

static const rpc_handler handlers[EVENT_METHOD_COUNT] = {
    [EVENT_READ] = handle_read,
    [EVENT_ACKNOWLEDGE] = outbox_acknowledge,
    [EVENT_LIST_CONSUMERS] = outbox_list_consumers,
    [EVENT_FORGET_CONSUMER] = outbox_forget_consumer,
};

struct rpc_service event_outbox_service(struct event_outbox *outbox)
{
    return (struct rpc_service){.methods = event_methods,
                                .handlers = handlers,
                                .count = EVENT_METHOD_COUNT,
                                .context = outbox};
}
