#include "services/auth/refresh.h"

#include "common/base/check.h"
#include "common/base/text.h"

enum { TOKEN_VERSION = 1 };

void auth_refresh_signed(const struct auth_refresh *token,
                         uint8_t ret[static AUTH_REFRESH_SIGNED_BYTES])
{
    ret[0] = TOKEN_VERSION;
    memcpy(ret + 1, token->session_id.bytes, ID128_BYTES);
    put_u64_be(ret + 1 + ID128_BYTES, token->counter);
}

void auth_refresh_encode(const struct auth_refresh *token, const uint8_t mac[static AUTH_MAC_BYTES],
                         char ret_text[static AUTH_REFRESH_TEXT_BYTES])
{
    uint8_t bytes[AUTH_REFRESH_BYTES];
    auth_refresh_signed(token, bytes);
    memcpy(bytes + AUTH_REFRESH_SIGNED_BYTES, mac, AUTH_MAC_BYTES);
    size_t size = base64url_encode(bytes, sizeof bytes, ret_text);
    CHECK(size == AUTH_REFRESH_TEXT_BYTES - 1);
}

struct status auth_refresh_decode(struct bytes text, struct auth_refresh *ret,
                                  uint8_t ret_mac[static AUTH_MAC_BYTES])
{
    uint8_t bytes[AUTH_REFRESH_BYTES];
    size_t size = 0;
    if (text.size != AUTH_REFRESH_TEXT_BYTES - 1 ||
        !base64url_decode((const char *)text.data, text.size, bytes, sizeof bytes, &size) ||
        size != sizeof bytes || bytes[0] != TOKEN_VERSION)
        return AUTH_TOKEN_MALFORMED;
    ret->session_id = id128_of(bytes + 1);
    ret->counter = get_u64_be(bytes + 1 + ID128_BYTES);
    memcpy(ret_mac, bytes + AUTH_REFRESH_SIGNED_BYTES, AUTH_MAC_BYTES);
    return STATUS_SUCCESS;
}
