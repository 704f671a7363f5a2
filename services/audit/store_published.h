/// @file services/audit/store_published.h
/// The published checkpoint in the store.
/// Ownership  Bytes given point into the store: see store_txn.
/// Threads    A store_txn stays on the thread that was given it.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
/// Source     README.md "Key spaces".
#pragma once

#include "common/store/store.h"
#include "services/audit/record_published.h"

/// A store without the row publishes every checkpoint: all zero.
void audit_store_put_published(struct store_txn *txn, const struct audit_published *published);
MUST_USE struct status audit_store_get_published(struct store_txn *txn,
                                                 struct audit_published *ret);
