/// @file gateway/stream.h
/// GET /v1/events/stream: the log as Server-Sent Events, served by the gateway itself.
///
///     stream.c         who may listen, and how many; the loops' lists
///     stream_client.c  one stream: finding its place, writing, heartbeats, its token's end
///     stream_reader.c  the log, read over a channel of its own       stream_check.c  slow checks
///     stream_ring.c, stream_cursor.c, stream_chunk.c, stream_filter.c  the pure parts
///
/// Order      Each stream gets what its filter lets through, once and in the log's order, from the
///            index that it asked for: stream_cursor.h. Last-Event-ID resumes without loss.
/// Tokens     Looked at before each batch of events and every STREAM_TICK_MS: a stream ends within
///            that of its token's end as the gateway knows it. While nobody can vouch for the token
///            it stays open and silent but for heartbeats.
/// Threads    A stream belongs to its exchange's loop.
#pragma once

#include "common/rpc/server.h"
#include "gateway/gateway.h"

struct gateway_streams;
struct stream_client;

struct gateway_streams_config {
    struct rpc_channel *channel; // To audit, and nobody else's.
    const struct rpc_identity *identity;
    void (*service_token)(void *context, char *ret_text, size_t size);
    void *service_token_context;
    // 0: as the product has them.
    uint32_t heartbeat_ms;
    size_t streams_max, per_user_max, ring_entries_max, ring_bytes_max;
};

struct gateway_streams *gateway_streams_open(const struct gateway_streams_config *config);
/// gateway_streams_stop ends the threads: nothing is posted to the loops any more. Idempotent.
void gateway_streams_stop(struct gateway_streams *streams);
void gateway_streams_close(struct gateway_streams **streams); // Behind the engine. Idempotent.

/// gateway_stream_serve answers the request; a call has begun (gateway_call_begin), which it ends
/// when the stream has begun or was refused.
void gateway_stream_serve(struct gateway_request *request);
/// gateway_stream_finished lets go of the exchange: it is over, whatever ended it.
void gateway_stream_finished(struct gateway_request *request);
