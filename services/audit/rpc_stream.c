// Reading the log forwards.
#include "common/base/clock.h"
#include "services/audit/convert_stream.h"
#include "services/audit/rpc_handlers.h"

#include <inttypes.h>
#include <stdio.h>

// The refusals say what would be right.
static struct status check_from(struct rpc_call *call, struct store_txn *txn, uint64_t from,
                                uint64_t size)
{
    uint64_t first;
    struct status status = audit_stream_check(txn, from, size, &first);
    if (status.code != STATUS_OUT_OF_RANGE) return status;
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, from < first ? first : size);
    rpc_call_detail(call, from < first ? "first_index" : "size", text);
    return status;
}

static struct status reply_read(struct rpc_call *call, const struct audit_deliveries *deliveries,
                                const struct audit_stream *stream)
{
    Audit__ReadLogResponse *reply =
        RPC_NEW(call, Audit__ReadLogResponse, audit__read_log_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->deliveries = deliveries->items;
    reply->n_deliveries = deliveries->count;
    reply->next_index = stream->next;
    reply->size = stream->size;
    return rpc_call_reply(call, reply);
}

struct status audit_rpc_read_log(struct rpc_call *call, struct store_txn *no_txn)
{
    (void)no_txn; // POOL: an own snapshot, of what is durable now.
    const struct audit_context *context = call->service;
    const Audit__ReadLogRequest *request = call->request;
    struct audit_stream_filter filter;
    char user[AUDIT_STREAM_USER_BYTES];
    RETURN_IF_ERROR(audit_convert_read(call, request, user, &filter));
    // Who waited goes on where nothing was found before.
    uint64_t from = call->noted[0] != 0 ? call->noted[0] : request->from_index;
    uint64_t size = audit_tail_size(context->service.tail);
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(context->service.store, &txn));
    RETURN_IF_ERROR(check_from(call, txn, from, size));
    CLEANUP(audit_stream_end) struct audit_stream stream;
    struct audit_deliveries deliveries = audit_deliveries_of(request->limit, request->bytes_max);
    audit_stream_begin(txn, &filter, from, size, &stream);
    RETURN_IF_ERROR(audit_deliveries_fill(call, &stream, &deliveries));
    uint64_t until_ns = call->received_mono_ns + request->wait_ms * NS_PER_MS;
    if (deliveries.count == 0 && stream.next == size && rpc_call_may_park(call, until_ns)) {
        call->noted[0] = size;
        return rpc_call_park(call, until_ns);
    }
    return reply_read(call, &deliveries, &stream);
}
