#include "services/auth/apikey_text.h"

#include "common/base/check.h"
#include "common/base/u128.h"

#include <string.h>

enum {
    BASE = 62,
    BEGIN_SIZE = sizeof AUTH_API_KEY_BEGIN - 1,
    SECRET_AT = BEGIN_SIZE + AUTH_API_KEY_PREFIX_DIGITS + 1,
    CHECKSUM_AT = SECRET_AT + AUTH_API_KEY_SECRET_DIGITS + 1,
};

_Static_assert(CHECKSUM_AT + AUTH_API_KEY_CHECKSUM_DIGITS + 1 == AUTH_API_KEY_TEXT_BYTES,
               "the parts are the whole");

const char auth_base62[BASE + 1] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void put_digits(u128 value, size_t count, char *ret)
{
    for (size_t i = count; i > 0; i--, value /= BASE)
        ret[i - 1] = auth_base62[value % BASE];
    CHECK(value == 0);
}

/// take_digits: false for what is no digit, or no 128-bit number.
static bool take_digits(const uint8_t *from, size_t count, u128 *ret)
{
    u128 value = 0;
    for (size_t i = 0; i < count; i++) {
        const char *digit = from[i] != '\0' ? strchr(auth_base62, from[i]) : NULL;
        if (digit == NULL || __builtin_mul_overflow(value, (u128)BASE, &value) ||
            __builtin_add_overflow(value, (u128)(digit - auth_base62), &value))
            return false;
    }
    *ret = value;
    return true;
}

/// crc32 of IEEE 802.3: reflected, polynomial 0x04c11db7.
static uint32_t crc32(const void *data, size_t size)
{
    const uint32_t reflected_polynomial = 0xedb88320;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= ((const uint8_t *)data)[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? reflected_polynomial : 0);
    }
    return ~crc;
}

void auth_api_key_show(struct id128 id, char ret[static AUTH_API_KEY_SHOWN_BYTES])
{
    memcpy(ret, AUTH_API_KEY_BEGIN, BEGIN_SIZE);
    put_digits(u128_decode(id.bytes), AUTH_API_KEY_PREFIX_DIGITS, ret + BEGIN_SIZE);
    ret[AUTH_API_KEY_SHOWN_BYTES - 1] = '\0';
}

void auth_api_key_write(struct id128 id, const char *secret,
                        char ret_text[static AUTH_API_KEY_TEXT_BYTES])
{
    CHECK(strlen(secret) == AUTH_API_KEY_SECRET_DIGITS);
    CHECK(strspn(secret, auth_base62) == AUTH_API_KEY_SECRET_DIGITS);
    auth_api_key_show(id, ret_text);
    ret_text[SECRET_AT - 1] = '_';
    memcpy(ret_text + SECRET_AT, secret, AUTH_API_KEY_SECRET_DIGITS);
    ret_text[CHECKSUM_AT - 1] = '_';
    put_digits(crc32(ret_text, CHECKSUM_AT - 1), AUTH_API_KEY_CHECKSUM_DIGITS,
               ret_text + CHECKSUM_AT);
    ret_text[AUTH_API_KEY_TEXT_BYTES - 1] = '\0';
}

bool auth_api_key_read(struct bytes text, struct id128 *ret_id)
{
    u128 id, checksum, unused;
    if (text.size != AUTH_API_KEY_TEXT_BYTES - 1 ||
        memcmp(text.data, AUTH_API_KEY_BEGIN, BEGIN_SIZE) != 0 || text.data[SECRET_AT - 1] != '_' ||
        text.data[CHECKSUM_AT - 1] != '_' ||
        !take_digits(text.data + BEGIN_SIZE, AUTH_API_KEY_PREFIX_DIGITS, &id) ||
        !take_digits(text.data + CHECKSUM_AT, AUTH_API_KEY_CHECKSUM_DIGITS, &checksum) ||
        checksum != crc32(text.data, CHECKSUM_AT - 1))
        return false;
    for (size_t i = 0; i < AUTH_API_KEY_SECRET_DIGITS; i++)
        if (!take_digits(text.data + SECRET_AT + i, 1, &unused)) return false;
    u128_encode(id, ret_id->bytes);
    return true;
}
