/// @file services/ledger/totals.h
/// Running totals by currency and class: what the trial balance reads, now and at any time.
/// How        Before each commit what the group changed is added to one row per currency and class.
///            Every LEDGER_CHECKPOINT_TRANSFERS transfers all rows are kept under the ledger time;
///            the totals at a time are the newest checkpoint before it and the transfers since.
/// Conserved  Debits equal credits in every currency, posted and pending, at every time.
/// Threads    Writing: the store's writer thread. Reading: any, with a snapshot.
/// Errors     DATA_LOSS.
#pragma once

#include "services/ledger/store.h"

enum { LEDGER_CHECKPOINT_TRANSFERS = 4096 };

struct ledger_trial {
    struct ledger_class_totals *rows; // By currency, then class. In the arena.
    size_t row_count;
};

/// ledger_totals_add adds one group's change, inside before_commit. `change` may be "negative": its
/// arithmetic is modulo 2^128.
MUST_USE struct status ledger_totals_add(struct store_txn *txn, const char *currency,
                                         enum ledger_class class,
                                         const struct ledger_totals *change);
/// ledger_totals_checkpoint keeps the totals when the last checkpoint is far enough behind. After
/// all ledger_totals_add of the group.
MUST_USE struct status ledger_totals_checkpoint(struct store_txn *txn);

MUST_USE struct status ledger_totals_now(struct store_txn *txn, struct arena *arena,
                                         struct ledger_trial *ret);
/// ledger_totals_at gives them as of a ledger time, inclusive. Classes that no transfer had touched
/// by then are left out.
MUST_USE struct status ledger_totals_at(struct store_txn *txn, struct arena *arena, uint64_t at_ns,
                                        struct ledger_trial *ret);

/// ledger_totals_rebuild works the rows out from the accounts: the migration to schema version 2.
MUST_USE struct status ledger_totals_rebuild(struct store_txn *txn);
