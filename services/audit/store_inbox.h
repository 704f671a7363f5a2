/// @file services/audit/store_inbox.h
/// Users' notifications in the store (record_inbox.h).
/// Invariant  A user's counts state the user's rows: whoever changes rows here changes the counts
///            in the same transaction. A user without rows has no counts.
/// Ownership  Texts given point into the store: see store_txn.
/// Threads    As store.h.
/// Errors     DATA_LOSS / RECORD_CORRUPT; NOT_FOUND / NOTIFICATION_NOT_FOUND.
#pragma once

#include "services/audit/record_inbox.h"
#include "services/audit/store.h"

enum { AUDIT_INBOX_ROWS_MAX = 1000 }; // Of one user; the oldest drops.

MUST_USE struct status audit_store_get_inbox_counts(struct store_txn *txn, struct id128 user_id,
                                                    struct audit_inbox_counts *ret);

/// audit_store_add_notice puts one that is not there yet (CHECK), and drops the oldest one of a
/// full inbox.
MUST_USE struct status audit_store_add_notice(struct store_txn *txn, struct id128 user_id,
                                              const struct audit_notice *notice);
MUST_USE struct status audit_store_get_notice(struct store_txn *txn, struct id128 user_id,
                                              uint64_t index, struct audit_notice *ret);
/// audit_store_mark_read: those that are not there, or read already, are passed over.
MUST_USE struct status audit_store_mark_read(struct store_txn *txn, struct id128 user_id,
                                             const uint64_t *indexes, size_t count);
MUST_USE struct status audit_store_mark_all_read(struct store_txn *txn, struct id128 user_id);

/// audit_store_drop_notices drops a user's oldest ones as long as they are of before cutoff_ns.
MUST_USE struct status audit_store_drop_notices(struct store_txn *txn, struct id128 user_id,
                                                uint64_t cutoff_ns, size_t *ret_dropped);
/// audit_store_next_inbox gives the first user at or behind this one who has notifications; false:
/// there is none.
bool audit_store_next_inbox(struct store_txn *txn, struct id128 from, struct id128 *ret_user_id);

/// Walks a user's notifications, newest first. Close before the transaction ends.
struct audit_notice_walk {
    struct store_cursor cursor;
    struct id128 user_id;
    uint64_t before;
    bool is_started;
};

/// audit_store_notices_open: indexes below `before`.
void audit_store_notices_open(struct store_txn *txn, struct id128 user_id, uint64_t before,
                              struct audit_notice_walk *ret);
MUST_USE struct status audit_store_notices_next(struct audit_notice_walk *walk,
                                                struct audit_notice *ret, bool *ret_more);
void audit_store_notices_close(struct audit_notice_walk *walk); // Idempotent.

// ---- Whose accounts are --------------------------------------------------------------------

/// audit_store_get_owner: nil for the bank's own accounts, and for those never heard of.
MUST_USE struct status audit_store_get_owner(struct store_txn *txn, struct id128 account_id,
                                             struct id128 *ret);
void audit_store_put_owner(struct store_txn *txn, struct id128 account_id, struct id128 owner_id);
