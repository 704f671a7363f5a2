/// @file services/ledger/search.h
/// Finding a place in an account's history: by time, by index, by number. O(log n) by the jump
/// pointers (history.h), without an index.
/// Threads    Any, with a snapshot or the writer's transaction; reads only what is stored.
/// Errors     NOT_FOUND: the history begins later; DATA_LOSS.
#pragma once

#include "services/ledger/store.h"

/// What a history is searched by. Each rises along the history.
enum ledger_search_by {
    LEDGER_BY_TIME,   // created_at_ns
    LEDGER_BY_INDEX,  // The account's entry's index.
    LEDGER_BY_NUMBER, // The transfer's number.
};

/// ledger_search gives the newest transfer of the account whose key is at most `at_most`, and the
/// account's side in it. Its texts point into the store.
MUST_USE struct status ledger_search(struct store_txn *txn, const struct ledger_account *account,
                                     enum ledger_search_by by, uint64_t at_most,
                                     struct ledger_transfer *ret, enum ledger_side *ret_side);

/// ledger_search_step goes to the entry before: NOT_FOUND at the end.
MUST_USE struct status ledger_search_step(struct store_txn *txn,
                                          const struct ledger_account *account,
                                          struct ledger_transfer *transfer, enum ledger_side *side);

/// ledger_search_totals gives an account's totals as of a ledger time, inclusive (zeros before its
/// first entry), and the index of the entry they come from (0: none).
MUST_USE struct status ledger_search_totals(struct store_txn *txn,
                                            const struct ledger_account *account, uint64_t at_ns,
                                            struct ledger_totals *ret, uint64_t *ret_index);
