/// @file common/rpc/envelope.h
/// The bytes of a batch: florin.rpc.v1 RequestBatch and ReplyBatch, read and written in place.
/// By hand, because the envelope is on the path of every call and protobuf-c would copy each field
/// twice; the tests hold it against protobuf-c's own reading and writing of the same messages.
/// Shapes     Readers borrow from the message; writers write exactly what *_size said.
/// Errors     INVALID_ARGUMENT / BATCH_MALFORMED (the message as a whole), REQUEST_MALFORMED (one
///            call in it: its neighbours are not hurt).
/// Threads    Pure.
/// Source     proto/florin/rpc/v1/rpc.proto; the protobuf wire format.
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"
#include "common/rpc/detail.h"
#include "common/rpc/violations.h"

struct envelope_request {
    uint64_t call_id;
    uint32_t timeout_ms, attempt;
    struct bytes method, idempotency_key, access_token, traceparent, request_id, client_ip,
        device_id, payload;
};

/// What goes out: texts of our own, NUL-terminated.
struct envelope_reply {
    uint64_t call_id;
    struct status status;
    const struct rpc_violations *violations; // May be NULL.
    const struct rpc_detail *details;
    size_t detail_count;
    struct bytes payload;
    bool replayed, not_created;
    uint32_t retry_after_ms;
};

/// What comes in: borrowed bytes.
struct envelope_pair {
    struct bytes first, second; // Field and reason, or key and value.
};

struct envelope_answer {
    uint64_t call_id;
    uint32_t code;
    struct bytes reason, message, payload;
    struct envelope_pair violations[RPC_VIOLATIONS_MAX];
    size_t violation_count;
    struct envelope_pair details[RPC_DETAILS_MAX];
    size_t detail_count;
    bool replayed, not_created;
    uint32_t retry_after_ms;
};

/// struct envelope_items walks the calls of a batch: requests or replies, both are field 1.
struct envelope_items {
    const uint8_t *at, *end;
};

/// envelope_open checks the frame of a whole batch: only field 1, complete, at most
/// RPC_BATCH_CALLS_MAX of them; gives their number, which may be 0.
MUST_USE struct status envelope_open(struct bytes message, struct envelope_items *ret,
                                     size_t *ret_count);
/// envelope_next gives the bytes of the next call; false at the end.
bool envelope_next(struct envelope_items *items, struct bytes *ret);

MUST_USE struct status envelope_read_request(struct bytes bytes, struct envelope_request *ret);
MUST_USE struct status envelope_read_reply(struct bytes bytes, struct envelope_answer *ret);

/// *_size is the size of one call as an item of a batch (tag and length included); write returns
/// the position behind what it wrote.
size_t envelope_request_size(const struct envelope_request *request);
uint8_t *envelope_write_request(const struct envelope_request *request, uint8_t *to);
size_t envelope_reply_size(const struct envelope_reply *reply);
uint8_t *envelope_write_reply(const struct envelope_reply *reply, uint8_t *to);
