/// @file common/crypto/sca_token.h
/// Step-up tokens: one user's approval of one payment (strong customer authentication with dynamic
/// linking). Auth issues them, the ledger checks and burns them.
/// Sources    PSD2 RTS (EU 2018/389) article 5; RFC 7515, 8037, 8725.
/// Token      JWS of jws.h with typ "sca+jwt": never taken for an access token, nor one for it.
/// Claims     iss ("florin-auth") sub (user) aud ("florin") exp iat jti act lnk (base64url of the
///            32 bytes of sca_link_hash). Lives at most SCA_TOKEN_LIFE_S. Unknown claims are passed
///            over.
/// Link       What was approved, as bytes that have one reading, hashed with SHA-256:
///                "florin-sca-v1" 00 | payer account id(16) | payee account id(16) | amount(16,
///                big-endian, minor units) | currency: size(1), text | idempotency key: the
///                transfer's id(16)
/// Errors     PERMISSION_DENIED / SCA_INVALID.
/// Threads    Any; pure but for the lookup.
#pragma once

#include "common/base/id128.h"
#include "common/base/status.h"
#include "common/base/u128.h"
#include "common/crypto/jws.h"

enum {
    SCA_TOKEN_BYTES_MAX = 768, // With the final NUL.
    SCA_TOKEN_LIFE_S = 120,
    SCA_TOKEN_LEEWAY_S = 5, // For iat: clocks of two hosts.
    SCA_ACTION_BYTES_MAX = 64,
    SCA_LINK_BYTES = 32,
    SCA_CURRENCY_BYTES_MAX = 10, // Without a NUL.
};

#define SCA_ACTION_TRANSFER "ledger.transfer.create"

/// A payment as it is approved, and as it is about to be made.
struct sca_payment {
    struct id128 debit_account_id, credit_account_id; // Payer and payee.
    u128 amount;                                      // Minor units.
    const char *currency;                             // 1 to SCA_CURRENCY_BYTES_MAX characters.
    struct id128 transfer_id;                         // The payment's idempotency key.
};

void sca_link_hash(const struct sca_payment *payment, uint8_t ret[static SCA_LINK_BYTES]);

/// What a verified token says. Plain data; the action is of [A-Za-z0-9_.:-].
struct sca_claims {
    struct id128 subject;  // The user who approved.
    struct id128 token_id; // jti
    uint64_t issued_at_s, expires_at_s;
    char action[SCA_ACTION_BYTES_MAX];
    uint8_t link[SCA_LINK_BYTES];
};

/// sca_token_issue writes the compact form, NUL-terminated; returns its length (a CHECK that the
/// claims keep the rules above: they are our own). The caller wipes it.
size_t sca_token_issue(const struct sca_claims *claims, const struct key_signer *signer,
                       char ret_text[static SCA_TOKEN_BYTES_MAX]);

/// sca_token_verify checks form, signature, issuer (florin-auth's own key), audience and times; the
/// rest of what is said is for who asked. Nothing else than these says that it has not been used.
MUST_USE struct status sca_token_verify(struct bytes text, uint64_t now_s, jws_key_lookup lookup,
                                        void *lookup_context, struct sca_claims *ret);

/// sca_token_parse is the part of sca_token_verify before any key is asked for: fuzzed.
struct sca_token_parts {
    char kid[KEY_ID_TEXT_BYTES];
    struct bytes signed_text; // header.payload, in the input.
    uint8_t signature[KEY_SIGNATURE_BYTES];
    struct sca_claims claims;
};

MUST_USE struct status sca_token_parse(struct bytes text, struct sca_token_parts *ret);
