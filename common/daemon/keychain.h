/// @file common/daemon/keychain.h
/// The data keys of a store: wrapped in a table of its own, made at the first start. And the key
/// that wraps them (KEK), which the daemons of one installation share.
/// Key        version(4)
/// Record     version(1) = 01 | wrapped key(73, common/crypto/seal.h)
/// Threads    At open only.
/// Errors     DATA_LOSS / SEAL_KEY_BROKEN (another KEK, or damage), KEYCHAIN_BROKEN (not such a
///            record).
#pragma once

#include "common/crypto/seal.h"
#include "common/store/store.h"

enum { KEYCHAIN_KEY_BYTES = 4, KEYCHAIN_RECORD_BYTES = 1 + SEAL_WRAPPED_KEY_BYTES };

void keychain_record_encode(const uint8_t wrapped[static SEAL_WRAPPED_KEY_BYTES],
                            uint8_t ret[static KEYCHAIN_RECORD_BYTES]);
MUST_USE struct status keychain_record_decode(struct bytes record, struct bytes *ret_wrapped);

/// keychain_load_kek reads <keys_directory>/kek. Only for a store that holds nothing yet
/// (may_be_new) it is made where it is missing; when two daemons do that at the same moment, both
/// load the one that was first.
MUST_USE struct status keychain_load_kek(const char *keys_directory, bool may_be_new,
                                         uint8_t ret[static SEAL_KEK_BYTES]);

/// keychain_open gives the seal with every stored data key; a store without any gets its first.
/// keychain_exists looks whether it has one.
MUST_USE struct status keychain_open(struct store *store, uint8_t table,
                                     const uint8_t kek[static SEAL_KEK_BYTES], struct seal **ret);
MUST_USE struct status keychain_exists(struct store *store, uint8_t table, bool *ret);
