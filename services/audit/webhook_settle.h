/// @file services/audit/webhook_settle.h
/// What becomes of messages, filed with what it does to their webhook; and clearing away. All are
/// steps of bounded size, inside the transaction that is given.
/// Threads    Inside a write transaction.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "services/audit/webhook.h"

enum { AUDIT_WEBHOOK_STEP_ROWS = 500 };

/// An attempt that has ended.
struct audit_webhook_result {
    struct id128 webhook_id;
    uint64_t index;
    struct audit_attempt attempt;
};

/// audit_webhook_settle files results, in order; a message that is gone stays gone. A webhook that
/// is switched off by one tells so: event audit.webhook.disabled.
MUST_USE struct status audit_webhook_settle(struct store_txn *txn,
                                            const struct audit_webhook_result *results,
                                            size_t count, uint64_t now_ns, struct arena *arena);

/// audit_webhook_drop ends what waits for a webhook whose receiver has answered 410.
/// audit_webhook_clear deletes the messages of a webhook that was deleted, and then its progress.
/// audit_webhook_prune deletes messages that ended long ago, and the oldest beyond
/// AUDIT_WEBHOOK_KEPT_MAX. *ret_more: there is more to do.
MUST_USE struct status audit_webhook_drop(struct store_txn *txn, struct id128 id, uint64_t now_ns,
                                          bool *ret_more);
MUST_USE struct status audit_webhook_clear(struct store_txn *txn, struct id128 id, bool *ret_more);
MUST_USE struct status audit_webhook_prune(struct store_txn *txn, struct id128 id, uint64_t now_ns,
                                           bool *ret_more);

/// audit_webhook_floor is the index below which no webhook needs the log: an
/// audit_retention_floor. Those that are switched off keep nothing.
struct status audit_webhook_floor(void *unused, struct store_txn *txn, uint64_t *ret);
