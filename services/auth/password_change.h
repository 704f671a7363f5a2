/// @file services/auth/password_change.h
/// A new password: by whoever knows the old one, or by whoever can read what is sent to the user.
/// Silence    Whether an address has an owner is nowhere to be seen: the same flow, the same
///            answers; a decoy's code fits nothing. What is wrong with a password only because of
///            whose it is, is said after the right code.
/// Ends       A change ends the user's other sessions, a reset all of them, and the tokens given
///            before: the caller does so in the same transaction.
/// Errors     INVALID_ARGUMENT / WEAK_PASSWORD; RESOURCE_EXHAUSTED / RATE_LIMITED; those of flow.h.
/// Threads    Functions with a store_txn: the thread that was given it. The others: pool threads.
#pragma once

#include "services/auth/login.h"

// ---- Forgotten -----------------------------------------------------------------------------

struct auth_forgotten {
    struct auth_identity identity;
    struct auth_client client; // Its network is limited.
    uint64_t now_ns;
};

/// auth_password_forget begins a flow and sends its code, if somebody active has confirmed this
/// address. RATE_LIMITED, with *ret_wait_ns, and nothing written. The caller wakes the worker.
MUST_USE struct status auth_password_forget(const struct auth_service *service,
                                            struct store_txn *txn,
                                            const struct auth_forgotten *forgotten,
                                            struct auth_flow *ret, uint64_t *ret_wait_ns);

struct auth_reset {
    struct id128 reset_id;
    const char *code;
    const char *password;
    char hash[AUTH_HASH_BYTES]; // Of the password; the caller wipes.
    struct arena *arena;
    uint64_t now_ns;
};

/// auth_password_hash_reset checks what can be said of any password, and hashes it: not for a reset
/// that is over or never was, or strangers would have us hash for nothing.
MUST_USE struct status auth_password_hash_reset(const struct auth_service *service,
                                                struct auth_reset *reset);

struct auth_reset_outcome {
    struct auth_flow_result result; // is_counted: a refusal, too, must be committed.
    struct auth_user user;          // With STATUS_SUCCESS.
};

/// auth_password_reset: WEAK_PASSWORD is not counted, so the code is still good.
MUST_USE struct status auth_password_reset(const struct auth_service *service,
                                           struct store_txn *txn, const struct auth_reset *reset,
                                           struct auth_reset_outcome *ret);

// ---- Changed -------------------------------------------------------------------------------

/// auth_password_hash_change checks the new password with all that is known of its user, and hashes
/// it; the caller wipes.
MUST_USE struct status auth_password_hash_change(const struct auth_service *service,
                                                 struct id128 user_id, const char *password,
                                                 struct arena *arena,
                                                 char ret_hash[static AUTH_HASH_BYTES]);
/// auth_password_change: the old password has been shown (reauth.h).
MUST_USE struct status auth_password_change(const struct auth_service *service,
                                            struct store_txn *txn, struct id128 user_id,
                                            const char *hash, uint64_t now_ns);
