#include "services/auth/totp.h"

#include "common/base/check.h"
#include "common/crypto/keys.h"

#include <liboath/oath.h>
#include <stdio.h>
#include <string.h>

void base32_encode(const uint8_t *bytes, size_t size, char *ret_text)
{
    unsigned pending = 0, pending_bits = 0;
    for (size_t i = 0; i < size; i++) {
        pending = (pending << 8 | bytes[i]) & 0xfff;
        for (pending_bits += 8; pending_bits >= 5; pending_bits -= 5)
            *ret_text++ = BASE32_ALPHABET[pending >> (pending_bits - 5) & 31];
    }
    if (pending_bits > 0) *ret_text++ = BASE32_ALPHABET[pending << (5 - pending_bits) & 31];
    *ret_text = '\0';
}

// ---- Codes ---------------------------------------------------------------------------------

uint64_t totp_step(uint64_t now_s)
{
    return now_s / TOTP_PERIOD_S;
}

void totp_code(const uint8_t secret[static TOTP_SECRET_BYTES], uint64_t step,
               char ret_code[static TOTP_CODE_BYTES])
{
    int rc = oath_hotp_generate((const char *)secret, TOTP_SECRET_BYTES, step, TOTP_DIGITS, false,
                                OATH_HOTP_DYNAMIC_TRUNCATION, ret_code);
    CHECK(rc == OATH_OK); // It has no other failure than wrong digits and no memory for an HMAC.
    CHECK(strlen(ret_code) == TOTP_DIGITS);
}

bool totp_match(const uint8_t secret[static TOTP_SECRET_BYTES], const char *code, uint64_t now_s,
                uint64_t last_step, uint64_t *ret_step)
{
    uint64_t now_step = totp_step(now_s);
    char given[TOTP_CODE_BYTES] = "", expected[TOTP_CODE_BYTES];
    bool is_found = false;
    if (strlen(code) == TOTP_DIGITS) memcpy(given, code, sizeof given);
    for (uint64_t back = TOTP_STEPS_BACK + 1; back-- > 0;) {
        uint64_t step = now_step > back ? now_step - back : 0;
        totp_code(secret, step, expected);
        bool is_equal = key_equal(given, expected, sizeof given);
        if (!is_equal || step <= last_step) continue;
        is_found = true;
        *ret_step = step;
    }
    key_wipe(expected, sizeof expected);
    return is_found;
}

// ---- For the app ---------------------------------------------------------------------------

void totp_secret_text(const uint8_t secret[static TOTP_SECRET_BYTES],
                      char ret_text[static TOTP_SECRET_TEXT_BYTES])
{
    _Static_assert(TOTP_SECRET_BYTES % 5 == 0, "no padding to leave out");
    base32_encode(secret, TOTP_SECRET_BYTES, ret_text);
}

/// escape writes all but the unreserved characters of RFC 3986 as %XX.
static void escape(const char *text, char *ret)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";
    static const char hex[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned byte = (unsigned char)*text;
        if (strchr(unreserved, *text) != NULL) {
            *ret++ = *text;
            continue;
        }
        *ret++ = '%';
        *ret++ = hex[byte >> 4];
        *ret++ = hex[byte & 15];
    }
    *ret = '\0';
}

void totp_uri(const uint8_t secret[static TOTP_SECRET_BYTES], const char *address,
              char ret_uri[static TOTP_URI_BYTES])
{
    char escaped[3 * TOTP_ADDRESS_BYTES_MAX + 1], secret_text[TOTP_SECRET_TEXT_BYTES];
    CHECK(strlen(address) <= TOTP_ADDRESS_BYTES_MAX);
    escape(address, escaped);
    totp_secret_text(secret, secret_text);
    int size = snprintf(ret_uri, TOTP_URI_BYTES,
                        "otpauth://totp/" TOTP_ISSUER ":%s?secret=%s&issuer=" TOTP_ISSUER
                        "&algorithm=" TOTP_ALGORITHM "&digits=%d&period=%d",
                        escaped, secret_text, TOTP_DIGITS, TOTP_PERIOD_S);
    CHECK(size > 0 && size < TOTP_URI_BYTES);
    key_wipe(secret_text, sizeof secret_text);
}
