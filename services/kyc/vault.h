/// @file services/kyc/vault.h
/// Aadhaar numbers, in a store of their own that hands out random references: the service's main
/// store, its backups and its events never hold a number, not even sealed.
/// Order      A number is durable here before the main store's record that refers to it. What a
///            crash leaves in between is an entry that nobody refers to: it is sealed, harmless,
///            and unreachable.
/// Erasure    Entries are sealed with the customer's own key, which lies in the main store: it is
///            destroyed there, once, for both.
/// Threads    Any but a store's writer thread; never from inside a transaction. Each put commits.
/// Errors     As common/store/store.h; DATA_LOSS / SEAL_BROKEN, KYC_RECORD_BROKEN.
#pragma once

#include "common/base/arena.h"
#include "common/crypto/seal.h"

struct kyc_vault;

/// kyc_vault_open makes a vault only where may_be_new says so: a new one under a main store that
/// has references would hide that the numbers are gone. FAILED_PRECONDITION / VAULT_MISSING.
MUST_USE struct status kyc_vault_open(const char *directory,
                                      const uint8_t kek[static SEAL_KEK_BYTES], bool may_be_new,
                                      struct kyc_vault **ret);
void kyc_vault_close(struct kyc_vault **vault); // Idempotent.

/// kyc_vault_put seals a number and gives its reference: random, never nil.
MUST_USE struct status kyc_vault_put(struct kyc_vault *vault,
                                     const uint8_t owner_key[static SEAL_OWNER_KEY_BYTES],
                                     const char *number, struct id128 *ret_reference);
/// kyc_vault_get gives the number in the arena. NOT_FOUND / VAULT_REFERENCE_NOT_FOUND.
MUST_USE struct status kyc_vault_get(struct kyc_vault *vault,
                                     const uint8_t owner_key[static SEAL_OWNER_KEY_BYTES],
                                     struct id128 reference, struct arena *arena,
                                     const char **ret_number);
/// kyc_vault_forget drops an entry whose reference was never committed. It does its best: an entry
/// that stays is an orphan like those that a crash leaves.
void kyc_vault_forget(struct kyc_vault *vault, struct id128 reference);

struct store *kyc_vault_store(struct kyc_vault *vault); // For readiness and backup.
