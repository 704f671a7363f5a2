#include "common/crypto/keys.h"

#include "common/base/check.h"
#include "common/base/text.h"

#include <sodium.h>
#include <stdio.h>

_Static_assert(KEY_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(KEY_SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519");
_Static_assert(KEY_SEED_BYTES == crypto_sign_SEEDBYTES, "Ed25519");

struct key_signer {
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    uint8_t public_key[KEY_PUBLIC_BYTES];
};

struct status crypto_open(void)
{
    if (sodium_init() < 0) return REFUSE(INTERNAL, CRYPTO_UNAVAILABLE, "libsodium cannot start");
    return STATUS_SUCCESS;
}

struct status key_signer_from_seed(const uint8_t seed[static KEY_SEED_BYTES],
                                   struct key_signer **ret)
{
    struct key_signer *signer = sodium_malloc(sizeof *signer);
    CHECK(signer != NULL);
    CHECK(crypto_sign_seed_keypair(signer->public_key, signer->secret, seed) == 0);
    CHECK(sodium_mprotect_readonly(signer) == 0);
    *ret = signer;
    return STATUS_SUCCESS;
}

void key_signer_close(struct key_signer **signer)
{
    sodium_free(*signer); // Wipes before it frees; NULL is fine.
    *signer = NULL;
}

const uint8_t *key_signer_public(const struct key_signer *signer)
{
    return signer->public_key;
}

void key_sign(const struct key_signer *signer, struct bytes message,
              uint8_t ret_signature[static KEY_SIGNATURE_BYTES])
{
    CHECK(crypto_sign_detached(ret_signature, NULL, message.data, message.size, signer->secret) ==
          0);
}

bool key_verify(const uint8_t public_key[static KEY_PUBLIC_BYTES], struct bytes message,
                const uint8_t signature[static KEY_SIGNATURE_BYTES])
{
    return crypto_sign_verify_detached(signature, message.data, message.size, public_key) == 0;
}

/// The thumbprint hashes the required members in lexical order without white space (RFC 7638
/// section 3; RFC 8037 section 2 names them for OKP keys).
static void hash_jwk(const uint8_t public_key[static KEY_PUBLIC_BYTES],
                     uint8_t ret[static crypto_hash_sha256_BYTES])
{
    char x[BASE64URL_TEXT_BYTES(KEY_PUBLIC_BYTES)];
    base64url_encode(public_key, KEY_PUBLIC_BYTES, x);
    char jwk[128];
    int size = snprintf(jwk, sizeof jwk, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
    CHECK(size > 0 && (size_t)size < sizeof jwk);
    CHECK(crypto_hash_sha256(ret, (const uint8_t *)jwk, (unsigned long long)size) == 0);
}

void key_thumbprint(const uint8_t public_key[static KEY_PUBLIC_BYTES],
                    char ret_text[static KEY_THUMBPRINT_TEXT_BYTES])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    hash_jwk(public_key, hash);
    CHECK(base64url_encode(hash, sizeof hash, ret_text) == KEY_THUMBPRINT_TEXT_BYTES - 1);
}

void key_id(const uint8_t public_key[static KEY_PUBLIC_BYTES],
            char ret_text[static KEY_ID_TEXT_BYTES])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    hash_jwk(public_key, hash);
    CHECK(base64url_encode(hash, 16, ret_text) == KEY_ID_TEXT_BYTES - 1);
}

void key_wipe(void *secret, size_t size)
{
    sodium_memzero(secret, size);
}

void key_random(void *ret, size_t size)
{
    randombytes_buf(ret, size);
}

bool key_equal(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}
