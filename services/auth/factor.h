/// @file services/auth/factor.h
/// Second factors: which ones a user has, and whether a code of theirs is right.
/// TOTP       RFC 6238 by liboath: SHA-1, 6 digits, 30 s; the steps 0 and -1 count, and a step that
///            was taken, or one before it, is never taken again. The secret (20 random bytes) lies
///            sealed.
/// Recovery   Ten codes of 10 base32 characters (50 bits), kept as keyed MACs, each good once.
/// Lower
///            case and a missing dash are forgiven.
/// Enrolling  A secret counts from its confirmation by a code on; an unconfirmed one lives 10 min,
///            or until its fifth wrong code. How a factor may move: factor_core.h.
/// Notices    Queued here, in the transaction of what they tell about; events are the caller's
///            (auth_events_factor_changed). The caller wakes the worker.
/// Errors     NOT_FOUND / FACTOR_NOT_FOUND; INVALID_ARGUMENT / OTP_INVALID, OTP_EXPIRED,
///            OTP_EXHAUSTED; ALREADY_EXISTS / ALREADY_EXISTS.
/// Threads    Functions with a store_txn: the thread that was given it.
#pragma once

#include "services/auth/record_factor.h"
#include "services/auth/service.h"

const char *auth_method_name(enum auth_method method); // "email", "mobile", "totp", "recovery_code"
enum auth_method auth_method_of_name(const char *name); // 0 for none.

/// What a user has. Everything is zero without a row.
struct auth_factors {
    bool has_totp; // Confirmed.
    uint64_t totp_since_ns;
    uint32_t recovery_codes_left;
};

MUST_USE struct status auth_factor_get(const struct auth_service *service, struct store_txn *txn,
                                       struct id128 user_id, struct auth_factors *ret);

/// auth_factor_compare says whether the code is right now, and uses it up if so (the step; the
/// recovery code, which its owner is told). It counts nothing: flow.h and auth_factor_attempt do. A
/// user without the factor: false, for the same work. method: TOTP or RECOVERY_CODE (CHECK); code:
/// any text.
MUST_USE struct status auth_factor_compare(const struct auth_service *service,
                                           struct store_txn *txn, struct id128 user_id,
                                           enum auth_method method, const char *code,
                                           uint64_t now_ns, bool *ret_equal);

/// The day's failures of one account's factor (AUTH_THROTTLE_OTP: messages; AUTH_THROTTLE_TOTP:
/// authenticator and recovery codes).
MUST_USE struct status auth_factor_is_locked(const struct auth_service *service,
                                             struct store_txn *txn, struct id128 user_id,
                                             enum auth_method method, uint64_t now_ns,
                                             bool *ret_locked, uint64_t *ret_until_ns);
/// auth_factor_count_failure: *ret_locked when this one locks it; it has queued the notice and
/// counted it (activity.h) then.
MUST_USE struct status auth_factor_count_failure(const struct auth_service *service,
                                                 struct store_txn *txn, struct id128 user_id,
                                                 enum auth_method method, uint64_t now_ns,
                                                 bool *ret_locked);

/// How an attempt came out, also with a refusal.
struct auth_factor_outcome {
    bool is_counted;   // Something was written that must be committed.
    bool locks_factor; // This failure locked the factor: for the event (the owner has been told).
};

/// auth_factor_attempt is compare with the day's limit: for a caller who is logged in, without a
/// flow. OTP_INVALID; OTP_EXHAUSTED: locked, nothing was compared. FACTOR_NOT_FOUND.
MUST_USE struct status auth_factor_attempt(const struct auth_service *service,
                                           struct store_txn *txn, struct id128 user_id,
                                           enum auth_method method, const char *code,
                                           uint64_t now_ns, struct auth_factor_outcome *ret);

// ---- Enrolling, and its end ----------------------------------------------------------------

/// auth_factor_enrol gives a new secret, in place of one that is not confirmed yet. ALREADY_EXISTS
/// when one is. The caller wipes it.
MUST_USE struct status auth_factor_enrol(const struct auth_service *service, struct store_txn *txn,
                                         struct id128 user_id, uint64_t now_ns,
                                         uint8_t ret_secret[static TOTP_SECRET_BYTES]);

enum { AUTH_RECOVERY_CODE_CHARACTERS = 10, AUTH_RECOVERY_CODE_BYTES = 10 + 1 + 1 };

struct auth_recovery_codes {
    char texts[AUTH_RECOVERY_CODES_MAX][AUTH_RECOVERY_CODE_BYTES]; // "ABCDE-23456"
};

void auth_recovery_codes_wipe(struct auth_recovery_codes *codes); // For CLEANUP.

/// auth_factor_confirm: OTP_INVALID; OTP_EXHAUSTED: the fifth wrong code, which ends the enrolment,
/// or the factor is locked for the day; OTP_EXPIRED: there is nothing to confirm (any more).
MUST_USE struct status auth_factor_confirm(const struct auth_service *service,
                                           struct store_txn *txn, struct id128 user_id,
                                           const char *code, uint64_t now_ns,
                                           struct auth_recovery_codes *ret_codes,
                                           struct auth_factor_outcome *ret);

/// auth_factor_replace_codes makes ten new ones; the old ones are worth nothing. FACTOR_NOT_FOUND.
MUST_USE struct status auth_factor_replace_codes(const struct auth_service *service,
                                                 struct store_txn *txn, struct id128 user_id,
                                                 struct auth_recovery_codes *ret);

/// auth_factor_remove takes authenticator and recovery codes away; event: DISABLE or RESET, which
/// also lifts the day's lock. FACTOR_NOT_FOUND.
MUST_USE struct status auth_factor_remove(const struct auth_service *service, struct store_txn *txn,
                                          struct id128 user_id, enum auth_factor_event event,
                                          uint64_t now_ns);
