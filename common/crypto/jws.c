#include "common/crypto/jws.h"

#include "common/base/check.h"
#include "common/base/text.h"

/* The one header, around its typ and kid. Compared as bytes: no JSON reader stands before the
 * signature check of what selects the key. */
static const char HEADER_HEAD[] = "{\"alg\":\"EdDSA\",\"typ\":\"";
static const char HEADER_NECK[] = "\",\"kid\":\"";
static const char HEADER_TAIL[] = "\"}";

enum {
    KID_CHARACTERS = KEY_ID_TEXT_BYTES - 1,
    HEADER_FRAME_BYTES =
        sizeof HEADER_HEAD - 1 + sizeof HEADER_NECK - 1 + KID_CHARACTERS + sizeof HEADER_TAIL - 1,
    HEADER_BYTES_MAX = HEADER_FRAME_BYTES + JWS_TYP_CHARACTERS_MAX,
    SIGNATURE_CHARACTERS = BASE64URL_TEXT_BYTES(KEY_SIGNATURE_BYTES) - 1,
};

_Static_assert(BASE64URL_TEXT_BYTES(HEADER_BYTES_MAX) +
                       BASE64URL_TEXT_BYTES(JWS_PAYLOAD_BYTES_MAX) + SIGNATURE_CHARACTERS + 1 <=
                   JWS_BYTES_MAX,
               "the longest payload fits");

/// Where the kid stands in a header of this typ.
static size_t kid_offset(size_t typ_size)
{
    return sizeof HEADER_HEAD - 1 + typ_size + sizeof HEADER_NECK - 1;
}

static uint8_t *append(uint8_t *to, const char *text, size_t size)
{
    memcpy(to, text, size);
    return to + size;
}

/// write_header gives the header's size; a kid of NULL leaves its place as it is.
static size_t write_header(const char *typ, const char *kid, uint8_t ret[static HEADER_BYTES_MAX])
{
    size_t typ_size = strlen(typ);
    CHECK(typ_size > 0 && typ_size <= JWS_TYP_CHARACTERS_MAX);
    uint8_t *at = append(ret, HEADER_HEAD, sizeof HEADER_HEAD - 1);
    at = append(at, typ, typ_size);
    at = append(at, HEADER_NECK, sizeof HEADER_NECK - 1);
    if (kid != NULL) memcpy(at, kid, KID_CHARACTERS);
    append(at + KID_CHARACTERS, HEADER_TAIL, sizeof HEADER_TAIL - 1);
    return HEADER_FRAME_BYTES + typ_size;
}

// ---- Writing -------------------------------------------------------------------------------

size_t jws_text_bytes(const char *typ, size_t payload_bytes)
{
    // Each BASE64URL_TEXT_BYTES counts a NUL: two of them are the dots, the last is the NUL.
    return BASE64URL_TEXT_BYTES(HEADER_FRAME_BYTES + strlen(typ)) +
           BASE64URL_TEXT_BYTES(payload_bytes) + SIGNATURE_CHARACTERS + 1;
}

size_t jws_write(const char *typ, struct bytes payload, const struct key_signer *signer,
                 char *ret_text, size_t text_bytes)
{
    CHECK(jws_text_bytes(typ, payload.size) <= text_bytes && text_bytes <= JWS_BYTES_MAX);
    char kid[KEY_ID_TEXT_BYTES];
    uint8_t header[HEADER_BYTES_MAX];
    key_id(key_signer_public(signer), kid);
    size_t size = base64url_encode(header, write_header(typ, kid, header), ret_text);
    ret_text[size++] = '.';
    size += base64url_encode(payload.data, payload.size, ret_text + size);

    uint8_t signature[KEY_SIGNATURE_BYTES];
    key_sign(signer, bytes_of(ret_text, size), signature);
    ret_text[size++] = '.';
    size += base64url_encode(signature, sizeof signature, ret_text + size);
    CHECK(size + 1 == jws_text_bytes(typ, payload.size));
    return size;
}

// ---- Reading -------------------------------------------------------------------------------

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

static bool read_header(const char *typ, struct bytes part, char ret_kid[static KEY_ID_TEXT_BYTES])
{
    uint8_t header[HEADER_BYTES_MAX], expected[HEADER_BYTES_MAX];
    size_t size, expected_size = write_header(typ, NULL, expected);
    size_t before = kid_offset(strlen(typ)), after = before + KID_CHARACTERS;
    if (!decode_part(part, header, sizeof header, &size) || size != expected_size) return false;
    if (memcmp(header, expected, before) != 0 ||
        memcmp(header + after, expected + after, size - after) != 0)
        return false;

    // A kid is 16 bytes in base64url; anything else (a path, a URL, a query) never meets a lookup.
    uint8_t kid_bytes[16];
    if (!decode_part(bytes_of(header + before, KID_CHARACTERS), kid_bytes, sizeof kid_bytes, &size))
        return false;
    memcpy(ret_kid, header + before, KID_CHARACTERS);
    ret_kid[KID_CHARACTERS] = 0;
    return true;
}

const char *jws_parse(const char *typ, struct bytes text, struct jws *ret)
{
    struct bytes rest = text, header, payload, signature;
    if (text.size >= JWS_BYTES_MAX) return "the token is too long";
    if (!cut_part(&rest, false, &header) || !cut_part(&rest, false, &payload) ||
        !cut_part(&rest, true, &signature))
        return "a token is three parts with a dot between them";

    size_t signature_size;
    if (!read_header(typ, header, ret->kid)) return "the token's header is not the one allowed";
    if (!decode_part(signature, ret->signature, sizeof ret->signature, &signature_size) ||
        signature_size != KEY_SIGNATURE_BYTES)
        return "the token's signature is not 64 bytes of base64url";
    if (!decode_part(payload, ret->payload, sizeof ret->payload, &ret->payload_bytes))
        return "the token's payload is not canonical base64url";
    ret->signed_text = bytes_of(text.data, header.size + 1 + payload.size);
    return NULL;
}

const char *jws_verify(const char *kid, struct bytes signed_text,
                       const uint8_t signature[static KEY_SIGNATURE_BYTES], jws_key_lookup lookup,
                       void *lookup_context, char ret_issuer[static JWS_ISSUER_BYTES_MAX])
{
    uint8_t public_key[KEY_PUBLIC_BYTES];
    ret_issuer[0] = '\0';
    if (!lookup(lookup_context, kid, public_key, ret_issuer)) return "the token's key is not known";
    if (!key_verify(public_key, signed_text, signature)) return "the token's signature is wrong";
    return NULL;
}
