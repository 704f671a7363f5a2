/// @file services/kyc/store.h
/// Durable state of KYC: the only code that knows its keys, its record bytes and what is sealed.
/// Sealed     Personal fields, and the officers' words, leave and enter in clear here and lie
/// sealed
///            in the store, each customer's under a random key of his own.
/// Ownership  Results are copied into caller structs; texts lie in the arena that is given. Nothing
///            returned points into the store.
/// Threads    A store_txn stays on the thread that was given it.
/// Errors     NOT_FOUND as named below; DATA_LOSS (a record or a sealed value fails its checks).
///            Writes give no status: the first that fails sticks to the transaction.
/// Source     README.md "Key spaces".
#pragma once

#include "common/base/arena.h"
#include "common/store/store.h"
#include "services/kyc/record.h"

enum {
    KYC_TABLE_KEYS = STORE_TABLE_SERVICE_FIRST,
    KYC_TABLE_CUSTOMERS,
    KYC_TABLE_PROFILES,
    KYC_TABLE_DOCUMENTS,
    KYC_TABLE_CASES,
    KYC_TABLE_QUEUE,
    KYC_TABLE_IDENTITIES,
    KYC_TABLE_END,
};

extern const struct store_schema kyc_store_schema;

struct kyc_store;

/// kyc_store_open readies a store that was opened with kyc_store_schema: loads or makes its keys.
MUST_USE struct status kyc_store_open(struct store *store, const uint8_t kek[static SEAL_KEK_BYTES],
                                      struct kyc_store **ret);
void kyc_store_close(struct kyc_store **kyc); // Idempotent; the store itself is the daemon's.

// ---- Customers -----------------------------------------------------------------------------

/// A customer with his key in clear: keep it on the stack, and wipe it (kyc_owner_wipe).
struct kyc_owner {
    struct id128 id;
    struct kyc_customer record;
    uint8_t key[SEAL_OWNER_KEY_BYTES];
};

/// kyc_store_new_owner makes a customer with a fresh key; nothing is stored before put.
struct kyc_owner kyc_store_new_owner(const struct kyc_store *kyc, struct id128 customer_id);
MUST_USE struct status kyc_store_get_owner(const struct kyc_store *kyc, struct store_txn *txn,
                                           struct id128 customer_id, struct kyc_owner *ret);
void kyc_store_put_owner(struct store_txn *txn, const struct kyc_owner *owner);
/// kyc_store_put_tier is put_owner where the tier is what changed: its event carries the digests.
void kyc_store_put_tier(struct store_txn *txn, const struct kyc_owner *owner);
void kyc_owner_wipe(struct kyc_owner *owner); // For CLEANUP.

// ---- Profiles ------------------------------------------------------------------------------

struct kyc_profile {
    bool address_verified;
    uint64_t version, updated_at_ns;
    const char *fields[KYC_PROFILE_FIELD_COUNT]; // "" for what was not given; never NULL.
};

/// NOT_FOUND / PROFILE_NOT_FOUND.
MUST_USE struct status kyc_store_get_profile(const struct kyc_store *kyc, struct store_txn *txn,
                                             const struct kyc_owner *owner, struct arena *arena,
                                             struct kyc_profile *ret);
void kyc_store_put_profile(const struct kyc_store *kyc, struct store_txn *txn,
                           const struct kyc_owner *owner, const struct kyc_profile *profile);
/// kyc_store_verify_address notes that officers accepted the address of the profile.
MUST_USE struct status kyc_store_verify_address(struct store_txn *txn, struct id128 customer_id);
/// kyc_store_look_at_profile says whether there is one, what version, and whether its address is
/// verified, without unsealing it. Version 0: there is none.
MUST_USE struct status kyc_store_look_at_profile(struct store_txn *txn, struct id128 customer_id,
                                                 uint64_t *ret_version, bool *ret_is_verified);

// ---- Documents -----------------------------------------------------------------------------

/// A document as it is given.
struct kyc_new_document {
    enum kyc_document_type type;
    char number[KYC_IDENTIFIER_BYTES]; // In normal form; where `reference` is nil.
    struct id128 reference;            // Into the vault, for an Aadhaar.
    uint8_t blind[BLIND_INDEX_BYTES];  // By kyc_store_blind.
    char mask[KYC_MASK_BYTES];
    const char *fields[KYC_DOCUMENT_FIELD_COUNT]; // "" for what was not given; NUMBER is not used.
};

/// A document as it is looked at: nothing of it is unsealed.
struct kyc_document {
    enum kyc_document_type type;
    enum kyc_document_state state;
    uint32_t sequence;
    uint64_t submitted_at_ns, updated_at_ns;
    struct id128 case_id, reference;
    char mask[KYC_MASK_BYTES];
};

void kyc_store_blind(const struct kyc_store *kyc, enum kyc_document_type type, const char *normal,
                     uint8_t ret[static BLIND_INDEX_BYTES]);
/// kyc_store_get_document gives the customer's current one. NOT_FOUND / DOCUMENT_NOT_FOUND.
MUST_USE struct status kyc_store_get_document(struct store_txn *txn, struct id128 customer_id,
                                              enum kyc_document_type type,
                                              struct kyc_document *ret);
/// kyc_store_add_document makes a document, in state format_ok, the current one of its type; the
/// one before is superseded and kept.
MUST_USE struct status kyc_store_add_document(const struct kyc_store *kyc, struct store_txn *txn,
                                              const struct kyc_owner *owner,
                                              const struct kyc_new_document *document,
                                              struct id128 case_id, uint64_t now_ns,
                                              struct kyc_document *ret);
/// kyc_store_move_document moves the current one by the document machine, where that allows it;
/// where it does not, and where there is none, nothing happens.
MUST_USE struct status kyc_store_move_document(struct store_txn *txn, struct id128 customer_id,
                                               enum kyc_document_type type,
                                               enum kyc_document_event event, uint64_t now_ns);
/// kyc_store_is_registered_by_other is true when another customer has ever declared the identifier.
bool kyc_store_is_registered_by_other(struct store_txn *txn, enum kyc_document_type type,
                                      const uint8_t blind[static BLIND_INDEX_BYTES],
                                      struct id128 customer_id);

// ---- Cases ---------------------------------------------------------------------------------

/// NOT_FOUND / CASE_NOT_FOUND. The reasons are unsealed into the arena.
MUST_USE struct status kyc_store_get_case(const struct kyc_store *kyc, struct store_txn *txn,
                                          struct id128 case_id, struct arena *arena,
                                          struct kyc_case *ret);
/// kyc_store_put_case puts a case and moves its places in the queue.
MUST_USE struct status kyc_store_put_case(const struct kyc_store *kyc, struct store_txn *txn,
                                          const struct kyc_owner *owner,
                                          const struct kyc_case *kyc_case);

/// A walk through the queue, oldest hand-in first; close it before the transaction ends.
struct kyc_queue_walk {
    struct store_cursor cursor;
    struct kyc_queue_key at; // Of the case that the last call gave.
    uint8_t from[KYC_QUEUE_KEY_BYTES];
    bool is_started, skips_first;
};

/// state KYC_REFUSED_MOVE walks all cases. after NULL: from the oldest; else from behind it.
void kyc_queue_walk_open(struct store_txn *txn, enum kyc_state state,
                         const struct kyc_queue_key *after, struct kyc_queue_walk *ret);
/// NOT_FOUND at the end.
MUST_USE struct status kyc_queue_walk_next(struct kyc_queue_walk *walk);
void kyc_queue_walk_close(struct kyc_queue_walk *walk); // Idempotent.
