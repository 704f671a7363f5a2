/// @file services/auth/factor_core.h
/// The rules of second factors: how an authenticator may move, and when wrong codes lock it.
/// Pure: no I/O, clock, allocation or logging.
/// Units      *_ns: wall clock, or lengths of time.
/// Source     OWASP ASVS 5 section 6.6, NIST SP 800-63B-4 section 3.2.2 (throttling).
#pragma once

#include "services/auth/core.h"

/// Of a user's authenticator. Stored; never renumber.
enum auth_factor_state {
    AUTH_FACTOR_REFUSED_MOVE = 0,
    AUTH_FACTOR_PENDING = 1,   // Its secret was given, no code of it has been shown.
    AUTH_FACTOR_CONFIRMED = 2, // It counts.
    AUTH_FACTOR_NONE = 3,      // No row: never stored.
    AUTH_FACTOR_STATE_COUNT
};

enum auth_factor_event {
    AUTH_FACTOR_ENROL,      // A new secret; in place of a pending one.
    AUTH_FACTOR_WRONG,      // A wrong code while pending, and attempts are left.
    AUTH_FACTOR_WRONG_LAST, // The last of the attempts.
    AUTH_FACTOR_CONFIRM,    // The right code while pending.
    AUTH_FACTOR_EXPIRE,
    AUTH_FACTOR_USE,     // A right code, of the authenticator or the recovery codes.
    AUTH_FACTOR_REPLACE, // New recovery codes.
    AUTH_FACTOR_DISABLE, // By its user.
    AUTH_FACTOR_RESET,   // By staff.
    AUTH_FACTOR_EVENT_COUNT
};

enum auth_factor_state auth_factor_next(enum auth_factor_state state, enum auth_factor_event event);

/// So long a pending secret can be confirmed, and so often tried.
#define AUTH_ENROLMENT_LIFE_NS (600 * AUTH_SECOND_NS)

enum { AUTH_ENROLMENT_ATTEMPTS_MAX = 5 };

/// Wrong codes of an account in a day: the day begins with the first one, and the last of
/// `failures_max` locks for a day from then on. A right code gives none of them back: it would give
/// a guesser as many again with each login of the owner.
#define AUTH_CODE_DAY_NS (UINT64_C(24) * 3600 * AUTH_SECOND_NS)

bool auth_core_is_factor_locked(const struct auth_throttle *throttle, uint32_t failures_max,
                                uint64_t now_ns);
/// auth_core_count_wrong_code: true when this one locks. Nothing is counted while it is locked.
bool auth_core_count_wrong_code(struct auth_throttle *throttle, uint32_t failures_max,
                                uint64_t now_ns);
