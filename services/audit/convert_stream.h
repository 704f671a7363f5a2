/// @file services/audit/convert_stream.h
/// Messages of the stream <-> values: filters, definitions of consumers, deliveries.
/// Ownership  Filters point into the request; messages lie in the call's arena.
/// Errors     INVALID_ARGUMENT / TYPE_PATTERN_INVALID, VALIDATION_FAILED; RESOURCE_EXHAUSTED /
///            REQUEST_TOO_COMPLEX. NULL from a message maker: the arena is exhausted.
#pragma once

#include "common/rpc/call.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "services/audit/consumer_core.h"
#include "services/audit/stream.h"

enum { AUDIT_STREAM_USER_BYTES = 6 + ID128_TEXT_BYTES }; // "users/<uuid>"

MUST_USE struct status audit_convert_read(struct rpc_call *call,
                                          const struct Audit__ReadLogRequest *request,
                                          char ret_user[static AUDIT_STREAM_USER_BYTES],
                                          struct audit_stream_filter *ret);

/// audit_convert_consumer takes the definition: what a client may say of a consumer. The rest is
/// zero.
MUST_USE struct status audit_convert_consumer(struct rpc_call *call,
                                              const struct Audit__CreateConsumerRequest *request,
                                              struct audit_consumer *ret);

/// Where a consumer stands, as others see it.
struct audit_consumer_view {
    const char *name;
    const struct audit_consumer *consumer;
    const struct audit_flight *flight; // That follows the consumer.
    uint64_t size;                     // Of the log.
};

Audit__Consumer *audit_convert_view(struct rpc_call *call, const struct audit_consumer_view *view);
/// audit_convert_consumer_event is the payload of audit.consumer.*.
Audit__ConsumerEvent *audit_convert_consumer_event(struct rpc_call *call, const char *name,
                                                   const struct audit_consumer *consumer);

/// Events on their way out, as many as fit.
struct audit_deliveries {
    Audit__Delivery **items;
    size_t count, count_max;
    size_t bytes, bytes_max; // Of their messages.
};

/// audit_deliveries_of: how many and how much is asked for; 0 means the default.
struct audit_deliveries audit_deliveries_of(uint32_t count_max, uint32_t bytes_max);
/// audit_deliveries_fill takes what the stream has, until it ends or no more fits; stream->next is
/// behind the last one then. At least one, whatever its size.
MUST_USE struct status audit_deliveries_fill(struct rpc_call *call, struct audit_stream *stream,
                                             struct audit_deliveries *deliveries);
