/// @file services/auth/report.h
/// The security report: what was counted in a range of whole hours, and the gauges as they stand.
/// Ownership  The hours lie in the arena.
/// Errors     INVALID_ARGUMENT / RANGE_INVALID: empty, or longer than 31 days.
#pragma once

#include "services/auth/counters.h"

enum { AUTH_REPORT_DAYS_MAX = 31 };

struct auth_report {
    uint64_t from_ns, to_ns; // Whole hours: from its beginning to its end.
    struct auth_hour *hours; // Those in which something happened, oldest first.
    size_t hour_count;
    uint64_t gauges[AUTH_GAUGE_COUNT];
};

/// auth_report_read: to_ns 0 is now, from_ns 0 is 24 hours before that. A hour that the range
/// touches is part of it.
MUST_USE struct status auth_report_read(struct store_txn *txn, uint64_t from_ns, uint64_t to_ns,
                                        uint64_t now_ns, struct arena *arena,
                                        struct auth_report *ret);
