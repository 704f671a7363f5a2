/// @file services/audit/store_webhook.h
/// Webhooks, how far they have come, and their messages, in the store.
/// Ownership  What is read is copied into the arena that is given; a walk's own fields are its.
/// Threads    A store_txn stays on the thread that was given it.
/// Errors     NOT_FOUND / WEBHOOK_NOT_FOUND, DELIVERY_NOT_FOUND; DATA_LOSS / RECORD_CORRUPT.
/// Source     record_webhook.h.
#pragma once

#include "common/base/arena.h"
#include "common/store/store.h"
#include "services/audit/record_webhook.h"

// ---- Webhooks ------------------------------------------------------------------------------

void audit_store_put_webhook(struct store_txn *txn, const struct audit_webhook *webhook);
MUST_USE struct status audit_store_get_webhook(struct store_txn *txn, struct id128 id,
                                               struct arena *arena, struct audit_webhook *ret);
void audit_store_delete_webhook(struct store_txn *txn, struct id128 id); // Not its progress.

/// audit_store_webhook_before gives the newest one made before another (ID128_NIL: of all);
/// NOT_FOUND at the end.
MUST_USE struct status audit_store_webhook_before(struct store_txn *txn, struct id128 before,
                                                  struct arena *arena, struct audit_webhook *ret);
size_t audit_store_count_webhooks(struct store_txn *txn);

void audit_store_put_progress(struct store_txn *txn, struct id128 id,
                              const struct audit_webhook_progress *progress);
MUST_USE struct status audit_store_get_progress(struct store_txn *txn, struct id128 id,
                                                struct audit_webhook_progress *ret);
void audit_store_delete_progress(struct store_txn *txn, struct id128 id);
/// audit_store_progress_after gives the id of the next row of progress behind one (ID128_NIL: the
/// first); NOT_FOUND at the end.
MUST_USE struct status audit_store_progress_after(struct store_txn *txn, struct id128 after,
                                                  struct id128 *ret);

// ---- Messages ------------------------------------------------------------------------------

/// audit_store_put_delivery files a message, and when it is due; before: as it was, NULL: it is
/// new.
void audit_store_put_delivery(struct store_txn *txn, struct id128 webhook_id, uint64_t index,
                              const struct audit_delivery *before,
                              const struct audit_delivery *after);

/// Its texts lie in ret_text.
struct audit_delivery_text {
    uint8_t bytes[AUDIT_DELIVERY_ERROR_BYTES_MAX + AUDIT_DELIVERY_TYPE_BYTES_MAX +
                  AUDIT_WEBHOOK_SOURCE_BYTES_MAX];
};

MUST_USE struct status audit_store_get_delivery(struct store_txn *txn, struct id128 webhook_id,
                                                uint64_t index, struct audit_delivery *ret,
                                                struct audit_delivery_text *ret_text);
void audit_store_delete_delivery(struct store_txn *txn, struct id128 webhook_id, uint64_t index,
                                 const struct audit_delivery *before);

/// A walk over one webhook's messages, in the order of the log or against it. What it gives points
/// into the store. Close it before the transaction ends, and before writing messages.
struct audit_delivery_walk {
    struct store_cursor cursor;
    struct id128 webhook_id;
    uint64_t index;
    struct audit_delivery delivery;
};

void audit_store_walk_deliveries(struct store_txn *txn, struct id128 webhook_id,
                                 struct audit_delivery_walk *ret);
/// audit_delivery_walk_first, _next: upwards; _before: the last one below an index, and _previous
/// from there downwards. *ret_found false: there is none.
MUST_USE struct status audit_delivery_walk_first(struct audit_delivery_walk *walk, bool *ret_found);
MUST_USE struct status audit_delivery_walk_next(struct audit_delivery_walk *walk, bool *ret_found);
MUST_USE struct status audit_delivery_walk_before(struct audit_delivery_walk *walk, uint64_t index,
                                                  bool *ret_found);
MUST_USE struct status audit_delivery_walk_previous(struct audit_delivery_walk *walk,
                                                    bool *ret_found);
void audit_delivery_walk_close(struct audit_delivery_walk *walk); // Idempotent.

/// A walk over what waits for one webhook, first what is due first.
struct audit_due_walk {
    struct store_cursor cursor;
    struct id128 webhook_id;
    bool started;
    uint64_t at_ns, index;
};

void audit_store_walk_due(struct store_txn *txn, struct id128 webhook_id,
                          struct audit_due_walk *ret);
bool audit_due_walk_next(struct audit_due_walk *walk);
void audit_due_walk_close(struct audit_due_walk *walk); // Idempotent.
