#include "common/crypto/hash.h"

#include <assert.h>
#include <sodium.h>

static_assert(HASH_SHA256_BYTES == crypto_hash_sha256_BYTES, "the size of SHA-256");

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
