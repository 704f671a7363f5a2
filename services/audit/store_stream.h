/// @file services/audit/store_stream.h
/// Search rows in the log's order, for those who follow it (store.h walks them backwards).
/// Threads    As store.h.
#pragma once

#include "common/store/store.h"
#include "services/audit/record.h"

/// Walks the indexes of one name, oldest first. Close before the transaction ends.
struct audit_search_on {
    struct store_cursor cursor;
    enum audit_search_kind kind;
    uint8_t prefix[AUDIT_NAME_PREFIX_BYTES];
    uint64_t from;
    bool started;
};

/// audit_search_on_open: indexes from `from` on.
void audit_search_on_open(struct store_txn *txn, enum audit_search_kind kind, struct bytes name,
                          uint64_t from, struct audit_search_on *ret);
bool audit_search_on_next(struct audit_search_on *search, uint64_t *ret_index);
void audit_search_on_close(struct audit_search_on *search); // Idempotent.
