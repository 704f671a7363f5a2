#include "common/crypto/sca_token.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/hash.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define TYP "sca+jwt"
#define AUDIENCE "florin"
#define ISSUER "florin-auth"
#define INVALID(message_) REFUSE(PERMISSION_DENIED, SCA_INVALID, message_)

enum {
    PAYLOAD_BYTES_MAX = 384,
    LINK_TEXT_BYTES = BASE64URL_TEXT_BYTES(SCA_LINK_BYTES),
};

// ---- The link ------------------------------------------------------------------------------

void sca_link_hash(const struct sca_payment *payment, uint8_t ret[static SCA_LINK_BYTES])
{
    // The NUL of the domain's name is part of it: no other name begins with these bytes.
    static const char domain[] = "florin-sca-v1";
    size_t currency_size = strlen(payment->currency);
    CHECK(currency_size > 0 && currency_size <= SCA_CURRENCY_BYTES_MAX);
    uint8_t amount[16], size = (uint8_t)currency_size;
    u128_encode(payment->amount, amount);
    const struct bytes parts[] = {
        bytes_of(domain, sizeof domain),
        id128_bytes(&payment->debit_account_id),
        id128_bytes(&payment->credit_account_id),
        bytes_of(amount, sizeof amount),
        bytes_of(&size, sizeof size),
        bytes_of(payment->currency, currency_size),
        id128_bytes(&payment->transfer_id),
    };
    _Static_assert((int)SCA_LINK_BYTES == (int)HASH_SHA256_BYTES, "a SHA-256");
    hash_sha256(parts, sizeof parts / sizeof parts[0], ret);
}

// ---- Writing -------------------------------------------------------------------------------

/// Names need no escaping in JSON, by their alphabet.
static bool is_name(const char *text, size_t size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";
    return size > 0 && strspn(text, alphabet) == size;
}

/// lives_too_long is also true of times that run backwards.
static bool lives_too_long(const struct sca_claims *claims)
{
    return claims->expires_at_s <= claims->issued_at_s ||
           claims->expires_at_s - claims->issued_at_s > SCA_TOKEN_LIFE_S;
}

size_t sca_token_issue(const struct sca_claims *claims, const struct key_signer *signer,
                       char ret_text[static SCA_TOKEN_BYTES_MAX])
{
    CHECK(!id128_is_nil(claims->subject) && !id128_is_nil(claims->token_id));
    CHECK(is_name(claims->action, strnlen(claims->action, sizeof claims->action)));
    CHECK(claims->expires_at_s <= INT64_MAX && !lives_too_long(claims));
    char subject[ID128_TEXT_BYTES], token_id[ID128_TEXT_BYTES], link[LINK_TEXT_BYTES];
    id128_format(claims->subject, subject);
    id128_format(claims->token_id, token_id);
    base64url_encode(claims->link, sizeof claims->link, link);

    char payload[PAYLOAD_BYTES_MAX];
    int size = snprintf(
        payload, sizeof payload,
        "{\"iss\":\"" ISSUER "\",\"sub\":\"%s\",\"aud\":\"" AUDIENCE "\",\"exp\":%" PRIu64
        ",\"iat\":%" PRIu64 ",\"jti\":\"%s\",\"act\":\"%s\",\"lnk\":\"%s\"}",
        subject, claims->expires_at_s, claims->issued_at_s, token_id, claims->action, link);
    CHECK(size > 0 && (size_t)size < sizeof payload);
    return jws_write(TYP, bytes_of(payload, (size_t)size), signer, ret_text, SCA_TOKEN_BYTES_MAX);
}

// ---- Reading -------------------------------------------------------------------------------

static bool is_text(const json_t *value, const char *expected)
{
    const char *text = json_string_value(value); // NULL when absent or of another type.
    return text != NULL && json_string_length(value) == strlen(expected) &&
           strcmp(text, expected) == 0;
}

static bool read_id(const json_t *value, struct id128 *ret)
{
    const char *text = json_string_value(value);
    return text != NULL && status_ok(id128_parse(text, json_string_length(value), ret)) &&
           !id128_is_nil(*ret);
}

static bool read_number(const json_t *value, uint64_t *ret)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *ret = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_action(const json_t *value, char ret[static SCA_ACTION_BYTES_MAX])
{
    const char *text = json_string_value(value);
    size_t size = text != NULL ? json_string_length(value) : 0;
    if (size >= SCA_ACTION_BYTES_MAX || text == NULL || !is_name(text, size)) return false;
    memcpy(ret, text, size + 1);
    return true;
}

static bool read_link(const json_t *value, uint8_t ret[static SCA_LINK_BYTES])
{
    const char *text = json_string_value(value);
    size_t size;
    return text != NULL &&
           base64url_decode(text, json_string_length(value), ret, SCA_LINK_BYTES, &size) &&
           size == SCA_LINK_BYTES;
}

static struct status read_claims(const json_t *root, struct sca_claims *ret)
{
    if (!is_text(json_object_get(root, "aud"), AUDIENCE))
        return INVALID("the approval is for another audience");
    if (!is_text(json_object_get(root, "iss"), ISSUER))
        return INVALID("only florin-auth tells of approvals");
    if (!read_id(json_object_get(root, "sub"), &ret->subject) ||
        !read_id(json_object_get(root, "jti"), &ret->token_id))
        return INVALID("the approval's sub or jti is missing or malformed");
    if (!read_number(json_object_get(root, "exp"), &ret->expires_at_s) ||
        !read_number(json_object_get(root, "iat"), &ret->issued_at_s))
        return INVALID("one of the approval's times is missing or not a whole number");
    if (lives_too_long(ret)) return INVALID("the approval lives longer than any may");
    if (!read_action(json_object_get(root, "act"), ret->action) ||
        !read_link(json_object_get(root, "lnk"), ret->link))
        return INVALID("the approval's act or lnk is missing or malformed");
    return STATUS_SUCCESS;
}

struct status sca_token_parse(struct bytes text, struct sca_token_parts *ret)
{
    struct jws jws;
    struct sca_token_parts parts = {0};
    if (text.size >= SCA_TOKEN_BYTES_MAX) return INVALID("the token is too long");
    const char *problem = jws_parse(TYP, text, &jws);
    if (problem != NULL) return INVALID(problem);
    parts.signed_text = jws.signed_text;
    memcpy(parts.kid, jws.kid, sizeof parts.kid);
    memcpy(parts.signature, jws.signature, sizeof parts.signature);

    // Without JSON_DISABLE_EOF_CHECK jansson refuses what follows the object.
    json_t *root =
        json_loadb((const char *)jws.payload, jws.payload_bytes, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL) return INVALID("the approval's payload is not one JSON object");
    struct status status = json_is_object(root)
                               ? read_claims(root, &parts.claims)
                               : INVALID("the approval's payload is not a JSON object");
    json_decref(root);
    if (status_ok(status)) *ret = parts;
    return status;
}

struct status sca_token_verify(struct bytes text, uint64_t now_s, jws_key_lookup lookup,
                               void *lookup_context, struct sca_claims *ret)
{
    struct sca_token_parts parts;
    RETURN_IF_ERROR(sca_token_parse(text, &parts));

    // The owner of the key is compared, too: the key of another daemon approves nothing.
    char key_owner[JWS_ISSUER_BYTES_MAX];
    const char *problem = jws_verify(parts.kid, parts.signed_text, parts.signature, lookup,
                                     lookup_context, key_owner);
    if (problem != NULL) return INVALID(problem);
    if (strcmp(key_owner, ISSUER) != 0) return INVALID("this key may not tell of approvals");
    if (parts.claims.expires_at_s <= now_s) return INVALID("the approval has expired");
    if (parts.claims.issued_at_s > now_s + SCA_TOKEN_LEEWAY_S)
        return INVALID("the approval is not valid yet");
    *ret = parts.claims;
    return STATUS_SUCCESS;
}
