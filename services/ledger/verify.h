/// @file services/ledger/verify.h
/// Recomputes everything that can be recomputed: every total, hold, reversal, group and running
/// total from the transfers, every link of every history, every index, and compares. It changes
/// nothing and repairs nothing.
/// Reads      Many short snapshots while the ledger serves. Transfers never change: each snapshot
///            first reads what the log has grown by, so that what is known in memory is exactly as
///            of that snapshot, and then one piece of one table, which must agree with it. What is
///            final (a resolved hold, a whole reversal, a checkpoint) is compared when the log
///            comes to it and forgotten.
/// Memory     About 200 bytes per account that has moved money and 150 per transfer of which
///            something may still become: an open hold, or one that was reversed in part.
/// Threads    Any; not inside a transaction.
/// Source     README.md "Findings".
#pragma once

#include "services/ledger/store.h"

enum {
    LEDGER_FINDINGS_MAX = 100,
    LEDGER_FINDING_SUBJECT_BYTES = 64,
    LEDGER_FINDING_DETAIL_BYTES = 192,
};

struct ledger_finding {
    const char *reason; // Static: "BALANCE_MISMATCH" …
    char subject[LEDGER_FINDING_SUBJECT_BYTES];
    char detail[LEDGER_FINDING_DETAIL_BYTES];
};

struct ledger_verification {
    uint64_t accounts, transfers; // Read.
    uint64_t finding_count;       // All of them; only the first LEDGER_FINDINGS_MAX are kept.
    struct ledger_finding findings[LEDGER_FINDINGS_MAX];
};

/// ledger_verify answers OK also when there are findings; another status says that it could not
/// read. *should_stop, looked at between snapshots, ends it early (CANCELLED); NULL: never.
MUST_USE struct status ledger_verify(struct store *store, const _Atomic bool *should_stop,
                                     struct ledger_verification *ret);
/// ledger_verify_in_pieces is ledger_verify with snapshots of another size: for tests.
MUST_USE struct status ledger_verify_in_pieces(struct store *store, size_t rows_per_snapshot,
                                               const _Atomic bool *should_stop,
                                               struct ledger_verification *ret);
