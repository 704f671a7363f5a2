/// @file common/crypto/token.h
/// Access tokens: JWS compact, EdDSA over Ed25519, one exact header.
/// Sources    RFC 7515, 8037, 9068 (claims), 8176 (amr), 8725 (what to refuse).
/// Header     exactly {"alg":"EdDSA","typ":"at+jwt","kid":"<kid>"}, these bytes, this order (see
///            jws.h). Any other header, duplicate members, trailing bytes, non-canonical base64url:
///            refused.
/// Claims     iss sub aud exp nbf iat jti sid uv roles br scope aal amr auth_time; at most 2 KiB.
///            Unknown claims and unknown amr values are passed over, so that daemons of two
///            versions understand each other. A service's token has no sid, uv, br, scope or amr;
///            aal and auth_time it may have.
/// Issuers    florin-auth speaks for anybody; every other daemon only for itself: a token of
///            florin-<name> must say services/<name>, whatever else its key has signed.
/// Errors     UNAUTHENTICATED / TOKEN_MALFORMED, TOKEN_EXPIRED, TOKEN_REVOKED (by the caller).
/// Threads    token_cache is safe from any thread.
#pragma once

#include "common/base/bytes.h"
#include "common/base/id128.h"
#include "common/base/status.h"
#include "common/crypto/jws.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TOKEN_BYTES_MAX = 2048, // With the final NUL.
    TOKEN_ROLES_MAX = 16,
    TOKEN_ROLE_BYTES_MAX = 32, // With the final NUL.
    TOKEN_SCOPES_MAX = 16,
    TOKEN_SCOPE_BYTES_MAX = 32, // With the final NUL: a permission's name.
    /// Of all scopes with the blanks between them: the longest claims fit then. Sixteen of our
    /// permissions always do (tests/unit/daemon/permissions_test.c).
    TOKEN_SCOPE_TEXT_BYTES_MAX = 384,
    TOKEN_ISSUER_BYTES_MAX = 64,
    TOKEN_LEEWAY_S = 5, // For nbf and iat: clocks of two hosts.
};

#define TOKEN_AUDIENCE "florin"
#define TOKEN_ISSUER_AUTH "florin-auth"
#define TOKEN_ISSUER_PREFIX "florin-" // Of every daemon's issuer name.

/// How a session was authenticated: bits of token_claims.amr.
enum {
    TOKEN_AMR_PWD = 1 << 0,
    TOKEN_AMR_OTP = 1 << 1,
    TOKEN_AMR_SMS = 1 << 2,
    TOKEN_AMR_MFA = 1 << 3,
    TOKEN_AMR_HWK = 1 << 4,
    TOKEN_AMR_ALL = (1 << 5) - 1,
};

/// What a verified token says. Plain data, copied freely, no pointers. Issuer, service, roles and
/// branch are of [A-Za-z0-9_.:-]; numbers at most INT64_MAX, as JSON readers elsewhere expect.
struct token_claims {
    char issuer[TOKEN_ISSUER_BYTES_MAX]; // "florin-auth", or a daemon: "florin-ledger".
    bool is_service;                     // sub is "services/<name>", else a user's UUID.
    struct id128 subject;                // The user; nil for a service.
    char service[TOKEN_ROLE_BYTES_MAX];  // The service's name, else "".
    struct id128 token_id;               // jti
    struct id128 session_id;             // sid; nil for a service.
    uint64_t user_version;               // uv
    uint64_t issued_at_s, not_before_s, expires_at_s, auth_time_s; // Seconds since 1970.
    // 1, 2 or 3; 0: a service that says none, or a user who may do nothing yet but enrol a factor.
    uint8_t aal;
    uint8_t amr; // Bits TOKEN_AMR_*.
    uint8_t role_count;
    char roles[TOKEN_ROLES_MAX][TOKEN_ROLE_BYTES_MAX];
    char branch[TOKEN_ROLE_BYTES_MAX]; // br; "" for none.
    // scope (RFC 9068): of an API key's token, the permissions that it is cut down to. None: not
    // cut.
    uint8_t scope_count;
    char scopes[TOKEN_SCOPES_MAX][TOKEN_SCOPE_BYTES_MAX];
};

/// token_issue writes the compact form, NUL-terminated; returns its length (a CHECK that it fits
/// and that the claims keep the rules above: they are our own).
size_t token_issue(const struct token_claims *claims, const struct key_signer *signer,
                   char ret_text[static TOKEN_BYTES_MAX]);

/// token_issue_service writes a service's own token: "I am services/<name>", for `life_s` seconds
/// from now. The signer's public half stands in <keys>/<name>.pub of whom it is shown to.
enum { TOKEN_SERVICE_LIFE_S = 300 }; // As long as any daemon takes.

size_t token_issue_service(const char *name, const struct key_signer *signer, uint64_t now_s,
                           uint64_t life_s, char ret_text[static TOKEN_BYTES_MAX]);

/// How a kid becomes a key: jws.h.
typedef jws_key_lookup token_key_lookup;

/// token_verify checks form, signature, issuer, audience ("florin") and times (leeway 5 s for nbf
/// and iat, none for exp). Pure but for the lookup.
MUST_USE struct status token_verify(struct bytes text, uint64_t now_s, token_key_lookup lookup,
                                    void *lookup_context, struct token_claims *ret);

/// token_parse is the part of token_verify before any key is asked for: fuzzed.
struct token_parts {
    char kid[KEY_ID_TEXT_BYTES];
    struct bytes signed_text; // header.payload, in the input.
    uint8_t signature[KEY_SIGNATURE_BYTES];
    struct token_claims claims;
};

MUST_USE struct status token_parse(struct bytes text, struct token_parts *ret);

/// A bounded cache of verified tokens, keyed by a keyed hash of the text, until their expiry.
/// A hit costs less than 1 us. Expired entries are never given out. Full: what expires first goes.
struct token_cache;

struct token_cache *token_cache_open(size_t entries_max); // Rounded up; memory is used as it fills.
void token_cache_close(struct token_cache **cache);       // Idempotent.
bool token_cache_get(struct token_cache *cache, struct bytes text, uint64_t now_s,
                     struct token_claims *ret);
/// token_cache_put only ever takes what token_verify gave.
void token_cache_put(struct token_cache *cache, struct bytes text,
                     const struct token_claims *claims);
void token_cache_clear(struct token_cache *cache);
