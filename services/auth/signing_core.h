/// @file services/auth/signing_core.h
/// The rules of signing keys: how one moves, and when.
///     next      told to everybody (JWKS), signs nothing yet
///     active    signs; there is always exactly one
///     retired   signs no more, still told: what it signed may be alive
/// A rotation moves next to active and active to retired, and makes a new next.
/// Pure: no I/O, clock, allocation or logging.
/// Units      *_ns: wall clock, or lengths of time.
#pragma once

#include "services/auth/record.h"

enum {
    AUTH_SIGNING_REFUSED_MOVE = 0,
    AUTH_SIGNING_GONE = AUTH_SIGNING_STATE_LAST + 1, // No row: never stored.
    AUTH_SIGNING_STATE_COUNT
};

enum auth_signing_event {
    AUTH_SIGNING_ROTATE,
    AUTH_SIGNING_FORGET, // Nothing that it signed is alive.
    AUTH_SIGNING_EVENT_COUNT
};

/// auth_signing_move gives the next state, or AUTH_SIGNING_REFUSED_MOVE.
int auth_signing_move(int state, enum auth_signing_event event);

/// So long a token may live at most (TOKEN_LIFE_S_MAX of common/daemon/revocation.h), and so much
/// longer its key is told, for clocks that differ.
#define AUTH_SIGNED_LIFE_NS (300 * AUTH_SECOND_NS)
#define AUTH_RETIRED_MARGIN_NS (600 * AUTH_SECOND_NS)

/// auth_signing_wait_ns is how long the next key, made then, has still to be told before it may
/// sign: whoever reads the JWKS from time to time must have seen it. 0: it may.
uint64_t auth_signing_wait_ns(uint64_t created_at_ns, uint64_t lead_ns, uint64_t now_ns);
/// auth_signing_is_old: the active key has signed for its age.
bool auth_signing_is_old(uint64_t active_since_ns, uint64_t age_ns, uint64_t now_ns);
/// auth_signing_is_over: nothing that a retired key signed can be alive.
bool auth_signing_is_over(uint64_t retired_at_ns, uint64_t now_ns);
