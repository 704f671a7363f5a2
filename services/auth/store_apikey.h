/// @file services/auth/store_apikey.h
/// API keys in the store: by id, and on their owners' lists.
/// Sealed     The name, as everything that somebody has written. Of the key itself only a MAC is
///            kept.
/// Errors     NOT_FOUND / API_KEY_NOT_FOUND; DATA_LOSS.
/// Threads    The one that was given the transaction.
#pragma once

#include "services/auth/record_apikey.h"
#include "services/auth/store.h"

MUST_USE struct status auth_store_get_api_key(struct store_txn *txn, struct id128 id,
                                              struct auth_api_key *ret);
/// auth_store_get_api_key_name unseals the name into the arena.
MUST_USE struct status auth_store_get_api_key_name(const struct auth_store *auth,
                                                   struct store_txn *txn, struct id128 id,
                                                   struct arena *arena, const char **ret);
void auth_store_put_new_api_key(const struct auth_store *auth, struct store_txn *txn,
                                const struct auth_api_key *key, const char *name);
/// auth_store_update_api_key puts one that exists; its name stays.
MUST_USE struct status auth_store_update_api_key(struct store_txn *txn,
                                                 const struct auth_api_key *key);
void auth_store_delete_api_key(struct store_txn *txn, const struct auth_api_key *key);

/// auth_store_next_api_key gives the owner's newest key that is older than `before` (nil: the
/// newest). API_KEY_NOT_FOUND: that was the oldest one.
MUST_USE struct status auth_store_next_api_key(struct store_txn *txn, struct id128 owner_id,
                                               struct id128 before, struct auth_api_key *ret);
