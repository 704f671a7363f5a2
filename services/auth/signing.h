/// @file services/auth/signing.h
/// The keys that sign access tokens: next, active and retired (signing_core.h). Made at the first
/// start, kept sealed in the store; their public halves are the JWKS. They change while serving.
/// Sets       What is in memory is a set of keys as they were at one moment. It never changes: a
///            change makes a new one, read from the store when the commit is durable and before
///            anybody is answered. Holding a set costs a lock of some nanoseconds.
/// Ownership  The active key's secret lies in locked memory until the last holder of a set that it
///            is active in releases that.
/// Threads    Any. Functions with a store_txn: the thread that was given it.
/// Errors     DATA_LOSS / AUTH_RECORD_BROKEN, SEAL_BROKEN; those of auth_signing_rotate.
#pragma once

#include "services/auth/signing_core.h"
#include "services/auth/store_signing.h"

enum { AUTH_SIGNING_KEYS_MAX = 16 };

struct auth_signing;

MUST_USE struct status auth_signing_open(struct store *store, const struct auth_store *auth,
                                         uint64_t now_ns, struct auth_signing **ret);
/// auth_signing_close: after the store is closed, whose hook it is; nobody holds a set. Idempotent.
void auth_signing_close(struct auth_signing **signing);

struct auth_signing_set;

const struct auth_signing_set *auth_signing_hold(struct auth_signing *signing);
void auth_signing_release(const struct auth_signing_set **set); // Idempotent; for CLEANUP.

const struct key_signer *auth_signing_active(const struct auth_signing_set *set);
size_t auth_signing_count(const struct auth_signing_set *set);
const struct auth_signing_key *auth_signing_key(const struct auth_signing_set *set, size_t index);

/// auth_signing_find gives the public key of a kid of ours, whatever its state.
bool auth_signing_find(struct auth_signing *signing, const char *kid,
                       uint8_t ret_public_key[static KEY_PUBLIC_BYTES]);

// ---- Changing ------------------------------------------------------------------------------

struct auth_rotated {
    char active_kid[KEY_ID_TEXT_BYTES], next_kid[KEY_ID_TEXT_BYTES];
};

/// auth_signing_rotate: the next key signs from the commit on, and a new one becomes the next.
/// FAILED_PRECONDITION / KEY_TOO_NEW: the next key has been told for less than lead_ns, and some
/// daemon may not know it (*ret_wait_ns: how long it needs). RESOURCE_EXHAUSTED / TOO_MANY_KEYS:
/// too many rotations in a short time; retired keys go by themselves.
MUST_USE struct status auth_signing_rotate(struct auth_signing *signing, struct store_txn *txn,
                                           uint64_t lead_ns, uint64_t now_ns,
                                           struct auth_rotated *ret, uint64_t *ret_wait_ns);

/// auth_signing_forget deletes the retired keys that are over, and says how many.
MUST_USE struct status auth_signing_forget(struct auth_signing *signing, struct store_txn *txn,
                                           uint64_t now_ns, size_t *ret_count);

/// What time has brought about.
struct auth_signing_due {
    bool rotation; // The active key is old, and the next one may sign.
    bool forgetting;
};

struct auth_signing_due auth_signing_look(struct auth_signing *signing, uint64_t age_ns,
                                          uint64_t lead_ns, uint64_t now_ns);
