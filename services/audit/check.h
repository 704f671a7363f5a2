/// @file services/audit/check.h
/// Looks at entries one by one, for `florin audit fsck`: whether an entry says what the tree has
/// hashed, its side what the entry commits to, whether it can be found by its names, and whether
/// the tiles over it agree with themselves.
/// Threads    The transaction's.
/// Source     design 05 "florin audit fsck".
#pragma once

#include "services/audit/service.h"

enum { AUDIT_CHECK_FINDINGS_MAX = 256 }; // Of one call: it ends early beyond.

struct audit_check_finding {
    uint64_t index;
    const char *what; // A static sentence.
};

struct audit_check {
    uint64_t next_index; // Where to go on; the size of the log at the end.
    uint64_t pruned, erased;
    size_t finding_count;
    struct audit_check_finding findings[AUDIT_CHECK_FINDINGS_MAX];
};

/// audit_check_entries looks at up to `limit` entries from `from` on. Findings are an answer; a
/// status other than OK says that the store could not be read at all.
MUST_USE struct status audit_check_entries(struct store_txn *txn, uint64_t from, uint64_t limit,
                                           struct audit_check *ret);
