/// @file gateway/keytokens.h
/// The access tokens that API keys were exchanged for, until a little before they run out: so that
/// a client with a key costs one exchange in some minutes.
/// Bound      KEYTOKENS_MAX tokens of at most 2 KiB; what ends first goes.
/// Keyed      By a keyed hash of the key and the client's address (which the key may be limited
///            to); the key itself is not kept.
/// Threads    Any.
#pragma once

#include "common/base/bytes.h"
#include "common/crypto/token.h"

enum { KEYTOKENS_MAX = 1024, KEYTOKENS_HASH_BYTES = 32, KEYTOKENS_MARGIN_S = 10 };

#define API_KEY_BEGIN "fl_live_" // services/auth/apikey_text.h

/// keytokens_is_key: a bearer that is an API key, and no access token.
bool keytokens_is_key(struct bytes bearer);

struct keytokens;

struct keytokens *keytokens_open(void);
void keytokens_close(struct keytokens **tokens); // Wipes; idempotent.

void keytokens_hash(const struct keytokens *tokens, const char *key, const char *client_ip,
                    uint8_t ret_hash[static KEYTOKENS_HASH_BYTES]);

bool keytokens_get(struct keytokens *tokens, const uint8_t hash[static KEYTOKENS_HASH_BYTES],
                   uint64_t now_mono_ns, char ret_token[static TOKEN_BYTES_MAX]);
/// keytokens_put keeps a token that was asked for at that time and lives so long; one that has not
/// more than the margin left, or is too long, is not kept.
void keytokens_put(struct keytokens *tokens, const uint8_t hash[static KEYTOKENS_HASH_BYTES],
                   const char *token, uint32_t life_s, uint64_t asked_mono_ns);
/// keytokens_drop: this token was refused. A newer one in its place stays.
void keytokens_drop(struct keytokens *tokens, const uint8_t hash[static KEYTOKENS_HASH_BYTES],
                    const char *token);
size_t keytokens_count(struct keytokens *tokens, uint64_t now_mono_ns);
