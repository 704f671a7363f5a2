/// @file services/auth/login.h
/// Logging in, in three steps: look (a snapshot), check (the slow hash, no transaction), and the
/// outcome (one transaction).
/// Silence    An identifier that nobody has is looked up, hashed and counted like any other; only
///            right credentials learn that an account is blocked.
/// Throttles  Per account, one for each device that it knows and one for all others: 5 failures,
///            then 30 s doubling to 15 min, quietly, as the generic 401. Per network address: 429.
///            Counted with the outcome: as many guesses as the pool has threads may overlap.
/// Errors     UNAUTHENTICATED / INVALID_CREDENTIALS; PERMISSION_DENIED / ACCOUNT_BLOCKED;
///            RESOURCE_EXHAUSTED / RATE_LIMITED; UNAVAILABLE / OVERLOADED.
#pragma once

#include "services/auth/session.h"

enum { AUTH_IDENTIFIER_BYTES_TEXT = 256 };

struct auth_login {
    enum auth_channel channel;
    char identifier[AUTH_IDENTIFIER_BYTES_TEXT]; // In normal form.
    const char *password;
    struct auth_client client;
    uint64_t now_ns;
};

/// One attempt on its way; wipe it (auth_attempt_wipe).
struct auth_attempt {
    bool is_known;
    bool is_throttled; // Nothing is compared.
    bool is_right;
    struct id128 user_id;
    struct auth_throttle_key account, address;
    char hash[AUTH_HASH_BYTES];
    char stronger_hash[AUTH_HASH_BYTES]; // To replace it; "" when it is strong enough.
    struct auth_user user;               // After success.
    struct auth_session session;
};

void auth_attempt_wipe(struct auth_attempt *attempt); // For CLEANUP.

/// auth_login_look: RATE_LIMITED, with *ret_wait_ns.
MUST_USE struct status auth_login_look(const struct auth_service *service, struct store_txn *txn,
                                       const struct auth_login *login, struct auth_attempt *ret,
                                       uint64_t *ret_wait_ns);
MUST_USE struct status auth_login_check(const struct auth_service *service,
                                        const struct auth_login *login,
                                        struct auth_attempt *attempt);
/// auth_login_settle counts a failure or begins the session. Its verdict is *ret_refusal: what it
/// has counted must be committed, so the status is OK also then.
MUST_USE struct status auth_login_settle(const struct auth_service *service, struct store_txn *txn,
                                         const struct auth_login *login,
                                         struct auth_attempt *attempt, struct status *ret_refusal);
