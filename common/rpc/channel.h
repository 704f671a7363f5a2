/// @file common/rpc/channel.h
/// The client's side: one channel per target daemon, with coalescing, deadlines, retries, breaker.
/// Coalescing  Calls made while every context of the channel is busy leave together in the next
///             message (at most 256 calls or 256 KiB). No timer: an idle channel sends at once.
/// Lanes       READ calls, WRITE calls, and those that travel alone (POOL, no_coalesce) have
///             contexts of their own, so that a read does not wait for a commit or a password hash.
/// Connection  Calls wait for a target that is away for at most a second (a restart); when it stays
///             away longer they end at once with NOT_SENT until it is back.
/// Outcomes    What is known when a call ends; see enum rpc_outcome.
///             NOT_SENT    UNAVAILABLE / NOT_SENT (RESOURCE_EXHAUSTED / OVERLOADED: waiting_max)
///             UNKNOWN     DEADLINE_EXCEEDED / OUTCOME_UNKNOWN
///             else        The server's own status.
/// Retries     At most 3 attempts, for READ and KEYED-with-a-key methods, back-off with jitter 0.8
///             to 1.2, retry_after_ms honoured, stopped by a token bucket per target when failures
///             pile up (gRPC A6). The same call_id and key on each attempt.
/// Threads     Any thread may call; done() runs on a transport thread and must not block.
#pragma once

#include "common/base/arena.h"
#include "common/rpc/call.h"
#include "common/rpc/server.h"

enum rpc_outcome {
    RPC_OUTCOME_ANSWERED, // The server's own answer, OK or a refusal.
    RPC_OUTCOME_NOT_SENT, // Never left: safe to repeat. UNAVAILABLE / NOT_SENT.
    RPC_OUTCOME_REFUSED,  // The server turned it away before running it: safe to repeat.
    RPC_OUTCOME_UNKNOWN,  // Peer vanished or deadline passed after sending: it may have happened.
                          // DEADLINE_EXCEEDED / OUTCOME_UNKNOWN.
};

struct rpc_channel_config {
    const char *name; // "ledger": for logs and metrics.
    const char *url;
    struct rpc_tls_config tls;
    uint32_t contexts; // Messages in flight per lane; 0: 4, and 128 for those that travel alone.
    uint32_t batch_calls_max; // 0: 256; 1 switches coalescing off.
    uint32_t waiting_max;     // 0: 16,384 calls; beyond: RESOURCE_EXHAUSTED / OVERLOADED, NOT_SENT.
};

struct rpc_channel;

MUST_USE struct status rpc_channel_open(const struct rpc_channel_config *config,
                                        struct rpc_channel **ret); // Does not wait for the peer.
void rpc_channel_close(struct rpc_channel **channel);              // Only at exit.
bool rpc_channel_is_up(const struct rpc_channel *channel);

/// What goes with a call. NULL and "" are the same. Borrowed until done().
struct rpc_metadata {
    const char *access_token, *idempotency_key, *traceparent, *request_id, *client_ip, *device_id;
};

/// The caller's, until done() is called; done() may free it. Fill the first part.
struct rpc_client_call {
    const struct rpc_method *method;
    struct rpc_metadata metadata;
    struct bytes payload;      // The packed request message; borrowed until done().
    uint64_t deadline_mono_ns; // Never 0: there is no default of "for ever".
    void (*done)(struct rpc_client_call *call);
    void *context;

    // The answer, valid inside done() only; copy what you keep.
    enum rpc_outcome outcome;
    struct status status;
    struct bytes reply;
    bool replayed, not_created;
    uint32_t retry_after_ms;
    struct rpc_violations violations;
    struct rpc_detail details[RPC_DETAILS_MAX];
    size_t detail_count;

    // The channel's.
    struct rpc_client_call *next;
    uint64_t call_id;
    uint64_t not_before_mono_ns; // Of a retry.
    size_t wire_bytes;           // About what it takes in a message.
    uint32_t attempt;
    bool may_have_happened; // An earlier attempt ended without an answer.
};

void rpc_channel_call(struct rpc_channel *channel, struct rpc_client_call *call);

/// rpc_channel_call_wait packs request, waits, and unpacks the reply into the arena (also texts of
/// the status). For tools, pool threads and tests; never from done() or a transaction.
MUST_USE struct status rpc_channel_call_wait(struct rpc_channel *channel,
                                             const struct rpc_method *method,
                                             const struct rpc_metadata *metadata,
                                             const void *request, uint32_t timeout_ms,
                                             struct arena *arena, void *ret_reply);
/// ret_reply: address of a message pointer, e.g. Ledger__Transfer *reply; pass &reply.
