/// @file common/crypto/jws.h
/// JWS compact serialisation with EdDSA over Ed25519, as strict as it can be said: what token.h and
/// sca_token.h are made of.
/// Header     exactly {"alg":"EdDSA","typ":"<typ>","kid":"<kid>"}, these bytes, this order. The typ
///            is the reader's, so that a token of one kind is never taken for one of another.
/// Refused    any other header, another number of parts, padding, white space, non-canonical
///            base64url, a signature that is not 64 bytes, a kid that is not 16 bytes in base64url.
/// Threads    Any; pure.
/// Source     RFC 7515 section 7.1, RFC 8037 section 3.1, RFC 8725 section 3.11 (explicit typing).
#pragma once

#include "common/base/bytes.h"
#include "common/crypto/keys.h"

#include <stdbool.h>

enum {
    JWS_BYTES_MAX = 2048,         // With the final NUL: no compact form is longer.
    JWS_PAYLOAD_BYTES_MAX = 1398, // Of which a compact form can be written, whatever its typ.
    JWS_TYP_CHARACTERS_MAX = 16,
    JWS_ISSUER_BYTES_MAX = 64, // With the final NUL.
};

/// Gives the public key of a kid: true and the key, or false. `issuer` gets who owns the key, so
/// that a token whose iss is another one is refused. kid is 22 characters of base64url.
typedef bool (*jws_key_lookup)(void *context, const char *kid,
                               uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                               char ret_issuer[static JWS_ISSUER_BYTES_MAX]);

/// jws_write writes the compact form, NUL-terminated, and gives its length. text_bytes must hold it
/// (CHECK): jws_text_bytes says how much that is.
size_t jws_write(const char *typ, struct bytes payload, const struct key_signer *signer,
                 char *ret_text, size_t text_bytes);
size_t jws_text_bytes(const char *typ, size_t payload_bytes); // With the final NUL.

struct jws {
    char kid[KEY_ID_TEXT_BYTES];
    struct bytes signed_text; // header.payload, in the input.
    uint8_t signature[KEY_SIGNATURE_BYTES];
    uint8_t payload[JWS_BYTES_MAX];
    size_t payload_bytes;
};

/// jws_parse is what comes before any key is asked for. NULL: *ret is filled. Else what is wrong,
/// in a static sentence, and *ret is undefined.
const char *jws_parse(const char *typ, struct bytes text, struct jws *ret);

/// jws_verify asks for the key and checks the signature over what was parsed. NULL: it is right,
/// and ret_issuer says whose key it is. Else what is wrong.
const char *jws_verify(const char *kid, struct bytes signed_text,
                       const uint8_t signature[static KEY_SIGNATURE_BYTES], jws_key_lookup lookup,
                       void *lookup_context, char ret_issuer[static JWS_ISSUER_BYTES_MAX]);
