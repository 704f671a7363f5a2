/// @file services/auth/convert_pieces.h
/// Pieces of messages that every convert*.c is made of.
/// Ownership  What is copied lies in the call's arena; what is borrowed is the caller's, and the
///            message must be packed before that ends.
#pragma once

#include "common/base/check.h"
#include "services/auth/convert.h"

/// auth_constant: protobuf-c's strings are not const; nobody writes to them.
static inline char *auth_constant(const char *text)
{
    return (char *)(uintptr_t)text;
}

static inline bool auth_copy_id(struct rpc_call *call, struct id128 id, ProtobufCBinaryData *ret)
{
    ret->data = arena_copy(call->arena, id.bytes, ID128_BYTES);
    ret->len = ID128_BYTES;
    return ret->data != NULL;
}

static inline ProtobufCBinaryData auth_borrow_id(const struct id128 *id)
{
    return (ProtobufCBinaryData){.len = ID128_BYTES, .data = (uint8_t *)(uintptr_t)id->bytes};
}

/// auth_pack_event: CHECK that an event's payload fits.
static inline size_t auth_pack_event(const ProtobufCMessage *message,
                                     uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    CHECK(protobuf_c_message_get_packed_size(message) <= AUTH_EVENT_BYTES_MAX);
    return protobuf_c_message_pack(message, ret);
}

/// auth_whole_seconds rounds up, so that whoever waits as long is not too early.
static inline uint32_t auth_whole_seconds(uint64_t ns)
{
    return (uint32_t)((ns + AUTH_SECOND_NS - 1) / AUTH_SECOND_NS);
}
