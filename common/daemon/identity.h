/// @file common/daemon/identity.h
/// Who a caller is and what they may do, for every daemon alike: token checks with the verification
/// cache, keys from auth's JWKS and the other daemons' public keys, revocations from auth's events.
/// Rules      Unknown kid: JWKS is asked again at most once a second. Revocations take effect
/// within
///            100 ms; when the feed is silent for 5 s each user token is checked with auth
///            (authenticate_slow), and when auth is away it is refused: UNAVAILABLE /
///            IDENTITY_UNAVAILABLE. It never fails open.
/// Tokens     Users' are signed by a key of auth's JWKS, daemons' by the key in <keys>/<name>.pub;
///            neither may sign the other. None lives longer than TOKEN_LIFE_S_MAX: that is what
///            lets a revocation be forgotten.
/// Start      Past revocations come from auth's events of the last minutes, found by time (Read's
///            not_before_ns); until they are known the feed counts as silent.
/// Threads    Any.
#pragma once

#include "common/event/subscriber.h"
#include "common/rpc/server.h"

struct identity;

struct identity_config {
    const char *daemon_name;    // "ledger"; its own tokens say services/ledger.
    const char *keys_directory; // <daemon>.key of its own, *.pub of all.
    /// How to reach auth; NULL in the auth daemon itself, which gives its own lookups below.
    struct rpc_channel *auth_channel;
    const char *auth_pub_url;
    struct rpc_tls_config tls;
    /// Only in auth: keys and session state come from its own store. Quick: called for every call.
    token_key_lookup local_lookup;
    struct status (*local_check)(void *context, const struct token_claims *claims);
    void *local_context;
};

MUST_USE struct status identity_open(const struct identity_config *config, struct identity **ret);
void identity_close(struct identity **identity);
const struct rpc_identity *identity_rpc(struct identity *identity);

/// identity_service_token writes a token that says "I am this daemon"; made anew when half its
/// life (300 s) is over. Also the token callback of event_subscriber_config.
void identity_service_token(void *identity, char *ret_text, size_t size);
/// identity_is_ready: auth's keys are known, so that users' tokens can be checked.
bool identity_is_ready(struct identity *identity);

/// What the built-in roles grant: one table, shared by all daemons and shown in the README.
struct role_grant {
    const char *role;
    const char *permission;
    enum rpc_scope scope;
};
extern const struct role_grant role_grants[];
extern const size_t role_grant_count;

/// What stands in the role column for daemons (by their keys, never by a user's roles) and for the
/// operator's key <keys>/ops.pub, that of the florin command.
#define ROLE_SERVICE "service"
#define ROLE_OPERATOR "services/ops"

enum rpc_scope role_scope(const char *role, const char *permission);
/// role_claims_scope is the widest scope that a caller's roles, or its key, give.
enum rpc_scope role_claims_scope(const struct token_claims *claims, const char *permission);
/// role_is_known: one of the built-in roles, as may be given to a user. ("service" is known and
/// gives a user nothing.)
bool role_is_known(const char *role);
