/// @file services/audit/suspicion.h
/// Suspicion over the stream: the rules of suspicion_rules.h behind the follower "suspicion". What
/// they remember (watches), what they found and how far they came are one commit; each new finding
/// is also an event, audit.suspicion.found, which no rule looks at.
/// Privacy    Of an address only a hash of its network is remembered, under a key that is not in
///            the store.
/// Threads    open, close: main. The follower's functions: follower.h. The others: any.
/// Errors     of open: those of office.h and structuring.h.
#pragma once

#include "services/audit/follower.h"
#include "services/audit/suspicion_rules.h"

struct audit_suspicion;

enum { AUDIT_NETWORK_KEY_BYTES = 32, AUDIT_WATCH_ROWS_PER_MINUTE = 1024 };

struct audit_suspicion_config {
    struct store *store;
    const char *office_hours, *office_days, *office_utc_offset, *structuring_limits;
    uint8_t network_key[AUDIT_NETWORK_KEY_BYTES]; // Secret; lasts over restarts.
};

MUST_USE struct status audit_suspicion_open(const struct audit_suspicion_config *config,
                                            struct audit_suspicion **ret);
void audit_suspicion_close(struct audit_suspicion **suspicion); // Idempotent.

#define AUDIT_SUSPICION_FOLLOWER "suspicion"

struct audit_follower audit_suspicion_follower(struct audit_suspicion *suspicion);

/// audit_suspicion_clear drops what can make no difference any more, of so many rows as a minute
/// may cost; the next call goes on from there. *ret_end: it came to the end of all.
MUST_USE struct status audit_suspicion_clear(struct audit_suspicion *suspicion, uint64_t now_ns,
                                             size_t *ret_dropped, bool *ret_end);

/// audit_suspicion_summary says a rule with the thresholds that apply.
const char *audit_suspicion_summary(const struct audit_suspicion *suspicion, enum audit_rule rule);

// ---- What was found ------------------------------------------------------------------------

struct audit_finding_filter {
    enum audit_rule rule;    // 0: any.
    struct bytes subject;    // Empty: any.
    uint64_t from_ns, to_ns; // Findings that reach into from <= time < to; to_ns 0: no end.
};

bool audit_finding_matches(const struct audit_finding_filter *filter,
                           const struct audit_finding *finding);
