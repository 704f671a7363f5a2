/// @file services/witness/store.h
/// What the witness keeps: of each log, by its origin, what it cosigned last.
/// Ownership  Bytes given point into the store: see store_txn.
/// Threads    A store_txn stays on the thread that was given it.
/// Errors     NOT_FOUND / LOG_NOT_SEEN; DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "common/store/store.h"
#include "services/witness/record.h"

extern const struct store_schema witness_store_schema;

void witness_store_put(struct store_txn *txn, const char *origin,
                       const struct witness_state *state);
MUST_USE struct status witness_store_get(struct store_txn *txn, const char *origin,
                                         struct witness_state *ret);

/// witness_store_find looks for the log whose origin has this SHA-256: a walk over all of them.
MUST_USE struct status witness_store_find(struct store_txn *txn, struct bytes origin_hash,
                                          struct witness_state *ret);
