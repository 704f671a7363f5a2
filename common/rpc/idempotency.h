/// @file common/rpc/idempotency.h
/// What KEYED methods answered, kept with the effect in the same transaction, so that a repeated
/// call gets the same answer and has no second effect.
/// Tables     answers: key = BLAKE2b-256 of (principal, method, Idempotency-Key)
///                version(1) = 02 | expiry, ns since 1970 (8, big-endian)
///                | request hash (16) | nonce (24) | sealed: a ReplyBatch with the one Reply,
///                call_id 0 | tag (16). Version 01 had the ReplyBatch in clear behind the hash.
///            expiries: key = expiry (8, big-endian) | the answers key (32), no value.
///            Expiries append, because every row lives equally long.
/// Secrecy    Answers may hold secrets that are shown once (a webhook's, an API key). They are
///            sealed by XChaCha20-Poly1305 with a key that is derived, as the row's is, from the
///            caller's Idempotency-Key, which is not stored: only who asks again can read them. So
///            they are as safe from who reads the disk as that key is from being guessed.
/// Threads    As the transaction's.
/// Errors     ALREADY_EXISTS / IDEMPOTENCY_KEY_REUSED, DATA_LOSS.
#pragma once

#include "common/base/arena.h"
#include "common/crypto/token.h"
#include "common/store/store.h"

enum {
    IDEMPOTENCY_ROW_KEY_BYTES = 32,
    IDEMPOTENCY_HASH_BYTES = 16,
    IDEMPOTENCY_HEAD_BYTES = 1 + 8 + IDEMPOTENCY_HASH_BYTES,
    IDEMPOTENCY_SEAL_KEY_BYTES = 32,
    IDEMPOTENCY_SEAL_OVERHEAD_BYTES = 24 + 16,
    IDEMPOTENCY_SWEEP_ROWS_MAX = 1000, // Of one transaction: some milliseconds.
};

#define IDEMPOTENCY_LIFE_NS (UINT64_C(24) * 3600 * 1000000000)

/// One remembered call: which row it is, and what was asked.
struct idempotency {
    uint8_t row_key[IDEMPOTENCY_ROW_KEY_BYTES];
    uint8_t request_hash[IDEMPOTENCY_HASH_BYTES];
    uint8_t seal_key[IDEMPOTENCY_SEAL_KEY_BYTES];
};

void idempotency_identify(const struct token_claims *claims, bool is_authenticated,
                          const char *method, const char *key, struct bytes request,
                          struct idempotency *ret);

/// idempotency_find: OK with the stored batch (in the arena, or in the store until the next write),
/// or with an empty one when the key is new or has expired; ALREADY_EXISTS when it was another
/// request.
MUST_USE struct status idempotency_find(struct store_txn *txn, const struct idempotency *asked,
                                        uint64_t now_wall_ns, struct arena *arena,
                                        struct bytes *ret_reply);
void idempotency_put(struct store_txn *txn, const struct idempotency *asked, uint64_t now_wall_ns,
                     struct bytes reply);

bool idempotency_has_expired(struct store_txn *txn, uint64_t now_wall_ns);
/// idempotency_sweep deletes up to IDEMPOTENCY_SWEEP_ROWS_MAX expired rows; gives how many.
size_t idempotency_sweep(struct store_txn *txn, uint64_t now_wall_ns);

/// The row's bytes, pure. Decode refuses with DATA_LOSS what encode, of this or of an earlier
/// version, cannot have written.
struct idempotency_row {
    uint64_t expires_wall_ns;
    uint8_t request_hash[IDEMPOTENCY_HASH_BYTES];
    bool is_clear;       // Of version 01; never encoded.
    struct bytes answer; // Nonce, sealed batch and tag; where is_clear the batch.
};

size_t idempotency_row_size(const struct idempotency_row *row);
void idempotency_row_encode(const struct idempotency_row *row, uint8_t *ret_bytes);
MUST_USE struct status idempotency_row_decode(struct bytes bytes, struct idempotency_row *ret);
