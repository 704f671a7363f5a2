#include "common/rpc/page.h"

#include "common/base/check.h"
#include "common/base/text.h"

#include <sodium.h>
#include <string.h>

// A token is base64url of: nonce(24) | sealed position | tag(16).
enum {
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    SEALED_BYTES_MAX = NONCE_BYTES + PAGE_POSITION_BYTES_MAX + TAG_BYTES,
    BINDING_BYTES = 32,
};

static struct {
    bool is_open;
    uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
} page;

void page_open(const uint8_t key[static 32])
{
    static_assert(sizeof page.key == 32, "the caller's key fits");
    memcpy(page.key, key, sizeof page.key);
    page.is_open = true;
}

struct status page_size_resolve(struct rpc_call *call, int32_t asked, size_t *ret)
{
    if (asked < 0) return rpc_call_violation(call, "page_size", "RANGE");
    *ret = asked == 0              ? (size_t)PAGE_SIZE_DEFAULT
           : asked > PAGE_SIZE_MAX ? (size_t)PAGE_SIZE_MAX
                                   : (size_t)asked;
    return STATUS_SUCCESS;
}

// What a token is good for: one method, one query, one caller. Lengths keep the parts apart.
static void bind_token(const struct rpc_call *call, struct bytes filter,
                       uint8_t ret_binding[static BINDING_BYTES])
{
    crypto_generichash_state state;
    uint64_t sizes[2] = {strlen(call->method->name), filter.size};
    crypto_generichash_init(&state, NULL, 0, BINDING_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)sizes, sizeof sizes);
    crypto_generichash_update(&state, (const uint8_t *)call->method->name, sizes[0]);
    crypto_generichash_update(&state, filter.data, filter.size);
    crypto_generichash_update(&state, call->claims.subject.bytes, ID128_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)call->claims.service,
                              strlen(call->claims.service));
    crypto_generichash_final(&state, ret_binding, BINDING_BYTES);
}

const char *page_token_make(struct rpc_call *call, struct bytes filter, struct bytes position)
{
    CHECK(page.is_open);
    CHECK(position.size <= PAGE_POSITION_BYTES_MAX);
    uint8_t binding[BINDING_BYTES], sealed[SEALED_BYTES_MAX];
    bind_token(call, filter, binding);
    randombytes_buf(sealed, NONCE_BYTES);
    unsigned long long size = 0;
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_BYTES, &size, position.data,
                                               position.size, binding, sizeof binding, NULL, sealed,
                                               page.key);
    char *text = arena_alloc(call->arena, BASE64URL_TEXT_BYTES(NONCE_BYTES + size));
    if (text != NULL) base64url_encode(sealed, NONCE_BYTES + (size_t)size, text);
    return text;
}

struct status page_token_open(struct rpc_call *call, const char *token, struct bytes filter,
                              struct bytes *ret_position)
{
    CHECK(page.is_open);
    *ret_position = (struct bytes){0};
    if (token == NULL || token[0] == '\0') return STATUS_SUCCESS;

    uint8_t binding[BINDING_BYTES], sealed[SEALED_BYTES_MAX];
    size_t sealed_size = 0;
    const struct status invalid =
        REFUSE(INVALID_ARGUMENT, PAGE_TOKEN_INVALID, "the page token was not made for this list");
    if (!base64url_decode(token, strlen(token), sealed, sizeof sealed, &sealed_size) ||
        sealed_size < NONCE_BYTES + TAG_BYTES) {
        return invalid;
    }
    bind_token(call, filter, binding);
    uint8_t *position = arena_alloc(call->arena, PAGE_POSITION_BYTES_MAX);
    if (position == NULL) return ARENA_STATUS_EXHAUSTED;
    unsigned long long size = 0;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(position, &size, NULL, sealed + NONCE_BYTES,
                                                   sealed_size - NONCE_BYTES, binding,
                                                   sizeof binding, sealed, page.key) != 0) {
        return invalid;
    }
    *ret_position = bytes_of(position, (size_t)size);
    return STATUS_SUCCESS;
}
