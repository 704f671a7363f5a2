/// @file services/ledger/verify_books.h
/// What ledger_verify knows: the books as the transfers read so far make them. Internal to
/// verify*.c.
/// Ownership  verify_close frees everything; pointers to books and subjects are good until the next
///            one is opened or dropped.
/// Threads    One.
#pragma once

#include "services/ledger/verify.h"

/// One account as its transfers say it must be.
struct verify_book {
    struct id128 id; // Nil: a free place of the table.
    char currency[LEDGER_CURRENCY_BYTES];
    uint32_t class_index; // Into verifier->classes.
    uint32_t root_count, root_room;
    uint64_t entry_count;
    uint64_t *roots; // Numbers of the newest entry, of its jump target, of that one's … backwards:
                     // the newest is the last of them.
    struct ledger_totals totals;
    /// How far off the history was the last time it was wrong, so that one damage is one finding
    /// and not one for each transfer after it. NULL: never.
    struct ledger_totals *drift;
};

/// A transfer of which something may still become: an open hold, or one reversed in part.
struct verify_subject {
    uint64_t number; // 0: a free place of the table.
    struct id128 id;
    struct id128 account_id[LEDGER_SIDES];
    u128 amount;
    bool is_hold;
    bool is_row_right, is_expiry_right; // Compared with what is stored since they last changed.
    struct ledger_progress progress;    // What its row must be.
};

struct verifier {
    struct ledger_verification *result;
    struct verify_book *books; // Open addressing; the room is a power of two.
    size_t book_count, book_room;
    struct verify_subject *subjects; // Likewise.
    size_t subject_count, subject_room;
    struct ledger_class_totals *classes;
    size_t class_count, class_room;
    struct ledger_class_totals *imbalances; // By currency: stored totals less what they should be.
    size_t imbalance_count, imbalance_room;

    // How far the log was read.
    uint64_t last_number, last_time_ns;
    uint64_t last_decided_ns; // Time of the last transfer that was not an EXPIRY.
    uint64_t last_expiry_ns;  // Time of the last transfer, if that was an EXPIRY; else 0.
    uint64_t grouped_count;   // Transfers of groups among them.

    // The next checkpoint that the log has not come to: none while next_checkpoint is UINT64_MAX.
    uint64_t next_checkpoint, next_checkpoint_ns;
    uint64_t last_checkpoint_ns; // Of the one before it: 0, none.
    struct ledger_class_totals *checkpoint;
    size_t checkpoint_count, checkpoint_room;

    // The walk over groups: members up to group_end are counted against what the log had then.
    uint64_t group_end, group_expected, group_found;

    uint64_t last_account; // Number of the last account that the walk over numbers met.

    size_t rows_per_snapshot;
    size_t work_left;              // Reads that the snapshot under way may still take.
    struct ledger_details details; // Too big for a stack.
};

void verify_close(struct verifier *verifier);

__attribute__((format(printf, 5, 6))) void verify_find(struct verifier *verifier,
                                                       const char *reason, const char *collection,
                                                       struct id128 id, const char *format, ...);

bool verify_totals_equal(const struct ledger_totals *a, const struct ledger_totals *b);
/// Modulo 2^128: a change may be "negative".
void verify_totals_add(struct ledger_totals *to, const struct ledger_totals *change);
void verify_totals_subtract(struct ledger_totals *from, const struct ledger_totals *change);

/// verify_open_book gives an account's book. A new one reads the account for its class:
/// MISSING_ACCOUNT is found here.
struct verify_book *verify_open_book(struct verifier *verifier, struct store_txn *txn,
                                     struct id128 id, const char *currency);
/// NULL: no transfer has touched the account.
const struct verify_book *verify_find_book(const struct verifier *verifier, struct id128 id);
/// verify_push_entry makes a transfer the account's newest entry and gives what it must point to.
void verify_push_entry(struct verify_book *book, uint64_t number, uint64_t *ret_previous,
                       uint64_t *ret_jump);

struct verify_subject *verify_find_subject(struct verifier *verifier, uint64_t number);
/// The number must not be there yet.
struct verify_subject *verify_add_subject(struct verifier *verifier, uint64_t number);
void verify_drop_subject(struct verifier *verifier, uint64_t number);

/// What all transfers read so far make of a class; zeros when they did not touch it.
struct ledger_totals verify_class_totals(const struct verifier *verifier, const char *currency,
                                         enum ledger_class class);
/// The running sum of a currency in a list: made when it is not there.
struct ledger_totals *verify_sum_of(struct ledger_class_totals **rows, size_t *count, size_t *room,
                                    const char *currency, enum ledger_class class);
