#include "common/crypto/hash.h"

#include <assert.h>
#include <sodium.h>

static_assert(HASH_SHA256_BYTES == crypto_hash_sha256_BYTES, "the size of SHA-256");
static_assert(HASH_BLAKE2B_128_BYTES >= crypto_generichash_BYTES_MIN, "a size that BLAKE2b gives");

void hash_sha256(const struct bytes *parts, size_t part_count,
                 uint8_t ret[static HASH_SHA256_BYTES])
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > 0) crypto_hash_sha256_update(&state, parts[i].data, parts[i].size);
    }
    crypto_hash_sha256_final(&state, ret);
}

void hash_blake2b_128(const struct bytes *parts, size_t part_count,
                      uint8_t ret[static HASH_BLAKE2B_128_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, HASH_BLAKE2B_128_BYTES);
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > 0) crypto_generichash_update(&state, parts[i].data, parts[i].size);
    }
    crypto_generichash_final(&state, ret, HASH_BLAKE2B_128_BYTES);
}

void hash_hmac_sha256(struct bytes key, const struct bytes *parts, size_t part_count,
                      uint8_t ret[static HASH_SHA256_BYTES])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key.data, key.size);
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > 0) crypto_auth_hmacsha256_update(&state, parts[i].data, parts[i].size);
    }
    crypto_auth_hmacsha256_final(&state, ret);
    sodium_memzero(&state, sizeof state);
}
