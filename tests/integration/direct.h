/// @file tests/integration/direct.h
/// Calls straight to a daemon's socket, past the gateway, with tokens of the test's own making: it
/// may read the world's keys, as whoever stole one could.
/// Failures   Aborts when a call cannot be made at all; what is answered is the test's to judge.
#pragma once

#include "common/crypto/token.h"
#include "common/rpc/channel.h"
#include "tests/support/world.h"

/// direct_open gives a channel to <data>/run/<daemon>.sock; before any token is made (crypto_open).
/// It is never closed (nng: only at exit) and finds a daemon that was started again by itself.
struct rpc_channel *direct_open(const struct world *world, const char *daemon);

/// direct_wait_up waits until the channel is connected: after a restart, say. Aborts after 30 s.
void direct_wait_up(struct rpc_channel *channel);

struct direct_answer {
    enum rpc_outcome outcome;
    struct status status; // Texts live in the arena.
    bool replayed, not_created;
    struct bytes reply;
    struct arena *arena; // Of this answer; NULL before the first call.
};

/// direct_call waits for the end of one call. The answer is used again for the next one.
void direct_call(struct rpc_channel *channel, const struct rpc_method *method,
                 const struct rpc_metadata *metadata, const void *request,
                 struct direct_answer *ret);
/// direct_unpack gives the reply message, which lives in the answer's arena.
void *direct_unpack(struct direct_answer *answer, const ProtobufCMessageDescriptor *descriptor);
void direct_reset(struct direct_answer *answer); // Frees; idempotent.

/// The four daemons whose events the audit log has.
enum { DIRECT_SOURCE_COUNT = 4 };

struct direct_sources {
    const struct world *world;
    struct rpc_channel *channels[DIRECT_SOURCE_COUNT];
};

void direct_open_sources(const struct world *world, struct direct_sources *ret);
/// direct_count_events is how many events they have committed by now, taken together: the size of
/// an audit log that lacks none. Waits for a daemon that is away.
uint64_t direct_count_events(const struct direct_sources *sources);

/// direct_service_token says "I am services/<service>", signed by the key of `signer`.
void direct_service_token(const struct world *world, const char *signer, const char *service,
                          char ret_token[static TOKEN_BYTES_MAX]);
/// direct_user_token says "I am this user with this role", signed by the key of `signer`.
void direct_user_token(const struct world *world, const char *signer, const char *issuer,
                       const char *user_id, const char *role,
                       char ret_token[static TOKEN_BYTES_MAX]);
