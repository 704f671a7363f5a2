/// @file services/audit/counts.h
/// How often what happened: the follower "counts" adds each entry to the count of its hour (UTC, by
/// the event's own time), action and outcome. Counts outlive the entries that are pruned.
/// Cost       A stretch of the log is added up in memory; each count is written once for it.
/// Threads    The follower's functions: follower.h. report: the thread of the transaction.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "services/audit/follower.h"
#include "services/audit/store_report.h"

#define AUDIT_COUNTS_FOLLOWER "counts"

struct audit_counts;

struct audit_counts *audit_counts_open(void);
void audit_counts_close(struct audit_counts **counts); // Idempotent.
struct audit_follower audit_counts_follower(struct audit_counts *counts);

// ---- Report --------------------------------------------------------------------------------

enum audit_interval { AUDIT_INTERVAL_HOUR, AUDIT_INTERVAL_DAY, AUDIT_INTERVAL_ALL };

enum { AUDIT_ACTIVITY_ROWS_MAX = 10000, AUDIT_ACTIVITY_HOURS_MAX = 400 * 24 };

struct audit_activity_query {
    uint64_t from_hour, to_hour; // Since 1970; [from, to).
    enum audit_interval interval;
    bool (*wants)(void *context, struct bytes action);
    void *context;
};

struct audit_activity_row {
    uint64_t hour; // Its interval's first; of a day that the period begins in, the period's.
    struct bytes action, outcome;
    uint64_t count;
};

struct audit_activity {
    struct audit_activity_row *rows; // In the arena; by time, then action, then outcome.
    size_t row_count;
    uint64_t total; // Of all, also of those that had no room.
    bool is_truncated;
};

/// audit_activity_report: ARENA_STATUS_EXHAUSTED too.
MUST_USE struct status audit_activity_report(struct store_txn *txn,
                                             const struct audit_activity_query *query,
                                             struct arena *arena, struct audit_activity *ret);
