/// @file services/auth/signing.h
/// The keys that sign access tokens: next, active and retired. Made at the first start, kept sealed
/// in the store; their public halves are the JWKS.
/// Ownership  The active key's secret lies in locked memory until close.
/// Threads    Any once opened: nothing changes while serving.
/// Errors     DATA_LOSS / AUTH_RECORD_BROKEN, SEAL_BROKEN.
#pragma once

#include "services/auth/store.h"

enum { AUTH_SIGNING_KEYS_MAX = 16 };

struct auth_signing;

MUST_USE struct status auth_signing_open(struct store *store, const struct auth_store *auth,
                                         uint64_t now_ns, struct auth_signing **ret);
void auth_signing_close(struct auth_signing **signing); // Idempotent.

const struct key_signer *auth_signing_active(const struct auth_signing *signing);
/// auth_signing_find gives the public key of a kid of ours, whatever its state.
bool auth_signing_find(const struct auth_signing *signing, const char *kid,
                       uint8_t ret_public_key[static KEY_PUBLIC_BYTES]);
size_t auth_signing_count(const struct auth_signing *signing);
const uint8_t *auth_signing_public(const struct auth_signing *signing, size_t index);
