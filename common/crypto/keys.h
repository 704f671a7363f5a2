/// @file common/crypto/keys.h
/// Ed25519 key pairs in files, and the public keys of the other daemons.
/// Files      <keys>/<name>.key   64 hex digits of the seed, mode 0400 (others refuse to load)
///            <keys>/<name>.pub   64 hex digits of the public key, not writable by others
///            <keys>/kek          64 hex digits, the key-encryption key of `seal`, mode 0400
///            Each file ends with one newline; it may be absent.
/// Ownership  A signer's secret lies in locked memory (sodium_malloc) until key_signer_close.
/// Threads    Any; a signer is constant once made.
/// Errors     NOT_FOUND / KEY_NOT_FOUND, FAILED_PRECONDITION / KEY_FILE_MODE or KEY_MALFORMED,
///            UNAVAILABLE / KEY_FILE_UNREADABLE or KEY_FILE_UNWRITABLE (the disk said no),
///            INVALID_ARGUMENT / KEY_NAME (a name is [a-z0-9_-], 1 to 40 of them).
/// Source     RFC 8032 (Ed25519), RFC 8037 and 7638 (key thumbprints).
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

enum {
    KEY_PUBLIC_BYTES = 32,
    KEY_SIGNATURE_BYTES = 64,
    KEY_SEED_BYTES = 32,
    KEY_SECRET_BYTES = 32,
    KEY_ID_TEXT_BYTES = 23,         // 22 characters and the final NUL.
    KEY_THUMBPRINT_TEXT_BYTES = 44, // 43 characters and the final NUL.
    KEY_NAME_CHARACTERS_MAX = 40,
};

/// crypto_open initialises libsodium; once, before anything else here. Calling it again is fine.
MUST_USE struct status crypto_open(void);

struct key_signer; // A secret key and its public half.

/// key_generate makes <directory>/<name>.key and .pub; ALREADY_EXISTS / KEY_EXISTS when there (a
/// .pub that a crash left unwritten is then written again).
MUST_USE struct status key_generate(const char *directory, const char *name);
MUST_USE struct status key_signer_load(const char *directory, const char *name,
                                       struct key_signer **ret);
MUST_USE struct status key_signer_from_seed(const uint8_t seed[static KEY_SEED_BYTES],
                                            struct key_signer **ret);
void key_signer_close(struct key_signer **signer);                 // Idempotent; wipes the secret.
const uint8_t *key_signer_public(const struct key_signer *signer); // KEY_PUBLIC_BYTES of them.
void key_sign(const struct key_signer *signer, struct bytes message,
              uint8_t ret_signature[static KEY_SIGNATURE_BYTES]);
/// key_verify refuses non-canonical S and small-order points (libsodium's strict check).
bool key_verify(const uint8_t public_key[static KEY_PUBLIC_BYTES], struct bytes message,
                const uint8_t signature[static KEY_SIGNATURE_BYTES]);

MUST_USE struct status key_public_load(const char *directory, const char *name,
                                       uint8_t ret[static KEY_PUBLIC_BYTES]);

/// key_thumbprint is the key's RFC 7638 thumbprint (SHA-256) as base64url.
void key_thumbprint(const uint8_t public_key[static KEY_PUBLIC_BYTES],
                    char ret_text[static KEY_THUMBPRINT_TEXT_BYTES]);
/// key_id is the thumbprint's first 16 bytes as base64url: the `kid` of tokens and JWKS.
void key_id(const uint8_t public_key[static KEY_PUBLIC_BYTES],
            char ret_text[static KEY_ID_TEXT_BYTES]);

/// key_secret_load reads 64 hex digits from a 0400 file into 32 bytes of the caller's, who wipes
/// them (key_wipe). key_secret_generate writes 32 random bytes so; ALREADY_EXISTS / KEY_EXISTS.
MUST_USE struct status key_secret_load(const char *path, uint8_t ret[static KEY_SECRET_BYTES]);
MUST_USE struct status key_secret_generate(const char *path);

/// key_wipe overwrites secret bytes in a way that the compiler cannot leave out.
void key_wipe(void *secret, size_t size);

/// key_random fills bytes from the kernel's generator. key_equal compares in constant time.
void key_random(void *ret, size_t size);
bool key_equal(const void *a, const void *b, size_t size);
