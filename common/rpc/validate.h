/// @file common/rpc/validate.h
/// From untrusted bytes to a message that keeps to its proto's options, in one place for all
/// methods: handlers see nothing that this refused.
/// Order      rpc_wire_check on the bytes, protobuf-c's unpacking, rpc_validate on the message;
///            rpc_decode does all three.
/// Ownership  Messages and paths live in the arena.
/// Threads    Pure: any thread, one per arena.
/// Errors     INVALID_ARGUMENT / VALIDATION_FAILED with at least one violation; INVALID_ARGUMENT /
///            REQUEST_MALFORMED for bytes that are no such message; RESOURCE_EXHAUSTED /
///            REQUEST_TOO_COMPLEX beyond the arena's limit.
/// Source     proto/florin/options.proto (Field); design 01 section 1; protobuf's wire format.
///
/// Reasons: REQUIRED, TOO_SHORT, TOO_LONG, PATTERN, RANGE, NOT_UTF8, CONTAINS_NUL, UNKNOWN_ENUM,
/// TOO_MANY_ITEMS, BAD_FORMAT (a DATE or UUID that is none), DUPLICATE_FIELD, TOO_DEEP. In a map
/// they are said of "labels.<key>", for keys (IDENTIFIER, 1 to 64) and values (the field's rules)
/// alike.
#pragma once

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/rpc/schema.h"
#include "common/rpc/violations.h"

enum { RPC_DEPTH_MAX = 32 };

/// rpc_wire_check reads the bytes once, before anything is unpacked: structure, depth, wire types,
/// items_max, strings without NUL (protobuf-c's strings would end there), and singular fields that
/// come twice, which encoders never write and which would mean "the last one" here and "merge"
/// elsewhere. Unknown fields are allowed, so that newer clients can talk to older daemons.
MUST_USE struct status rpc_wire_check(const struct rpc_message *message, struct bytes wire,
                                      struct arena *arena, struct rpc_violations *ret_violations);

/// rpc_validate checks every option of every field. A field that is not required may be absent,
/// which in proto3 is its zero value: only what is present is measured.
MUST_USE struct status rpc_validate(const struct rpc_message *message,
                                    const ProtobufCMessage *value, struct arena *arena,
                                    struct rpc_violations *ret_violations);

/// rpc_decode does all three and gives the message behind *ret_message, as rpc_unpack.
MUST_USE struct status rpc_decode(const struct rpc_message *message, struct bytes wire,
                                  struct arena *arena, void *ret_message,
                                  struct rpc_violations *ret_violations);

/// rpc_message_new is an empty message of that type, NULL beyond the arena's limit.
ProtobufCMessage *rpc_message_new(const struct rpc_message *message, struct arena *arena);

/// rpc_item_bytes is the size in memory of one value of that type, as in protobuf-c's lists.
size_t rpc_item_bytes(ProtobufCType type);
