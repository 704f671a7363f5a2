#include "common/crypto/token.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/token_claims.h"

#define MALFORMED(message_) REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, message_)

/* The one header, around its kid. Compared as bytes: no JSON reader stands before the signature
 * check of what selects the key. */
static const char HEADER_HEAD[] = "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"";
static const char HEADER_TAIL[] = "\"}";

enum {
    KID_CHARACTERS = KEY_ID_TEXT_BYTES - 1,
    HEADER_BYTES = sizeof HEADER_HEAD - 1 + KID_CHARACTERS + sizeof HEADER_TAIL - 1,
    SIGNATURE_CHARACTERS = BASE64URL_TEXT_BYTES(KEY_SIGNATURE_BYTES) - 1,
};

_Static_assert(BASE64URL_TEXT_BYTES(HEADER_BYTES) + BASE64URL_TEXT_BYTES(TOKEN_PAYLOAD_BYTES_MAX) +
                       SIGNATURE_CHARACTERS + 2 <=
                   TOKEN_BYTES_MAX,
               "the longest claims fit into a token");

size_t token_issue(const struct token_claims *claims, const struct key_signer *signer,
                   char ret_text[static TOKEN_BYTES_MAX])
{
    char kid[KEY_ID_TEXT_BYTES], header[HEADER_BYTES], payload[TOKEN_PAYLOAD_BYTES_MAX];
    key_id(key_signer_public(signer), kid);
    memcpy(header, HEADER_HEAD, sizeof HEADER_HEAD - 1);
    memcpy(header + sizeof HEADER_HEAD - 1, kid, KID_CHARACTERS);
    memcpy(header + HEADER_BYTES - (sizeof HEADER_TAIL - 1), HEADER_TAIL, sizeof HEADER_TAIL - 1);

    size_t size = base64url_encode((const uint8_t *)header, HEADER_BYTES, ret_text);
    ret_text[size++] = '.';
    size_t payload_size = token_claims_write(claims, payload);
    size += base64url_encode((const uint8_t *)payload, payload_size, ret_text + size);

    uint8_t signature[KEY_SIGNATURE_BYTES];
    key_sign(signer, bytes_of(ret_text, size), signature);
    ret_text[size++] = '.';
    size += base64url_encode(signature, sizeof signature, ret_text + size);
    CHECK(size < TOKEN_BYTES_MAX);
    return size;
}

/// cut_part takes the text up to the next dot, or to the end, and steps over the dot.
static bool cut_part(struct bytes *text, bool is_last, struct bytes *ret_part)
{
    const uint8_t *dot = text->size > 0 ? memchr(text->data, '.', text->size) : NULL;
    if ((dot == NULL) != is_last) return false;
    size_t size = is_last ? text->size : (size_t)(dot - text->data);
    *ret_part = bytes_of(text->data, size);
    *text = bytes_of(text->data + size + !is_last, text->size - size - !is_last);
    return size > 0;
}

static bool decode_part(struct bytes part, uint8_t *ret, size_t bytes_max, size_t *ret_size)
{
    return base64url_decode((const char *)part.data, part.size, ret, bytes_max, ret_size);
}

static bool read_header(struct bytes part, char ret_kid[static KEY_ID_TEXT_BYTES])
{
    uint8_t header[HEADER_BYTES];
    size_t size;
    if (!decode_part(part, header, sizeof header, &size) || size != HEADER_BYTES) return false;
    const uint8_t *kid = header + sizeof HEADER_HEAD - 1;
    const uint8_t *tail = kid + KID_CHARACTERS;
    if (memcmp(header, HEADER_HEAD, sizeof HEADER_HEAD - 1) != 0 ||
        memcmp(tail, HEADER_TAIL, sizeof HEADER_TAIL - 1) != 0)
        return false;

    // A kid is 16 bytes in base64url; anything else (a path, a URL, a query) never meets a lookup.
    uint8_t kid_bytes[16];
    if (!decode_part(bytes_of(kid, KID_CHARACTERS), kid_bytes, sizeof kid_bytes, &size))
        return false;
    memcpy(ret_kid, kid, KID_CHARACTERS);
    ret_kid[KID_CHARACTERS] = 0;
    return true;
}

struct status token_parse(struct bytes text, struct token_parts *ret)
{
    struct bytes rest = text, header, payload, signature;
    if (text.size >= TOKEN_BYTES_MAX) return MALFORMED("the token is too long");
    if (!cut_part(&rest, false, &header) || !cut_part(&rest, false, &payload) ||
        !cut_part(&rest, true, &signature))
        return MALFORMED("a token is three parts with a dot between them");

    struct token_parts parts = {.signed_text = bytes_of(text.data, header.size + 1 + payload.size)};
    uint8_t json[TOKEN_BYTES_MAX];
    size_t json_size, signature_size;
    if (!read_header(header, parts.kid))
        return MALFORMED("the token's header is not the one allowed");
    if (!decode_part(signature, parts.signature, sizeof parts.signature, &signature_size) ||
        signature_size != KEY_SIGNATURE_BYTES)
        return MALFORMED("the token's signature is not 64 bytes of base64url");
    if (!decode_part(payload, json, sizeof json, &json_size))
        return MALFORMED("the token's payload is not canonical base64url");
    RETURN_IF_ERROR(token_claims_read(bytes_of(json, json_size), &parts.claims));
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

    uint8_t public_key[KEY_PUBLIC_BYTES];
    char key_owner[TOKEN_ISSUER_BYTES_MAX] = "";
    if (!lookup(lookup_context, parts.kid, public_key, key_owner))
        return MALFORMED("the token's key is not known");
    if (!key_verify(public_key, parts.signed_text, parts.signature))
        return MALFORMED("the token's signature is wrong");

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
