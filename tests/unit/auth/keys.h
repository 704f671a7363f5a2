/// @file tests/unit/auth/keys.h
/// API keys as the tests of keys and of OAuth ask for them.
/// Threads    One caller each.
#pragma once

#include "tests/unit/auth/people.h"

enum { KEYS_MAX = 17 };

/// What a key is asked for; lists end with NULL.
struct asked_key {
    const char *name;                // NULL: "nightly export".
    struct id128 owner_id;           // Nil: the caller.
    const char *scopes[KEYS_MAX];    // None: ledger.account.read.
    const char *addresses[KEYS_MAX]; // None: any.
    uint64_t expires_at_ns;
};

struct status keys_create(struct caller *caller, const struct asked_key *asked,
                          Auth__ApiKeyWithSecret **ret);
struct status keys_rotate(struct caller *caller, const Auth__ApiKey *key, uint32_t overlap_s,
                          Auth__ApiKeyWithSecret **ret);
struct status keys_revoke(struct caller *caller, const Auth__ApiKey *key);
/// keys_exchange asks as the gateway does, for a client at this address.
struct status keys_exchange(struct caller *caller, const char *key, const char *client_ip,
                            Auth__IssueTokenResponse **ret);
/// keys_issue asks by client_credentials, from the caller's own address.
struct status keys_issue(struct caller *caller, const char *client_id, const char *key,
                         const char *scope, Auth__IssueTokenResponse **ret);
