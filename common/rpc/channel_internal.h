/// @file common/rpc/channel_internal.h
/// What channel.c (queues, deadlines, retries) and channel_io.c (messages over nng) share.
/// Locking    `lock` guards everything but what a busy slot's owner alone touches. nng is never
///            called and done() never runs with the lock held.
#pragma once

#include "common/base/metrics.h"
#include "common/rpc/arena_pool.h"
#include "common/rpc/channel.h"
#include "common/rpc/redial.h"
#include "common/rpc/retry.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

enum lane_kind { LANE_READ, LANE_WRITE, LANE_ALONE, LANE_COUNT };

struct call_queue {
    struct rpc_client_call *first, *last;
    size_t count;
};

/// One message under way. Receiving begins when sending has ended, because nng 1.5.2 does not
/// survive that one of the two is cancelled, or runs out of time, while the other is pending. When
/// all calls of a message have run out of time, its sending is cancelled, so that it does not reach
/// a target that comes back much later; if it has left, it keeps its slot until the reply or the
/// connection's end, and after ABANDONED_MS the connection is ended for it.
struct channel_slot {
    struct rpc_channel *channel;
    struct channel_lane *lane;
    struct channel_slot *next; // Idle, or about to be sent.
    nng_ctx context;
    nng_aio *send_aio, *receive_aio; // NULL until the slot's first message.
    bool is_busy;
    atomic_bool is_encoding;        // The calls are being read: they may not end now.
    atomic_bool is_unwanted;        // The timer is to cancel its sending.
    uint64_t abandoned_mono_ns;     // When its last call ran out of time; 0: not.
    size_t count;                   // Calls in the message;
    size_t open_count;              // those that still wait for it.
    struct rpc_client_call **calls; // NULL where the call has ended already.
};

struct channel_lane {
    struct call_queue waiting;
    struct channel_slot *idle;
    size_t slot_count, calls_max;
    struct channel_slot *slots;
};

struct rpc_channel {
    pthread_mutex_t lock;
    pthread_cond_t wake; // Of the timer.
    pthread_t timer;
    bool is_closing;
    bool is_woken; // Something other than time has come for the timer.
    bool is_up;
    int pipe_id;
    uint64_t down_since_ns;
    uint64_t next_due_ns; // No deadline, retry or grace ends earlier.
    size_t waiting_count, waiting_max;
    struct call_queue delayed; // Retries whose time has not come.
    struct call_queue ended;   // For the timer to hand out.
    struct channel_lane lanes[LANE_COUNT];
    struct retry_budget budget;
    struct breaker breaker;
    uint32_t random;
    atomic_uint_fast64_t next_call_id;
    nng_socket socket;
    struct redial redial; // The timer's.
    struct arena_pool arenas;
    struct metric *retries;
    struct metric *outcomes[RPC_OUTCOME_UNKNOWN + 1];
};

// ---- channel.c -----------------------------------------------------------------------------

void queue_push(struct call_queue *queue, struct rpc_client_call *call);
struct rpc_client_call *queue_pop(struct call_queue *queue);

/// channel_take fills an idle slot of the lane with what waits; NULL when there is nothing to send,
/// no slot, or no connection. With the lock held.
struct channel_slot *channel_take(struct rpc_channel *channel, struct channel_lane *lane);

/// channel_settle takes calls whose attempt has ended (outcome and status filled in), puts those
/// aside that are tried again, and hands out the others by done().
void channel_settle(struct rpc_channel *channel, struct call_queue *calls);

/// channel_set_outcome fills in an ending that is not the server's answer.
void channel_set_outcome(struct rpc_client_call *call, enum rpc_outcome outcome);

// ---- channel_io.c --------------------------------------------------------------------------

MUST_USE struct status channel_open_socket(struct rpc_channel *channel,
                                           const struct rpc_channel_config *config);
void channel_close_socket(struct rpc_channel *channel); // Ends what is under way.
size_t channel_wire_bytes(const struct rpc_client_call *call);
void channel_transmit(struct channel_slot *slot);
