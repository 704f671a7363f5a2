/// @file tests/unit/rpc/peer.h
/// A server that a test drives by hand: it receives a message, looks at it, and answers it, drops
/// the connection, or does nothing.
/// Threads    The test's main thread.
#pragma once

#include "florin/rpc/v1/rpc.pb-c.h"
#include "tests/unit/rpc/fixture.h"

#include <nng/nng.h>

enum { PEER_MESSAGES_MAX = 64 };

struct peer_message {
    nng_ctx context;
    nng_pipe pipe;
    Envelope__RequestBatch *batch;
};

struct peer {
    char url[128];
    nng_socket socket;
    size_t message_count;
    struct peer_message messages[PEER_MESSAGES_MAX];
    struct rpc_channel *channel;
};

/// peer_open listens on a fresh inproc address and opens a channel to it that is up.
void peer_open(struct peer *peer, const struct rpc_channel_config *config);
void peer_close(struct peer *peer);

/// peer_receive waits for the next message; peer_try gives NULL when none comes for 50 ms.
struct peer_message *peer_receive(struct peer *peer);
struct peer_message *peer_try(struct peer *peer);

/// peer_answer answers every call of the message with OK, or with the given refusal.
void peer_answer(struct peer_message *message, enum status_code code, const char *reason,
                 uint32_t retry_after_ms);
void peer_answer_bytes(struct peer_message *message, const void *bytes, size_t size);
void peer_drop(struct peer_message *message); // Ends the connection that it came from.
