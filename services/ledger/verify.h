/// @file services/ledger/verify.h
/// Recomputes everything that can be recomputed: every total from the transfers, every link of
/// every history, every index, and compares. It changes nothing and repairs nothing.
/// Reads      Transfers never change, so the log is read in many short snapshots while the ledger
///            serves; its end, the accounts and the state are read together in the last one.
/// Memory     About 200 bytes per account that has moved money.
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
