/// @file common/rpc/execution.h
/// What executor.c, admission.c and run.c share: a batch, and one call on its way through the
/// chain.
/// Ownership  A batch's arena belongs to the transport thread until the WRITE jobs are submitted,
///            then to the writer thread. Calls that run elsewhere (POOL, or behind a slow token
///            check) have an arena of their own, which the batch keeps until it is released.
#pragma once

#include "common/rpc/arena_pool.h"
#include "common/rpc/envelope.h"
#include "common/rpc/executor.h"
#include "common/rpc/idempotency.h"
#include "common/rpc/limits.h"
#include "common/rpc/meter.h"
#include "common/rpc/parking.h"

#include <stdatomic.h>

/// What a method's handler and its reply may take of the arena.
static inline size_t handler_bytes_max(const struct rpc_method *method)
{
    return RPC_HANDLER_ARENA_BYTES_MAX +
           RPC_HANDLER_ARENA_FACTOR * (size_t)method->request_bytes_max;
}

struct served_method {
    const struct rpc_method *method;
    rpc_handler handler;
    void *service;
    bool serves_always;
    struct rpc_meter meter;
};

struct rpc_executor {
    struct rpc_executor_config config;
    struct arena_pool arenas;
    struct pool *pool;
    struct parking *parking; // Of POOL calls that wait.
    atomic_bool serving, draining;
    atomic_uint_fast64_t in_flight;
    pthread_mutex_t drain_lock;
    pthread_cond_t drained;
    struct metric *in_flight_gauge;
    struct rpc_meter unknown_meter; // Calls of methods that nobody serves.
    size_t method_count;
    struct served_method *methods;
    size_t slot_mask; // The method table: open addressing by hash of the name.
    struct served_method **slots;
};

struct reply_slot {
    struct bytes reply;  // An encoded item of the ReplyBatch.
    struct arena *arena; // Of a call that had its own: given back with the batch.
};

struct rpc_batch {
    struct rpc_executor *executor;
    struct arena *arena;
    struct bytes message;
    rpc_batch_finished finished;
    void *context;
    uint64_t received_mono_ns, received_wall_ns;
    size_t count;
    atomic_size_t open_count; // Calls not yet answered, and one for the admission itself.

    // Of the admission, on the transport thread.
    size_t allowed_count; // Calls beyond it are over the in-flight cap.
    struct store_txn *snapshot;
    struct store_job *first_job, *last_job;
    size_t job_count;
    const struct served_method *last_served; // Calls of a batch are often alike: the same method
    struct bytes last_token;                 // and token need no second look-up.
    struct token_claims last_claims;

    struct reply_slot slots[];
};

struct execution {
    struct rpc_call call; // What the handler sees.
    const struct served_method *served;
    struct rpc_batch *batch;
    size_t index; // Of the call in its batch.
    uint64_t call_id;
    struct bytes payload; // In the message.
    struct arena *own_arena;
    bool is_remembered; // KEYED, with a key.
    struct idempotency idempotency;
    struct envelope_reply answer; // Of a WRITE whose run() went through.
    struct store_job job;
    struct pool_job pool_job;
    struct parked parked;
};

/// admission.c: the chain from the envelope to the running of one call.
void execution_admit(struct rpc_batch *batch, size_t index, struct bytes request);
/// execution_authorize_again looks whether a call that has waited is still its caller's to make: on
/// a pool thread, perhaps by asking auth.
MUST_USE struct status execution_authorize_again(struct execution *execution);

/// run.c: runs a decoded call as its access says, on a transport thread, or on a pool thread when
/// the call has an arena of its own.
void execution_run(struct execution *execution);
/// execution_to_pool moves the call into an arena of its own and queues it; when the pool is full
/// the call is answered with OVERLOADED.
void execution_to_pool(const struct execution *execution, void (*run)(struct pool_job *job));
/// execution_end answers the call with a refusal or, when OK, with the reply that its handler set.
void execution_end(struct execution *execution, struct status status);
bool execution_is_expired(const struct execution *execution);

static inline struct execution *execution_of_pool_job(struct pool_job *job)
{
    return (struct execution *)((char *)job - offsetof(struct execution, pool_job));
}

/// executor.c: a call of the batch has its encoded reply.
void rpc_batch_leave(struct rpc_batch *batch);
const struct served_method *rpc_executor_find(const struct rpc_executor *executor,
                                              struct bytes name);
