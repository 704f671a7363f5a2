/// @file services/audit/store_follower.h
/// The cursors of those who follow the log.
/// Threads    As store.h.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "services/audit/store.h"

/// A follower that was never there has the cursor 0.
MUST_USE struct status audit_store_get_cursor(struct store_txn *txn, const char *follower,
                                              uint64_t *ret);
void audit_store_put_cursor(struct store_txn *txn, const char *follower, uint64_t index);
