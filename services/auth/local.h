/// @file services/auth/local.h
/// How auth's own calls know who calls, and what they may do: keys, sessions and the access policy
/// come from its own store, so that a logout or a change of rights holds here from its commit on.
/// Threads    Any; called for every call.
#pragma once

#include "common/daemon/identity.h"
#include "services/auth/session.h"

/// auth_local_lookup gives the public key of a kid of ours: a token_key_lookup.
bool auth_local_lookup(void *service, const char *kid,
                       uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                       char ret_issuer[static TOKEN_ISSUER_BYTES_MAX]);
/// auth_local_check: UNAUTHENTICATED / TOKEN_REVOKED.
MUST_USE struct status auth_local_check(void *service, const struct token_claims *claims);

/// auth_local_identity fills in these and the policy, for daemon_spec.identity_local.
void auth_local_identity(void *service, struct identity_config *config);
