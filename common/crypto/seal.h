/// @file common/crypto/seal.h
/// Field encryption: XChaCha20-Poly1305 with a key chain, and blind indexes for equality.
/// Chain      KEK (file, 0400) wraps data keys (one per key version, random, kept wrapped by the
///            caller); field keys are derived from a data key by crypto_kdf with the names of table
///            and field, and from the owner's own key where the row's owner has one.
/// Binding    Associated data = table NUL field NUL owner(16) key version(4): a sealed value cannot
///            be moved to another field, owner or table (DATA_LOSS / SEAL_BROKEN).
/// Sealed     byte 0 = 1 (format), bytes 1-4 key version, 24 bytes nonce, ciphertext, 16 bytes tag.
/// Wrapped    byte 0 = 1 (format), 24 bytes nonce, 32 bytes of sealed key, 16 bytes tag.
/// Rotation   seal_new_key, store what it gives, seal_add_key after the commit: from then on the
///            new version seals and the old ones still unseal. The process goes on serving.
/// Erasure    A row's owner may have a random key of his own (seal_place.owner_key), kept sealed by
///            the caller. Destroy that one row, and all that was sealed with it is noise.
/// Ownership  Keys lie in locked memory until seal_close.
/// Threads    Any, once opened; seal_add_key may run beside the others, from one thread at a time.
#pragma once

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/base/id128.h"
#include "common/base/status.h"

enum {
    SEAL_KEK_BYTES = 32,
    SEAL_OVERHEAD_BYTES = 1 + 4 + 24 + 16,
    SEAL_WRAPPED_KEY_BYTES = 1 + 24 + 32 + 16,
    SEAL_VERSIONS_MAX = 255, // One a month lasts for 21 years.
    SEAL_OWNER_KEY_BYTES = 32,
    SEAL_NAME_CHARACTERS_MAX = 63,
    BLIND_INDEX_BYTES = 32,
};

struct seal;

/// Where a value lives. table and field are static names; owner is the row's owner.
struct seal_place {
    const char *table;
    const char *field;
    struct id128 owner;
    const uint8_t *owner_key; // SEAL_OWNER_KEY_BYTES of the owner's, or NULL where he has none.
};

MUST_USE struct status seal_open(const uint8_t kek[static SEAL_KEK_BYTES], struct seal **ret);
void seal_close(struct seal **seal); // Idempotent; wipes the keys.

/// seal_new_key makes data key `version` (the newest + 1, from 1 to SEAL_VERSIONS_MAX) and gives it
/// wrapped. Nothing is sealed with it before seal_add_key, so that no value is ever sealed with a
/// key that is not durable yet.
void seal_new_key(struct seal *seal, uint32_t version,
                  uint8_t ret_wrapped[static SEAL_WRAPPED_KEY_BYTES]);
/// seal_add_key takes a stored data key, in rising order without gaps. FAILED_PRECONDITION /
/// SEAL_KEY_ORDER; DATA_LOSS / SEAL_KEY_BROKEN: damaged, or wrapped with another KEK.
MUST_USE struct status seal_add_key(struct seal *seal, uint32_t version, struct bytes wrapped);
/// seal_rewrap_key wraps a data key that was added with another KEK: how a KEK is rotated.
void seal_rewrap_key(const struct seal *seal, uint32_t version,
                     const uint8_t kek[static SEAL_KEK_BYTES],
                     uint8_t ret_wrapped[static SEAL_WRAPPED_KEY_BYTES]);
uint32_t seal_newest_version(const struct seal *seal); // 0: none yet.

/// seal_value writes plain.size + SEAL_OVERHEAD_BYTES bytes and returns that count.
size_t seal_value(const struct seal *seal, const struct seal_place *place, struct bytes plain,
                  uint8_t *ret_sealed);
/// unseal_value gives the plain bytes (NUL-terminated, in the arena). DATA_LOSS / SEAL_BROKEN.
MUST_USE struct status unseal_value(const struct seal *seal, const struct seal_place *place,
                                    struct bytes sealed, struct arena *arena, struct bytes *ret);
/// unseal_into writes the sealed.size - SEAL_OVERHEAD_BYTES plain bytes to the caller, who can wipe
/// them: for keys. On refusal what is written is not to be used. DATA_LOSS / SEAL_BROKEN.
MUST_USE struct status unseal_into(const struct seal *seal, const struct seal_place *place,
                                   struct bytes sealed, uint8_t *ret_plain);

/// blind_index: keyed BLAKE2b of a normalised value, one key per kind ("aadhaar", "email"), derived
/// from data key 1, so that equality can be looked up and nothing else learnt.
void blind_index(const struct seal *seal, const char *kind, struct bytes value,
                 uint8_t ret[static BLIND_INDEX_BYTES]);
