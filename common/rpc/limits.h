/// @file common/rpc/limits.h
/// Every limit of the RPC module, by name.
/// Source     Design 01 section 7.
#pragma once

#include <assert.h>

enum {
    RPC_MESSAGE_BYTES_MAX = 8 << 20,  // One nng message, either way.
    RPC_BATCH_CALLS_MAX = 256,        // Calls in one message.
    RPC_BATCH_BYTES_MAX = 256 << 10,  // A channel stops adding calls to a message here.
    RPC_METADATA_BYTES_MAX = 8 << 10, // Key, token, trace, request id, ip and device together.
    RPC_IDEMPOTENCY_KEY_BYTES_MAX = 255,
    RPC_CALL_OVERHEAD_BYTES_MAX = 1 << 10, // Tags, lengths and numbers of one call in a batch.
    RPC_METHOD_NAME_BYTES_MAX = 255,
    RPC_TIMEOUT_MS_MAX = 3600 * 1000, // A longer one is cut: nothing here takes an hour.
    RPC_DETAIL_VALUE_BYTES_MAX = 1024,
    RPC_REQUEST_ARENA_FACTOR = 4,           // A decoded request may take this times its limit,
    RPC_REQUEST_ARENA_BYTES_MIN = 64 << 10, // at least this,
    RPC_HANDLER_ARENA_BYTES_MAX = 16 << 20, // and the handler and its reply that much more,
    RPC_HANDLER_ARENA_FACTOR = 16,          // and this times the request's limit: bulk methods.
    RPC_PARKED_MAX = 1024,    // Calls that wait at once; the next one is answered at once.
    RPC_PARK_MARGIN_MS = 500, // Of the deadline: what it takes to answer.
    RPC_RETRY_AFTER_OVERLOADED_MS = 50,
    RPC_RETRY_AFTER_STARTING_MS = 200,
    RPC_RETRY_AFTER_DRAINING_MS = 500,
};

static_assert(RPC_BATCH_BYTES_MAX < RPC_MESSAGE_BYTES_MAX, "a coalesced batch fits a message");
static_assert(RPC_IDEMPOTENCY_KEY_BYTES_MAX < RPC_METADATA_BYTES_MAX,
              "a key is part of the metadata");
