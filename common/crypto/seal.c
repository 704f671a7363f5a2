#include "common/crypto/seal.h"

#include "common/base/check.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    FORMAT = 1,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    KEY_BYTES = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    SEALED_HEAD_BYTES = 1 + 4 + NONCE_BYTES,
    WRAPPED_HEAD_BYTES = 1 + NONCE_BYTES,
    BINDING_BYTES_MAX = 2 * (SEAL_NAME_CHARACTERS_MAX + 1) + ID128_BYTES + 4,
};

_Static_assert(SEALED_HEAD_BYTES + TAG_BYTES == SEAL_OVERHEAD_BYTES, "the header says so");
_Static_assert(WRAPPED_HEAD_BYTES + KEY_BYTES + TAG_BYTES == SEAL_WRAPPED_KEY_BYTES, "likewise");
_Static_assert((int)SEAL_KEK_BYTES == (int)KEY_BYTES, "one key size");
_Static_assert(crypto_kdf_KEYBYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "one key size");

/* Contexts of crypto_kdf, 8 characters each: keys for different purposes never meet. */
static const char KDF_FIELD[crypto_kdf_CONTEXTBYTES + 1] = "flrnseal";
static const char KDF_BLIND[crypto_kdf_CONTEXTBYTES + 1] = "flrnblnd";

struct seal {
    uint8_t kek[KEY_BYTES];
    uint8_t data_keys[SEAL_VERSIONS_MAX + 1][KEY_BYTES]; // By version; [0] stays unused.
    _Atomic uint32_t newest; // Stored after its key, so that readers find the key complete.
};

struct status seal_open(const uint8_t kek[static SEAL_KEK_BYTES], struct seal **ret)
{
    struct seal *seal = sodium_malloc(sizeof *seal);
    CHECK(seal != NULL);
    memset(seal, 0, sizeof *seal);
    memcpy(seal->kek, kek, sizeof seal->kek);
    *ret = seal;
    return STATUS_SUCCESS;
}

void seal_close(struct seal **seal)
{
    sodium_free(*seal); // Wipes before it frees; NULL is fine.
    *seal = NULL;
}

uint32_t seal_newest_version(const struct seal *seal)
{
    return atomic_load_explicit(&seal->newest, memory_order_acquire);
}

// ---- Data keys -----------------------------------------------------------------------------

/// A wrapped key is bound to its version: two rows of the key table cannot be exchanged.
static size_t wrapping_binding(uint32_t version, uint8_t ret[static BINDING_BYTES_MAX])
{
    static const char purpose[] = "florin data key"; // With its NUL.
    memcpy(ret, purpose, sizeof purpose);
    put_u32_be(ret + sizeof purpose, version);
    return sizeof purpose + 4;
}

static void wrap_key(const uint8_t kek[static KEY_BYTES], uint32_t version,
                     const uint8_t data_key[static KEY_BYTES],
                     uint8_t ret_wrapped[static SEAL_WRAPPED_KEY_BYTES])
{
    uint8_t binding[BINDING_BYTES_MAX];
    size_t binding_bytes = wrapping_binding(version, binding);
    ret_wrapped[0] = FORMAT;
    randombytes_buf(ret_wrapped + 1, NONCE_BYTES);
    CHECK(crypto_aead_xchacha20poly1305_ietf_encrypt(ret_wrapped + WRAPPED_HEAD_BYTES, NULL,
                                                     data_key, KEY_BYTES, binding, binding_bytes,
                                                     NULL, ret_wrapped + 1, kek) == 0);
}

void seal_new_key(struct seal *seal, uint32_t version,
                  uint8_t ret_wrapped[static SEAL_WRAPPED_KEY_BYTES])
{
    CHECK(version == seal_newest_version(seal) + 1);
    CHECK(version <= SEAL_VERSIONS_MAX);
    uint8_t data_key[KEY_BYTES];
    randombytes_buf(data_key, sizeof data_key);
    wrap_key(seal->kek, version, data_key, ret_wrapped);
    sodium_memzero(data_key, sizeof data_key);
}

struct status seal_add_key(struct seal *seal, uint32_t version, struct bytes wrapped)
{
    if (version != seal_newest_version(seal) + 1 || version > SEAL_VERSIONS_MAX)
        return REFUSE(FAILED_PRECONDITION, SEAL_KEY_ORDER,
                      "data keys are added in rising order without gaps");
    const struct status broken =
        REFUSE(DATA_LOSS, SEAL_KEY_BROKEN, "a data key is damaged or was wrapped with another KEK");
    if (wrapped.size != SEAL_WRAPPED_KEY_BYTES || wrapped.data[0] != FORMAT) return broken;

    uint8_t binding[BINDING_BYTES_MAX];
    size_t binding_bytes = wrapping_binding(version, binding);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            seal->data_keys[version], NULL, NULL, wrapped.data + WRAPPED_HEAD_BYTES,
            KEY_BYTES + TAG_BYTES, binding, binding_bytes, wrapped.data + 1, seal->kek) != 0)
        return broken;
    atomic_store_explicit(&seal->newest, version, memory_order_release);
    return STATUS_SUCCESS;
}

void seal_rewrap_key(const struct seal *seal, uint32_t version,
                     const uint8_t kek[static SEAL_KEK_BYTES],
                     uint8_t ret_wrapped[static SEAL_WRAPPED_KEY_BYTES])
{
    CHECK(version >= 1 && version <= seal_newest_version(seal));
    wrap_key(kek, version, seal->data_keys[version], ret_wrapped);
}

// ---- Values --------------------------------------------------------------------------------

/// add_name appends a name and its NUL; names hold no NUL, so no two lists of names look alike.
static size_t add_name(uint8_t *binding, size_t at, const char *name)
{
    size_t size = strlen(name);
    CHECK(size > 0 && size <= SEAL_NAME_CHARACTERS_MAX);
    memcpy(binding + at, name, size + 1);
    return at + size + 1;
}

/// The place's names, owner and key version in bytes: the associated data. ret_names_bytes is the
/// length of the names alone, from which the field's key is derived.
static size_t place_binding(const struct seal_place *place, uint32_t version,
                            uint8_t ret[static BINDING_BYTES_MAX], size_t *ret_names_bytes)
{
    size_t size = add_name(ret, 0, place->table);
    size = add_name(ret, size, place->field);
    *ret_names_bytes = size;
    memcpy(ret + size, place->owner.bytes, ID128_BYTES);
    put_u32_be(ret + size + ID128_BYTES, version);
    return size + ID128_BYTES + 4;
}

/// derive_key gives the key of one name (or list of names): crypto_kdf wants a number, and the
/// name's hash is one.
static void derive_key(const uint8_t data_key[static KEY_BYTES], const char *context,
                       struct bytes name, uint8_t ret[static KEY_BYTES])
{
    uint8_t hash[crypto_generichash_BYTES_MIN];
    CHECK(crypto_generichash(hash, sizeof hash, name.data, name.size, NULL, 0) == 0);
    CHECK(crypto_kdf_derive_from_key(ret, KEY_BYTES, get_u64_be(hash), context, data_key) == 0);
}

static void derive_field_key(const struct seal *seal, uint32_t version, struct bytes names,
                             const uint8_t *owner_key, uint8_t ret[static KEY_BYTES])
{
    derive_key(seal->data_keys[version], KDF_FIELD, names, ret);
    if (owner_key == NULL) return;
    // Both keys are needed from here on: without the owner's, the field's key cannot be made again.
    uint8_t mixed[KEY_BYTES];
    CHECK(crypto_generichash(mixed, sizeof mixed, owner_key, SEAL_OWNER_KEY_BYTES, ret,
                             KEY_BYTES) == 0);
    memcpy(ret, mixed, sizeof mixed);
    sodium_memzero(mixed, sizeof mixed);
}

size_t seal_value(const struct seal *seal, const struct seal_place *place, struct bytes plain,
                  uint8_t *ret_sealed)
{
    uint32_t version = seal_newest_version(seal);
    CHECK(version >= 1);
    uint8_t binding[BINDING_BYTES_MAX], field_key[KEY_BYTES];
    size_t names_bytes;
    size_t binding_bytes = place_binding(place, version, binding, &names_bytes);
    derive_field_key(seal, version, bytes_of(binding, names_bytes), place->owner_key, field_key);

    ret_sealed[0] = FORMAT;
    put_u32_be(ret_sealed + 1, version);
    randombytes_buf(ret_sealed + 5, NONCE_BYTES);
    CHECK(crypto_aead_xchacha20poly1305_ietf_encrypt(ret_sealed + SEALED_HEAD_BYTES, NULL,
                                                     plain.data, plain.size, binding, binding_bytes,
                                                     NULL, ret_sealed + 5, field_key) == 0);
    sodium_memzero(field_key, sizeof field_key);
    return plain.size + SEAL_OVERHEAD_BYTES;
}

#define BROKEN                                                                                     \
    REFUSE(DATA_LOSS, SEAL_BROKEN, "a sealed value is damaged or stands in the wrong place")

struct status unseal_into(const struct seal *seal, const struct seal_place *place,
                          struct bytes sealed, uint8_t *ret_plain)
{
    if (sealed.size < SEAL_OVERHEAD_BYTES || sealed.data[0] != FORMAT) return BROKEN;
    uint32_t version = get_u32_be(sealed.data + 1);
    if (version < 1 || version > seal_newest_version(seal)) return BROKEN;

    uint8_t binding[BINDING_BYTES_MAX], field_key[KEY_BYTES];
    size_t names_bytes;
    size_t binding_bytes = place_binding(place, version, binding, &names_bytes);
    derive_field_key(seal, version, bytes_of(binding, names_bytes), place->owner_key, field_key);
    int opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
        ret_plain, NULL, NULL, sealed.data + SEALED_HEAD_BYTES, sealed.size - SEALED_HEAD_BYTES,
        binding, binding_bytes, sealed.data + 5, field_key);
    sodium_memzero(field_key, sizeof field_key);
    return opened == 0 ? STATUS_SUCCESS : BROKEN;
}

struct status unseal_value(const struct seal *seal, const struct seal_place *place,
                           struct bytes sealed, struct arena *arena, struct bytes *ret)
{
    if (sealed.size < SEAL_OVERHEAD_BYTES) return BROKEN;
    size_t plain_bytes = sealed.size - SEAL_OVERHEAD_BYTES;
    uint8_t *plain = arena_alloc(arena, plain_bytes + 1); // Zeroed: the NUL is there.
    if (plain == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(unseal_into(seal, place, sealed, plain));
    *ret = bytes_of(plain, plain_bytes);
    return STATUS_SUCCESS;
}

void blind_index(const struct seal *seal, const char *kind, struct bytes value,
                 uint8_t ret[static BLIND_INDEX_BYTES])
{
    CHECK(seal_newest_version(seal) >= 1);
    uint8_t key[KEY_BYTES];
    // Key 1 and not the newest: an index must stay equal to itself for as long as rows refer to it.
    derive_key(seal->data_keys[1], KDF_BLIND, bytes_of_text(kind), key);
    CHECK(crypto_generichash(ret, BLIND_INDEX_BYTES, value.data, value.size, key, sizeof key) == 0);
    sodium_memzero(key, sizeof key);
}
