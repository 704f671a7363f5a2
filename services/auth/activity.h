/// @file services/auth/activity.h
/// Login activity: what is kept of each attempt, how risky it looks, and the counters of the
/// security report (counters.h).
/// Kept       Time, address, device, user agent (sealed), result, reason, method, risk. For
///            activity_kept_ns; the sweep forgets the oldest first.
/// Flat       A list is one walk, or two that are merged, over rows that all belong to it: nothing
///            is skipped.
/// Risk       Terms, each with its points, summed to at most 100. A first login ever has no history
///            to differ from: no terms. Assessing reads one row and looks for one device; recording
///            writes as much for an identifier that nobody has as for any other.
/// Threads    Functions with a store_txn: the thread that was given it.
#pragma once

#include "services/auth/counters.h"
#include "services/auth/session.h"
#include "services/auth/store_activity.h"

enum auth_risk {                        // Bits; stored, never renumber.
    AUTH_RISK_NEW_DEVICE = 1 << 0,      // 30: no login from this device before (or unnamed).
    AUTH_RISK_NEW_NETWORK = 1 << 1,     // 20: none of the last successes came from this /24 or /48.
    AUTH_RISK_FAILURES_BEFORE = 1 << 2, // 30: three failures or more since the last success.
    AUTH_RISK_DORMANT = 1 << 3,         // 20: no success for 90 days.
    AUTH_RISK_ALL = (1 << 4) - 1,
};

enum { AUTH_RISK_COUNT = 4, AUTH_RISK_FAILURES_MIN = 3 };

#define AUTH_RISK_DORMANT_NS (UINT64_C(90) * 24 * 3600 * AUTH_SECOND_NS)

const char *auth_risk_name(enum auth_risk term); // "new_device"; of one bit.

struct auth_assessment {
    uint8_t terms; // Bits auth_risk.
    uint8_t score; // 0 to 100.
};

/// auth_activity_assess looks at the account's history and device (user_id nil: nobody's); called
/// before the outcome is recorded, and before the device is remembered.
MUST_USE struct status auth_activity_assess(const struct auth_service *service,
                                            struct store_txn *txn, struct id128 user_id,
                                            const struct auth_client *client, uint64_t now_ns,
                                            struct auth_assessment *ret);

struct auth_activity {
    uint64_t at_ns;
    struct id128 user_id; // Nil: nobody has the identifier.
    bool is_success;      // A session began.
    const char *reason;   // Of a failure, a stable reason (stored as text, at most 31 bytes); "".
    uint8_t method;       // enum auth_method; 0: the password.
    struct auth_assessment risk;
    bool is_suspicious;
    struct id128 session_id;          // Of a success; nil of a failure.
    const struct auth_client *client; // As assessed.
};

/// auth_activity_record files it, counts it, and keeps what later ones are assessed by. The texts
/// of the client are kept without control characters, and cut where they are too long.
void auth_activity_record(const struct auth_service *service, struct store_txn *txn,
                          const struct auth_activity *activity);

/// auth_activity_is_due: something is older than it may become. auth_activity_forget deletes such
/// activity, and hours of the report, at most rows_max; *ret_count says how many.
MUST_USE struct status auth_activity_is_due(const struct auth_service *service,
                                            struct store_txn *txn, uint64_t now_ns, bool *ret);
MUST_USE struct status auth_activity_forget(const struct auth_service *service,
                                            struct store_txn *txn, uint64_t now_ns, size_t rows_max,
                                            size_t *ret_count);
