/// @file services/auth/store_password.h
/// What is kept beside a password's hash: how often it was missed, and whether it still counts. As
/// store.h.
#pragma once

#include "services/auth/store.h"

struct auth_password {
    uint64_t changed_at_ns;  // By its owner.
    uint32_t failures;       // In a row, from all devices.
    uint64_t disabled_at_ns; // 0: it counts.
};

/// NOT_FOUND / PASSWORD_NOT_FOUND.
MUST_USE struct status auth_store_get_password_state(struct store_txn *txn, struct id128 user_id,
                                                     struct auth_password *ret);
/// auth_store_put_password_state keeps the hash. PASSWORD_NOT_FOUND.
MUST_USE struct status auth_store_put_password_state(struct store_txn *txn, struct id128 user_id,
                                                     const struct auth_password *password);
/// auth_store_rehash_password puts another hash of the same password, and keeps the rest.
MUST_USE struct status auth_store_rehash_password(const struct auth_store *auth,
                                                  struct store_txn *txn, struct id128 user_id,
                                                  const char *hash);
