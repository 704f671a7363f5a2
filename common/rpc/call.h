/// @file common/rpc/call.h
/// One call as its handler sees it, and the handler's signature.
/// Ownership  Everything in a call lives in its arena and dies when the reply has been encoded.
/// Threads    A handler runs on one thread at a time; which one depends on the method's access:
///            READ on a transport thread (txn: a read snapshot), WRITE on the store's writer thread
///            (txn: the group's transaction; may run again from the start), POOL on a pool thread
///            (txn: NULL; it may use store_write_wait and store_snapshot_begin itself).
/// Rule       A handler never calls another daemon from inside a transaction.
#pragma once

#include "common/base/arena.h"
#include "common/base/id128.h"
#include "common/base/status.h"
#include "common/crypto/token.h"
#include "common/rpc/detail.h"
#include "common/rpc/schema.h"
#include "common/rpc/violations.h"
#include "common/store/store.h"

/// How far a permission reaches for this caller.
enum rpc_scope { RPC_SCOPE_NONE, RPC_SCOPE_SELF, RPC_SCOPE_BRANCH, RPC_SCOPE_ALL };

enum { RPC_ACTOR_BYTES = 64 };

struct rpc_identity; // server.h

struct rpc_call {
    const struct rpc_method *method;
    void *service; // What the service was registered with.
    struct arena *arena;
    void *request;              // The decoded, validated request message (a protobuf-c struct).
    struct token_claims claims; // The caller; all zero for public methods without a token.
    bool is_authenticated;
    enum rpc_scope scope; // Of the method's permission; ALL for public and any_user methods.
    const struct rpc_identity *identity; // Whom rpc_call_scope asks; NULL: nobody.
    const char *idempotency_key;         // "" when none; likewise below.
    const char *access_token;
    const char *traceparent;
    const char *request_id;
    const char *client_ip;
    const char *device_id;
    uint64_t received_wall_ns, received_mono_ns;
    uint64_t deadline_mono_ns;

    // Of a POOL method that waits, see rpc_call_park.
    bool may_park;
    uint64_t noted[4]; // The handler's own, 0 at first: what it knows when it runs again.

    // The answer; reset before each run of the handler.
    const ProtobufCMessage *reply;
    bool replayed;
    bool not_created;
    bool refusal_committed;      // Set by rpc_call_refuse_committed only.
    bool is_parking;             // Set by rpc_call_park only,
    uint64_t park_until_mono_ns; // like this.
    uint32_t retry_after_ms;
    struct rpc_violations violations;
    struct rpc_detail details[RPC_DETAILS_MAX];
    size_t detail_count;
};

typedef struct status (*rpc_handler)(struct rpc_call *call, struct store_txn *txn);

/// rpc_call_reply sets the answer; message and all it points to must live in the call's arena (or
/// be static). A handler that answers OK must have set one.
struct status rpc_call_reply(struct rpc_call *call, const void *message);

/// rpc_call_new allocates a message in the arena and initialises it: NULL beyond the limit.
///     Ledger__Transfer *reply = RPC_NEW(call, Ledger__Transfer, ledger__transfer__init);
void *rpc_call_new(struct rpc_call *call, size_t size, void (*init)(void *message));
#define RPC_NEW(call_, type_, init_)                                                               \
    ((type_ *)rpc_call_new((call_), sizeof(type_), (void (*)(void *))(init_)))

/// rpc_call_violation adds a field's refusal and gives INVALID_ARGUMENT / VALIDATION_FAILED.
struct status rpc_call_violation(struct rpc_call *call, const char *field, const char *reason);
/// rpc_call_detail adds a fact to a refusal ("limit" = "10000"); value is copied. A key comes once:
/// the facts become the members of a JSON object.
void rpc_call_detail(struct rpc_call *call, const char *key, const char *value);

/// rpc_call_refuse_committed: a WRITE handler that must keep something although it refuses (a burnt
/// transfer id, a failure counter) returns this. The executor commits what the handler wrote and
/// then answers the refusal. With a KEYED method the refusal is stored with the key and replayed.
MUST_USE struct status rpc_call_refuse_committed(struct rpc_call *call, struct status refusal);

/// Waiting   A POOL handler that has nothing to answer yet may let the call wait, and holds no
/// thread meanwhile: it is run again from the start (its arena as it was then, call->noted as it
/// left it) whenever rpc_server_wake is called, and at until_mono_ns. Shape:
///     bool has_nothing = reply->n_events == 0;
///     if (has_nothing && rpc_call_may_park(call, until)) return rpc_call_park(call, until);
/// Before an answer that was waited for leaves, token and permission are looked at once more.
/// rpc_call_may_park is false when that time has come, when the deadline is near, while the server
/// drains or RPC_PARKED_MAX calls wait, and for calls made without a server: then the handler
/// answers what it has. It must not hold a snapshot when it returns, nor have changed anything that
/// would be wrong twice.
bool rpc_call_may_park(const struct rpc_call *call, uint64_t until_mono_ns);
MUST_USE struct status rpc_call_park(struct rpc_call *call, uint64_t until_mono_ns);

/// rpc_call_scope says how far another permission than the method's reaches for the caller: for
/// parts of a request that need more than the rest of it. NONE for callers without a token, and for
/// those whose session has yet to enrol its second factor.
enum rpc_scope rpc_call_scope(const struct rpc_call *call, const char *permission);
/// rpc_call_is_self is true when the caller is this user.
bool rpc_call_is_self(const struct rpc_call *call, struct id128 user_id);
/// rpc_call_may_touch: scope ALL, or SELF and the caller is the owner. PERMISSION_DENIED else.
MUST_USE struct status rpc_call_may_touch(const struct rpc_call *call, struct id128 owner_id);
/// rpc_call_may_touch_in also takes scope BRANCH, where the owner is of the caller's branch.
MUST_USE struct status rpc_call_may_touch_in(const struct rpc_call *call, struct id128 owner_id,
                                             const char *branch);
/// rpc_call_actor writes "users/<uuid>", "services/<name>" or "anonymous".
void rpc_call_actor(const struct rpc_call *call, char ret_text[static RPC_ACTOR_BYTES]);
