/// @file services/audit/store_report.h
/// What the reports read and write: counts, findings, watches (record_report.h).
/// Ownership  Texts given point into the store: see store_txn.
/// Threads    As store.h.
/// Errors     DATA_LOSS / RECORD_CORRUPT; NOT_FOUND / FINDING_NOT_FOUND.
#pragma once

#include "services/audit/record_report.h"
#include "services/audit/store.h"

// ---- Counts --------------------------------------------------------------------------------

MUST_USE struct status audit_store_add_count(struct store_txn *txn,
                                             const struct audit_count_key *key, uint64_t count);

/// Walks the counts from an hour on. Close before the transaction ends.
struct audit_count_walk {
    struct store_cursor cursor;
    uint64_t from_hour, to_hour;
    bool is_started;
};

/// audit_store_counts_open: hours of [from_hour, to_hour).
void audit_store_counts_open(struct store_txn *txn, uint64_t from_hour, uint64_t to_hour,
                             struct audit_count_walk *ret);
/// audit_store_counts_next: *ret_more is false at the end.
MUST_USE struct status audit_store_counts_next(struct audit_count_walk *walk,
                                               struct audit_count_key *ret_key, uint64_t *ret_count,
                                               bool *ret_more);
void audit_store_counts_close(struct audit_count_walk *walk); // Idempotent.

// ---- Suspicion -----------------------------------------------------------------------------

/// Nothing remembered is an empty watch.
MUST_USE struct status audit_store_get_watch(struct store_txn *txn, enum audit_rule rule,
                                             struct bytes subject, struct audit_watch *ret);
void audit_store_put_watch(struct store_txn *txn, enum audit_rule rule, struct bytes subject,
                           const struct audit_watch *watch);
void audit_store_delete_watch(struct store_txn *txn, enum audit_rule rule, struct bytes subject);

/// audit_store_clear_watches looks at so many rows from a place on (all zero: the beginning), drops
/// those that is_over says, and moves the place; *ret_end: it came to the end, and the place is the
/// beginning again.
struct audit_watch_place {
    uint8_t key[AUDIT_WATCH_KEY_BYTES];
};

MUST_USE struct status audit_store_clear_watches(
    struct store_txn *txn, struct audit_watch_place *place, size_t rows_max,
    bool (*is_over)(void *context, enum audit_rule rule, const struct audit_watch *watch),
    void *context, size_t *ret_dropped, bool *ret_end);

MUST_USE struct status audit_store_get_finding(struct store_txn *txn, uint64_t id,
                                               struct audit_finding *ret);
void audit_store_put_finding(struct store_txn *txn, const struct audit_finding *finding);
/// audit_store_next_finding_id is one more than the highest.
MUST_USE struct status audit_store_next_finding_id(struct store_txn *txn, uint64_t *ret);

/// Walks the findings, newest first. Close before the transaction ends.
struct audit_finding_walk {
    struct store_cursor cursor;
    uint64_t before;
    bool is_started;
};

/// audit_store_findings_open: ids below `before`.
void audit_store_findings_open(struct store_txn *txn, uint64_t before,
                               struct audit_finding_walk *ret);
MUST_USE struct status audit_store_findings_next(struct audit_finding_walk *walk,
                                                 struct audit_finding *ret, bool *ret_more);
void audit_store_findings_close(struct audit_finding_walk *walk); // Idempotent.
