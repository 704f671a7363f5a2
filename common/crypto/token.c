#include "common/crypto/token.h"

#include "common/base/check.h"
#include "common/crypto/token_claims.h"

#include <stdio.h>

#define MALFORMED(message_) REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, message_)

#define TYP "at+jwt"

_Static_assert((int)TOKEN_BYTES_MAX == (int)JWS_BYTES_MAX, "as long as any JWS of ours");
_Static_assert((int)TOKEN_PAYLOAD_BYTES_MAX <= (int)JWS_PAYLOAD_BYTES_MAX, "any claims fit");
_Static_assert((int)TOKEN_ISSUER_BYTES_MAX == (int)JWS_ISSUER_BYTES_MAX, "one lookup for all");

size_t token_issue(const struct token_claims *claims, const struct key_signer *signer,
                   char ret_text[static TOKEN_BYTES_MAX])
{
    char payload[TOKEN_PAYLOAD_BYTES_MAX];
    size_t size = token_claims_write(claims, payload);
    return jws_write(TYP, bytes_of(payload, size), signer, ret_text, TOKEN_BYTES_MAX);
}

size_t token_issue_service(const char *name, const struct key_signer *signer, uint64_t now_s,
                           uint64_t life_s, char ret_text[static TOKEN_BYTES_MAX])
{
    struct token_claims claims = {.is_service = true,
                                  .token_id = id128_generate(),
                                  .issued_at_s = now_s,
                                  .not_before_s = now_s,
                                  .expires_at_s = now_s + life_s,
                                  .auth_time_s = now_s,
                                  .aal = 1,
                                  .role_count = 1,
                                  .roles = {"service"}};
    int size = snprintf(claims.service, sizeof claims.service, "%s", name);
    CHECK(size > 0 && (size_t)size < sizeof claims.service);
    snprintf(claims.issuer, sizeof claims.issuer, TOKEN_ISSUER_PREFIX "%s", name);
    return token_issue(&claims, signer, ret_text);
}

struct status token_parse(struct bytes text, struct token_parts *ret)
{
    struct jws jws;
    const char *problem = jws_parse(TYP, text, &jws);
    if (problem != NULL) return MALFORMED(problem);
    struct token_parts parts = {.signed_text = jws.signed_text};
    memcpy(parts.kid, jws.kid, sizeof parts.kid);
    memcpy(parts.signature, jws.signature, sizeof parts.signature);
    RETURN_IF_ERROR(token_claims_read(bytes_of(jws.payload, jws.payload_bytes), &parts.claims));
    *ret = parts;
    return STATUS_SUCCESS;
}

/// Only auth may speak for others. Were it otherwise, the key of the least of the daemons, once
/// stolen, would make anybody an administrator.
static bool issuer_may_say(const struct token_claims *claims)
{
    static const size_t prefix_size = sizeof TOKEN_ISSUER_PREFIX - 1;
    if (strcmp(claims->issuer, TOKEN_ISSUER_AUTH) == 0) return true;
    return claims->is_service && strncmp(claims->issuer, TOKEN_ISSUER_PREFIX, prefix_size) == 0 &&
           strcmp(claims->issuer + prefix_size, claims->service) == 0;
}

struct status token_verify(struct bytes text, uint64_t now_s, token_key_lookup lookup,
                           void *lookup_context, struct token_claims *ret)
{
    struct token_parts parts;
    RETURN_IF_ERROR(token_parse(text, &parts));

    char key_owner[TOKEN_ISSUER_BYTES_MAX];
    const char *problem = jws_verify(parts.kid, parts.signed_text, parts.signature, lookup,
                                     lookup_context, key_owner);
    if (problem != NULL) return MALFORMED(problem);

    const struct token_claims *claims = &parts.claims;
    if (strcmp(claims->issuer, key_owner) != 0 || !issuer_may_say(claims))
        return MALFORMED("the token's issuer may not say this");
    if (claims->expires_at_s <= now_s)
        return REFUSE(UNAUTHENTICATED, TOKEN_EXPIRED, "the token has expired");
    if (claims->not_before_s > now_s + TOKEN_LEEWAY_S ||
        claims->issued_at_s > now_s + TOKEN_LEEWAY_S)
        return MALFORMED("the token is not valid yet");
    *ret = *claims;
    return STATUS_SUCCESS;
}
