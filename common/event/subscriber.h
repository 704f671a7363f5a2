/// @file common/event/subscriber.h
/// Follows one daemon's events: in order, each once relative to a cursor that the consumer keeps.
/// How        Listens on SUB; a gap in seq, or silence, is filled by EventLog/Read. Whatever dies
///            in between, the consumer's own cursor says where to go on.
/// Threads    Each subscriber has one thread, on which handle() runs.
/// Fast streams  When PUB drops more than it delivers, the gap is read in answers of thousands of
///            events, and what PUB sent meanwhile is skipped unseen.
/// Types      Chosen here, not on the way: PUB and Read bring every event, because only a sequence
///            without holes shows that nothing was lost. What was not chosen costs a look at its
///            type and moves the cursor, of which passed() tells.
/// For third parties: common/event/client, which is installed as a library, stands on this.
#pragma once

#include "common/rpc/channel.h"

/// A received event; texts point into the batch and live until handle() returns.
struct event_view {
    const char *source, *type, *subject, *actor, *request_id, *traceparent, *client_ip, *device_id,
        *outcome, *reason;
    uint64_t seq, time_ns;
    const char *const *visible_to;
    size_t visible_to_count;
    struct bytes payload;
    /// SHA-256 of the subject's stored record before and after the change: 32 bytes, or none.
    struct bytes before_digest, after_digest;
    struct bytes packed; // The whole Event as it was received.
};

enum { EVENT_SUBSCRIBER_EVENTS_MAX = 4096 };

/// Texts are copied; tls and what the pointers lead to must outlive the subscriber.
struct event_subscriber_config {
    const char *source;   // "ledger"
    const char *consumer; // Our name, under which progress is acknowledged; NULL: not registered.
    const char *pub_url;
    struct rpc_tls_config tls;
    struct rpc_channel *channel; // To the source's RPC socket.
    /// Gives a valid access token (NUL-terminated) for Read; called before each Read.
    void (*token)(void *context, char *ret_text, size_t size);
    void *token_context;
    /// Patterns of common/event/types.h, which outlive the subscriber; none: every event.
    const char *const *types;
    size_t type_count;
    uint64_t after_seq; // The consumer's stored cursor.
    /// With after_seq 0: begin with the first event that is not older than this (wall clock), for a
    /// consumer that keeps no cursor and needs only the recent past. 0: begin with event 1.
    uint64_t not_before_ns;
    /// How long to gather after an event came, before it is handed on: a consumer that commits for
    /// each batch then does so less often while its source is busy. 0: not at all.
    uint32_t linger_ms;
    uint64_t log_id; // 0: not known yet. The stored one else: a change is SOURCE_REPLACED.
    /// 1 to EVENT_SUBSCRIBER_EVENTS_MAX events in order, consecutive but for those that were not
    /// chosen. OK means: effect and cursor (the last seq) are durable. Any other status and the
    /// same events come again after a back-off.
    struct status (*handle)(void *context, const struct event_view *events, size_t count,
                            uint64_t log_id);
    /// Behind the last event handled, up to `seq`, there is nothing that was chosen. Called at most
    /// once a second; OK means that this cursor is durable, another status that it is not, which
    /// does no harm: what is passed over again is passed over again. NULL with `types` is for
    /// consumers that are not registered; theirs may fall behind what the source keeps.
    struct status (*passed)(void *context, uint64_t seq, uint64_t log_id);
    /// The feed's state changed: stale after 5 s without a heartbeat. May be NULL.
    void (*stale_changed)(void *context, bool stale);
    void *context;
};

struct event_subscriber;

MUST_USE struct status event_subscriber_open(const struct event_subscriber_config *config,
                                             struct event_subscriber **ret);
/// event_subscriber_close joins the thread: within 250 ms, or when a Read under way has ended (at
/// most 4 s). Its socket stays open until the process ends, so: only at exit. Idempotent.
void event_subscriber_close(struct event_subscriber **subscriber);

struct event_subscriber_state {
    uint64_t seq, head_seq; // Handled; told by the source.
    uint64_t gap_count;     // How often PUB had lost something, which was read then.
    bool is_stale;
    bool is_stopped;         // SOURCE_REPLACED, SEQ_AHEAD_OF_LOG or SEQ_TRIMMED: needs an operator.
    const char *stop_reason; // Which; NULL while it is not stopped.
};

void event_subscriber_get_state(struct event_subscriber *subscriber,
                                struct event_subscriber_state *ret);

/// event_subscriber_is_stale is true unless everything that the source had committed some moment
/// less than 5 s ago has been handled. Costs one atomic load and a look at the clock.
bool event_subscriber_is_stale(const struct event_subscriber *subscriber);
