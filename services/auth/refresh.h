/// @file services/auth/refresh.h
/// The refresh token's text: version(1) = 01 | session_id(16) | counter(8) | MAC(32), as base64url.
///     AQGQ…  76 characters, canonical: one token has one text
/// The MAC says that we gave it; the session's counter says what it is worth. Nothing else is kept.
/// Threads    Pure.
/// Errors     UNAUTHENTICATED / TOKEN_MALFORMED. The MAC is not checked here: that takes the key.
#pragma once

#include "common/base/bytes.h"
#include "common/base/id128.h"
#include "common/base/status.h"
#include "services/auth/core.h"

enum {
    AUTH_REFRESH_SIGNED_BYTES = 1 + 16 + 8,
    AUTH_REFRESH_BYTES = AUTH_REFRESH_SIGNED_BYTES + AUTH_MAC_BYTES,
    AUTH_REFRESH_TEXT_BYTES = (AUTH_REFRESH_BYTES * 4 + 2) / 3 + 1, // With the final NUL.
};

struct auth_refresh {
    struct id128 session_id;
    uint64_t counter;
};

/// auth_refresh_signed writes what the MAC is taken of.
void auth_refresh_signed(const struct auth_refresh *token,
                         uint8_t ret[static AUTH_REFRESH_SIGNED_BYTES]);
void auth_refresh_encode(const struct auth_refresh *token, const uint8_t mac[static AUTH_MAC_BYTES],
                         char ret_text[static AUTH_REFRESH_TEXT_BYTES]);
MUST_USE struct status auth_refresh_decode(struct bytes text, struct auth_refresh *ret,
                                           uint8_t ret_mac[static AUTH_MAC_BYTES]);

#define AUTH_TOKEN_MALFORMED                                                                       \
    REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, "this is no refresh token of ours")
