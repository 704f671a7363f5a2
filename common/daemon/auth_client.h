/// @file common/daemon/auth_client.h
/// What identity asks auth, and what it reads in auth's events: the one file of common/daemon that
/// knows auth's messages (proto/florin/auth/v1/auth.proto).
/// Threads    Any that may block; never inside a transaction.
#pragma once

#include "common/daemon/access_policy.h"
#include "common/daemon/keyring.h"
#include "common/daemon/revocation.h"
#include "common/event/subscriber.h"

/// auth_client_get_keys fetches the JWKS; DATA_LOSS / JWKS_MALFORMED when a key of it is not an
/// Ed25519 signing key under its right kid.
MUST_USE struct status auth_client_get_keys(struct rpc_channel *channel, uint32_t timeout_ms,
                                            struct keyring_key ret_keys[static KEYRING_KEYS_MAX],
                                            size_t *ret_count);

/// auth_client_get_policy fetches the whole access policy; DATA_LOSS / POLICY_MALFORMED. The caller
/// releases it.
MUST_USE struct status auth_client_get_policy(struct rpc_channel *channel,
                                              const char *service_token, uint32_t timeout_ms,
                                              struct access_content *ret);

/// auth_client_check_session asks whether the token's session and user version still hold, and
/// which version the access policy has.
MUST_USE struct status auth_client_check_session(struct rpc_channel *channel,
                                                 const char *service_token,
                                                 const struct token_claims *claims,
                                                 uint32_t timeout_ms, bool *ret_alive,
                                                 uint64_t *ret_policy_version);

/// auth_client_revoke takes what an event revokes into the set; events of other types do nothing.
/// DATA_LOSS / EVENT_MALFORMED: what it revokes cannot be read.
MUST_USE struct status auth_client_revoke(const struct event_view *event,
                                          struct revocation_set *revocations, uint64_t now_ns);
/// auth_client_follow_policy takes what an event changes into the policy; events of other types do
/// nothing. DATA_LOSS / EVENT_MALFORMED. *ret_current: false when the whole policy must be fetched.
MUST_USE struct status auth_client_follow_policy(const struct event_view *event,
                                                 struct access_policy *policy, bool *ret_current);
