/// @file common/rpc/builtin.h
/// What every daemon serves beside its own methods: florin.rpc.v1 Health, Stats, Introspect and
/// Control. It also answers while the daemon starts and drains.
/// Ownership  struct rpc_builtin is the daemon's and outlives the server.
/// Threads    Callbacks run on transport threads (health, drain) or a pool thread (backup).
#pragma once

#include "common/rpc/server.h"

enum { RPC_HEALTH_PARTS_MAX = 32 };

/// One part of a daemon's health: "store", "identity", a peer.
struct rpc_health_part {
    const char *name; // Static.
    bool is_serving;
    const char *detail; // Static; NULL for none.
};

struct rpc_builtin {
    const char *daemon;                 // "ledger"
    const struct rpc_service *services; // What Introspect lists; the common services are added.
    size_t service_count;
    void *context; // Of the callbacks.
    /// Whether the daemon takes calls (false while it starts and drains).
    bool (*is_serving)(void *context);
    /// Fills in up to RPC_HEALTH_PARTS_MAX parts and gives their number; NULL: none.
    size_t (*health)(void *context, struct rpc_health_part *ret_parts);
    /// Begins what SIGTERM begins and returns at once; NULL: UNIMPLEMENTED.
    void (*drain)(void *context);
    /// Copies the store; NULL: FAILED_PRECONDITION / NO_STORE. The call says who asks.
    struct status (*backup)(void *context, const struct rpc_call *call, const char *directory,
                            uint64_t bytes_per_second_max, uint64_t *ret_bytes,
                            uint64_t *ret_event_seq);
    uint64_t opened_mono_ns; // Set by rpc_builtin_service.
};

/// rpc_builtin_service is one more service for rpc_server_open. Health is SERVING when is_serving
/// says so and every part serves; Check of a part answers for it alone.
struct rpc_service rpc_builtin_service(struct rpc_builtin *builtin);
