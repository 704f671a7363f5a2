/// @file common/crypto/token_claims.h
/// The payload of a token as JSON, in both directions; for token.c and its tests.
/// Written    iss sub aud exp nbf iat jti [sid uv] roles [br] [scope] [aal] [amr] [auth_time], in
///            this order and without white space: the same claims always give the same bytes.
/// Errors     UNAUTHENTICATED / TOKEN_MALFORMED.
#pragma once

#include "common/crypto/token.h"

enum { TOKEN_PAYLOAD_BYTES_MAX = 1398 };

/// token_claims_write gives the payload's length; claims that break the rules are a CHECK.
size_t token_claims_write(const struct token_claims *claims,
                          char ret_json[static TOKEN_PAYLOAD_BYTES_MAX]);

/// token_claims_read refuses missing, doubled, mistyped and overlong claims and a foreign audience.
MUST_USE struct status token_claims_read(struct bytes json, struct token_claims *ret);
