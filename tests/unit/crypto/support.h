// What the crypto tests share: cmocka and its headers, a fixed key, claims and a key lookup.
#pragma once

#include "common/base/text.h"
#include "common/crypto/token.h"
#include "tests/unit/support/unit.h"

/* The key of RFC 8037, appendix A.1: anybody can check the golden bytes that it signs. */
static const uint8_t RFC8037_SEED[KEY_SEED_BYTES] = {
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
};

enum { NOW_S = 1800000000 };

static inline struct token_claims example_claims(void)
{
    struct token_claims claims = {
        .issuer = TOKEN_ISSUER_AUTH,
        .user_version = 7,
        .issued_at_s = NOW_S,
        .not_before_s = NOW_S,
        .expires_at_s = NOW_S + 300,
        .auth_time_s = NOW_S - 60,
        .aal = 2,
        .amr = TOKEN_AMR_PWD | TOKEN_AMR_OTP,
        .role_count = 2,
        .roles = {"customer", "kyc_maker"},
        .branch = "pune-1",
    };
    memset(claims.subject.bytes, 0x11, ID128_BYTES);
    memset(claims.token_id.bytes, 0x22, ID128_BYTES);
    memset(claims.session_id.bytes, 0x33, ID128_BYTES);
    return claims;
}

static inline struct token_claims example_service_claims(void)
{
    struct token_claims claims = {
        .issuer = "florin-ledger",
        .is_service = true,
        .service = "ledger",
        .issued_at_s = NOW_S,
        .not_before_s = NOW_S,
        .expires_at_s = NOW_S + 300,
        .role_count = 1,
        .roles = {"service"},
    };
    memset(claims.token_id.bytes, 0x44, ID128_BYTES);
    return claims;
}

/// One key and the name of whom it belongs to: the context of lookup_one.
struct known_key {
    const struct key_signer *signer;
    const char *owner;
    char asked_kid[KEY_ID_TEXT_BYTES]; // What the lookup was asked for last; "" for never.
};

static inline bool lookup_one(void *context, const char *kid,
                              uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                              char ret_issuer[static TOKEN_ISSUER_BYTES_MAX])
{
    struct known_key *known = context;
    char own_kid[KEY_ID_TEXT_BYTES];
    snprintf(known->asked_kid, sizeof known->asked_kid, "%s", kid);
    key_id(key_signer_public(known->signer), own_kid);
    if (strcmp(own_kid, kid) != 0) return false;
    memcpy(ret_public_key, key_signer_public(known->signer), KEY_PUBLIC_BYTES);
    snprintf(ret_issuer, TOKEN_ISSUER_BYTES_MAX, "%s", known->owner);
    return true;
}
