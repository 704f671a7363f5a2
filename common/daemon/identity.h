/// @file common/daemon/identity.h
/// Who a caller is and what they may do, for every daemon alike: token checks with the verification
/// cache, keys from auth's JWKS and the other daemons' public keys, revocations from auth's events.
/// Rules      JWKS is asked each minute, when auth tells that its keys were rotated, and for an
///            unknown kid at most once a second. Revocations take effect within 100 ms; when the
///            feed is silent for 5 s each user token is checked with auth (authenticate_slow), and
///            when auth is away it is refused: UNAVAILABLE / IDENTITY_UNAVAILABLE. It never fails
///            open.
/// Policy     Custom roles and features (access_policy.h) are fetched with the keys and followed in
///            the same feed; until they are known, and after a gap in their versions, users wait
///            for them as for an unknown key. With a silent feed each check with auth also says
///            which version there is.
/// Silence    When auth did not answer, nobody asks it for 250 ms, and then one does for all:
///            whoever needs an answer meanwhile is refused at once (silence.h).
/// Key files  Looked through at start, each minute, and for an unknown kid at most once a second: a
///            service's key that the operator adds counts at once, one removed within a minute.
/// Tokens     Users' are signed by a key of auth's JWKS, daemons' by the key in <keys>/<name>.pub;
///            neither may sign the other. None lives longer than TOKEN_LIFE_S_MAX: that is what
///            lets a revocation be forgotten.
/// Start      Past revocations come from auth's events of the last minutes, found by time (Read's
///            not_before_ns); until they are known the feed counts as silent.
/// Threads    Any.
#pragma once

#include "common/crypto/sca_token.h"
#include "common/daemon/access_policy.h"
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
    /// Only in auth: keys, session state and policy come from its own store. Quick: called for
    /// every call.
    token_key_lookup local_lookup;
    struct status (*local_check)(void *context, const struct token_claims *claims);
    struct access_policy *local_policy;
    void *local_context;
};

MUST_USE struct status identity_open(const struct identity_config *config, struct identity **ret);
void identity_close(struct identity **identity);
const struct rpc_identity *identity_rpc(struct identity *identity);

/// identity_service_token writes a token that says "I am this daemon"; made anew when half its
/// life (300 s) is over. Also the token callback of event_subscriber_config.
void identity_service_token(void *identity, char *ret_text, size_t size);
/// identity_verify_sca says whether a step-up token is one of auth's own and alive at now_s; what
/// it approves is compared by who asked. Never blocks. PERMISSION_DENIED / SCA_INVALID; UNAVAILABLE
/// / IDENTITY_UNAVAILABLE while the key cannot be known: ask again, auth's keys are being fetched.
/// context: the identity.
MUST_USE struct status identity_verify_sca(void *context, struct bytes token, uint64_t now_s,
                                           struct sca_claims *ret);
/// identity_is_ready: auth's keys and its access policy are known, so that users' tokens can be
/// checked.
bool identity_is_ready(struct identity *identity);
