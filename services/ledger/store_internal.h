/// @file services/ledger/store_internal.h
/// What the files of the ledger's store share; nobody else includes it.
///     store.c           tables, opening, conservation, settled times, state
///     store_account.c   accounts, details, references, versions of settings, walks
///     store_transfer.c  transfers, ids, progress, expiries, groups
///     store_limits.c    profiles, counters, currencies, quotes, cursors
///     store_approval.c  burnt approvals, payees
///     totals.c          running totals and checkpoints (totals.h)
#pragma once

#include "common/base/check.h"
#include "services/ledger/store.h"

#include <stdatomic.h>

enum { LEDGER_STORE_LOCAL_SLOT = 2 };

/// What has changed in one currency and class. Differences of totals, so that they may fall as well
/// as rise: arithmetic is modulo 2^128.
struct ledger_tally {
    char currency[LEDGER_CURRENCY_BYTES];
    enum ledger_class class;
    bool is_touched, job_is_touched;
    struct ledger_totals change; // By the group's jobs that are over,
    struct ledger_totals job;    // and by the one whose serial this is: it may yet refuse.
    uint64_t job_serial;
};

struct ledger_store {
    // The writer thread's own. rolled_back forgets all of it.
    struct ledger_tally *tallies;
    size_t tally_count, tally_room;
    size_t last; // Consecutive postings are mostly in the same few.
    bool next_expiry_is_known, has_next_expiry;
    uint64_t next_expires_at_ns, next_expiry_number;
    bool checkpoint_is_known;
    uint64_t checkpoint_number; // Of the newest checkpoint; 0: none.
    bool state_was_put;
    uint64_t committing_ns; // The last ledger time of the group that is being committed.
    uint64_t earliest_ns;   // What mark_writing returned for the group under way.

    // Between the writer and readers: see ledger_store_settled.
    atomic_bool is_writing;
    _Atomic uint64_t committed_ns; // The last ledger time that is durable.
    _Atomic uint64_t promised_ns;  // The highest time that a reader was told is settled.
};

/// The ledger's memory in a job; NULL in a snapshot, and while the store is being opened.
static inline struct ledger_store *ledger_store_of(struct store_txn *txn)
{
    return store_txn_is_write(txn) ? store_txn_local(txn, LEDGER_STORE_LOCAL_SLOT) : NULL;
}

/// Key of a transfer, and of an account by its number: number(8).
struct ledger_number_key {
    uint8_t bytes[8];
};

static inline struct ledger_number_key ledger_number_key(uint64_t number)
{
    struct ledger_number_key key;
    put_u64_be(key.bytes, number);
    return key;
}

#define LEDGER_NUMBER_KEY(number_)                                                                 \
    bytes_of(ledger_number_key(number_).bytes, sizeof(struct ledger_number_key))

/// ledger_totals_difference adds (after - before) to *ret, modulo 2^128.
static inline void ledger_totals_difference(struct ledger_totals *ret,
                                            const struct ledger_totals *after,
                                            const struct ledger_totals *before)
{
    ret->debits_pending += after->debits_pending - before->debits_pending;
    ret->debits_posted += after->debits_posted - before->debits_posted;
    ret->credits_pending += after->credits_pending - before->credits_pending;
    ret->credits_posted += after->credits_posted - before->credits_posted;
}

/// ledger_store_tally notes what an account that is being put changed by since it was read.
void ledger_store_tally(struct store_txn *txn, struct ledger_account *account);
