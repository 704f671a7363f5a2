/// @file common/rpc/pack.h
/// Protobuf messages to bytes and back, with everything in an arena.
/// Ownership  What is unpacked or packed lives in the arena; nothing needs freeing.
/// Threads    As the arena: one at a time.
/// Errors     INVALID_ARGUMENT / REQUEST_MALFORMED, RESOURCE_EXHAUSTED / REQUEST_TOO_COMPLEX.
#pragma once

#include "common/rpc/arena_allocator.h"

/// rpc_unpack gives the message behind *ret_message (the address of a message pointer):
///     Ledger__Transfer *transfer;
///     RETURN_IF_ERROR(rpc_unpack(&ledger__transfer__descriptor, bytes, arena, &transfer));
/// Wire checks and validation are the caller's (common/rpc/validate.h) where input is not trusted.
MUST_USE struct status rpc_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes bytes,
                                  struct arena *arena, void *ret_message);

/// rpc_pack serialises a message into the arena.
MUST_USE struct status rpc_pack(const void *message, struct arena *arena, struct bytes *ret);
