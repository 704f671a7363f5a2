/// @file services/audit/store_consumer.h
/// The durable consumers in the store.
/// Ownership  Texts given point into the store: see store_txn.
/// Threads    As store.h.
/// Errors     NOT_FOUND / CONSUMER_NOT_FOUND; DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "common/store/store.h"
#include "services/audit/record_consumer.h"

MUST_USE struct status audit_store_get_consumer(struct store_txn *txn, struct bytes name,
                                                struct audit_consumer *ret);
void audit_store_put_consumer(struct store_txn *txn, struct bytes name,
                              const struct audit_consumer *consumer);
void audit_store_delete_consumer(struct store_txn *txn, struct bytes name);

/// A walk over all of them, by name:
///     for (audit_consumer_walk_begin(txn, &walk); audit_consumer_walk_next(&walk);)
/// ends at a record that is damaged, which walk.status tells then. End it before the transaction.
struct audit_consumer_walk {
    struct store_cursor cursor;
    bool has_begun;
    struct bytes name;
    struct audit_consumer consumer;
    struct status status;
};

void audit_consumer_walk_begin(struct store_txn *txn, struct audit_consumer_walk *ret);
bool audit_consumer_walk_next(struct audit_consumer_walk *walk);
void audit_consumer_walk_end(struct audit_consumer_walk *walk); // Idempotent.

/// audit_store_consumer_floor is the lowest acknowledged position; UINT64_MAX without consumers.
MUST_USE struct status audit_store_consumer_floor(struct store_txn *txn, uint64_t *ret,
                                                  size_t *ret_count);
