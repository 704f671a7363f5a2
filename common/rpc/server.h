/// @file common/rpc/server.h
/// Serves RPC batches over nng REP: one fixed chain for every request, one executor per access.
/// Chain      known method -> size -> deadline -> in-flight cap -> token -> permission -> decode
///            into the call's arena -> validate -> run -> reply.
/// Refusals   UNIMPLEMENTED / METHOD_UNKNOWN, RESOURCE_EXHAUSTED / REQUEST_TOO_LARGE,
///            DEADLINE_EXCEEDED / DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED / OVERLOADED,
///            UNAUTHENTICATED / TOKEN_*, PERMISSION_DENIED / PERMISSION_DENIED or INSUFFICIENT_AAL,
///            INVALID_ARGUMENT / REQUEST_MALFORMED or VALIDATION_FAILED, UNAVAILABLE / DRAINING
///            or STARTING, INVALID_ARGUMENT / BATCH_MALFORMED (one reply for the whole message),
///            RESOURCE_EXHAUSTED / REPLY_TOO_LARGE.
/// KEYED      (principal, method, key) -> request hash, response, expiry (24 h) is written in the
///            same transaction as the effect. Same key, other request: ALREADY_EXISTS /
///            IDEMPOTENCY_KEY_REUSED. A refusal that changed nothing is not stored.
/// Threads    Handlers: see call.h. Open, drain and close from the main thread.
#pragma once

#include "common/base/pool.h"
#include "common/rpc/call.h"

/// Who may call: implemented by common/daemon/identity.h, replaced in tests.
struct rpc_identity {
    /// Quick, on a transport thread. UNAVAILABLE / IDENTITY_STALE asks for authenticate_slow.
    struct status (*authenticate)(void *context, struct bytes token, struct token_claims *ret);
    /// May block on another daemon; runs on a pool thread. NULL: IDENTITY_STALE is the answer.
    struct status (*authenticate_slow)(void *context, struct bytes token, struct token_claims *ret);
    enum rpc_scope (*authorize)(void *context, const struct token_claims *claims,
                                const char *permission);
    /// Adds to a refusal what authorize answered it for, if there is more to say than that the
    /// roles do not grant it. May be NULL.
    void (*explain)(void *context, struct rpc_call *call, const char *permission);
    void *context;
};

/// Methods and, at the same index, what each does.
struct rpc_service {
    const struct rpc_method *methods;
    const rpc_handler *handlers;
    size_t count;
    void *context;      // rpc_call.service
    bool serves_always; // Also while the daemon starts and drains: health, stats, introspection.
};

struct rpc_tls_config { // Mutual TLS; all NULL for ipc:// and inproc://.
    const char *ca_file, *certificate_file, *key_file; // PEM
    const char *server_name; // Client: what the peer's certificate must say; NULL: the URL's host.
};

struct rpc_server_config {
    const char *const
        *listen_urls; // ipc:///…/ledger.sock, tls+tcp://host:port, inproc:// in tests.
    size_t listen_url_count;
    struct rpc_tls_config tls;
    bool allow_plain_tcp;    // tcp:// on loopback only, and only with this.
    uint32_t in_flight_max;  // 0: 4,096 calls.
    uint32_t batches_max;    // 0: 256 batches received and not yet answered; those that wait
                             // (rpc_call_park) come on top.
    uint32_t pool_threads;   // 0: number of cores.
    uint32_t pool_queue_max; // 0: 64.
};

struct rpc_server;

MUST_USE struct status rpc_server_open(const struct rpc_server_config *config, struct store *store,
                                       const struct rpc_identity *identity,
                                       const struct rpc_service *services, size_t service_count,
                                       struct rpc_server **ret);
/// rpc_server_drain: from now on UNAVAILABLE / DRAINING for new calls; waits for those in flight.
/// true when all ended within timeout_ms.
bool rpc_server_drain(struct rpc_server *server, uint32_t timeout_ms);
void rpc_server_close(struct rpc_server **server); // Only at exit (nng); idempotent.
uint64_t rpc_server_in_flight(const struct rpc_server *server);
/// rpc_server_wake: something has happened that calls may wait for (rpc_call_park); those that do
/// are run again. Any thread, also the store's writer in a hook: it only wakes somebody.
void rpc_server_wake(struct rpc_server *server);
/// rpc_server_set_serving is false until the daemon is ready: calls but Health get
/// UNAVAILABLE / STARTING.
void rpc_server_set_serving(struct rpc_server *server, bool serving);

/// The store tables of KEYED idempotency; a store that serves KEYED methods opens with it.
extern const struct store_schema rpc_store_schema;
