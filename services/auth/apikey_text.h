/// @file services/auth/apikey_text.h
/// The text of an API key: fl_live_<prefix>_<secret>_<checksum>
///     fl_live_0WCfTognxqNqfz8qrH12uH_7hQ2zB0cXw9KmP4tYv6RnL8sDfG_0WZ2G8   65 characters
/// prefix     The key's id as 22 base62 digits: as far as the key may be shown, and found by.
/// secret     27 base62 digits: 160 random bits, so that no slow hash is needed.
/// checksum   CRC-32 (IEEE 802.3) of all that stands before its "_", as 6 base62 digits: scanners
///            and typing errors are seen without asking anybody. It keeps nothing secret.
/// One key has one text: what is read encodes to the same characters.
/// Threads    Pure.
#pragma once

#include "common/base/bytes.h"
#include "common/base/id128.h"

enum {
    AUTH_API_KEY_PREFIX_DIGITS = 22, // 62^22 > 2^128
    AUTH_API_KEY_SECRET_DIGITS = 27, // 62^27 > 2^160
    AUTH_API_KEY_CHECKSUM_DIGITS = 6,
    AUTH_API_KEY_SHOWN_BYTES = 8 + AUTH_API_KEY_PREFIX_DIGITS + 1, // With the final NUL.
    AUTH_API_KEY_TEXT_BYTES = 8 + AUTH_API_KEY_PREFIX_DIGITS + 1 + AUTH_API_KEY_SECRET_DIGITS + 1 +
                              AUTH_API_KEY_CHECKSUM_DIGITS + 1,
};

#define AUTH_API_KEY_BEGIN "fl_live_"

extern const char auth_base62[62 + 1];

/// auth_api_key_show writes the key as far as it may be shown: "fl_live_<prefix>".
void auth_api_key_show(struct id128 id, char ret[static AUTH_API_KEY_SHOWN_BYTES]);

/// secret: AUTH_API_KEY_SECRET_DIGITS characters of auth_base62 (CHECK).
void auth_api_key_write(struct id128 id, const char *secret,
                        char ret_text[static AUTH_API_KEY_TEXT_BYTES]);

/// auth_api_key_read gives the id of a well-formed text; false for any other.
bool auth_api_key_read(struct bytes text, struct id128 *ret_id);
