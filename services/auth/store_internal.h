/// @file services/auth/store_internal.h
/// What the files behind store.h, and the stores of single parts (store_*.c), share.
#pragma once

#include "services/auth/store.h"

struct auth_store {
    struct seal *seal; // Of all sealed values; see common/crypto/seal.h.
};

/// auth_store_id_of_key reads a key that is an identifier. DATA_LOSS / AUTH_RECORD_BROKEN.
MUST_USE struct status auth_store_id_of_key(struct bytes key, struct id128 *ret);

/// auth_store_index_user files a user under its facets; before: as it was filed so far, NULL for
/// not at all.
void auth_store_index_user(struct store_txn *txn, const struct auth_user *before,
                           const struct auth_user *user);

/// The migration to schema version 2 (migrate.c): users get their kind, their confirmed channels
/// and their facets; the security report its gauges.
MUST_USE struct status auth_migrate_users(struct store_txn *txn);
