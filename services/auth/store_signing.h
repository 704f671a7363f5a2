/// @file services/auth/store_signing.h
/// The keys that sign access tokens, in the store: one row each, the seed sealed and bound to its
/// public half. As store.h.
#pragma once

#include "services/auth/store.h"

struct auth_signing_key {
    enum auth_signing_state state;
    uint64_t created_at_ns, changed_at_ns;
    uint8_t public_key[KEY_PUBLIC_BYTES];
};

void auth_store_put_new_signing_key(const struct auth_store *auth, struct store_txn *txn,
                                    const struct auth_signing_key *key,
                                    const uint8_t seed[static KEY_SEED_BYTES]);
/// auth_store_put_signing_key changes the state of one that is there. DATA_LOSS when it is not.
MUST_USE struct status auth_store_put_signing_key(struct store_txn *txn,
                                                  const struct auth_signing_key *key);
void auth_store_delete_signing_key(struct store_txn *txn, const struct auth_signing_key *key);
/// auth_store_get_signing_keys reads all of them, smallest kid first.
MUST_USE struct status auth_store_get_signing_keys(struct store_txn *txn,
                                                   struct auth_signing_key *ret, size_t count_max,
                                                   size_t *ret_count);
/// The caller wipes the seed.
MUST_USE struct status auth_store_get_signing_seed(const struct auth_store *auth,
                                                   struct store_txn *txn,
                                                   const struct auth_signing_key *key,
                                                   uint8_t ret_seed[static KEY_SEED_BYTES]);
