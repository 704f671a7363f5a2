/// @file common/rpc/executor.h
/// The server's chain without its transport: bytes of a RequestBatch in, bytes of a ReplyBatch out.
/// Threads    executor_run from any thread; `finished` is called once for each batch, on whichever
///            thread ended its last call: the caller's own, the store's writer, or a pool thread.
/// Source     The chain and its refusals: common/rpc/server.h.
#pragma once

#include "common/rpc/server.h"

struct rpc_executor;
struct rpc_batch;

struct rpc_executor_config {
    struct store *store; // NULL: no WRITE methods, and READ handlers get no transaction.
    const struct rpc_identity *identity;
    const struct rpc_service *services;
    size_t service_count;
    uint32_t in_flight_max, pool_threads, pool_queue_max; // Resolved: not 0.
    /// Called when more calls wait (rpc_call_park) than ever before; NULL: nobody.
    void (*parked)(void *context, size_t count);
    void *parked_context;
};

struct rpc_executor *rpc_executor_open(const struct rpc_executor_config *config);
/// rpc_executor_close waits for pool work; no batch may be in flight. Idempotent.
void rpc_executor_close(struct rpc_executor **executor);
void rpc_executor_set_serving(struct rpc_executor *executor, bool serving);
bool rpc_executor_drain(struct rpc_executor *executor, uint32_t timeout_ms);
uint64_t rpc_executor_in_flight(const struct rpc_executor *executor);
void rpc_executor_wake(struct rpc_executor *executor); // See rpc_server_wake.

typedef void (*rpc_batch_finished)(void *context, struct rpc_batch *batch);

/// rpc_executor_run takes one message; its bytes must live until the batch is released.
void rpc_executor_run(struct rpc_executor *executor, struct bytes message,
                      rpc_batch_finished finished, void *context);

/// What a finished batch answers; at most RPC_MESSAGE_BYTES_MAX.
size_t rpc_batch_size(const struct rpc_batch *batch);
void rpc_batch_write(const struct rpc_batch *batch, uint8_t *to);
void rpc_batch_release(struct rpc_batch *batch);
