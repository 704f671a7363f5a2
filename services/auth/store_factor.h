/// @file services/auth/store_factor.h
/// Second factors in the store: one row a user, the authenticator's secret sealed, recovery codes
/// as keyed MACs. As store.h.
#pragma once

#include "services/auth/record_factor.h"
#include "services/auth/store.h"

/// auth_store_get_factor: NOT_FOUND / FACTOR_NOT_FOUND.
MUST_USE struct status auth_store_get_factor(struct store_txn *txn, struct id128 user_id,
                                             struct auth_factor_record *ret);
/// auth_store_put_factor keeps the sealed secret that it was read with.
void auth_store_put_factor(struct store_txn *txn, struct id128 user_id,
                           const struct auth_factor_record *factor);
/// auth_store_put_new_factor seals the secret.
void auth_store_put_new_factor(const struct auth_store *auth, struct store_txn *txn,
                               struct id128 user_id, const struct auth_factor_record *factor,
                               const uint8_t secret[static TOTP_SECRET_BYTES]);
void auth_store_delete_factor(struct store_txn *txn, struct id128 user_id);

/// The caller wipes the secret.
MUST_USE struct status auth_store_get_totp_secret(const struct auth_store *auth,
                                                  struct id128 user_id,
                                                  const struct auth_factor_record *factor,
                                                  uint8_t ret_secret[static TOTP_SECRET_BYTES]);
